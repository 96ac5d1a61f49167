"""Scenarios: one module each; `bench.bench` says what it has to offer."""
