"""Credentials never show: known secrets are cut out of log records and error texts."""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

SHOWN = "***"
PUBLIC = frozenset({"soundcharts"})  # the published sandbox pair: hiding the vendor's name would spoil every text
_ORDINARY = re.compile(r"[a-z_-]*|[0-9]*")
_SHORTEST = 4  # a shorter value would be found in ordinary words
_LOGGERS = ("chartline.soundcharts.client", "chartline.soundcharts.auth", "urllib3.connectionpool", "requests")


class Redaction(logging.Filter):
    """A filter that lets every record pass, without the secrets that it was told of."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._told: set[Callable[[str], None]] = set()

    def tell(self, mask: Callable[[str], None]) -> None:
        """`mask` learns every secret that is hidden from now on: a log system with a redaction of its own."""
        with self._lock:
            self._told.add(mask)

    def hide(self, values: Iterable[str]) -> None:
        """From now on these never show, nor their url-encoded spellings."""
        worth = {value for value in values if len(value) >= _SHORTEST and value not in PUBLIC}
        spelled = {spelling for value in worth for spelling in (value, quote(value, safe=""), quote_plus(value))}
        with self._lock:
            fresh = worth.difference(self._secrets)
            self._secrets = tuple(sorted({*self._secrets, *spelled}, key=len, reverse=True))
            told = tuple(self._told)
        for mask in told:
            for value in fresh:
                mask(value)

    def redact(self, text: str) -> str:
        """The text with every known secret replaced."""
        for secret in self._secrets:
            text = text.replace(secret, SHOWN)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Replaces the record's message and the text of its exception."""
        record.msg, record.args = self.redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = self.redact(logging.Formatter().formatException(record.exc_info))
        return True


REDACTION = Redaction()


def hide(*values: str) -> None:
    """Keeps the values out of our logs, of those of the HTTP libraries, and out of what `redact` gives."""
    REDACTION.hide(values)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(REDACTION)


def hide_login(login: str, password: str, team_id: str = "") -> None:
    """Hides an account's credentials, also in the form that HTTP Basic gives them.

    A login or team that is an ordinary word or number stays: hiding "demo" or "2026" would spoil every text.
    """
    hide(password, base64.b64encode(f"{login}:{password}".encode()).decode())
    hide(*(value for value in (login, team_id) if not _ORDINARY.fullmatch(value)))


def redact(text: str) -> str:
    """The text without any secret that was hidden."""
    return REDACTION.redact(text)
