"""Side-by-side measurements: ours and the peer's, on the same data, in one run. `make bench` runs them all."""
