"""Metrics of texts without a model: by hand, against libraries, and at the edges."""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import settings
from hypothesis import strategies as st
from measuring import given, gold, measured, rejection, sample
from sacrebleu.metrics import BLEU

from polyglot_harness.intrinsic import describe, repetition
from polyglot_harness.intrinsic import lexical_diversity as diversity
from polyglot_harness.intrinsic.lexical_diversity import Distinct, draw
from polyglot_harness.intrinsic.repetition import GROUPS, LEAST, CompressionRatio, rep_4
from polyglot_harness.intrinsic.samples import BLOCK, Sample, StageData
from polyglot_harness.intrinsic.self_bleu import self_bleu
from polyglot_harness.intrinsic.values import ROWS
from polyglot_harness.spec import Measurement

METRICS = (
    "format", "length", "known_words", "language_fidelity", "code_switching", "repetition",
    "lexical_diversity", "translationese",
)  # fmt: skip
LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")
exact = settings(derandomize=True, deadline=None, max_examples=60)
nan = math.nan
words = st.lists(st.sampled_from("abc"), max_size=12)


def values_of(found: dict[str, Measurement]) -> dict[str, float | None]:
    return {name: m.value for name, m in found.items()}


# --- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_no_samples_are_missing_not_zero(metric: str, tmp_path: Path) -> None:
    found, values = measured(metric, given(), tmp_path)
    assert found
    assert all((m.value, m.stderr, m.n) == (None, None, 0) for m in found.values())
    assert values.rows == 0


ODD = {
    "one": [("Wie heißt du?", "Ich heiße Anna und wohne in Berlin.")],
    "one empty": [("", "")],
    "some empty": [("", ""), ("Wie?", "Gut, danke der Nachfrage!"), ("\n", " \t ")],
    "duplicates": [("Wie geht es dir?", "Mir geht es heute wirklich gut.")] * 300,
    "odd signs": [("\0", "\0\u2028 "), ("😀", "\u200d\ufeff"), ("A.\u00a0b", "Z.\u00a0B. é")],
    "no prose": [("```x```", "```python\nprint('Please read this text')\n```")],
    "long": [("a" * 50_000, "Er sagte: Ja. " * 5_000)],
}  # fmt: skip


@pytest.mark.parametrize("language", ["de", "ar", "ja"])
@pytest.mark.parametrize("texts", ODD)
@pytest.mark.parametrize("metric", METRICS)
def test_odd_texts_have_a_value_or_none(
    metric: str, texts: str, language: str, tmp_path: Path
) -> None:
    rows = [sample(i, *texts) for i, texts in enumerate(ODD[texts])]
    found, values = measured(metric, given(rows, language=language), tmp_path)
    for m in found.values():
        assert m.value is None or math.isfinite(m.value)
        assert m.stderr is None or math.isfinite(m.stderr)
        assert m.value is not None or m.n == 0
    assert values.rows == len(rows)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interrupted_metric_goes_on(metric: str, tmp_path: Path) -> None:
    texts = [
        "Das Wetter ist heute schön.", "Ich lese gern Bücher über alte Städte.", "", "Nein.",
        "Please read the text on the next page.",
    ]  # fmt: skip
    rows = [
        sample(i, f"{i} {texts[i % 5]}", texts[i % 3], "translate" if i % 2 else "generate")
        for i in range(BLOCK + 40)
    ]
    data = given(rows, [rejection(1, "I cannot help", reason="refusal")])
    whole, values = measured(metric, data, tmp_path / "whole")
    file = tmp_path / "whole" / ROWS
    expected = file.read_bytes()
    file.write_bytes(expected[: 8 * len(values.columns) * (BLOCK + 7) + 3])
    assert measured(metric, data, tmp_path / "whole")[0] == whole
    assert file.read_bytes() == expected


@pytest.mark.parametrize("metric", METRICS)
def test_the_first_line_says_name_range_and_direction(metric: str) -> None:
    line = describe(metric)
    assert re.match(r"[A-Z][\w -]+: ", line)
    assert re.search(r"0-1|[>≥]=? 0", line)
    assert re.search(r"higher|lower|no direction", line)


# --- format ------------------------------------------------------------------------------------


def accepted(n: int, strategy: str = "generate", attempt: int = 1) -> list[Sample]:
    text = "Das ist eine Antwort."
    return [
        Sample(f"{strategy}{attempt}{i}", "Eine Frage?", text, strategy, attempt=attempt)
        for i in range(n)
    ]


def rejected(strategy: Any, attempt: int = 1, **reasons: int) -> list[Any]:
    return [
        rejection(i, "x", strategy, reason, attempt)
        for reason, n in reasons.items()
        for i in range(n)
    ]


FORMAT: dict[str, tuple[list[Sample], list[Any], dict[str, tuple[float | None, int]]]] = {
    "all fine": (
        accepted(4), [],
        {"parsable_rate": (1, 4), "parsable_rate_generate": (1, 4), "refusal_rate": (0, 4),
         "truncated_rate": (0, 4)},
    ),
    "readable, but not accepted": (
        accepted(1), rejected("generate", duplicate=2, wrong_language=1),
        {"parsable_rate": (1, 4), "parsable_rate_generate": (1, 4), "refusal_rate": (0, 4),
         "truncated_rate": (0, 4)},
    ),
    "unreadable in three ways": (
        accepted(1), rejected("generate", empty=1, unparsable=1, missing_prompt=1),
        {"parsable_rate": (0.25, 4), "parsable_rate_generate": (0.25, 4), "refusal_rate": (0, 4),
         "truncated_rate": (0, 4)},
    ),
    "per strategy": (
        accepted(1) + accepted(2, "respond"),
        rejected("generate", unparsable=1) + rejected("translate", refusal=1, truncated=1),
        {"parsable_rate": (5 / 6, 6), "parsable_rate_generate": (0.5, 2),
         "parsable_rate_translate": (1, 2), "parsable_rate_respond": (1, 2),
         "refusal_rate": (1 / 6, 6), "truncated_rate": (1 / 6, 6)},
    ),
    "asked again": (  # two documents: one read at once, one at the third attempt
        accepted(1) + accepted(1, attempt=3),
        rejected("generate", unparsable=1) + rejected("generate", 2, refusal=1),
        {"parsable_rate": (0.5, 2), "parsable_rate_generate": (0.5, 2), "refusal_rate": (0, 2),
         "truncated_rate": (0, 2)},
    ),
    "a server that failed": (
        accepted(1), rejected("generate", backend_error=5, prompt_truncated=2, refusal=1),
        {"parsable_rate": (1, 2), "parsable_rate_generate": (1, 2), "refusal_rate": (0.5, 2),
         "truncated_rate": (0, 2)},
    ),
    "nothing but failures": (
        [], rejected("generate", backend_error=5),
        {"parsable_rate": (None, 0), "refusal_rate": (None, 0), "truncated_rate": (None, 0)},
    ),
    "refusals that no check stopped": (
        [Sample("a", "Frage?", "Es tut mir leid, aber ich kann dabei nicht helfen.", "respond",
                attempt=1),
         Sample("b", "Frage?", "As an AI language model, I cannot.", "respond", attempt=1),
         Sample("c", "Frage?", "Es tut mir leid, dass du krank bist.", "respond", attempt=1)],
        [],
        {"parsable_rate": (1, 3), "parsable_rate_respond": (1, 3), "refusal_rate": (2 / 3, 3),
         "truncated_rate": (0, 3)},
    ),
    "data of others": (
        [Sample("a", "Frage?", "As an AI language model, I cannot."),
         *accepted(3, "generate", attempt=0)],
        [],
        {"parsable_rate": (None, 0), "refusal_rate": (0.25, 4), "truncated_rate": (None, 0)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMAT)
def test_format(case: str, tmp_path: Path) -> None:
    rows, refused, expected = FORMAT[case]
    found, values = measured("format", given(rows, refused), tmp_path)
    assert {name: (m.value, m.n) for name, m in found.items()} == {
        name: (value if value is None else pytest.approx(value), n)
        for name, (value, n) in expected.items()
    }
    attempts = [row.attempt or nan for row in rows]
    np.testing.assert_allclose(values.array("attempt") if rows else [], attempts)


def test_attempts_come_from_the_files_of_a_stage(tmp_path: Path) -> None:
    texts = {"prompt": "Eine Frage?", "response": "Eine Antwort.", "finish_reason": "stop"}
    keys = {"language": "de", "strategy": "generate"}
    found = [{**keys, **texts, "id": f"{n}", "seed_id": "s", "attempt": n} for n in (1, 2)]
    lost = [{**keys, "id": "2", "reason": "unparsable", "reply": "x", "attempt": 1}]
    files = tmp_path / "examples.jsonl", tmp_path / "rejections.jsonl"
    for file, rows in zip(files, (found, lost), strict=True):
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    data = replace(given(), data=StageData((files,)))
    parsable = measured("format", data, tmp_path / "format")[0]["parsable_rate"]
    assert (parsable.value, parsable.n) == (0.5, 2)


# --- repetition --------------------------------------------------------------------------------


@given_by_hypothesis(st.lists(st.text(st.characters(codec="utf-8"))))
@exact
def test_all_texts_are_compressed_as_one(texts: list[str]) -> None:
    ratio = CompressionRatio(len(texts))
    for text in texts:
        ratio.add(text)
    whole = "".join(f"{text}\n" for text in texts).encode()
    found = ratio.measurement("m", "de")
    assert found.n == len(texts)
    assert found.value == (len(whole) / len(zlib.compress(whole, 9)) if texts else None)


# for c in ar de ja: python -c "import gzip; from polyglot_harness.languages import load_pack
# t = ''.join(s.response + chr(10) for s in load_pack('$c').seeds).encode()
# print(len(t) / (len(gzip.compress(t)) - 12))"    (12: what gzip's frame is larger than zlib's)
GOLD_RATIO = {"ar": 2.817926096407109, "de": 2.163612040133779, "ja": 2.411540632054176}


@pytest.mark.parametrize("language", GOLD_RATIO)
def test_the_ratio_of_gold_responses(language: str, tmp_path: Path) -> None:
    found, _ = measured("repetition", given(gold(language), language=language), tmp_path)
    # another zlib may compress a little better
    ratio = found["response_compression_ratio"]
    assert ratio.value == pytest.approx(GOLD_RATIO[language], rel=0.01)
    assert ratio.n == 66
    assert 0 < (ratio.stderr or 0) < 0.05


@pytest.mark.parametrize(("n", "step"), [(LEAST, 1), (LEAST + 5, 1), (2 * LEAST, 2), (277, 7)])
def test_the_error_of_a_ratio(n: int, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetition, "MOST", LEAST + 8)
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghij "))
    texts = ["".join(rng.choice(letters, 120)) for _ in range(n)]
    ratio = CompressionRatio(n)
    for text in texts:
        ratio.add(text)
    looked_at = texts[::step]
    ratios = []
    for group in range(GROUPS):
        others = [text for i, text in enumerate(looked_at) if i % GROUPS != group]
        data = "".join(f"{text}\n" for text in others).encode()
        ratios.append(len(data) / len(zlib.compress(data, 9)))
    jackknife = (GROUPS - 1) / GROUPS * float(((np.array(ratios) - np.mean(ratios)) ** 2).sum())
    found = ratio.measurement("m", "de")
    assert found.stderr == pytest.approx(math.sqrt(jackknife * len(looked_at) / n), rel=1e-9)
    assert found.value is not None
    assert 0 < found.stderr < 0.01 * found.value


def test_too_few_texts_have_a_ratio_without_error(tmp_path: Path) -> None:
    rows = [sample(i, f"Frage {i}?", f"Antwort {i}.") for i in range(LEAST - 1)]
    found, _ = measured("repetition", given(rows), tmp_path)
    for part in ("prompt", "response"):
        assert found[f"{part}_compression_ratio"].value is not None
        assert found[f"{part}_compression_ratio"].stderr is None
        assert found[f"{part}_compression_ratio"].low is None


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("a b c", None),
        ("a b c d", 0.0),
        ("a b c d e", 0.0),
        ("a a a a a", 0.5),  # two 4-grams, one different
        ("a b a b a b a", 0.5),  # abab baba abab baba
        ("", None),
    ],
)
def test_rep_4(text: str, share: float | None) -> None:
    assert rep_4(text.split()) == share


def test_more_repetition_has_a_higher_ratio(tmp_path: Path) -> None:
    texts = ["Im Garten stehen drei alte Apfelbäume.", "Der Zug nach Wien fährt um acht Uhr ab."]
    once = [sample(i, text, text) for i, text in enumerate(texts)]
    again = [sample(i, text * 5, texts[0]) for i, text in enumerate(texts)]
    few = values_of(measured("repetition", given(once), tmp_path / "a")[0])
    many = values_of(measured("repetition", given(again), tmp_path / "b")[0])
    assert (few["prompt_compression_ratio"] or 0) < (many["prompt_compression_ratio"] or 0)
    assert (few["response_compression_ratio"] or 0) < (many["response_compression_ratio"] or 0)


# --- lexical diversity -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "texts", "value", "ngrams"),
    [
        (1, ["a b a"], 2 / 3, 3),
        (2, ["a b a"], 1.0, 2),
        (3, ["a b a"], 1.0, 1),
        (2, ["a b", "a b", "b a"], 2 / 3, 3),  # none from one text into the next
        (1, ["a b", "a b"], 2 / 4, 4),
        (2, ["a", "b", ""], None, 6),
        (1, ["a a a a a a"], 1 / 6, 6),  # as many as a segment has
        (1, ["a b c d", "e f a a", "a a a a", "b"], (1 + 1 / 6) / 2, 6),
    ],
)
def test_distinct_by_hand(
    n: int, texts: list[str], value: float | None, ngrams: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diversity, "SEGMENT", 6)
    distinct = Distinct(n)
    for text in texts:
        distinct.add(text.split())
    found = distinct.measurement("m", "de")
    assert found.value == (None if value is None else pytest.approx(value))
    assert found.params == (("ngrams", ngrams),)


@given_by_hypothesis(st.lists(words, max_size=8), st.integers(1, 3))
@exact
def test_distinct_of_less_than_a_segment(texts: list[list[str]], n: int) -> None:
    distinct = Distinct(n)
    grams = []
    for text in texts:
        distinct.add(text)
        grams += [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
    value = distinct.measurement("m", "de").value
    assert value == (len(set(grams)) / len(grams) if grams else None)


@given_by_hypothesis(st.lists(words, max_size=8))
@exact
def test_self_bleu_is_that_of_sacrebleu(texts: list[list[str]]) -> None:
    bleu = BLEU(tokenize="none", effective_order=True)
    for i, (text, found) in enumerate(zip(texts, self_bleu(texts), strict=True)):
        others = [" ".join(t) for j, t in enumerate(texts) if j != i and t]
        if not text or not others:
            assert math.isnan(found)
        else:
            score = bleu.sentence_score(" ".join(text), others).score
            assert found == pytest.approx(score / 100, abs=1e-12)
            assert 0 <= found <= 1


@given_by_hypothesis(st.lists(words, min_size=2, max_size=8), st.randoms(use_true_random=False))
@exact
def test_self_bleu_does_not_depend_on_the_order(texts: list[list[str]], random: Any) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)
    shuffled = self_bleu([texts[i] for i in order])
    np.testing.assert_allclose(shuffled, np.array(self_bleu(texts))[order])


@pytest.mark.parametrize(
    ("texts", "scores"),
    [
        (["a b c d e", "a b c d e"], [1, 1]),
        (["a b c d e", "v w x y z"], [0, 0]),
        (["a b c d e", ""], [nan, nan]),
        (["a b c d e"], [nan]),
        # precision 1, brevity penalty exp(1 - 3/2); precisions 2/3, 1/2 and, smoothed, 1/2 of 1
        (["a b", "a b c"], [math.exp(-0.5), (2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3)]),
    ],
)
def test_self_bleu_by_hand(texts: list[str], scores: list[float]) -> None:
    np.testing.assert_allclose(self_bleu([text.split() for text in texts]), scores)


def test_groups_are_drawn_without_replacement() -> None:
    for total, shape in [(0, (0, 0)), (1, (1, 1)), (199, (1, 199)), (399, (1, 200)),
                         (400, (2, 200)), (5_000, (10, 200))]:  # fmt: skip
        groups = draw(total)
        numbers = [i for group in groups for i in group]
        assert (len(groups), len(groups[0]) if groups else 0) == shape
        assert len(set(numbers)) == len(numbers)
        assert all(0 <= i < total for i in numbers)
        assert groups == draw(total)


def test_self_bleu_of_many_has_an_error_and_values(tmp_path: Path) -> None:
    names = [f"Wort{i % 90} und Wort{i * 7 % 60} mit Wort{i * 3 % 50}" for i in range(500)]
    rows = [sample(i, name, "Immer dieselbe Antwort ist es.") for i, name in enumerate(names)]
    found, values = measured("lexical_diversity", given(rows), tmp_path)
    same, different = found["response_self_bleu"], found["prompt_self_bleu"]
    assert (same.value, same.stderr, same.n) == (1.0, 0.0, 2)
    assert same.params == (("texts", 200),)
    assert different.value is not None
    assert 0 < different.value < 1
    assert (different.stderr or 0) > 0
    column = values.array("prompt_self_bleu")
    assert int(np.isfinite(column).sum()) == 400
    assert float(np.nanmean(column)) == pytest.approx(different.value)
    assert found["response_distinct_1"].value == pytest.approx(6 / 3000)
