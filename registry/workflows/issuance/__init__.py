"""From confirmed results to a sealed batch that a second person approves."""
