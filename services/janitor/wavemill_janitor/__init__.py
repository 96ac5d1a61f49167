"""Janitor: expires, cleans up, re-enqueues; the commands of operators."""
