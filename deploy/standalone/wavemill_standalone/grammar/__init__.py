"""Grammar: what `wavemill COMMAND` understands; it loads nothing of what the command needs."""
