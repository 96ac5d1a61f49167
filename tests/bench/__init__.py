"""Measurements of a running wavemill: programs of their own, since they judge nothing."""
