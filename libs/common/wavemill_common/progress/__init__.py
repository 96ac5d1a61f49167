"""Progress: the newest state of every job, and everyone who watches it."""
