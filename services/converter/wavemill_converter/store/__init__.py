"""Store: between the object store and ffmpeg, in both directions."""
