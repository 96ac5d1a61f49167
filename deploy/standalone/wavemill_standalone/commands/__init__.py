"""Commands: what `wavemill COMMAND` does, one module each."""
