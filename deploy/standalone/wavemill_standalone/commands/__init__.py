"""Commands: what `wavemill COMMAND` does, one module each: `add` its grammar, then run it."""
