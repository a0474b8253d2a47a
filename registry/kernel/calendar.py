"""The calendar of the trade: every date that is printed or decided by is a day at +08:00."""

from datetime import timedelta, timezone
from typing import Final

CHINA_TIME: Final = timezone(timedelta(hours=8))
