from __future__ import annotations

import pytest

from chartline.errors import BadInput
from chartline.schedules import declare


def test_settings_by_chart_as_they_are_written() -> None:
    text = "charts:\n  - chart: global-28\n    history_days: 30\n  - chart: demo\n"
    assert declare.read(text, "charts.yaml") == {"global-28": {"history_days": 30}, "demo": {}}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("charts: [", ["charts.yaml:1: is not YAML"]),
        ("a: b: c", ["charts.yaml:1: is not YAML"]),
        ("", ["charts.yaml: must have a key `charts`"]),
        ("[]", ["charts.yaml: must have a key `charts`"]),
        ("charts: {a: 1}", ["charts.yaml: must have a key `charts` with a list"]),
        ("chart: x\ncharts: []", ["charts.yaml: chart: there is no such key"]),
        ("charts: [x]", ["charts.yaml: charts[1]: must be settings with a key `chart`"]),
        ("charts: [{chart: 7}]", ["charts.yaml: charts[1]: must be settings with a key `chart`"]),
        ("charts: [{chart: a}, {chart: a}]", ["charts.yaml: charts[2]: a is listed twice"]),
        (
            "charts: [{chart: a, sync_freq: daily}]",
            ["charts.yaml: charts[1] a: sync_freq: there is no such setting"],
        ),
        (
            "charts: [{chart: a, history_days: 0}, {chart: b, cron: x, track_platforms: [tidal]}]",
            [
                "charts.yaml: charts[1] a: history_days: ",
                "charts.yaml: charts[2] b: cron: 'x' is not a cron",
                "charts.yaml: charts[2] b: track_platforms: the Soundcharts API serves no audience of tracks",
            ],
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_all_of_it_at_once(text: str, lines: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        declare.read(text, "charts.yaml")
    found = caught.value.what.splitlines()
    assert len(found) == len(lines)
    for got, wanted in zip(found, lines, strict=True):
        assert got.startswith(wanted)


def test_a_file_cannot_make_python_objects() -> None:
    with pytest.raises(BadInput, match="is not YAML"):
        declare.read("charts: [!!python/object/apply:os.getcwd []]", "charts.yaml")
