"""Ffmpeg: which one there is, how it is run behind the walls of the sandbox, what it says."""
