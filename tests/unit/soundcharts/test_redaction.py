"""Secrets are cut out of records, arguments and the texts of exceptions."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
from urllib.parse import quote, quote_plus

import pytest

from chartline.soundcharts.redaction import Redaction, hide_login, redact, redact_body


@pytest.fixture
def redaction() -> Redaction:
    made = Redaction()
    made.hide(["open/sesame+1", "open"])
    return made


class Written(logging.Logger):
    """Writes into `written`, as a plain handler would."""

    def __init__(self, name: str) -> None:
        super().__init__(name, logging.DEBUG)
        self.written = io.StringIO()
        self.addHandler(logging.StreamHandler(self.written))


@pytest.fixture
def logger(redaction: Redaction) -> Written:
    log = Written("some")
    log.addFilter(redaction)
    return log


def test_message_and_arguments(logger: Written) -> None:
    logger.info("key open/sesame+1 and %s, %r", "open/sesame+1", {"key": "open/sesame+1"})
    assert logger.written.getvalue() == "key *** and ***, {'key': '***'}\n"


def test_exceptions_text_and_chain(logger: Written) -> None:
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


def test_url_spellings_and_the_longest_first(redaction: Redaction) -> None:
    assert redaction.redact("a=open%2Fsesame%2B1 b=open/sesame+1 c=open") == "a=*** b=*** c=***"


def test_short_values_and_the_public_pair_stay(redaction: Redaction) -> None:
    redaction.hide(["", "a", "soundcharts"])
    assert redaction.redact("a banana of soundcharts") == "a banana of soundcharts"


def test_basic_form_of_a_login_is_hidden() -> None:
    hide_login("login-of-this-test", "password-of-this-test")
    header = "Basic bG9naW4tb2YtdGhpcy10ZXN0OnBhc3N3b3JkLW9mLXRoaXMtdGVzdA=="  # pragma: allowlist secret
    assert redact(header) == "Basic ***"


def test_ordinary_words_and_numbers_stay_but_never_a_password() -> None:
    hide_login("daily", "a-password-of-words", "2026")
    assert redact("demo-daily of 2026, a-password-of-words") == "demo-daily of 2026, ***"
    hide_login("COMPANY-API_3F2A", "x", "team-77")
    assert redact("COMPANY-API_3F2A of team-77") == "*** of ***"


def test_others_are_told_each_secret_once(redaction: Redaction) -> None:
    told: list[str] = []
    redaction.tell(told.append)
    redaction.hide(["first secret", "soundcharts"])
    redaction.hide(["first secret", "second secret"])
    assert told == ["first secret", "second secret"]


KEY = "k3y/of+these tests\"<&>\\'end"


def echoes(key: str) -> dict[str, str]:
    """A key as an answer may repeat it."""
    asked = json.dumps({"x-api-key": key})
    return {
        "plain": f"x-api-key: {key}",
        "json": asked,
        "json in json": json.dumps({"asked": asked}),
        "thrice": json.dumps(json.dumps(asked)),
        "php": asked.replace("/", "\\/"),
        "hex": "".join(f"\\u00{ord(letter):02X}" for letter in key),
        "hex in json": json.dumps("".join(f"\\u00{ord(letter):02x}" for letter in key)),
        "address": f"?key={quote(key, safe='')}",
        "form": f"key={quote_plus(key)}",
        "small address": re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
        "address in address": quote(quote(key, safe=""), safe=""),
        "all of it": "".join(f"%{ord(letter):02X}" for letter in key),
        "html": html.escape(key),
        "html codes": "".join(f"&#{ord(letter)};" for letter in key),
        "html hex": "".join(f"&#x{ord(letter):x};" for letter in key),
    }


@pytest.mark.parametrize("key", [KEY, "0123456789abcdef0123", "Zm9v_YmFy-~.", "a1b2c3d4"])  # pragma: allowlist secret
@pytest.mark.parametrize("spelling", echoes(KEY))
def test_no_spelling_of_a_secret_stays(key: str, spelling: str) -> None:
    redaction = Redaction()
    redaction.hide([key])
    text = f"before {echoes(key)[spelling]} after"
    for told in (redaction.redact(text), redaction.redact_body(text.encode()).decode()):
        assert "***" in told
        assert told.startswith("before ")
        assert told.endswith(" after")
        for part in (key, key[1:-1]):
            assert part not in told


def test_a_login_in_its_basic_form_is_found_however_it_is_written() -> None:
    login, password = "app>>of???this", "key>>of???this~test"  # pragma: allowlist secret
    hide_login(login, password)
    pair = f"{login}:{password}".encode()
    for form in (base64.b64encode(pair), base64.urlsafe_b64encode(pair), base64.b64encode(pair).rstrip(b"=")):
        assert redact_body(b'{"authorization": "Basic ' + form + b'"}') == b'{"authorization": "Basic ***"}'
        assert redact_body(json.dumps({"a": form.decode()}).replace("/", "\\/").encode()) == b'{"a": "***"}'


def test_a_body_stays_json_and_only_what_is_a_secret_goes() -> None:
    redaction = Redaction()
    redaction.hide(["4711", "12345678", "abcd", "quite-a-long-secret"])
    data = {
        "total": 4711, "values": [12345678, -12345678, 1.12345678], "uuid": "7d534711-abcd1-11e9-9375-549f35161576",
        "name": "Beyonc\u00e9 50%", "n": None,
    }  # fmt: skip
    for body in (json.dumps(data).encode(), json.dumps(data, ensure_ascii=False).encode()):
        assert redaction.redact_body(body) is body
    echo = json.dumps({"a": "abcd", "b": "12345678", "c": 12345678, "d": "x quite-a-long-secret"}).encode()
    assert json.loads(redaction.redact_body(echo)) == {"a": "***", "b": "***", "c": 12345678, "d": "x ***"}
    binary = bytes(range(256)) + b"quite-a-long-secret\xff"
    assert redaction.redact_body(binary) == bytes(range(256)) + b"***\xff"
