"""Measurements: each prints one JSON object with `--json`; figures that were measured stand in docs/measurements.md."""
