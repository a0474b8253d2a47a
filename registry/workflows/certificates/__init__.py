"""What certificates say, and the files that holders get of final ones."""
