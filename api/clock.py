"""The one place that reads the machine's clock for the workflows."""

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock (implements registry.ports.Clock)."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)
