"""HTTP sessions for all that is asked of others."""

from __future__ import annotations

from typing import Any

import requests


class Session(requests.Session):
    """Goes by the environment's proxies and certificates, never by a `.netrc`: whoever is asked gets the login that is
    given with the request, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _as_it_is

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """After a redirect: the login goes along to the same host only."""
        if "Authorization" in prepared_request.headers and self.should_strip_auth(  # type: ignore[no-untyped-call]
            str(response.request.url), str(prepared_request.url)
        ):
            del prepared_request.headers["Authorization"]


def _as_it_is(request: Any) -> Any:
    return request
