"""What every wavemill service shares: the domain, the stores, the queue, the progress."""
