"""Tests of the wiring: an agent in this process, on real sockets, over a clock that the test moves."""
