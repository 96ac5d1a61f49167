"""Access: who a caller is, what is theirs, and how much they may do."""
