"""The one worker loop: a few connections side by side, each waiting until what it brought is stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Got = TypeVar("Got")


@dataclass(frozen=True)
class _Handed(Generic[Item, Got]):
    item: Item
    got: Got
    go_on: threading.Semaphore


@dataclass(frozen=True)
class _Ended:
    trouble: BaseException | None


class SideBySide(Generic[Item, Got]):
    """A few threads, each making `work(item)` of one item after the other, inside a `with` block.

    Iterating gives (item, what came of it) one by one, as they come; `gather` gives lists of all that lies ready. A
    thread takes its next item only when the caller, having stored what it was given, asks for more: a kill loses no
    more than what is under way. What `work` raises halts the others, and is raised when they have handed in what they
    had under way.

    However the block is left, all threads have ended by then; what they handed in that the caller was not given goes
    to `unstored`.
    """

    def __init__(
        self,
        work: Callable[[Item], Got],
        items: Iterable[Item],
        threads: int,
        unstored: Callable[[list[Got]], None] = lambda _: None,
    ) -> None:
        self._work, self._unstored = work, unstored
        self._todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            self._todo.put(item)
        self._done: queue.SimpleQueue[_Handed[Item, Got] | _Ended] = queue.SimpleQueue()
        self._halted = threading.Event()
        self._go_on = [threading.Semaphore(0) for _ in range(min(threads, self._todo.qsize()))]
        self._threads = [
            threading.Thread(target=self._run, args=(go_on,), name=f"fetch-{n}", daemon=True)
            for n, go_on in enumerate(self._go_on)
        ]

    def add(self, items: Iterable[Item]) -> None:
        """More items: to be done after all others, by the threads that the caller was given something of."""
        for item in items:
            self._todo.put(item)

    def halt(self) -> None:
        """Take no new item; what is under way is still handed in."""
        self._halted.set()

    def __enter__(self) -> SideBySide[Item, Got]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.halt()
        for go_on in self._go_on:
            go_on.release()  # whoever hands in from now on does not wait either
        for thread in self._threads:
            thread.join()
        unstored = []
        while not self._done.empty():
            handed = self._done.get()
            if isinstance(handed, _Handed):
                unstored.append(handed.got)
        if unstored:
            self._unstored(unstored)

    def __iter__(self) -> Iterator[tuple[Item, Got]]:
        for [one] in self._groups(1):
            yield one

    def gather(self) -> Iterator[list[tuple[Item, Got]]]:
        """All that lies ready, never nothing, at most one thing a thread."""
        return self._groups(len(self._threads))

    def _groups(self, most: int) -> Iterator[list[tuple[Item, Got]]]:
        working, trouble = len(self._threads), None
        while working:
            ready = [self._done.get()]
            while len(ready) < most and not self._done.empty():
                ready.append(self._done.get())
            handed = [one for one in ready if isinstance(one, _Handed)]
            for one in ready:
                if isinstance(one, _Ended):
                    working -= 1
                    trouble = trouble or one.trouble
            if trouble is not None:
                self.halt()
            if handed:
                yield [(one.item, one.got) for one in handed]
            for one in handed:
                one.go_on.release()
        if trouble is not None:
            raise trouble

    def _run(self, go_on: threading.Semaphore) -> None:
        trouble: BaseException | None = None
        try:
            while not self._halted.is_set():
                try:
                    item = self._todo.get_nowait()
                except queue.Empty:
                    break
                self._done.put(_Handed(item, self._work(item), go_on))
                go_on.acquire()
        except BaseException as raised:
            trouble = raised
        self._done.put(_Ended(trouble))
