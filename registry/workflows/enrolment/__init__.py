"""Rosters, units, training, photographs, and who may sit."""
