"""Which version of the settings a request is about: If-Match, as it came with an answer's ETag or in its body.

A page always sends it, so that the older of two tabs does not undo what the newer saved. A program may: without it its
word holds, whatever was saved before.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from chartline_airflow.web.access import reader
from chartline_airflow.web.problems import Problem

Seen = frozenset[str] | None
"""The versions that the person may have seen; None: any."""


def tag(version: str) -> str:
    """The ETag of a schedule. To GET `etags.py` adds what else the answer tells, after a dot."""
    return f'"{version}"'


def seen(
    request: Request,
    if_match: Annotated[
        str | None, Header(max_length=2000, description="the schedule's ETag or version, as it was seen; else 412")
    ] = None,
) -> Seen:
    """Dependency: the versions of If-Match. Raises 428 for a page that sends none."""
    if if_match is None:
        if reader(request).by_browser:
            raise missing()
        return None
    if if_match.strip() == "*":
        return None
    tags = (one.strip().removeprefix("W/").strip('"') for one in if_match.split(","))
    return frozenset(one.partition(".")[0] for one in tags if one)


def missing() -> Problem:
    """428: the page is older than the rule."""
    return Problem(
        428,
        "The request does not say which version of the settings it is about.",
        kind="version_missing",
        advice="Load the page again; a program sends If-Match with the ETag of the schedule.",
    )


IfMatch = Annotated[Seen, Depends(seen)]
