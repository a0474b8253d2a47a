"""Changes of status that people ask for and approve; signed lists for readers who cannot read the chain."""
