"""A report of an evaluation read back: checked, said in words and tables, exported."""
