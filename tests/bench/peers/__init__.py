"""Peers: what somebody would take instead, doing the same; run by .venv-bench's Python."""
