"""The pad of the Live page: a grid of exact runs, what the browser is sent of it, and how it is computed."""
