"""Probe: what a source is, and whether it may be converted at all."""
