"""What a terminal and a log file show."""

from __future__ import annotations

import io

from rich.console import Console

from chartline.local.screen import Screen
from chartline.warehouse.reads.progress import ChartProgress, Work

CHART = ChartProgress("top", "Top", "running", None, {}, 3, None, 0, 0, 0)
WORK = [Work("track_metadata", 20, 200)]


def screen(terminal: bool = False) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(Console(file=out, force_terminal=terminal, width=100, highlight=False)), out


def test_a_step_tells_the_seconds() -> None:
    shown, out = screen()
    shown.step("Starting PostgreSQL")
    assert out.getvalue() == "   0.0 s  Starting PostgreSQL\n"


def test_text_is_never_markup_and_lines_stay_whole() -> None:
    shown, out = screen()
    shown.tell("[red]" + "x" * 300)
    shown.warn("[bold]name[/bold]")
    assert out.getvalue().splitlines() == ["[red]" + "x" * 300, "[bold]name[/bold]"]


def test_a_log_file_gets_a_line_only_when_something_moved() -> None:
    shown, out = screen()
    with shown.filling() as show:
        show([CHART], WORK)
        show([CHART], WORK)
    assert out.getvalue().count("rankings 0/1, track metadata 20/200") == 1


def test_a_terminal_gets_bars() -> None:
    shown, out = screen(terminal=True)
    with shown.filling() as show:
        show([CHART], WORK)
        show([CHART], [Work("track_metadata", 200, 200), Work("artist_metadata", 0, 50)])
    assert "track metadata" in out.getvalue()
    assert "200/200" in out.getvalue()
    assert "artist metadata" in out.getvalue()
