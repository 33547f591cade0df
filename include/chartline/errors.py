"""Every failure by name, and what the name tells the caller to do.

The class says which of four things follows: try again later, leave this item out, stop the run, or ask a
person. `kind` is the word stored in the warehouse and shown to people; `advice` is the next step for a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Characters that steer a terminal, or turn round what stands beside them."""
_LONGEST = 10_000
"""Characters of a text: what is refused may be of any length."""


def storable(text: str) -> str:
    """Without what PostgreSQL cannot hold: NUL, and halves of characters, which JSON can spell."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """With everything that is not seen spelled out, but for tabs and the ends of lines: as it may stand in a log."""
    return _UNSEEN.sub(lambda unseen: unseen[0].encode("unicode_escape").decode(), storable(text))


class ChartlineError(Exception):
    """Base of all named failures. The text never holds a secret."""

    kind: ClassVar[str] = "error"
    pages: tuple[Any, ...] = ()
    """Of a list that was broken off: the answers that came until then."""

    def __init__(self, what: str, *, advice: str = "", calls: tuple[Any, ...] = (), body: bytes = b"") -> None:
        """`calls`: the call records spent before giving up; `body`: the last raw answer, to be kept."""
        self.what, self.advice, self.calls, self.body = printable(what[:_LONGEST]), advice, calls, body
        super().__init__(f"{self.what} {advice}".strip())


# -- try again later ---------------------------------------------------------------------------------------


class TryLater(ChartlineError):
    """Passing trouble: the same request may go through after `after` seconds."""

    kind = "try_later"

    def __init__(self, what: str, *, after: float = 10.0, **more: Any) -> None:
        self.after = after
        super().__init__(what, **more)


class NotYet(TryLater):
    """No trouble: what is waited for is not there yet. Ask again after `after` seconds; no attempt is used up."""

    kind = "not_yet"


class ServerTrouble(TryLater):
    """5xx."""

    kind = "server_trouble"


class NetworkTrouble(TryLater):
    """No answer: connection refused, reset, timeout."""

    kind = "network_trouble"


class CutAnswer(TryLater):
    """An answer that ended early or is not JSON."""

    kind = "cut_answer"


class RateLimited(TryLater):
    """429 of the minute limit."""

    kind = "rate_limited"


class ShortAnswer(TryLater):
    """A ranking or another list that must be whole, with fewer items than its own total: nothing of it is stored."""

    kind = "short_answer"


class WarehouseUnavailable(TryLater):
    """PostgreSQL does not answer. A restart takes it longer than a busy API."""

    kind = "warehouse_unavailable"

    def __init__(self, what: str, *, after: float = 45.0, **more: Any) -> None:
        super().__init__(what, after=after, **more)


# -- leave this item out, go on with the others ------------------------------------------------------------


class SkipItem(ChartlineError):
    """This one thing cannot be had; the others are not concerned."""

    kind = "skip"


class NotFound(SkipItem):
    """404 of an entity, or an entity left out of a batch answer."""

    kind = "not_found"


class Gone(SkipItem):
    """410: blacklisted for ever."""

    kind = "gone"


class UnsupportedPlatform(SkipItem):
    """The API does not serve this platform for this kind of thing: says nothing about the entity."""

    kind = "unsupported_platform"


class ContractBroken(SkipItem):
    """An answer that does not have the agreed shape; `field` is where."""

    kind = "contract_broken"

    def __init__(self, what: str, *, endpoint: str = "", field: str = "", **more: Any) -> None:
        self.endpoint, self.field = endpoint, field
        super().__init__(what, **more)


class AnswerTooLarge(SkipItem):
    """An answer beyond the size that any can have: it was not read to its end, and is not asked again."""

    kind = "answer_too_large"


class NotStored(SkipItem):
    """What came could not be read or stored, for a reason that nobody thought of. The others are not concerned."""

    kind = "not_stored"


class RequestRefused(SkipItem):
    """400 that is not about a platform, 405, 409: this request is wrong, repeating it does not help.

    `reason`: status and words of the refusal, the same for whatever is refused for the same reason.
    """

    kind = "request_refused"

    def __init__(self, what: str, *, reason: str = "", **more: Any) -> None:
        self.reason = reason
        super().__init__(what, **more)


class Moved(SkipItem):
    """What was asked for by one name is found under another: `to` (a uuid or a path), "" where that is not clear."""

    kind = "moved"

    def __init__(self, what: str, *, to: str = "", **more: Any) -> None:
        self.to = to
        super().__init__(what, **more)


class CameShort(SkipItem):
    """A dated list with fewer items than its own total. What came is kept; it is asked once more, later."""

    kind = "came_short"


# -- stop the run: nothing else of this account will work ---------------------------------------------------


class StopRun(ChartlineError):
    """The whole account is concerned. No retry."""

    kind = "stop"


class CredentialsRefused(StopRun):
    """401 after one renewal, or the token endpoint refuses."""

    kind = "credentials_refused"


class NotInPlan(StopRun):
    """403."""

    kind = "not_in_plan"


class QuotaSpent(StopRun):
    """429 of the billing cycle."""

    kind = "quota_spent"


class RankingIncomplete(StopRun):
    """A ranking that would be stored short of the API's total."""

    kind = "ranking_incomplete"


# -- ask a person: an input or the installation must change -------------------------------------------------


class AskPerson(ChartlineError):
    """Only a person can mend this. No retry."""

    kind = "ask_person"


class BadInput(AskPerson):
    """Config, flag or file refused at the door: `field` and the reason."""

    kind = "bad_input"

    def __init__(self, what: str, *, field: str = "", **more: Any) -> None:
        self.field = field
        super().__init__(what, **more)


class UnknownChart(BadInput):
    """No chart of that slug, in the catalogue or at the API."""

    kind = "unknown_chart"


class AlreadyFollowed(BadInput):
    """The chart has a schedule."""

    kind = "already_followed"


class NotFollowed(BadInput):
    """The chart has no schedule."""

    kind = "not_followed"


class ChangedMeanwhile(AskPerson):
    """What was to be changed is not as the person saw it. `version`: its own now; `changes`: who changed what since,
    the newest first."""

    kind = "changed_meanwhile"

    def __init__(self, what: str, *, version: str = "", changes: Sequence[Any] = (), **more: Any) -> None:
        self.version, self.changes = version, changes
        super().__init__(what, **more)


class NotAllowed(AskPerson):
    """The settings do not let this person spend so many calls."""

    kind = "not_allowed"


class SchemaMismatch(AskPerson):
    """The warehouse's schema is not the one this code was written for."""

    kind = "schema_mismatch"


class NotConfigured(AskPerson):
    """A connection or setting is missing."""

    kind = "not_configured"
