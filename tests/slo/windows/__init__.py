"""Tests of burn-rate windows: the catalogue, the formula, and what is refused."""
