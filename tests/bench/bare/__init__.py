"""Bare: the same work by the bare library, without anything that wavemill adds."""
