"""What is read from a judge's reply: tolerant of form, strict with numbers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyglot_harness.intrinsic.judging.verdicts import REASONS, Reader, read
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.strategies.fields import Fault

NAMES = ("language_proficiency", "cultural_nuance", "helpfulness")


def told(text: str, finish: str = "stop", names: tuple[str, ...] = NAMES) -> list[int] | str:
    """Return the scores, or the reason why there are none."""
    found = read(Reply(text, finish), names)  # type: ignore[arg-type]
    return found.reason if isinstance(found, Fault) else found


def said(a: object, b: object = 4, c: object = 5) -> str:
    """Return a judgement as JSON."""
    return json.dumps({"reasoning": "Gut.", **dict(zip(NAMES, (a, b, c), strict=True))})


GOOD = said(3)


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        (GOOD, [3, 4, 5]),
        (f"```json\n{GOOD}\n```", [3, 4, 5]),
        (f"```\n{GOOD}\n```\nI hope that this helps!", [3, 4, 5]),
        (f"Here is my judgement {{as asked}}:\n{GOOD}\n", [3, 4, 5]),
        (f"<think>helpfulness: 1</think>\n{GOOD}", [3, 4, 5]),
        (json.dumps([json.loads(GOOD)]), [3, 4, 5]),
        (json.dumps({"judgement": json.loads(GOOD)}), [3, 4, 5]),
        (said({"score": 3, "reason": "x"}, {"rating": 4}), [3, 4, 5]),
        (said("3", "4/5", "5 / 5"), [3, 4, 5]),
        (said(3.0, "4.0", "5 out of 5"), [3, 4, 5]),
        (said("３", "٤"), [3, 4, 5]),
        (GOOD.replace("language_proficiency", "Language Proficiency"), [3, 4, 5]),
        (GOOD.replace("cultural_nuance", "cultural-nuance"), [3, 4, 5]),
        # a text in the reasoning is no score
        (said(3).replace("Gut.", "helpfulness: 1, since, {it} is short"), [3, 4, 5]),
        ('{"reasoning": "two\nlines", ' + GOOD.split(", ", 1)[1], [3, 4, 5]),
        (GOOD + "\n" + GOOD, [3, 4, 5]),
        # broken JSON
        (GOOD[:-1], [3, 4, 5]),
        (GOOD[:-1] + ",}", [3, 4, 5]),
        (GOOD[1:], [3, 4, 5]),
        (GOOD.replace('"', "'"), [3, 4, 5]),
        ("{language_proficiency: 3, cultural_nuance: 4, helpfulness: 5}", [3, 4, 5]),
        ('{"language_proficiency": 3 // good\n"cultural_nuance": 4\n"helpfulness": 5}', [3, 4, 5]),
        ('{\n  “language_proficiency”: 3,\n  “cultural_nuance”: 4,\n  “helpfulness”: 5', [3, 4, 5]),
        # lines
        ("language_proficiency: 3\ncultural_nuance: 4\nhelpfulness: 5", [3, 4, 5]),
        (" Good.\nlanguage proficiency: 3\nCultural Nuance: 4\nHELPFULNESS: 5\n", [3, 4, 5]),
        ("- **Language proficiency**: 3/5\n- **Cultural nuance:** 4/5\n* helpfulness : 5",
         [3, 4, 5]),
        ("1. language_proficiency: 3.\n2. cultural_nuance: 4 (fair)\n3. helpfulness：５",
         [3, 4, 5]),
        ("`language_proficiency`: `3`\n`cultural_nuance` = 4\r\nhelpfulness: 5.0", [3, 4, 5]),
        # what is no score
        ("", "empty"),
        (" \n", "empty"),
        ("The response is good.", "unparsable"),
        ("I would say four.", "unparsable"),
        ("{}", "unparsable"),
        ("null", "unparsable"),
        ('{"score": 4}', "unparsable"),
        (json.dumps({"language_proficiency": 3, "cultural_nuance": 4}), "unparsable"),
        ("language_proficiency: 3\nhelpfulness: 5", "unparsable"),
        (said(None), "unparsable"),
        (said(True), "unparsable"),
        (said("four"), "unparsable"),
        (said("N"), "unparsable"),
        (said(""), "unparsable"),
        (said([3]), "unparsable"),
        (said("3-4"), "unparsable"),
        (said("8/10"), "unparsable"),
        (said({"comment": "good"}), "unparsable"),
        ("language_proficiency: 1-5\ncultural_nuance: 1-5\nhelpfulness: 1-5", "unparsable"),
        ("language_proficiency: 3 or 4\ncultural_nuance: 4\nhelpfulness: 5", "unparsable"),
        ("language_proficiency: 3 to 4\ncultural_nuance: 4\nhelpfulness: 5", "unparsable"),
        ("language_proficiency: 8/10\ncultural_nuance: 4\nhelpfulness: 5", "unparsable"),
        # two judgements that differ: nobody knows which is meant
        (GOOD + said(2), "unparsable"),
        ("language_proficiency: 3\nlanguage_proficiency: 2\ncultural_nuance: 4\nhelpfulness: 5",
         "unparsable"),
        # never moved into the range, never rounded
        (said(0), "out_of_range"),
        (said(6), "out_of_range"),
        (said(-3), "out_of_range"),
        (said(4.5), "out_of_range"),
        (said("4.5"), "out_of_range"),
        (said("4,5"), "out_of_range"),
        (said("6/5"), "out_of_range"),
        (said(45), "out_of_range"),
        (said(10**400), "unparsable"),
        (GOOD.replace(": 3", ": 1e999"), "unparsable"),
        (GOOD.replace(": 3", ": NaN"), "unparsable"),
        ("language_proficiency: 4,5\ncultural_nuance: 4\nhelpfulness: 5", "out_of_range"),
        ("language_proficiency: 10\ncultural_nuance: 4\nhelpfulness: 5", "out_of_range"),
        ("language_proficiency: 35\ncultural_nuance: 4\nhelpfulness: 5", "out_of_range"),
        ("language_proficiency: 4.5/5\ncultural_nuance: 4\nhelpfulness: 5", "out_of_range"),
        ("<think>language_proficiency: 3", "truncated"),
    ],
)  # fmt: skip
def test_scores_are_read_or_there_is_a_reason(text: str, scores: list[int] | str) -> None:
    assert told(text) == scores


def test_one_criterion() -> None:
    assert told('{"reasoning": "x", "difficulty": 2}', names=("difficulty",)) == [2]
    assert told(" It is simple.\nDifficulty: 2", names=("difficulty",)) == [2]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("", error="503 after 3 tries"), "backend_error"),
        (Reply(GOOD, "prompt_truncated"), "prompt_truncated"),
        (Reply("I cannot help.", "content_filter"), "refusal"),
        (Reply('{"reasoning": "The resp', "length"), "truncated"),
        (Reply(GOOD[:-1], "length"), ""),
    ],
)  # fmt: skip
def test_how_a_reply_ended(reply: Reply, reason: str) -> None:
    row = Reader(NAMES).row({}, reply, 1)
    assert row["reason"] == reason and ("scores" in row) == (not reason)
    assert reason in ("", *REASONS)


def test_other_criteria_are_read_by_another_reader() -> None:
    assert Reader(NAMES).digest != Reader(NAMES[:2]).digest


PIECES = (
    *NAMES, "Helpfulness", "reasoning", "score", ": ", ":", "=", "{", "}", "[", "]", '"', "'", ",",
    "\n", " ", "**", "- ", "1.", "0", "3", "4.5", "5", "/5", "-", "1e9", "null", "true", "<think>",
    "</think>", "```json\n", "```", "é", "５", "\u2028",
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_read_or_has_a_reason(text: str) -> None:
    found = told(text)
    assert found in REASONS or {1, 2, 3, 4, 5}.issuperset(found)


@given(st.lists(st.integers(-3, 9), min_size=3, max_size=3), st.booleans())
def test_whatever_is_read_is_what_was_said(numbers: list[int], lines: bool) -> None:
    text = "\n".join(f"{k}: {v}" for k, v in zip(NAMES, numbers, strict=True))
    found = told(text if lines else said(*numbers))
    assert found == (numbers if all(1 <= n <= 5 for n in numbers) else "out_of_range")


@pytest.mark.parametrize(
    "text",
    [
        "{" * 20_000,
        '{"a":' * 4_000,
        '{"' * 10_000,
        "[" * 20_000,
        "helpfulness" * 2_000,
        "helpfulness: " * 2_000,
        "- " * 10_000,
        "\n" * 20_000,
        " " * 20_000,
        "helpfulness:" + "1" * 20_000,
    ],
)
def test_hostile_replies_end_soon(text: str) -> None:
    assert told(text) in REASONS  # an expression that tries all ways would take hours
