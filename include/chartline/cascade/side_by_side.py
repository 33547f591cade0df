"""A few connections at work side by side, each held until what it brought is stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from chartline.cascade.storing import named
from chartline.errors import ChartlineError

Item = TypeVar("Item")
Got = TypeVar("Got")


class SideBySide(Generic[Item, Got]):
    """Iterates over (item, what `work` made of it or the error it raised, by its name), as they come.

    A thread takes its next item only when the caller asks for more, having stored what it was handed: a kill loses no
    more than what is under way. Leaving the loop early halts the threads, and loses what they have under way.
    """

    def __init__(self, work: Callable[[Item], Got], items: Iterable[Item], threads: int) -> None:
        self._work = work
        self._todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            self._todo.put(item)
        self._threads = min(threads, self._todo.qsize())
        self._done: queue.SimpleQueue[tuple[Item, Got | ChartlineError] | BaseException | None] = queue.SimpleQueue()
        self._go_on = threading.Semaphore(0)
        self._halted = threading.Event()

    def halt(self) -> None:
        """Take no new item; what is under way is still handed over."""
        self._halted.set()

    def __iter__(self) -> Iterator[tuple[Item, Got | ChartlineError]]:
        threads = [threading.Thread(target=self._run, name=f"fetch-{n}", daemon=True) for n in range(self._threads)]
        for thread in threads:
            thread.start()
        working = len(threads)
        try:
            while working:
                handed = self._done.get()
                if handed is None:
                    working -= 1
                elif isinstance(handed, BaseException):
                    raise handed
                else:
                    yield handed
                    self._go_on.release()
        finally:
            self._halted.set()
            for _ in threads:
                self._go_on.release()
            for thread in threads:
                thread.join()

    def _run(self) -> None:
        try:
            while not self._halted.is_set():
                try:
                    item = self._todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    got: Got | ChartlineError = self._work(item)
                except Exception as error:
                    got = named(error)
                self._done.put((item, got))
                self._go_on.acquire()
        except BaseException as trouble:
            self._done.put(trouble)
        finally:
            self._done.put(None)
