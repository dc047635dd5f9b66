from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard import (
    Board,
    markdown,
    rank,
    read_leaderboard,
    reading,
    terminal_tables,
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
    assert ranking.reason.endswith("the anchor is weak or inverted in: de")
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
        ({"signature": "lang:de|n:99|tasks:de5c"}, r"A \(de\) and B \(de\) differ in n \(24 and 99\)$"),
        ({"signature": "lang:de|n:24|tasks:other"}, r"differ in tasks \(de5c and other\)$"),
        ({"signature": "lang:de|n:24|tasks:de5c|seed:1"}, r"differ in seed \(none and 1\)$"),
        ({"student": "olmo"}, r"differ in student \(gemma and olmo\)$"),
        ({"pool": "v1"}, r"differ in pool \(cells@de and v1\)$"),
        ({"language": "ja", "signature": "lang:ja|n:99|tasks:ja5c"}, r"\(ja\) differ in n \(24 and 99\)$"),
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


# --- reading -----------------------------------------------------------------------------------

SOUND = "every anchor is sound, so PGR and the Polyglot Score can be read as they stand."


def read_aloud(cells: list[PolyglotScore]) -> list[str]:
    text = reading(cells, rank(cells))
    sentences = re.split(r"(?<=\.) (?=[A-Z])", text)
    assert len(sentences) == 2 and text.endswith(".")
    return sentences


def test_reading_of_a_lead() -> None:
    first, second = read_aloud(two(gain=0.02, gain_stderr=0.015))
    assert first == (
        "A ranks first by the Polyglot Score, and its students are 8.0 ± 2.5 points of accuracy "
        "ahead of B's."
    )
    assert second == (
        "Over the base model the students gained +10.0 ± 2.0 points with A and +2.0 ± 1.5 with B "
        f"(± one standard error), and {SOUND}"
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (0.05, "the difference between its students and those of B (+5.0 ± 2.8 points"),
        (0.10, "(+0.0 ± 2.8 points of accuracy) is within noise."),
        (0.20, "although its students are 10.0 ± 2.8 points of accuracy behind B's."),
        (None, "the gains of its students and of those of B are incomplete."),
    ],
)
def test_reading_compares_gains(gain: float | None, words: str) -> None:
    assert words in read_aloud(two(gain=gain))[0]


def test_reading_without_an_error() -> None:
    first, _ = read_aloud(two(gain_stderr=None))
    assert "(+0.0 ± — points of accuracy) is of unknown uncertainty." in first


def test_reading_of_bad_anchors() -> None:
    cells = [
        *two(flags=("anchor_inverted",)),
        *(score(t, "ja", flags=("anchor_weak",)) for t in "AB"),
    ]
    first, second = read_aloud(cells)
    assert "by the stable score" in first
    assert second.endswith(
        "but the anchor is inverted in de and weak in ja, so trust the gains and the stable "
        "score, not PGR and the Polyglot Score."
    )
    small = [c.model_copy(update={"flags": (*c.flags, "small_pool")}) for c in cells]
    assert "so trust the gains, not PGR and" in read_aloud(small)[1]


def test_reading_of_three_teachers() -> None:
    _, second = read_aloud([*two(gain=-0.05), score("C", score=0.0, gain=0.02)])
    assert "gained between +10.0 ± 2.0 points with A and -5.0 ± 2.0 with B" in second


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "No teacher has been measured yet."),
        ([score("A")], "Only one teacher, A, was measured"),
        ([score("A", score=None), score("B", score=None)], "No teacher can be ranked"),
        ([score("A"), score("B", score=None)], "Only A can be ranked"),
        ([score("A"), score("B")], "A shares the first rank by"),
        ([*two(), score("C", score=None)], "(not ranked, as a number is missing: C)."),
        ([score("A", gap=None)], "but an anchor is missing"),
        (two(flags=("small_pool",)), "z-scores of so few teachers"),
    ],
)
def test_reading_of_little(cells: list[PolyglotScore], words: str) -> None:
    assert words in " ".join(read_aloud(cells))


# --- tables ------------------------------------------------------------------------------------


def shown(cells: list[PolyglotScore], width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    for table in terminal_tables(cells, rank(cells)):
        console.print(table)
    return console.export_text()


def full_board() -> list[PolyglotScore]:
    wide: dict[str, object] = {"gain": -0.1234, "pgr": -1.23, "z": -1.0, "stable": -0.61}
    return [
        score(teacher, language, **wide, flags=("anchor_weak", "small_pool"), missing=("z",))
        for teacher in ("Llama-3.1-70B-Instruct", "a-teacher-with-a-name-of-too-many-letters", "C")
        for language in ("de", "ja")
    ]


def test_tables_fit_120_columns_without_wrapping() -> None:
    lines = shown(full_board()).splitlines()
    assert max(map(len, lines)) <= 120
    rows = [line for line in lines if "40.0 ± " in line]
    assert len(rows) == 3 + 6
    assert all("-12.3 ± " in row and "-1.23 ± 0." in row and "WS" in row for row in rows)
    assert sum("Llama-3.1-70B-Instruct " in row for row in rows) == 3


def test_missing_is_a_dash() -> None:
    bare = PolyglotScore(
        teacher="A", language="de", student="s", signature="", missing=("pgr",),
        **dict.fromkeys(
            ("raw", "raw_stderr", "gain", "gain_stderr", "base", "reference", "gap", "gap_stderr",
             "pgr", "pgr_stderr", "z", "score", "score_stderr", "stable"),
        ),
    )  # fmt: skip
    last = markdown([bare], rank([bare])).split("## Cells")[1].splitlines()[4]
    assert last == "| A | de | — | — | — | — | — | — | — | — | — | — | M |"


def test_a_flagged_pgr_is_struck_through() -> None:
    cells = two(flags=("anchor_weak",))
    text = markdown(cells, rank(cells))
    assert (
        "| A | de | 90% | 0.250 | 0.200 | 12.3 | 40.0 ± 1.5 | +10.0 ± 2.0 | 0.50 ± 0.10 |" in text
    )
    assert "| +10.0 ± 2.0 | ~~0.50 ± 0.10~~ | +0.30 | ~~+0.10~~ | -0.20 | W |" in text
    console = Console(width=120, force_terminal=True, record=True, file=io.StringIO())
    console.print(terminal_tables(cells, rank(cells))[2])
    assert re.search(r"\x1b\[2;9m *0.50 ± 0.10", console.export_text(styles=True))


def test_markdown() -> None:
    cells = [*two(), score("A", "ja", gap=-0.01, flags=("anchor_inverted",)), score("B", "ja")]
    text = markdown(cells, rank(cells))
    assert text.startswith("# Polyglot leaderboard\n\nA ")
    assert reading(cells, rank(cells)) in text
    assert "## Teachers (means over de, ja; ranked by the stable score, because the anch" in text
    assert "| 1 | A | 2 | 90% | 40.0 ± 1.1 | +10.0 ± 1.4 | ~~0.50 ± 0.07~~ | +0.30 |" in text
    assert "| de | 30.0 | 50.0 | +20.0 ± 2.0 | 400 | sound |" in text
    assert "| ja | 30.0 | 50.0 | -1.0 ± 2.0 | 400 | anchor_inverted |" in text
    assert "- de: `lang:de|n:24|tasks:de5c`; z over `cells@de`\n" in text
    assert text.endswith("- ja: `lang:ja|n:24|tasks:ja5c`; z over `cells@ja`\n")
    assert "arXiv 2604.11290" in text and "**Stable**" in text


def test_a_name_cannot_break_the_markdown_table() -> None:
    cells = [score("a|b")]
    assert "| a\\|b | de |" in markdown(cells, rank(cells))


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
