"""What is asked about, one by one or by the list, gathered for the one judge."""
