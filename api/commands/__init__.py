"""The command line, one file an audience's verbs; heavy imports stay inside the commands."""
