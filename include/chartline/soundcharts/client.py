"""Asks the API: signed, limited, retried, counted. One client serves all threads of a task."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
from pydantic import ValidationError

from chartline.domain import ranges
from chartline.errors import (
    ChartlineError,
    ContractBroken,
    CredentialsRefused,
    CutAnswer,
    RateLimited,
    ShortAnswer,
)
from chartline.sessions import Session
from chartline.settings import Settings
from chartline.settings import settings as settings_of_process
from chartline.soundcharts import drift, statuses
from chartline.soundcharts.account import ApiAccount
from chartline.soundcharts.auth import login_of
from chartline.soundcharts.calls import Answer, Call
from chartline.soundcharts.endpoints import RANKING_AT, RANKING_LATEST, Endpoint
from chartline.soundcharts.entries import Entries
from chartline.soundcharts.limiter import Limiter
from chartline.soundcharts.models import PageInfo, RankingPage, parse
from chartline.soundcharts.redaction import hide_login
from chartline.soundcharts.transport import Reply, exchange, without_secrets

log = logging.getLogger(__name__)

Query = Mapping[str, str | int | float | bool | date | None]
_Whole = TypeVar("_Whole")
_RankingPage = tuple[Answer, RankingPage]


@dataclass(frozen=True, slots=True)
class RankingPages:
    """One ranking, whole: `answers` and the same as `pages`, in order; `total` is what the API says it holds.

    `known`: the day was known already, so only the first page was asked.
    """

    day: date
    stamp: str
    total: int
    answers: tuple[Answer, ...]
    known: bool
    pages: tuple[RankingPage, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: `path` with its query, the rest for the records."""

    endpoint: Endpoint
    entity: str
    facet: str
    path: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.endpoint.name, self.entity, self.facet) if part)


class SoundchartsClient:
    """Thread-safe; each thread keeps its own session, so at most one connection. Close it, or use it in a `with`.

    `session_factory` gives a `requests.Session` with proxies, certificates and adapters; what it holds of
    credentials is not used. Every error raised carries in `calls` all attempts spent, and in `body` a broken answer.
    """

    def __init__(
        self,
        account: ApiAccount,
        *,
        limiter: Limiter,
        session_factory: Callable[[], requests.Session] = Session,
        settings: Settings | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.account, self._limiter = account, limiter
        self._settings = settings or settings_of_process()
        self._timeout = (self._settings.connect_timeout, self._settings.read_timeout)
        self._session_factory, self._sleep = session_factory, sleep
        self._login = login_of(account, self._timeout)
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()
        hide_login(account.login, account.password, account.team_id)

    def get(self, endpoint: Endpoint, entity: str = "", facet: str = "", query: Query | None = None) -> Answer:
        """One good answer. Retries passing trouble, then raises it; raises every other error at once.

        Raises `ServerTrouble NetworkTrouble CutAnswer RateLimited NotFound Gone UnsupportedPlatform RequestRefused
        CredentialsRefused NotInPlan QuotaSpent NotConfigured`, `ContractBroken` for JSON that is no object,
        `BadInput` for an entity or facet that no path can hold, and what the limiter raises.
        """
        with _Spent() as spent:
            return self._ask(_question(endpoint, entity, facet, query), spent)

    def pages(
        self,
        endpoint: Endpoint,
        entity: str = "",
        facet: str = "",
        query: Query | None = None,
    ) -> list[Answer]:
        """All pages of a list, in order.

        More items than the total are fine: dated series may ignore the limit.

        Raises what `get` raises, `ContractBroken` for a broken `page`, and `ShortAnswer` when the items stay fewer
        than the total, after asking for all of them again.
        """
        first = _first_page(endpoint, entity, facet, query)

        def attempt() -> list[Answer]:
            answers, short = self._follow(first, spent)
            if short is not None:
                raise short
            return answers

        with _Spent() as spent:
            return self._until_whole(attempt, spent)

    def dated(
        self, endpoint: Endpoint, entity: str, facet: str = "", query: Query | None = None
    ) -> tuple[list[Answer], ShortAnswer | None]:
        """All pages of a list of dated values, and how it came short of its own total, if it did.

        Each value stands for itself: what came of a short list is good, and it is not asked again. Raises as `pages`.
        """
        with _Spent() as spent:
            return self._follow(_first_page(endpoint, entity, facet, query), spent)

    def ranking(
        self,
        slug: str,
        stamp: str | None = None,
        known: Callable[[date], bool] = lambda day: False,
        begun: Sequence[Answer] = (),
    ) -> RankingPages:
        """One ranking with all its pages: the latest, or the one of `stamp` exactly as the API lists it.

        A chart may roll over between two calls, so all pages but the first are asked by the first one's stamp. Stops
        after the first page when `known(day)`. `begun`: its first pages, where they came before; an error carries in
        `pages` those that came until then and may be gone on with. Raises what `get` raises, `ContractBroken`, and
        `ShortAnswer` when the pages do not make up one ranking: another day, an entry twice, not as many as the total.
        """
        at, had = stamp, [(answer, parse(RankingPage, answer)) for answer in begun]

        def attempt() -> RankingPages:
            nonlocal at, had
            pages, had = had or [self._ranking_page(slug, at, 0, spent)], []
            answer, page = pages[0]
            if stamp is not None and page.date.isoformat() != stamp[:10]:
                raise _broken(answer, "related.date", f"the ranking of {stamp} was asked, that of {page.stamp} came")
            at = page.stamp  # should it come short, all pages are asked again by this stamp
            if known(page.date):
                return _ranking(pages[:1], known=True)
            try:
                return self._rest_of_ranking(slug, pages, spent)
            except ShortAnswer:
                raise
            except ChartlineError as error:
                error.pages = tuple(answer for answer, _ in pages)
                raise

        with _Spent() as spent:
            return self._until_whole(attempt, spent)

    def close(self) -> None:
        """Closes the connections of all threads, and the limiter's."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._limiter.close()

    def __enter__(self) -> SoundchartsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- lists -------------------------------------------------------------------------------------------------

    def _until_whole(self, attempt: Callable[[], _Whole], spent: _Spent) -> _Whole:
        """Runs an attempt at a whole list, and again while it comes short."""
        failures = 0
        while True:
            try:
                return attempt()
            except ShortAnswer as short:
                failures += 1
                if failures > self._settings.call_retries:
                    raise
                log.debug("%s Asking again.", short.what)
                spent.carry_over()
                self._sleep(statuses.backoff(failures))

    def _follow(self, first: _Question, spent: _Spent) -> tuple[list[Answer], ShortAnswer | None]:
        answers: list[Answer] = []
        question, asked, collected = first, {first.path}, 0
        while True:
            answer = self._ask(question, spent)
            answers.append(answer)
            items, page = _items(answer), _page(answer)
            if page is None:
                return answers, None
            collected += items
            if page.next is None or not items:  # a total may be too small: it ends no list
                break
            question = replace(first, path=_relative(answer, page.next))
            if question.path in asked:
                raise _broken(answer, "page.next", "it leads back to a page that was asked already")
            asked.add(question.path)
            if len(asked) > ranges.PAGES.high:
                raise _broken(answer, "page.next", f"a list has {ranges.PAGES} pages")
        if collected >= page.total:
            return answers, None
        what = f"Soundcharts gave {collected} of {page.total} items of {first}."
        return answers, ShortAnswer(what, body=answer.body)

    def _ranking_page(self, slug: str, stamp: str | None, offset: int, spent: _Spent) -> _RankingPage:
        endpoint = RANKING_LATEST if stamp is None else RANKING_AT
        query: Query = {"offset": offset, "limit": endpoint.page_limit}
        answer = self._ask(_question(endpoint, slug, stamp or "", query), spent)
        return answer, parse(RankingPage, answer)

    def _rest_of_ranking(self, slug: str, pages: list[_RankingPage], spent: _Spent) -> RankingPages:
        """The pages that are there and all others, which are added to them. A page beyond the total is asked when the
        API says that there is one, or when the total may have been reached only because rows came again on a later
        page."""
        _, page = pages[0]
        total, day, stamp = page.page.total, page.date, page.stamp
        entries = Entries.of([page.items for _, page in pages])
        offset = sum(_stride(page) for _, page in pages[:-1])
        answer, page = pages[-1]
        while (
            len(entries.listed) < total or page.page.next or (entries.doubled_across and len(entries.charted) < total)
        ):
            offset += _stride(page)
            before = len(entries.items)
            answer, page = self._ranking_page(slug, stamp, offset, spent)
            if page.date != day:
                raise _short(answer, f"{slug}: a page of {page.date} came with those of {day}.")
            grown = Entries.of([page.items for _, page in [*pages, (answer, page)]])
            if len(grown.items) == before or len(pages) == ranges.PAGES.high:
                kept, brought = pages[-1]
                pages[-1] = replace(kept, calls=(*kept.calls, *answer.calls)), brought  # it brought nothing, and counts
                break
            pages.append((answer, page))
            entries = grown
        if not entries.are_whole(total):
            more = f", {entries.doubles} of them twice" if entries.doubles else ""
            raise _short(answer, f"{slug}, {day}: {len(entries.listed)} entries came{more}, {total} is the total.")
        return _ranking(pages, known=False)

    # -- one call ----------------------------------------------------------------------------------------------

    def _ask(self, question: _Question, spent: _Spent) -> Answer:
        failures, renewed = 0, False
        while True:
            try:
                return self._attempt(question, spent, may_renew=not renewed)
            except _Renewed:
                renewed = True
            except statuses.RETRIED as trouble:
                failures += 1
                if isinstance(trouble, RateLimited):
                    self._limiter.pause(trouble.after)
                    if trouble.after > statuses.LONGEST_WAIT or failures > self._settings.call_retries:
                        raise
                    continue  # acquire() waits, here and in every other process
                if failures > self._settings.call_retries:
                    raise
                self._sleep(statuses.backoff(failures))

    def _attempt(self, question: _Question, spent: _Spent, *, may_renew: bool) -> Answer:
        """One request, recorded. Its turn is taken last, so that it is sent when its turn is."""
        session = self._session()
        signature = self._login.signature(session)
        self._limiter.acquire()
        at, started = datetime.now(UTC), time.monotonic()
        reply: Reply | None = None
        try:
            reply = without_secrets(
                exchange(session, "GET", self.account.base_url + question.path, auth=signature, timeout=self._timeout)
            )
            data = _data(reply, question)
        except ChartlineError as error:
            spent.add(_call(question, at, started, reply, error))
            self._learn(reply)
            if isinstance(error, CredentialsRefused) and may_renew and self._login.refused(signature):
                raise _Renewed from None
            raise
        spent.add(_call(question, at, started, reply, None))
        self._learn(reply)
        name = question.endpoint.name
        answer = Answer(name, question.path, data, reply.body, spent.hand_out(), datetime.now(UTC))
        drift.look(answer)
        return answer

    def _learn(self, reply: Reply | None) -> None:
        if reply is not None and reply.status != 429:  # a 429 pauses by itself
            remaining = statuses.count(reply.headers.get("x-ratelimit-remaining"), ranges.CALLS_LEFT)
            self._limiter.learn(remaining, statuses.waiting_time(reply.headers))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = self._session_factory()
            with self._lock:
                self._sessions.append(session)
        return session


class _Renewed(Exception):
    """The token was refused and another one is available: the same request again."""


class _Spent:
    """The attempts made for one wish of the caller: each ends up in one answer, or all of them in the error."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._handed_out = 0

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def hand_out(self) -> tuple[Call, ...]:
        """Those that no answer has yet."""
        calls = tuple(self._calls[self._handed_out :])
        self._handed_out = len(self._calls)
        return calls

    def carry_over(self) -> None:
        """The answers so far are thrown away: the next one carries their calls."""
        self._handed_out = 0

    def __enter__(self) -> _Spent:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ChartlineError):
            error.calls = tuple(self._calls)


def _question(endpoint: Endpoint, entity: str, facet: str, query: Query | None) -> _Question:
    """False and 0 are sent, None is not; a plus sign is encoded, as it would be read as a space."""
    words = {True: "true", False: "false"}
    pairs = [
        (name, words[value] if isinstance(value, bool) else str(value))
        for name, value in (query or {}).items()
        if value is not None
    ]
    text = f"?{urlencode(pairs, quote_via=quote)}" if pairs else ""
    return _Question(endpoint, entity, facet, endpoint.fill(entity, facet) + text)


def _first_page(endpoint: Endpoint, entity: str, facet: str, query: Query | None) -> _Question:
    limit: Query = {"limit": endpoint.page_limit} if endpoint.page_limit else {}
    return _question(endpoint, entity, facet, {**limit, **(query or {})})


def _data(reply: Reply, question: _Question) -> dict[str, Any]:
    """The JSON object of a good reply; every other reply as the error that it means."""
    unreadable = ""
    try:
        data, readable = statuses.decode(reply.body), True
    except ValueError as wrong:
        data, readable = None, False
        unreadable = str(wrong) if isinstance(wrong, statuses.Unparsable) else ""
    error = statuses.judge(
        reply.status, reply.headers, data, str(question), reply.body, path=question.path, entity=question.entity
    )
    if error is not None and not (reply.cut and statuses.told_by_text(reply.status)):
        raise error
    if unreadable and not reply.cut:
        raise ContractBroken(
            f"The answer of Soundcharts to {question} cannot be read: {unreadable}.",
            endpoint=question.endpoint.name,
            body=reply.body,
            advice="The raw answer is kept.",
        )
    if reply.cut or not readable:
        how = "ended early" if reply.cut else "is not JSON"
        raise CutAnswer(f"The answer of Soundcharts to {question} {how}.", body=reply.body)
    if not isinstance(data, dict):
        raise ContractBroken(
            f"Soundcharts broke its contract in {question}: an object is expected; got {type(data).__name__}.",
            endpoint=question.endpoint.name,
            body=reply.body,
        )
    return data


def _call(question: _Question, at: datetime, started: float, reply: Reply | None, error: ChartlineError | None) -> Call:
    call = Call(
        at=at,
        endpoint=question.endpoint.name,
        entity=question.entity,
        facet=question.facet,
        status=reply.status if reply else None,
        ms=round((time.monotonic() - started) * 1000),
        bytes=len(reply.body) if reply else 0,
        quota_left=statuses.count(reply.headers.get("x-quota-remaining"), ranges.QUOTA_LEFT) if reply else None,
        error_kind=error.kind if error else None,
    )
    log.debug(
        "GET %s: %s in %d ms, %d bytes, quota left %s%s",
        question, call.status, call.ms, call.bytes, call.quota_left, f", {call.error_kind}" if error else "",
    )  # fmt: skip
    return call


def _items(answer: Answer) -> int:
    items = answer.data.get("items")
    if not isinstance(items, list):
        raise _broken(answer, "items", f"a list is expected; got {type(items).__name__}")
    return len(items)


def _page(answer: Answer) -> PageInfo | None:
    """Where the page stands in its list; None when the API does not say, so that it is the only one."""
    if answer.data.get("page") is None:
        return None
    try:
        return PageInfo.model_validate(answer.data["page"])
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False)[0]
        raise _broken(answer, ".".join(["page", *map(str, first["loc"])]), first["msg"]) from None


def _relative(answer: Answer, path: str) -> str:
    """The next page's path. Never a host: our credentials would go there."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise _broken(answer, "page.next", "a path without a host is expected")
    return path


def _stride(page: RankingPage) -> int:
    """How far behind a page the next one begins: where it ended; a row beyond its limit is one that came twice, not
    the next page's first."""
    return min(len(page.items), RANKING_AT.page_limit) if page.page.next else len(page.items)


def _ranking(pages: list[_RankingPage], *, known: bool) -> RankingPages:
    first = pages[0][1]
    return RankingPages(
        day=first.date,
        stamp=first.stamp,
        total=first.page.total,
        answers=tuple(answer for answer, _ in pages),
        known=known,
        pages=tuple(page for _, page in pages),
    )


def _broken(answer: Answer, place: str, why: str) -> ContractBroken:
    return ContractBroken(
        f"Soundcharts broke its contract in {answer.endpoint} at {place}: {why}.",
        endpoint=answer.endpoint,
        field=place,
        body=answer.body,
    )


def _short(answer: Answer, why: str) -> ShortAnswer:
    return ShortAnswer(f"Soundcharts gave no whole ranking of {why}", body=answer.body)
