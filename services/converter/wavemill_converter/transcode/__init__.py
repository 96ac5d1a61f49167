"""Transcode: run ffmpeg on a plan."""
