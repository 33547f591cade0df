"""Schedules as a YAML file, for teams that work from Git: apply, with the differences shown first, and export.

    charts:
      - chart: global-28
        sync_frequency: daily
        track_platforms: [spotify, airplay]

A file says all of a schedule: a setting it leaves out has its default (the frequency: the chart's own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from chartline.domain.read_schedule import ReadSchedule
from chartline.domain.schedule import ScheduleSettings, default_frequency
from chartline.errors import BadInput, UnknownChart
from chartline.schedules import service
from chartline.warehouse import changes, schedules
from chartline.warehouse.connect import Connection

Action = Literal["add", "change", "remove"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying does to one chart. `settings`: name to (before, after); before is None where it is added."""

    action: Action
    slug: str
    settings: Mapping[str, tuple[Any, Any]]

    def __str__(self) -> str:
        if self.action == "remove":
            return f"- {self.slug}"
        sign = "+" if self.action == "add" else "~"
        told = [
            f"{name}: {_word(after)}" if self.action == "add" else f"{name}: {_word(before)} -> {_word(after)}"
            for name, (before, after) in self.settings.items()
        ]
        return "\n    ".join([f"{sign} {self.slug}", *told])


def read(text: str, name: str) -> dict[str, dict[str, Any]]:
    """The file's charts: slug to settings as written. `name` of the file is for the errors.

    Raises BadInput, one line for each place that is wrong: not YAML, an unknown key, a chart that stands twice.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        raise BadInput(
            f"{place}: is not YAML: {getattr(wrong, 'problem', None) or 'it cannot be read'}.", field=name
        ) from None
    if not isinstance(data, dict) or not isinstance(data.get("charts"), list):
        raise BadInput(f"{name}: must have a key `charts` with a list below it.", field="charts")
    troubles = [f"{name}: {key}: there is no such key; there is only `charts`" for key in data if key != "charts"]
    declared: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(data["charts"], 1):
        place = f"{name}: charts[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("chart"), str):
            troubles.append(f"{place}: must be settings with a key `chart`, the chart's slug")
        elif entry["chart"] in declared:
            troubles.append(f"{place}: {entry['chart']} is listed twice")
        else:
            settings = {str(key): value for key, value in entry.items() if key != "chart"}
            declared[entry["chart"]] = settings
            troubles += [f"{place} {entry['chart']}: {line}" for line in _refusals(settings)]
    _raise_all(troubles)
    return declared


def apply(
    conn: Connection,
    declared: Mapping[str, Mapping[str, Any]],
    *,
    name: str = "charts.yaml",
    created_by: str = "",
    prune: bool = False,
    dry_run: bool = False,
    client: service.Client | None = None,
    held: bool = False,
) -> list[Difference]:
    """Make the schedules what `declared` (see `read`) says; all of it or nothing. Returns the differences, by slug.

    `prune`: charts that are not declared are followed no longer; else they are left alone. `dry_run`: only say what
    would happen. `held`: a past that is asked for anew waits for approval. A chart that the warehouse has not met is
    asked of the API and kept in the catalogue, dry run or not. Each difference is kept as a change by `created_by`.
    Raises BadInput, one line for each place that is wrong.
    """
    troubles: list[str] = []
    charts = {}
    for slug in declared:
        try:
            charts[slug] = service.find_chart(conn, slug, client)
        except UnknownChart as wrong:
            troubles.append(f"{name}: {wrong.what}")
    _raise_all(troubles)
    with conn.transaction(force_rollback=dry_run):
        schedules.lock(conn)
        there = {row["slug"]: row for row in schedules.rows(conn)}
        differences = []
        for slug, chart in sorted(charts.items()):
            wanted = service.proposed(chart, declared[slug]).settings
            difference = _difference(slug, there.get(slug), wanted)
            if difference is None:
                continue
            differences.append(difference)
            if difference.action == "add":
                waits = {"history_held": held and wanted["sync_historical_data"]}
                schedules.add(conn, chart.id, wanted | waits, created_by)
                changes.note(conn, created_by, service.ADD, slug, None, wanted | waits)
            else:
                columns = wanted | service.past_asked(there[slug], wanted, held=held)
                schedules.change(conn, chart.id, columns)
                before = {name: there[slug][name] for name in columns}
                changes.note(conn, created_by, service.CHANGE, slug, before, columns)
        for slug in sorted(set(there) - set(charts)) if prune else ():
            differences.append(Difference("remove", slug, {}))
            schedules.remove(conn, there[slug]["chart_id"])
            before = {name: there[slug][name] for name in ScheduleSettings.model_fields}
            changes.note(conn, created_by, service.REMOVE, slug, before, None)
    return sorted(differences, key=lambda difference: difference.slug)


def export(conn: Connection) -> str:
    """The schedules as a file that `read` and `apply` take: only what is not a default is said.

    Raises BadInput for rows that are wrong; mend these first.
    """
    lines = [ReadSchedule.of(row) for row in schedules.rows(conn)]
    _raise_all([f"{line.slug}: {line.error}" for line in lines if line.schedule is None])
    entries = [_entry(line) for line in lines]
    return yaml.safe_dump({"charts": entries}, sort_keys=False, allow_unicode=True, width=120)


def _entry(line: ReadSchedule) -> dict[str, Any]:
    schedule = line.schedule
    assert schedule is not None
    defaults = ScheduleSettings(sync_frequency="daily").model_dump(mode="json") | {
        "sync_frequency": default_frequency(schedule.frequency)
    }
    said = {name: value for name, value in schedule.settings.items() if value != defaults[name]}
    return {"chart": schedule.slug} | said


def _difference(slug: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Difference | None:
    if before is None:
        return Difference("add", slug, {name: (None, value) for name, value in after.items() if value is not None})
    changed = {name: (before[name], value) for name, value in after.items() if before[name] != value}
    return Difference("change", slug, changed) if changed else None


def _refusals(settings: Mapping[str, Any]) -> list[str]:
    try:
        service.check(settings)
    except BadInput as wrong:
        return wrong.what.splitlines()
    return []


def _raise_all(troubles: list[str]) -> None:
    if troubles:
        raise BadInput("\n".join(troubles), field=troubles[0].split(": ")[0], advice="Nothing was changed.")


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
