module shop.example/bench

go 1.19
