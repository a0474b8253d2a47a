"""What a holder sees, shares and offers of what is his."""
