from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard import (
    Board,
    markdown,
    rank,
    read_leaderboard,
    to_csv,
    write_leaderboard,
)
from polyglot_harness.spec import Measurement, Pairs, PolyglotScore

PROVENANCE: Pairs = (("revision", "abc"), ("versions", (("lm_eval", "0.4.13"), ("n", 1))))


def measured(language: str = "de", **values: float | None) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(name=n, language=language, value=v, stderr=0.01, n=24, params=(("k", (1, 2)),))
        for n, v in values.items()
    )


def score(teacher: str = "A", language: str = "de", **changes: object) -> PolyglotScore:
    """A cell whose student gained 10 ± 2 points over a base of 30, with a gap of 20 ± 2."""
    fields: dict[str, object] = {
        "teacher": teacher,
        "language": language,
        "student": "gemma",
        "signature": f"lang:{language}|n:24|tasks:{language}5c",
        "raw": 0.4,
        "raw_stderr": 0.015,
        "gain": 0.1,
        "gain_stderr": 0.02,
        "base": 0.3,
        "reference": 0.5,
        "gap": 0.2,
        "gap_stderr": 0.02,
        "pgr": 0.5,
        "pgr_stderr": 0.1,
        "z": 0.3,
        "score": 0.4,
        "score_stderr": 0.05,
        "stable": 0.2,
        "pool": f"cells@{language}",
        "n_items": 400,
        "measurements": measured(
            language,
            acceptance_rate=0.9,
            prompt_distinct_ri=0.25,
            response_distinct_ri=0.2,
            perplexity=12.34,
        ),
    }
    return PolyglotScore.model_validate({**fields, **changes})


def two(**second: object) -> list[PolyglotScore]:
    return [score("A"), score("B", **{"score": 0.1, "stable": -0.2, **second})]


# --- ranking -----------------------------------------------------------------------------------


def test_means_over_languages() -> None:
    ja = score("A", "ja", raw=0.2, gain=0.3, gain_stderr=0.015, score=0.8, stable=1.2,
               measurements=measured("ja", acceptance_rate=0.5))  # fmt: skip
    (row,) = rank([score("A"), ja]).rows
    assert row.raw == pytest.approx(0.3)
    assert row.gain == pytest.approx(0.2)
    assert row.gain_stderr == pytest.approx(0.0125)  # sqrt(.02^2 + .015^2) / 2
    assert row.score == pytest.approx(0.6)
    assert row.stable == pytest.approx(0.7)
    assert row.acceptance_rate == pytest.approx(0.7)
    assert (row.languages, row.rank) == (("de", "ja"), 1)


@pytest.mark.parametrize("ja", [[], [score("B", "ja", score=None, raw=None, gain_stderr=None)]])
def test_no_mean_over_a_part_of_the_languages(ja: list[PolyglotScore]) -> None:
    ranking = rank([score("A"), score("A", "ja"), score("B", score=9.0), *ja])
    assert [(r.teacher, r.rank) for r in ranking.rows] == [("A", 1), ("B", None)]
    assert (ranking.rows[1].score, ranking.rows[1].raw) == (None, None)
    assert ranking.rows[1].gain_stderr is None


def test_ranked_by_polyglot_where_anchors_are_sound() -> None:
    ranking = rank(two(stable=5.0, flags=("small_pool",)))
    assert ranking.ranked_by == "polyglot"
    assert [r.teacher for r in ranking.rows] == ["A", "B"]


@pytest.mark.parametrize("flag", ["anchor_inverted", "anchor_weak"])
def test_ranked_by_the_stable_score_where_an_anchor_is_flagged(flag: str) -> None:
    ranking = rank(two(stable=5.0, flags=(flag, "small_pool")))
    assert ranking.ranked_by == "stable"
    assert ranking.reason.endswith("the anchor is not sound in: de")
    assert [(r.teacher, r.rank) for r in ranking.rows] == [("B", 1), ("A", 2)]
    assert ranking.rows[0].flags == (flag, "small_pool")


def test_equal_scores_share_a_rank() -> None:
    ranking = rank([score("C", score=0.1), score("B"), score("A")])
    assert [(r.teacher, r.rank) for r in ranking.rows] == [("A", 1), ("B", 1), ("C", 3)]


def test_nothing_to_rank() -> None:
    assert rank([]).rows == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"signature": "lang:de|n:99|tasks:de5c"},
            r"A \(de\) and B \(de\) differ in n \(24 and 99\)$",
        ),
        ({"signature": "lang:de|n:24|tasks:other"}, r"differ in tasks \(de5c and other\)$"),
        ({"signature": "lang:de|n:24|tasks:de5c|seed:1"}, r"differ in seed \(none and 1\)$"),
        ({"student": "olmo"}, r"differ in student \(gemma and olmo\)$"),
        ({"pool": "v1"}, r"differ in pool \(cells@de and v1\)$"),
        (
            {"language": "ja", "signature": "lang:ja|n:99|tasks:ja5c"},
            r"\(ja\) differ in n \(24 and 99\)$",
        ),
    ],
)
def test_different_conditions_are_not_ranked_together(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        rank([score("A"), score("B").model_copy(update=changes)])


def test_what_may_differ() -> None:
    cells = [
        score("A", signature="teacher:A|lang:de|n:1|tasks:x"),
        score("B", signature="teacher:B|lang:de|n:1|tasks:x"),
        score("A", "ja", signature="teacher:A|lang:ja|n:1|tasks:y"),
    ]
    assert len(rank(cells).rows) == 2


def test_a_cell_that_comes_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="two cells of A in de"):
        rank([score("A"), score("A")])


# --- files -------------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    cells = two(gain=1 / 3, flags=("small_pool",), missing=("z",), z=None)
    ranking = rank(cells)
    paths = write_leaderboard(tmp_path / "new" / "board", cells, ranking, PROVENANCE)
    assert [p.name for p in paths] == ["leaderboard.json", "LEADERBOARD.md", "leaderboard.csv"]
    assert sorted(p.name for p in paths[0].parent.iterdir()) == sorted(p.name for p in paths)
    board = read_leaderboard(paths[0])
    assert board == Board(scores=tuple(cells), ranking=ranking, provenance=PROVENANCE)
    assert board == read_leaderboard(paths[0].parent)
    assert hash(board.scores) == hash(tuple(cells))
    assert rank(board.scores) == ranking
    assert json.loads(paths[0].read_text(encoding="utf-8"))["schema_version"] == 2
    assert paths[1].read_text(encoding="utf-8") == markdown(cells, ranking)


def test_the_same_scores_are_the_same_bytes(tmp_path: Path) -> None:
    for name in "xy":
        write_leaderboard(tmp_path / name, two(), rank(two()), PROVENANCE)
    for file in (tmp_path / "x").iterdir():
        assert file.read_bytes() == (tmp_path / "y" / file.name).read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short(tmp_path: Path, share: float) -> None:
    path, *_ = write_leaderboard(tmp_path, two(), rank(two()), PROVENANCE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(StoreError, match=r"damaged or cut short .*; delete it and make the") as got:
        read_leaderboard(path)
    assert str(path) in str(got.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 3}, "schema_version 3 is of a later polyglot-harness: update it"),
        ({"schema_version": 0}, "schema_version is 0; valid: 1, 2"),
        ({"schema_version": "x"}, "schema_version is 'x'; valid: 1, 2"),
        ({"schema_version": 1, "ranking": 3}, "not of schema 1 as it says"),
        ({"scores": [{"teacher": "A"}]}, "not a leaderboard .*scores.0"),
        ({"extra": 1}, "unknown field 'extra'"),
    ],
)
def test_a_file_of_another_form(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path, *_ = write_leaderboard(tmp_path, two(), rank(two()), PROVENANCE)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}), encoding="utf-8")
    with pytest.raises(StoreError, match=message):
        read_leaderboard(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="leaderboard.json: cannot be read: No such file"):
        read_leaderboard(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        write_leaderboard(tmp_path / "file" / "board", two(), rank(two()), ())


def test_csv() -> None:
    cells = two(gain=1 / 3, z=None, flags=("anchor_weak", "small_pool"), missing=("z",))
    a, b = csv.DictReader(io.StringIO(to_csv(cells)))
    assert (a["teacher"], a["language"], a["raw"], a["flags"]) == ("A", "de", "0.4", "")
    assert float(b["gain"]) == 1 / 3
    assert (b["z"], b["flags"], b["missing"]) == ("", "anchor_weak;small_pool", "z")
    assert (b["perplexity"], b["perplexity_stderr"]) == ("12.34", "0.01")
    assert "measurements" not in a
