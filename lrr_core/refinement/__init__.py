"""The method: records of a run, the algorithm, its subspaces, and the whole picture of one problem."""
