// The comparison's routes with Go's standard library: net/http and encoding/json.
// PORT and THREADS (GOMAXPROCS) come from the environment.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
)

type message struct {
	Message string `json:"message"`
}

type order struct {
	ID        int    `json:"id"`
	Customer  string `json:"customer"`
	Email     string `json:"email"`
	Note      string `json:"note"`
	Items     []item `json:"items"`
	CreatedAt string `json:"created_at"`
}

type item struct {
	SKU        string `json:"sku"`
	Name       string `json:"name"`
	Quantity   int    `json:"quantity"`
	PriceCents int    `json:"price_cents"`
}

const bodyBytesMax = 1 << 20

func setting(name string, otherwise int) int {
	if number, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return number
	}
	return otherwise
}

func writeJSON(w http.ResponseWriter, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func main() {
	runtime.GOMAXPROCS(setting("THREADS", 1))
	hello := []byte("Hello, World!")
	http.HandleFunc("/plaintext", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(hello)
	})
	http.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, message{"Hello, World!"})
	})
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		var order order
		body := http.MaxBytesReader(w, r.Body, bodyBytesMax)
		if err := json.NewDecoder(body).Decode(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, order)
	})
	port := strconv.Itoa(setting("PORT", 8080))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
