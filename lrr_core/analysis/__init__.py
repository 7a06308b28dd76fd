"""Numbers about thoughts: curves, maps and their fitting, summaries in words."""
