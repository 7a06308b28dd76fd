"""What the Learn page draws: a reasoner in the plane, small laws, stored measurements, and a figure per chapter."""
