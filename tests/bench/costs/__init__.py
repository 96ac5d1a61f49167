"""What a job costs: every call of the real services counted, priced, and multiplied."""
