// The comparison with pgx: 64 callers over a pool of 8 connections.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	callers  = 64
	poolSize = 8
	products = 100000
	pageSize = 20
	warmUp   = 500 * time.Millisecond
	columns  = "id, name, slug, description, status, version, created_at"
)

type product struct {
	id          int32
	name        string
	slug        string
	description string
	status      string
	version     int32
	createdAt   time.Time
}

func item(ctx context.Context, pool *pgxpool.Pool, random *rand.Rand) {
	id := int32(1 + random.Intn(products))
	var p product
	err := pool.QueryRow(ctx, "SELECT "+columns+" FROM products WHERE id = $1", id).Scan(
		&p.id, &p.name, &p.slug, &p.description, &p.status, &p.version, &p.createdAt)
	if err != nil || p.id != id {
		log.Fatal("item: ", err)
	}
}

func list(ctx context.Context, pool *pgxpool.Pool, random *rand.Rand) {
	start := int32(random.Intn(products - pageSize + 1))
	rows, err := pool.Query(
		ctx, "SELECT "+columns+" FROM products WHERE id > $1 ORDER BY id LIMIT 20", start)
	if err != nil {
		log.Fatal("list: ", err)
	}
	page := make([]product, 0, pageSize)
	for rows.Next() {
		var p product
		err := rows.Scan(
			&p.id, &p.name, &p.slug, &p.description, &p.status, &p.version, &p.createdAt)
		if err != nil {
			log.Fatal("list: ", err)
		}
		page = append(page, p)
	}
	if rows.Err() != nil || len(page) != pageSize || page[0].id != start+1 {
		log.Fatal("list: ", rows.Err())
	}
}

// uuid returns one of version 7 (RFC 9562).
func uuid(random *rand.Rand) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16|0x7000|random.Uint64()&0xfff)
	binary.BigEndian.PutUint64(id[8:], 1<<63|random.Uint64()>>2)
	return id
}

// order makes one as a transaction, each statement awaited before the next is sent: seven round trips.
func order(ctx context.Context, pool *pgxpool.Pool, random *rand.Rand) {
	const unitAmount = 1999
	id, first := uuid(random), int64(1+random.Intn(90000))
	key := strconv.FormatUint(random.Uint64(), 10)
	total := int64(0)
	for quantity := int64(1); quantity <= 3; quantity++ {
		total += quantity * unitAmount
	}
	err := pool.BeginFunc(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx,
			`INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, email, currency, subtotal,
			   total, payment_id, state)
			 VALUES ($1, 'anon', $2, $3, 'automatic', 'buyer@example.com', 'EUR', $4, $4, $5, 'pending')`,
			id, key, bytes.Repeat([]byte{7}, 32), total, uuid(random))
		if err != nil {
			return err
		}
		for position := int64(0); position < 3; position++ {
			variant := first + position
			_, err := tx.Exec(ctx,
				`INSERT INTO order_lines (id, order_id, position, variant_id, product_id, name, sku, unit_amount,
				   quantity, total)
				 VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9)`,
				uuid(random), id, position, variant, fmt.Sprintf("Product number %d", variant),
				fmt.Sprintf("SKU-%d", variant), unitAmount, position+1, (position+1)*unitAmount)
			if err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx,
			`INSERT INTO outbox (event_id, type, subject, version, data) VALUES ($1, 'order.created', $2, 1, $3)`,
			uuid(random), key, fmt.Sprintf(`{"total": %d}`, total))
		return err
	})
	if err != nil {
		log.Fatal("order: ", err)
	}
}

type ask func(context.Context, *pgxpool.Pool, *rand.Rand)

// call returns how long each operation took.
func call(ask ask, pool *pgxpool.Pool, duration time.Duration) []time.Duration {
	end := time.Now().Add(duration)
	each := make([][]time.Duration, callers)
	var group sync.WaitGroup
	for caller := range each {
		group.Add(1)
		go func(caller int) {
			defer group.Done()
			random := rand.New(rand.NewSource(time.Now().UnixNano() + int64(caller)))
			began := time.Now()
			for began.Before(end) {
				ask(context.Background(), pool, random)
				ended := time.Now()
				each[caller] = append(each[caller], ended.Sub(began))
				began = ended
			}
		}(caller)
	}
	group.Wait()
	var all []time.Duration
	for _, took := range each {
		all = append(all, took...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}

func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e3
}

func main() {
	scenario := flag.String("scenario", "item", "item, list or order-round-trips")
	seconds := flag.Int("seconds", 3, "of the measurement")
	flag.Parse()
	ask, found := map[string]ask{"item": item, "list": list, "order-round-trips": order}[*scenario]
	if !found {
		log.Fatal("no such scenario")
	}
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns, config.MinConns = poolSize, poolSize
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	warm := call(ask, pool, warmUp)
	began, cpuBegan := time.Now(), cpu()
	took := call(ask, pool, time.Duration(*seconds)*time.Second)
	spent, cpuSpent := time.Since(began), cpu()-cpuBegan
	pool.Close()
	count := len(took)
	told := map[string]interface{}{
		"operations": count, "warm_up_operations": len(warm),
		"per_second": float64(count) / spent.Seconds(),
		"p50_us":     took[count/2].Microseconds(), "p99_us": took[count*99/100].Microseconds(),
		"cpu_us": cpuSpent / float64(count),
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}
