"""More requests at once than the web server has threads, in one event loop as there."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
from fastapi import FastAPI


def test_more_requests_than_threads_and_connections_are_all_answered(app: FastAPI) -> None:
    """Whoever waits for a connection must not keep those who have one from a thread."""

    async def ask() -> Counter[int]:
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": "Bearer viewer"}
        async with httpx.AsyncClient(transport=transport, base_url="http://web", headers=headers, timeout=60) as http:
            answers = await asyncio.gather(*(http.get("/chartline/api/tracks/") for _ in range(60)))
        return Counter(answer.status_code for answer in answers)

    assert asyncio.run(ask()) == {200: 60}
