"""Sessions, who was there, marks, their confirmation and correction."""
