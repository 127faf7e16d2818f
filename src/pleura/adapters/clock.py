"""The clock of this machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The time as the operating system keeps it."""

    def now(self) -> datetime:
        """The present moment in UTC, with its time zone."""
        return datetime.now(UTC)
