"""Secrets are cut out of records, arguments and the texts of exceptions."""

from __future__ import annotations

import io
import logging

import pytest

from chartline.soundcharts.redaction import Redaction, hide_login, redact


@pytest.fixture
def redaction():
    made = Redaction()
    made.hide(["open/sesame+1", "open"])
    return made


@pytest.fixture
def logger(redaction, request):
    """A logger that writes into `.written`, as a plain handler would."""
    log = logging.getLogger(request.node.name)
    log.propagate = False
    log.setLevel(logging.DEBUG)
    log.addFilter(redaction)
    log.written = io.StringIO()
    log.addHandler(logging.StreamHandler(log.written))
    return log


def test_message_and_arguments(logger):
    logger.info("key open/sesame+1 and %s, %r", "open/sesame+1", {"key": "open/sesame+1"})
    assert logger.written.getvalue() == "key *** and ***, {'key': '***'}\n"


def test_exceptions_text_and_chain(logger):
    try:
        try:
            raise ValueError("Invalid header value open/sesame+1")
        except ValueError as first:
            raise RuntimeError("while sending open/sesame+1") from first
    except RuntimeError:
        logger.exception("failed")
    written = logger.written.getvalue()
    assert "Invalid header value ***" in written
    assert "RuntimeError: while sending ***" in written
    assert "sesame" not in written


def test_url_spellings_and_the_longest_first(redaction):
    assert redaction.redact("a=open%2Fsesame%2B1 b=open/sesame+1 c=open") == "a=*** b=*** c=***"


def test_short_values_and_the_public_pair_stay(redaction):
    redaction.hide(["", "a", "soundcharts"])
    assert redaction.redact("a banana of soundcharts") == "a banana of soundcharts"


def test_basic_form_of_a_login_is_hidden():
    hide_login("login-of-this-test", "password-of-this-test")
    assert redact("Basic bG9naW4tb2YtdGhpcy10ZXN0OnBhc3N3b3JkLW9mLXRoaXMtdGVzdA==") == "Basic ***"


def test_ordinary_words_and_numbers_stay_but_never_a_password():
    hide_login("daily", "a-password-of-words", "2026")
    assert redact("demo-daily of 2026, a-password-of-words") == "demo-daily of 2026, ***"
    hide_login("COMPANY-API_3F2A", "x", "team-77")
    assert redact("COMPANY-API_3F2A of team-77") == "*** of ***"


def test_others_are_told_each_secret_once(redaction):
    told: list[str] = []
    redaction.tell(told.append)
    redaction.hide(["first secret", "soundcharts"])
    redaction.hide(["first secret", "second secret"])
    assert told == ["first secret", "second secret"]
