"""The warehouse and the account, as routes get them.

    @router.get("/things/")
    def things(conn: Warehouse) -> ...: ...

A few connections are kept per process; a route that gets none within `WAIT` seconds answers 503. To GET they are
read-only, PostgreSQL's own word for it: whatever a route does, to look changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from psycopg.pq import TransactionStatus

from chartline.errors import NotConfigured, WarehouseUnavailable
from chartline.schedules.service import Client
from chartline.warehouse import schema
from chartline.warehouse.connect import Connection, connect, limit_statements, only_read
from chartline_airflow.dagbuild import runtime

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""
SIZE = 8
WAIT = 10.0
LOOK_AGAIN = 0.01
STATEMENT_SECONDS = 20
URL = "CHARTLINE_WAREHOUSE_URL"


class Pool:
    """Up to `size` connections in autocommit, made when they are needed and kept, the last used first."""

    def __init__(self, url: str, size: int = SIZE, wait: float = WAIT) -> None:
        self._url, self._wait = url, wait
        self._places = threading.BoundedSemaphore(size)
        self._idle: dict[bool, deque[Connection]] = {read_only: deque() for read_only in (False, True)}

    @contextmanager
    def connection(self, *, read_only: bool = False) -> Iterator[Connection]:
        """A connection for one request. Raises WarehouseUnavailable, SchemaMismatch."""
        if not self._places.acquire(timeout=self._wait):
            raise _busy()
        try:
            conn = self._take(read_only)
            try:
                yield conn
            finally:
                self._give_back(conn, read_only)
        finally:
            self._places.release()

    @asynccontextmanager
    async def waited(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """The same, for a coroutine: no thread is held while it waits."""
        deadline = time.monotonic() + self._wait
        while not self._places.acquire(blocking=False):
            if time.monotonic() > deadline:
                raise _busy()
            await asyncio.sleep(LOOK_AGAIN)
        try:
            conn = await run_in_threadpool(self._take, read_only)
            try:
                yield conn
            finally:
                self._give_back(conn, read_only)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close what is kept."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _take(self, read_only: bool) -> Connection:
        while self._idle[read_only]:
            try:
                conn = self._idle[read_only].pop()
            except IndexError:  # another thread was quicker
                break
            if _is_quiet(conn):
                return conn
            conn.close()
        conn = connect(self._url)
        conn.autocommit = True
        try:
            schema.check(conn)
            limit_statements(conn, STATEMENT_SECONDS)
            if read_only:
                only_read(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    def _give_back(self, conn: Connection, read_only: bool) -> None:
        if not conn.closed and conn.info.transaction_status == TransactionStatus.IDLE:
            self._idle[read_only].append(conn)
        else:
            conn.close()


def _busy() -> WarehouseUnavailable:
    return WarehouseUnavailable("All connections to the warehouse are in use.", after=5.0)


def _is_quiet(conn: Connection) -> bool:
    """Whether it is alive: a server that goes away says so, and an idle connection has nothing else to hear."""
    if conn.closed:
        return False
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
    return not poll.poll(0)


def url() -> str:
    """Of the warehouse: from the environment, else Airflow's connection. Raises NotConfigured."""
    return os.environ.get(URL) or runtime.warehouse_dsn()


@cache
def pool(of: str) -> Pool:
    """The pool of this process for a url."""
    return Pool(of)


async def warehouse(request: Request) -> AsyncIterator[Connection]:
    """Dependency: a connection in autocommit. Waited for without a thread: those who have one need threads to go on."""
    own = pool(await run_in_threadpool(url))
    async with own.waited(read_only=request.method in SAFE) as conn:
        yield conn


Warehouse = Annotated[Connection, Depends(warehouse)]


@dataclass(frozen=True)
class Account:
    """The API, where the Airflow connection `soundcharts` is set: `client` opens it, None where it is not."""

    client: Client | None
    per_minute: int | None


def account() -> Account:
    """Dependency: the account. No call is made before `client` is used."""
    try:
        return Account(runtime.api_client, runtime.per_minute())
    except NotConfigured:
        return Account(None, None)


Soundcharts = Annotated[Account, Depends(account)]
