"""Credentials never show: known secrets are cut out of log records, error texts and answers, before these are kept."""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Callable, Iterable
from functools import cache

SHOWN = "***"
PUBLIC = frozenset({"soundcharts"})  # the published sandbox pair: hiding Soundcharts' name would spoil every text
_ORDINARY = re.compile(r"[a-z_-]*|[0-9]*")
_SHORTEST = 4  # a shorter value would be found in ordinary words
_LOGGERS = ("chartline.soundcharts.client", "chartline.soundcharts.auth", "urllib3.connectionpool", "requests")


_WHOLE_WORD = 12  # a shorter secret may stand within a uuid by chance
_CODED = re.compile(r"(?:\\u00|%(?:25)*|&#x?0*)([0-9a-f]{2,3})", re.IGNORECASE)  # a character spelled by its code
_ESCAPES = 16  # JSON in JSON doubles them; without an end a megabyte of them would be looked through once for each
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot"}


class Redaction(logging.Filter):
    """A filter that lets every record pass, without the secrets that it knows."""

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
        """From now on these never show, in no spelling that JSON, an address or HTML may give them."""
        worth = {value for value in values if len(value) >= _SHORTEST and value not in PUBLIC}
        with self._lock:
            fresh = worth.difference(self._secrets)
            self._secrets = tuple(sorted({*self._secrets, *worth}, key=len, reverse=True))
            told = tuple(self._told)
        for mask in told:
            for value in fresh:
                mask(value)

    def redact(self, text: str) -> str:
        """The text with every known secret replaced, however it is spelled."""
        return self._without(text, lambda secret: _spellings(secret))

    def redact_body(self, body: bytes) -> bytes:
        """The same for what came over the wire. What was JSON stays JSON, and what only looks like a secret stays.

        A short secret counts only as a word of its own, and one of digits only where it is no number.
        """
        text = body.decode("latin-1")
        redacted = self._without(text, lambda secret: _spellings(secret, among_data=True))
        return body if redacted is text else redacted.encode("latin-1")

    def _without(self, text: str, spellings: Callable[[str], re.Pattern[str]]) -> str:
        codes = {code.lower() for code in _CODED.findall(text)}
        for secret in self._secrets:
            run, first = _run(secret)
            if run in text or not first.isdisjoint(codes):
                text = spellings(secret).sub(SHOWN, text)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Replaces the record's message and the text of its exception."""
        record.msg, record.args = self.redact(record.getMessage()), ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = self.redact(logging.Formatter().formatException(record.exc_info))
        return True


REDACTION = Redaction()


@cache
def _run(secret: str) -> tuple[str, frozenset[str]]:
    """For a quick look whether a secret is there, in the path of every call: what stands wherever it does.

    The longest run of letters and digits, which every encoder leaves alone but one that spells everything out; for that
    one the codes of the secret's first character.
    """
    run = max(re.findall(r"[0-9A-Za-z]+", secret) or [secret], key=len)
    return run, frozenset((f"{ord(secret[0]):02x}", str(ord(secret[0]))))


@cache
def _spellings(secret: str, *, among_data: bool = False) -> re.Pattern[str]:
    """The secret with each of its characters in any spelling that JSON, an address or HTML may give it."""
    pattern = "".join(map(_spelled, secret))
    if among_data and secret.isdigit():
        return re.compile(rf'(?<=["\\]){pattern}(?![0-9])|(?<![0-9.-]){pattern}(?=["\\])')
    if among_data and len(secret) < _WHOLE_WORD:
        pattern = rf"(?<![0-9A-Za-z_-])(?:{pattern})(?![0-9A-Za-z_-])"
    return re.compile(pattern)


def _spelled(letter: str) -> str:
    code = ord(letter)
    pair = "".join(f"[{digit.lower()}{digit.upper()}]" for digit in f"{code:02x}")
    ways = [
        rf"\\{{0,{_ESCAPES}}}{re.escape(letter)}",
        rf"\\{{1,{_ESCAPES}}}u00{pair}",
        rf"(?:%|%25|%2525){pair}",
        rf"&#0{{0,{_ESCAPES}}}{code};",
        rf"&#[xX]0{{0,{_ESCAPES}}}{pair};",
    ]
    if letter in _NAMED:
        ways.append(f"&(?:amp;)?{_NAMED[letter]};")
    if letter == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def hide(*values: str) -> None:
    """Keeps the values out of our logs, of those of the HTTP libraries, and out of what `redact` gives."""
    REDACTION.hide(values)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(REDACTION)


def hide_login(login: str, password: str, team_id: str = "") -> None:
    """Hides an account's credentials, also in the form that HTTP Basic gives them.

    A login or team that is an ordinary word or number stays: hiding "demo" or "2026" would spoil every text.
    """
    pair = f"{login}:{password}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        hide(password, encode(pair).decode(), encode(pair).decode().rstrip("="))
    hide(*(value for value in (login, team_id) if not _ORDINARY.fullmatch(value)))


def redact(text: str) -> str:
    """The text without any secret that was hidden."""
    return REDACTION.redact(text)


def redact_body(body: bytes) -> bytes:
    """An answer's body without any secret that was hidden."""
    return REDACTION.redact_body(body)
