"""Tests of the Go-template interpreter: documented behaviour, errors with their place, bounds, and promtool's verdict."""
