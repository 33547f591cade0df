"""What follows from an answer: one table from status to error, and how long to wait before asking again."""

from __future__ import annotations

import json
import logging
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from chartline.domain import ranges
from chartline.domain.ranges import Bounds
from chartline.errors import (
    ChartlineError,
    CredentialsRefused,
    CutAnswer,
    Gone,
    Moved,
    NetworkTrouble,
    NotConfigured,
    NotFound,
    NotInPlan,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    UnsupportedPlatform,
)
from chartline.soundcharts.account import CONNECTION
from chartline.soundcharts.redaction import redact

log = logging.getLogger(__name__)

RETRIED = (ServerTrouble, NetworkTrouble, CutAnswer, RateLimited)  # trouble of the API, which asking again may end
BACKOFF_BASE = 0.5  # seconds
BACKOFF_CAP = 30.0
LONGEST_WAIT = 60.0  # seconds: beyond, the worker is given back
UNSAID_WAIT = 10.0  # seconds: when a 429 does not say how long
ROUNDING = 1.0  # the reset header is in whole seconds, cut off
_EPOCH = 1e9  # a reset header above is a time, not a wait
_SHOWN = 200
_LONGEST_NUMBER = 1_000
"""Digits of a number that can be read at all; what a field may hold is a matter of its range."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StatusRule:
    """What a status means: the error, what to say of it, and what to do next."""

    error: Callable[..., ChartlineError]
    says: str
    advice: str = ""


STATUS: dict[int, StatusRule] = {
    400: StatusRule(RequestRefused, "refused the request as wrong"),
    401: StatusRule(
        CredentialsRefused,
        f"refused the credentials of the connection {CONNECTION}",
        f"Correct login and password of the connection {CONNECTION}.",
    ),
    403: StatusRule(NotInPlan, "says that the plan does not include this", "Ask Soundcharts, or switch this step off."),
    404: StatusRule(NotFound, "does not know it"),
    405: StatusRule(RequestRefused, "does not allow this kind of request"),
    408: StatusRule(ServerTrouble, "gave up waiting for the request"),
    409: StatusRule(RequestRefused, "refused the request as conflicting"),
    410: StatusRule(Gone, "has removed it for ever"),
}
UNSUPPORTED = StatusRule(UnsupportedPlatform, "does not serve this platform here", "Leave the platform out.")
MINUTE = StatusRule(RateLimited, "says that the calls of this minute are used up")
QUOTA = StatusRule(
    QuotaSpent,
    "says that the quota of the billing cycle is used up",
    "Wait for the next billing cycle or extend the plan; what is missing is taken up then.",
)
TROUBLE = StatusRule(ServerTrouble, "has trouble of its own")
MOVED = StatusRule(
    NotConfigured,
    "sent us to another address, where credentials are not taken",
    f"Correct the host of the connection {CONNECTION}.",
)
REFUSED = StatusRule(RequestRefused, "refused the request")


class Unparsable(ValueError):
    """JSON, as far as can be seen, that no answer can be: asking again would bring the same."""


def decode(body: bytes) -> Any:
    """The body as JSON. Raises `ValueError`, also for the numbers that only Python takes for JSON (NaN, Infinity);
    `Unparsable` for what is nested too deeply or holds a number too long to be read."""
    try:
        return json.loads(body, parse_constant=_no_number, parse_int=_whole_number)
    except RecursionError:
        raise Unparsable("it is nested too deeply") from None


def _whole_number(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise Unparsable(f"it holds a number of {len(text)} digits")
    return int(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def judge(
    status: int, headers: Headers, data: Any, subject: str, body: bytes = b"", *, path: str = "", entity: str = ""
) -> ChartlineError | None:
    """The error that an answer means, None when it is good. `subject` says what was asked, for the text.

    `data` is the body as JSON, None when it is none. A 200 with a filled `errors` list is judged by the code in it.
    `path` and `entity` are what was asked: a redirect from one thing to another concerns that thing only.
    """
    said, code = complaint(data)
    if status < 300:
        if code is None:
            return None
        status = code
    if 300 <= status < 400 and (moved := _moved(status, headers, subject, path, entity)):
        return moved
    rule = _rule(status, headers, said)
    more: dict[str, Any] = {"advice": rule.advice, "body": body}
    if rule.error in (RateLimited, ServerTrouble):
        within = ranges.MINUTE_WAIT if rule.error is RateLimited else ranges.TROUBLE_WAIT
        asked, wait = _asked_wait(headers) or 0.0, waiting_time(headers, within) or UNSAID_WAIT
        if wait < asked:
            log.warning("Soundcharts asks to wait %.0f s, which cannot be meant: %.0f s are waited.", asked, wait)
        more["after"] = wait
    if rule.error is RequestRefused:
        more["reason"] = f"{status} {said.replace(entity, '…') if entity else said}"
    told = f' ("{said}")' if said else ""
    return rule.error(f"Soundcharts {rule.says}: {subject}, status {status}{told}.", **more)


def _rule(status: int, headers: Headers, said: str) -> StatusRule:
    if status in (400, 404) and re.search(r"\bplatforms?\b", said, re.IGNORECASE):
        return UNSUPPORTED
    if status == 429:
        return _which_429(headers, said)
    if 300 <= status < 400:
        return MOVED
    return STATUS.get(status) or (REFUSED if 400 <= status < 500 else TROUBLE)


def _moved(status: int, headers: Headers, subject: str, path: str, entity: str) -> Moved | None:
    """A redirect from one thing to another; None when it is the API that is elsewhere: with the same path."""
    target = urlsplit(_clean(headers.get("location"))).path
    if not entity or (target and target.rstrip("/") == urlsplit(path).path.rstrip("/")):
        return None
    uuids = [uuid for uuid in _UUID.findall(target.lower()) if uuid not in entity.lower()]
    to = uuids[0] if len(uuids) == 1 else target
    where = f"moved it to {to}" if to else "moved it, without saying where to"
    return Moved(
        f"Soundcharts {where}: {subject}, status {status}.",
        to=to,
        advice="The rankings to come name the new one. If other things are answered so too, correct the host of the "
        f"connection {CONNECTION}.",
    )


def elsewhere(count: int) -> NotConfigured:
    """What so many redirects in a row mean, of whatever was asked."""
    return NotConfigured(f"Soundcharts {MOVED.says}: {count} requests in a row.", advice=MOVED.advice)


def _which_429(headers: Headers, said: str) -> StatusRule:
    """The text decides; else what the headers say. In doubt the quota: asking again would not help then."""
    text = said.lower()
    if "maximum request count" in text:
        return MINUTE
    if "quota" in text:
        return QUOTA
    left = count(headers.get("x-quota-remaining"), ranges.QUOTA_LEFT)
    if left == 0:
        return QUOTA
    return MINUTE if _asked_wait(headers) is not None or left is not None else QUOTA


def told_by_text(status: int) -> bool:
    """Whether the text of the body decides what the status means, so that a cut body says too little."""
    return status < 500 and status != 429


def complaint(data: Any) -> tuple[str, int | None]:
    """What the answer complains of, shortened and without secrets, and the code it gives (400 when it gives none).

    Reads the API's `errors` list and the token endpoint's `error`. ("", None) when there is no complaint.
    """
    if not isinstance(data, dict):
        return "", None
    errors = data.get("errors")
    if isinstance(errors, list | dict) and errors:
        entries = errors if isinstance(errors, list) else [errors]
        first = entries[0] if isinstance(entries[0], dict) else {"message": entries[0]}
        code = _whole(str(first.get("code", "")))
        return _clean(first.get("message") or first.get("key")), code if code and ranges.ERROR_CODE.holds(code) else 400
    if isinstance(data.get("error"), str):
        return _clean(" ".join(str(data[key]) for key in ("error", "error_description") if data.get(key))), 400
    return "", None


def _clean(value: object) -> str:
    text = redact(" ".join(str(value or "").split()))
    printable = "".join(letter for letter in text if letter.isprintable())
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…"


def waiting_time(headers: Headers, within: Bounds = ranges.MINUTE_WAIT) -> float | None:
    """Seconds to wait as the headers say, rounded up; None when they say nothing that can be read.

    `x-ratelimit-reset` is in seconds; a time in seconds or milliseconds since 1970 is understood too. What is out of
    range is cut to it: no limit of a minute lasts a day.
    """
    asked = _asked_wait(headers)
    return None if asked is None else within.clamp(asked)


def _asked_wait(headers: Headers) -> float | None:
    for name in ("x-ratelimit-reset", "retry-after"):
        seconds = _seconds((headers.get(name) or "").strip())
        if seconds is not None:
            return seconds + ROUNDING
    return None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        try:
            value = parsedate_to_datetime(text).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
    if not math.isfinite(value) or value < 0:
        return None
    if value >= _EPOCH * 1000:
        value /= 1000
    return max(0.0, value - time.time()) if value >= _EPOCH else value


def count(text: str | None, within: Bounds) -> int | None:
    """A count from a header, brought into its range; None when it is no whole number."""
    number = _whole(text)
    return None if number is None else int(within.clamp(number))


def _whole(text: str | None) -> int | None:
    stripped = (text or "").strip()
    return int(stripped) if re.fullmatch(r"-?[0-9]{1,18}", stripped) else None


def backoff(failures: int) -> float:
    """Seconds before the next attempt after `failures` of them: doubled each time, between half and the whole of it."""
    longest = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** max(0, failures - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
