"""What others named is text on a DAG's page, whatever it looks like."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from chartline.costs.model import Estimate
from chartline.domain.schedule import Schedule
from chartline_airflow.dagbuild import approval, docs

# Airflow's pages make links of these in text that was read already (GFM's autolinks as remark has them).
LINKS = (
    re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    re.compile(r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)"),
)
NAMES = (
    "Top https://evil.example/login now",
    "HTTP://EVIL.EXAMPLE",
    "www.evil.example",
    "write to someone@evil.example today",
    "[click](https://evil.example)",
    "<https://evil.example>",
    "![x](//evil.example/x.png)",
    "<script>alert(1)</script>",
    "a &lt;b&gt; *c* _d_ `e` | f",
    "two\n\n# lines",
)


def read(markdown: str) -> tuple[set[str], str]:
    """The kinds of tokens, and the text that a person sees."""
    tokens = [child for token in MarkdownIt().parse(markdown) for child in token.children or ()]
    return {token.type for token in tokens}, "".join(token.content for token in tokens)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_text(name: str) -> None:
    kinds, text = read(docs.plain(name))
    assert kinds <= {"text", "text_special"}
    assert text.replace(docs.JOINER, "") == " ".join(name.split())
    assert not any(pattern.search(text) for pattern in LINKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_of_that_name_has_a_page_without_a_link(name: str) -> None:
    schedule = Schedule.of(
        {
            "slug": "one",
            "name": name,
            "platform": "spotify",
            "country_code": "",
            "chart_id": 1,
            "frequency": "daily",
            "created_at": datetime(2026, 11, 1, tzinfo=UTC),
            "sync_frequency": "daily",
        }
    )
    for markdown in (docs.chart_sync(schedule), docs.quarantine("x", name), docs.quarantine(f"a`{name}", "wrong")):
        tokens = [child for token in MarkdownIt().parse(markdown) for child in token.children or ()]
        assert not {"link_open", "image", "html_inline"} & {token.type for token in tokens}
        text = " ".join(token.content for token in tokens if token.type != "code_inline")
        assert not any(pattern.search(text) for pattern in LINKS), text


def test_a_question_to_a_person_holds_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval, "headline", lambda _: "https://evil.example: 5 calls")
    monkeypatch.setattr(approval, "rows", lambda _: [("Charts", "of www.evil.example")])
    estimate = Estimate(about="", calls={}, per_minute=1, notes=("as someone@evil.example says",))
    _, text = read(approval.markdown(estimate))
    assert "5 calls" in text
    assert not any(pattern.search(text) for pattern in LINKS), text
