// What a circuit breaker and a retrier of go-resiliency add to a call, on one thread.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"runtime"
	"time"

	"gopkg.in/eapache/go-resiliency.v1/breaker"
	"gopkg.in/eapache/go-resiliency.v1/retrier"
)

const (
	batch        = 1000
	warmUpCalls  = 20000
	countedCalls = 10000
)

type figure struct {
	Nanoseconds float64 `json:"ns"`
	Allocations float64 `json:"allocations"`
}

var answers int

//go:noinline
func answer() error {
	answers++
	return nil
}

func measure(length time.Duration, call func()) figure {
	for i := 0; i < warmUpCalls; i++ {
		call()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; i < countedCalls; i++ {
		call()
	}
	runtime.ReadMemStats(&after)
	calls, began := 0, time.Now()
	for time.Since(began) < length {
		for i := 0; i < batch; i++ {
			call()
		}
		calls += batch
	}
	took := time.Since(began)
	return figure{
		float64(took.Nanoseconds()) / float64(calls),
		float64(after.Mallocs-before.Mallocs) / countedCalls,
	}
}

func main() {
	milliseconds := flag.Int("milliseconds", 300, "of each measurement")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	closed := breaker.New(5, 3, time.Hour)
	open := breaker.New(1, 3, time.Hour)
	_ = open.Run(func() error { return errors.New("down") })
	retry := retrier.New(retrier.ConstantBackoff(2, 50*time.Millisecond), nil)
	length := time.Duration(*milliseconds) * time.Millisecond
	var clock time.Time
	figures := map[string]figure{
		"clock":  measure(length, func() { clock = time.Now() }),
		"direct": measure(length, func() { _ = answer() }),
		"closed": measure(length, func() { _ = closed.Run(answer) }),
		"open":   measure(length, func() { _ = open.Run(answer) }),
		"retry":  measure(length, func() { _ = retry.Run(answer) }),
	}
	_ = clock
	if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
		os.Exit(1)
	}
}
