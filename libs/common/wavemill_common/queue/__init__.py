"""JobQueue: an index of the jobs that wait, on Redis Streams. The job store is the truth."""
