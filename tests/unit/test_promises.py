"""What a text promises to happen by itself, does: each such promise has tests that prove it.

`PROMISES` is the whole list. A sentence that people read (an error, advice, a log line, an alert, a page, a document)
and that sounds like a promise must be in it, with tests that exist; or among `NONE`, with why it is none. Write what is
true, then the test, then the line here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from chartline.places import REPOSITORY

SOUNDS_LIKE = re.compile(
    r"""\b(
        by\ (itself|themselves) | taken\ up | takes?\ (it|them|what\ is\ left|what\ is\ missing)\ up
      | tries\ (it\ )?again | (be|is|are)\ tried\ again | asked\ (for\ )?(again|once\ more) | asks\ (for\ it\ )?again
      | heals | (is|are|be)\ healed | (the|its|their)\ next\ (run|audit|renewal) | goes\ on | runs\ go\ on | tomorrow
      | nothing\ is\ lost | fetched\ again | (is|are)\ free\ again | will\ be\ (fetched|asked|paid|tried|told|sent)
      | (is|are|be)\ (paid|owed|released|set\ aside|made\ up\ for) | pays | mends\ it | (is|are)\ waited\ for
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)

LATE = "tests/integration/cascade/test_late.py"
FAULTS = "tests/integration/cascade/test_faults.py"
SHORT = "tests/integration/cascade/test_short_batches.py"
OTHERS = "tests/integration/cascade/test_other_answers.py"
HEALING = "tests/integration/cascade/test_healing.py"
ONCE = "tests/integration/cascade/test_once.py"
TELLING = "tests/integration/alerts/test_telling.py"

PROMISES: dict[str, tuple[str, ...]] = {
    # -- errors and what the ledger says ---------------------------------------------------------------------
    r"^The task tries again with what is left\.": (
        f"{FAULTS}::test_an_api_that_is_away_ends_the_task_and_the_retry_takes_up_what_is_left",
        "tests/plugins/test_retry_policy.py::test_trouble_that_passes_waits_as_long_as_it_says",
    ),
    r"^the next run about it asks( for it)? once more": (
        f"{OTHERS}::test_a_short_series_is_kept_said_and_asked_once_more",
    ),
    r"^It came so before, and is not asked again": (f"{OTHERS}::test_a_short_series_is_kept_said_and_asked_once_more",),
    r"^what is missing is taken up then": (
        f"{FAULTS}::test_a_spent_quota_defers_the_rest_and_the_next_run_takes_it_up",
    ),
    r"^the next run takes it up\.": (
        f"{FAULTS}::test_what_another_run_died_over_keeps_a_run_from_calling_itself_complete",
    ),
    r"Asked again in %\.0f seconds": (
        f"{LATE}::test_a_ranking_three_hours_late_is_waited_for_and_the_delay_is_learned",
    ),
    # -- advice --------------------------------------------------------------------------------------------
    r"^runs go on by themselves": (
        f"{FAULTS}::test_an_api_that_is_away_ends_the_task_and_the_retry_takes_up_what_is_left",
    ),
    r"^Days that stay missing are healed by chartline\.gap_audit": (
        f"{HEALING}::test_the_audit_finds_exactly_what_was_removed_and_healing_brings_exactly_that",
    ),
    r"^Wait for tomorrow, ask for fewer platforms": (
        "tests/integration/operating/test_refresh.py::test_a_person_spends_at_most_the_allowance_of_a_day",
    ),
    r"^the next renewal mends it": (
        "tests/unit/schedules/test_snapshot.py::test_a_damaged_line_is_left_out_and_mended_by_the_next_write",
    ),
    # -- settings ------------------------------------------------------------------------------------------
    r"^whether it runs by itself|^Runs by itself|will run by themselves|^by itself, or with \*Sync now\*": (
        "tests/dags/test_chart_sync.py::test_a_chart_has_the_whole_chain",
        "tests/dags/test_chart_sync.py::test_an_inactive_schedule_keeps_its_dag_without_a_timetable",
    ),
    r"^days asked again for late values": (
        "tests/unit/cascade/test_resources.py::test_later_only_the_new_days_and_a_small_overlap_are_asked",
    ),
    r"^days that one gap audit heals|(^The rest is |, |^)left for the next audit": (
        f"{HEALING}::test_an_audit_heals_no_more_than_it_may_and_the_next_takes_the_rest",
    ),
    r"leases? (that nobody renewed )?(is|are) free again": (
        "tests/integration/warehouse/test_ledger.py::test_an_expired_lease_is_taken_over_whole",
        "tests/dags/test_gap_audit.py::test_an_execution_whose_run_is_gone_is_closed_unless_it_is_a_dry_run",
    ),
    # -- paid once -----------------------------------------------------------------------------------------
    r"(stored( and fresh)?|still fresh) is not fetched again|each is paid once": (
        "tests/integration/cascade/test_cascade.py::test_a_second_run_on_the_same_day_makes_one_call",
        "tests/integration/cascade/test_cascade.py::test_charts_that_overlap_pay_once_for_what_they_share",
        "tests/integration/warehouse/test_ledger.py::test_nothing_is_fetched_twice_within_its_freshness",
        "tests/integration/schedules/test_service.py::test_what_was_stored_of_a_removed_chart_stays",
    ),
    r"what was fetched there is not fetched again|so that what is fresh is not fetched again": (
        "tests/integration/cascade/test_replay.py::test_a_new_warehouse_pays_for_nothing_twice",
    ),
    r"^A series that came short of its own total may be asked once more|asked for again with every fetch": (
        f"{OTHERS}::test_a_short_series_is_kept_said_and_asked_once_more",
        "tests/unit/cascade/test_resources.py::test_later_only_the_new_days_and_a_small_overlap_are_asked",
    ),
    r"^A finding is solved when the same look finds it no more": (
        "tests/integration/checks/test_checks.py::test_what_is_mended_is_solved",
    ),
    r"^what came is kept and not (asked|fetched) again": (
        f"{ONCE}::test_following_asks_nothing_that_it_asked_a_moment_before",
    ),
    r"^Lists younger than seven days are not fetched again": (
        "tests/integration/cascade/test_catalogue.py::test_a_second_refresh_costs_nothing_unless_forced",
    ),
    r"leaves out is asked once more by itself before it is taken to be absent": (
        f"{SHORT}::test_what_the_api_does_not_know_is_asked_alone_once_before_it_is_believed",
    ),
    r"came short, the missing ones are asked again together": (
        f"{SHORT}::test_what_a_short_answer_lacks_is_asked_again_at_once",
    ),
    # -- alerts --------------------------------------------------------------------------------------------
    r"%d sent, %d to be tried again|tries again what could not be (told|sent)|^Otherwise it is tried again after": (
        f"{TELLING}::test_a_channel_that_is_away_is_tried_again_with_growing_waits_and_in_order",
        f"{TELLING}::test_it_is_given_up_at_last",
    ),
    r"^Chartline finds out by itself": (
        f"{TELLING}::test_a_failed_run_is_told_once_with_counts_and_reasons_and_when_it_is_solved",
        f"{TELLING}::test_an_overdue_schedule",
    ),
    # -- pages of DAGs and of Chartline ----------------------------------------------------------------------
    r"^nothing is lost:$|^what is left is \*deferred\* and taken up by the next run": (
        f"{FAULTS}::test_a_spent_quota_defers_the_rest_and_the_next_run_takes_it_up",
    ),
    r"the next run fetches it$|^to be fetched by the next run that wants it": (
        f"{FAULTS}::test_a_spent_quota_defers_the_rest_and_the_next_run_takes_it_up",
    ),
    r"is approved and will be fetched": ("tests/dags/test_gap_audit.py::test_held_pasts_are_costed_and_released",),
    r'counted\(days\.length, "day"\)\} will be fetched:$': (
        "tests/e2e/test_gaps.py::test_the_audit_heals_exactly_what_was_removed",
    ),
    r'^"will be fetched" :$|^Those that may be available by now are fetched again': (
        "tests/integration/operating/test_executions.py::test_a_retry_asks_only_for_steps_and_platforms_that_failed",
        "tests/integration/operating/test_executions.py::test_there_is_nothing_to_retry_where_all_has_come_or_is_not_there",
    ),
    r"^`bin/up --once` ends by itself": ("tests/unit/local/test_up.py::test_once_ends_well_when_filled",),
    r"^\*Approve\* goes on": (
        "tests/dags/test_approval.py::test_large_work_waits_for_a_person_who_is_told_what_it_costs",
    ),
}
"""Pattern of a sentence: the tests that prove it."""

NONE: dict[str, str] = {
    r"^(Safe to|It can be) run again, and while runs go on": "it says what a person may do",
    r"ended by itself( \(exit code|\.$)": "it tells what has happened",
    r"^Trigger the run again to be asked again": "it is up to a person",
    r"the team that pays for the calls": "it says whose account it is",
    r"^fetched again$": "the head of a column",
    r"^Where Airflow goes on calling them": "it is about Airflow",
}
"""Pattern of a sentence: why it is no promise."""

Text = tuple[str, int, str]
"""A file, a line and a sentence."""


# -- the texts -------------------------------------------------------------------------------------------------


def sentences(text: str) -> Iterator[str]:
    """One by one; a line of a table, a list or a heading is one too."""
    for part in re.split(r"(?<=[.;:!?])\s+|\n\s*\n|\n\s*[-|#]|\|", text):
        if one := " ".join(part.split()):
            yield one


def _said(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings of a module that are no documentation of it, with … for values."""
    silent = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


@cache
def every_sentence() -> tuple[Text, ...]:
    """Of all that people read but the records of decisions and what is told to who changes the code."""
    found: list[Text] = []
    for folder in ("include/chartline", "plugins", "dags"):
        for path in sorted((REPOSITORY / folder).glob("**/*.py")):
            if "migrations" not in path.parts:  # never changed once released
                name = str(path.relative_to(REPOSITORY))
                said = _said(ast.parse(path.read_text()))
                found += [(name, line, one) for line, text in said for one in sentences(text)]
    pages = REPOSITORY / "plugins" / "chartline_airflow" / "web" / "pages"
    documents = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("howto/*.md"), REPOSITORY / "docs/glossary.md"]
    for path in sorted([*documents, *pages.glob("static/*.js"), *pages.glob("templates/*.html")]):
        text = path.read_text()
        if path.suffix == ".js":
            text = re.sub(r"^\s*(//|/?\*).*$", "", text, flags=re.MULTILINE)
        found += [(str(path.relative_to(REPOSITORY)), 0, one) for one in sentences(text)]
    return tuple(found)


def unproven(texts: tuple[Text, ...]) -> list[str]:
    """Sentences that sound like a promise and stand in no list."""
    patterns = (f"(?:{pattern})" for pattern in (*PROMISES, *NONE))
    known = re.compile("|".join(patterns), re.IGNORECASE)
    return [
        f"{file}:{line}: {sentence[:200]}"
        for file, line, sentence in texts
        if SOUNDS_LIKE.search(sentence) and not known.search(sentence)
    ]


# -- the tests -------------------------------------------------------------------------------------------------


def test_every_promise_has_a_test() -> None:
    assert unproven(every_sentence()) == [], "add a test that proves it and a line to PROMISES, or say what is true"


@pytest.mark.parametrize("pattern", [*PROMISES, *NONE])
def test_what_is_listed_is_said(pattern: str) -> None:
    assert any(re.search(pattern, sentence, re.IGNORECASE) for _, _, sentence in every_sentence()), "nobody says so"


@pytest.mark.parametrize("test", sorted({test for tests in PROMISES.values() for test in tests}))
def test_the_test_of_a_promise_exists(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((REPOSITORY / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "text",
    ["Another run takes it up.", "It is asked once more tomorrow.", "The task tries again with the rest.",
     "Whatever is missing is healed by the audit.", "Nothing is lost: the run goes on by itself.",
     "What is owed is paid by chartline.owed."],
)  # fmt: skip
def test_a_new_promise_is_found(text: str) -> None:
    assert unproven((("a.py", 1, f"Trust us. {text}"),)) == [f"a.py:1: Trust us. {text}"]
