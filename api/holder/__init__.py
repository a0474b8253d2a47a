"""The holder's pages: my certificates, copies, shares."""
