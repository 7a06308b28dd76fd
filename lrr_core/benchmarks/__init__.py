"""The benchmarks of the paper, text only: where records come from, how they are written for a model, how answers are read."""
