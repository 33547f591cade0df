"""What `bin/up` shows: a step a line, bars while the charts fill, plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chartline.warehouse.reads.progress import ChartProgress, Work

Show = Callable[[Sequence[ChartProgress], Sequence[Work]], None]
PLAIN_EVERY = 5.0  # seconds between lines where bars cannot be drawn


class Screen:
    """A terminal or a log file. Texts are data: nothing in them is taken for markup."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """One line, with the seconds since the start."""
        self.console.print(f"{time.monotonic() - self._began:6.1f} s  {text}", markup=False, soft_wrap=True)

    def tell(self, what: RenderableType) -> None:
        """A text, whose lines stay whole so that they can be copied, or a table."""
        self.console.print(what, markup=False, soft_wrap=not isinstance(what, Table))

    def warn(self, text: str) -> None:
        """Something that a person should read."""
        self.console.print(text, style="bold yellow", markup=False, soft_wrap=True)

    @contextmanager
    def filling(self) -> Iterator[Show]:
        """Gives the function that shows how far the charts are; call it as often as you like."""
        if self.console.is_terminal:
            with _bars(self.console) as show:
                yield show
        else:
            yield self._plain()

    def _plain(self) -> Show:
        last, line = 0.0, ""

        def show(charts: Sequence[ChartProgress], work: Sequence[Work]) -> None:
            nonlocal last, line
            now, text = time.monotonic(), _line(charts, work)
            if text != line and now - last >= PLAIN_EVERY:
                last, line = now, text
                self.step(text)

        return show


@contextmanager
def _bars(console: Console) -> Iterator[Show]:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars = {"": progress.add_task("rankings", total=None)}

        def show(charts: Sequence[ChartProgress], work: Sequence[Work]) -> None:
            rankings = sum(chart.day is not None for chart in charts)
            progress.update(bars[""], completed=rankings, total=len(charts) or None)
            for part in work:
                if part.resource not in bars:
                    bars[part.resource] = progress.add_task(_words(part.resource), total=part.known)
                progress.update(bars[part.resource], completed=part.done, total=part.known)

        yield show


def _line(charts: Sequence[ChartProgress], work: Sequence[Work]) -> str:
    rankings = sum(chart.day is not None for chart in charts)
    parts = [f"{_words(part.resource)} {part.done}/{part.known}" for part in work]
    return ", ".join([f"rankings {rankings}/{len(charts)}", *parts])


def _words(name: str) -> str:
    return name.replace("_", " ")
