"""Keeps certificate keys out of the access log: whoever holds a key may read the certificate."""

import logging
import re

_KEYED = re.compile(r"(/C/|/v1/certificates/)[^/?\s]+", re.IGNORECASE)


class RedactKeys(logging.Filter):
    """A filter for the logger `uvicorn.access`: writes `/C/…` for the address of a certificate."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cover keys in the message's values; every record passes."""
        if isinstance(record.args, tuple):
            record.args = tuple(_KEYED.sub(r"\1…", value) if isinstance(value, str) else value for value in record.args)
        return True
