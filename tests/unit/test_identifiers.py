"""Names are matched whole, by each of the engines that read a pattern."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, create_model

from chartline.identifiers import MAX_SLUG, PLATFORM, SLUG, UUID, in_form, is_whole

PATTERNS = [SLUG, UUID, PLATFORM]


@given(st.sampled_from(PATTERNS).flatmap(lambda p: st.tuples(st.just(p), st.from_regex(p, fullmatch=True))), st.text())
def test_what_is_behind_a_name_is_seen(named: tuple[str, str], more: str) -> None:
    pattern, name = named
    name = name.removesuffix("\n")
    assert is_whole(pattern, name)
    assert re.search(in_form(pattern), name)
    for text in (name + "\n", name + "\r\n", " " + name, "\n" + name):
        assert not is_whole(pattern, text)
        assert not re.search(in_form(pattern), text)
    assert is_whole(pattern, name + more) == bool(re.search(in_form(pattern), name + more))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pydantic_takes_a_pattern_whole(pattern: str) -> None:
    name = "0b8cd290-92d7-4e2e-9f3d-4b3c1d9e0a11"
    model: type[BaseModel] = create_model("Asked", name=(str, Field(pattern=pattern)))
    model(name=name)
    with pytest.raises(ValidationError):
        model(name=name + "\n")


def test_a_name_has_an_end() -> None:
    assert is_whole(SLUG, "a" * MAX_SLUG, MAX_SLUG)
    assert not is_whole(SLUG, "a" * (MAX_SLUG + 1), MAX_SLUG)
