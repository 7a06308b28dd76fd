"""Training: curriculum -> checkpoints, and checkpoints -> model set."""
