"""People's ways in, and who takes a step that a command asks for."""
