"""The case-study studio: from a run to a figure for a paper, with its data, and back."""
