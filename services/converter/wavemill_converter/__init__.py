"""Converter: leases jobs and pipes object store → ffmpeg → object store."""
