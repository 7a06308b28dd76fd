"""The benchmarks of speed, as ratios within one run."""
