"""What pages hand over, worked off task by task; and, before all of it, database and chain compared."""
