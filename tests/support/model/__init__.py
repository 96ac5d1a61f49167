"""A model of the job protocol, for Hypothesis: one file per party."""
