"""Streaming: object store → ffmpeg → object store, and never a whole file in between.

    ObjectStore ─ BlockReader ─ RangeProxy ═ http ═► ffmpeg
                                                       ║ fd
    ObjectStore ◄───────── OutputFollower ─── MemoryFile

ffmpeg reads by HTTP ranges and writes into a seekable memory file, so it does exactly what it
does between local files; the follower uploads and frees the memory file's parts as they fill.
"""
