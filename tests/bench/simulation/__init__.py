"""The queue as a model: lanes, owners, shards and converters, simulated event by event."""
