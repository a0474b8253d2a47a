"""What every stage stands on: errors, identifiers, encodings, trees, signatures. Pure; knows no stage."""
