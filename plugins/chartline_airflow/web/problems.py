"""Errors as `application/problem+json` (RFC 9457), for every error of the app.

`errors` names each field of the request that is wrong, with the reason. No text holds a secret: those of named
failures never do, and of any other error only its kind is shown.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from chartline.errors import (
    AlreadyFollowed,
    AskPerson,
    BadInput,
    ChangedMeanwhile,
    ChartlineError,
    Gone,
    NotAllowed,
    NotFollowed,
    NotFound,
    SkipItem,
    StopRun,
    TryLater,
    UnknownChart,
    printable,
)

log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
TOLD, NAMED = 50, 200
"""So many wrong fields are told, and so many letters of a name: the answer must not outgrow the request."""

BY_CLASS: tuple[tuple[type[ChartlineError], int], ...] = (
    (UnknownChart, 404),
    (NotFollowed, 404),
    (AlreadyFollowed, 409),
    (NotAllowed, 403),
    (ChangedMeanwhile, 412),
    (BadInput, 422),
    (NotFound, 404),
    (Gone, 410),
    (TryLater, 503),
    (SkipItem, 502),
    (StopRun, 502),
    (AskPerson, 503),
    (ChartlineError, 500),
)
"""The first that fits. 502: Soundcharts refuses; 503: the installation must be mended, or it passes."""


class FieldError(BaseModel):
    """One field of the request that is wrong."""

    field: str
    reason: str


class ProblemBody(BaseModel):
    """Why a request was refused or failed. `kind` is a word for programs; there may be more keys, such as `run`."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    advice: str = ""
    kind: str = ""
    errors: list[FieldError] = []


SCHEMAS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    for status in (401, 403, 404, 409, 412, 413, 415, 422, 428, 502, 503)
}
"""The errors that each route may answer with."""


class Problem(Exception):
    """Raised by routes: becomes the answer. `more` are further keys of the body."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        advice: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.more = {"kind": kind, "advice": advice, "errors": list(errors), **more}

    @property
    def body(self) -> dict[str, Any]:
        """As `ProblemBody`; what there is nothing to say of is left out."""
        head = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        told = {name: value for name, value in self.more.items() if value or value == 0}
        return head | {"detail": self.detail} | told

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(
            jsonable_encoder(self.body), status_code=self.status, media_type=MEDIA, headers=self.headers
        )


def unknown(field: str, detail: str) -> Problem:
    """404: no such thing."""
    return Problem(404, detail, kind="unknown", errors=[{"field": field, "reason": detail}])


def wrong(field: str, reason: str) -> Problem:
    """422 of one field."""
    return Problem(422, f"{field}: {reason}", kind="bad_input", errors=[{"field": field, "reason": reason}])


def of(error: ChartlineError) -> Problem:
    """The problem that a named failure is."""
    status = next(status for kind, status in BY_CLASS if isinstance(error, kind))
    headers = {"Retry-After": str(max(1, round(error.after)))} if isinstance(error, TryLater) else None
    errors = _lines(error) if isinstance(error, BadInput) else []
    more = {"version": error.version, "changes": error.changes} if isinstance(error, ChangedMeanwhile) else {}
    return Problem(status, error.what, kind=error.kind, advice=error.advice, errors=errors, headers=headers, **more)


def add_to(app: FastAPI) -> None:
    """Have every error of the app told this way."""
    app.add_exception_handler(Problem, lambda _, error: error.response)
    app.add_exception_handler(ChartlineError, _chartline)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(psycopg.Error, _database)
    app.add_exception_handler(UnicodeError, _letters)
    app.add_exception_handler(Exception, _unforeseen)


def of_http(error: HTTPException) -> Problem:
    """The problem that FastAPI's, Starlette's or Airflow's own refusal is."""
    detail = error.detail if isinstance(error.detail, str) else str(error.detail)
    return Problem(error.status_code, detail, headers=error.headers)


def _lines(error: BadInput) -> list[dict[str, str]]:
    """`field: reason`, a line each, as `BadInput` of several fields has it; else its one field."""
    errors = []
    for line in error.what.splitlines():
        name, colon, reason = line.partition(": ")
        named = bool(colon) and " " not in name
        errors.append({"field": name if named else error.field, "reason": reason if named else line})
    return errors


def _chartline(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ChartlineError)
    problem = of(error)
    if problem.status >= 500:
        log.warning("%s %s: %s: %s", request.method, printable(request.url.path), error.kind, error)
    return problem.response


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's word for a body that its JSON parser gave up on
        return wrong("body", "is not JSON").response
    return of_http(error).response


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors: dict[str, str] = {}
    for entry in error.errors():
        place = [str(part) for part in entry["loc"][1:]] or [str(entry["loc"][0])]
        reason = entry["msg"].removeprefix("Value error, ")
        if entry["type"] == "json_invalid":
            place, reason = ["body"], f"is not JSON: {entry['ctx']['error']}"
        elif entry["type"] == "extra_forbidden":
            reason = "there is no such field"
        elif entry["type"] == "missing":
            reason = "is missing"
        errors.setdefault(".".join(place), reason)
    told = [{"field": field[:NAMED], "reason": reason} for field, reason in islice(errors.items(), TOLD)]
    detail = "; ".join(f"{one['field']}: {one['reason']}" for one in told)
    if len(errors) > TOLD:
        detail += f"; and {len(errors) - TOLD} more"
    return Problem(422, detail, kind="bad_input", errors=told).response


def _database(request: Request, error: Exception) -> JSONResponse:
    """What no check before it found: a value that PostgreSQL cannot hold, or a warehouse in trouble."""
    if isinstance(error, psycopg.DataError):
        return Problem(422, "A value cannot be stored or looked up: it is out of range.", kind="bad_input").response
    told = str(error).partition("\n")[0]  # what follows quotes the row
    log.warning("%s %s: %s: %s", request.method, printable(request.url.path), type(error).__name__, told)
    if isinstance(error, psycopg.OperationalError):
        detail = "The warehouse did not answer in time, or the connection was lost."
        return Problem(503, detail, kind="warehouse_unavailable", headers={"Retry-After": "10"}).response
    return _failed()


def _letters(_: Request, error: Exception) -> JSONResponse:
    """A text that is no text (half of a pair of UTF-16)."""
    return Problem(422, "A text holds something that is not a character.", kind="bad_input").response


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    """Starlette raises it again afterwards, so it stands in Airflow's log."""
    return _failed()


def _failed() -> JSONResponse:
    return Problem(
        500, "This failed for an unexpected reason, which is in the log of Airflow's web server.", kind="error"
    ).response
