"""Gateway: receives uploads, starts jobs, tells their progress, hands out results."""
