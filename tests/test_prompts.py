"""Prompts out of files: with or without responses, ids of translations, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.data_sources.prompts import Prompt, read_prompts
from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import load_pack


def jsonl(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_a_column_of_prompts(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,prompt\nx,Was ist das?\n,Und das?\nz,Was ist das?\n", encoding="utf-8")
    expected = (Prompt("x", "de", "Was ist das?"), Prompt("mine-2", "de", "Und das?"))
    assert read_prompts(f"de={path}") == expected
    assert read_prompts(str(path), language="de") == expected


def test_languages_of_rows_and_ids_of_translations(tmp_path: Path) -> None:
    rows = [{"id": 1, "language": code, "prompt": f"{code}?"} for code in ("de", "es-MX", "JA")]
    bare = jsonl(tmp_path / "bare.jsonl", *rows)
    whole = jsonl(tmp_path / "whole.jsonl", *({**row, "response": "Ja."} for row in rows))
    expected = (Prompt("1", "de", "de?"), Prompt("1", "es", "es-MX?"), Prompt("1", "ja", "JA?"))
    assert read_prompts(bare) == read_prompts(whole) == expected


def test_an_id_that_stands_twice_in_a_language_stays_numbered(tmp_path: Path) -> None:
    rows = [{"id": "a", "language": "de", "prompt": f"{n}?", "response": "Ja."} for n in range(3)]
    own = {"id": "b~2", "language": "de", "prompt": "b?", "response": "Ja."}
    found = read_prompts(jsonl(tmp_path / "x.jsonl", *rows, own))
    assert [p.id for p in found] == ["a", "a~2", "a~3", "b~2"]


def test_gold_prompts() -> None:
    seeds = load_pack("cs").seeds
    assert read_prompts("gold:cs") == tuple(Prompt(s.id, "cs", s.prompt) for s in seeds)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "Ja?"}], r"row 1 does not say its language; give CODE=FILE"),
        ([{"prompt": "Ja?", "language": "de"}, {"prompt": " ", "language": "de"}],
         "row 2: empty prompt"),
        ([{"prompt": 7, "language": "de"}], "row 1: prompt is no text"),
        ([{"prompt": "Ja?", "language": "xq"}], "row 1 does not say its language"),
        ([{"text": "Ja?"}], "no prompts and responses found"),
        ([], "columns"),
    ],
)  # fmt: skip
def test_errors_name_the_row(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_prompts(jsonl(tmp_path / "x.jsonl", *rows))
