from __future__ import annotations

import pytest

from polyglot_harness.errors import ConfigError
from polyglot_harness.signature import diff_signatures, format_signature, parse_signature

TEXT = "lang:de|strat:gen+tr+resp|n:24|seed:7|sft:lora@9f3e|at:12:30"
FIELDS = {
    "lang": "de",
    "strat": "gen+tr+resp",
    "n": "24",
    "seed": "7",
    "sft": "lora@9f3e",
    "at": "12:30",
}


def test_format_keeps_the_order_and_parse_is_its_inverse() -> None:
    assert format_signature(FIELDS) == TEXT
    assert list(parse_signature(TEXT).items()) == list(FIELDS.items())


def test_the_empty_signature() -> None:
    assert format_signature({}) == ""
    assert parse_signature("") == {}


def test_an_empty_value_survives() -> None:
    assert parse_signature(format_signature({"pool": "", "n": "1"})) == {"pool": "", "n": "1"}


@pytest.mark.parametrize(
    "fields", [{"": "1"}, {"a:b": "1"}, {"a|b": "1"}, {"a": "1|2"}, {"a": "1\n2"}, {"a\n": "1"}]
)
def test_format_refuses_what_it_could_not_read_back(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="signature"):
        format_signature(fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lang", "expected name:value, got 'lang'"),
        ("lang:de|", "expected name:value, got ''"),
        (":de", "expected name:value, got ':de'"),
        ("n:1|n:2", "field 'n' comes twice"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_signature(text)


@pytest.mark.parametrize(
    ("a", "b", "ignore", "fields"),
    [
        (TEXT, TEXT, (), []),
        ("a:1|b:2", "b:2|a:1", (), []),
        ("lang:de|n:1", "lang:ja|n:2", (), ["lang", "n"]),
        ("lang:de|n:1", "lang:ja|n:2", ("lang",), ["n"]),
        ("a:1", "a:1|b:", (), ["b"]),
        ("a:1|c:3", "b:2", (), ["a", "c", "b"]),
    ],
)
def test_diff(a: str, b: str, ignore: tuple[str, ...], fields: list[str]) -> None:
    assert diff_signatures(a, b, ignore) == fields
