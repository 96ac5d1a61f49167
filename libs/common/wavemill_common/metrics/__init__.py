"""Metrics: what Prometheus reads of a service. Like loggers, they belong to the process.

A label's values come from a small set that the code knows: routes, statuses, formats, error codes.
Never an id, a name or an address: each value is a time series for ever, and read by others.
"""
