from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_lms import spec_of

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import METRICS
from polyglot_harness.languages import load_pack
from polyglot_harness.leaderboard.ranking import PER_LANGUAGE
from polyglot_harness.run_signature import cell_signature
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


# --- the signature of a cell -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, []),
        ({"limit": 9}, ["n"]),
        ({"seed": 1}, ["seed"]),
        ({"strategies": ("respond", "refine")}, ["strat"]),
        ({"gen_kwargs": (("temperature", 0.1),)}, ["ask"]),
        ({"instruction_language": "own"}, ["ask"]),
        ({"max_attempts": 2}, ["ask"]),
        ({"system_instruction": "Sei kurz."}, ["ask"]),
        ({"checks": {"near_duplicate": 0.5}}, ["checks"]),
        ({"tasks": ("polyglot_mini_de_capitals",)}, ["tasks"]),
        # how fast, in which pieces and on what machine is none of its business
        ({"chunk_size": 2, "batch_size": "1", "device": "cpu"}, []),
    ],
)
def test_what_changes_the_signature_of_a_cell(change: dict[str, Any], fields: list[str]) -> None:
    pack = load_pack("de")
    found = cell_signature(spec_of(**{"limit": 8, **change}), pack)
    assert diff_signatures(cell_signature(spec_of(8), pack), found) == fields
    assert parse_signature(found)["lang"] == "de"


def test_what_refine_started_from_is_in_the_signature(tmp_path: Path) -> None:
    made = {}
    for name in ("a", "b", "a again"):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(name[0], encoding="utf-8")
        made[name] = cell_signature(
            spec_of(8, strategies=("refine",), given=(("refine", str(path)),)), load_pack("de")
        )
    assert diff_signatures(made["a"], made["b"]) == ["ask"]
    assert made["a"] == made["a again"]


def test_languages_differ_in_their_own_fields_only() -> None:
    """Else a teacher's languages could not be ranked together."""
    spec = spec_of(1, languages=("ar", "de", "ja"), metrics=tuple(METRICS))
    signatures = [cell_signature(spec, load_pack(code)) for code in spec.languages]
    for other in signatures[1:]:
        assert diff_signatures(signatures[0], other, ignore=PER_LANGUAGE) == []
