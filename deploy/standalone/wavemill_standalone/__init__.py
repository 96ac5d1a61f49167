"""Standalone: the whole of wavemill in one command, on one machine."""
