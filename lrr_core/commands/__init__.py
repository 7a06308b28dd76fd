"""The commands of `python -m lrr_core`, a file a theme; nothing heavy is imported before a command runs."""
