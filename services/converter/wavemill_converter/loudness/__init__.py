"""Loudness by EBU R128: measured, fitted, proven."""
