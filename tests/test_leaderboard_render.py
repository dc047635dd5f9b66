"""The leaderboard as people see it: read aloud, in the terminal, in Markdown."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from boards import write_folder
from rich.console import Console, RenderableType
from test_leaderboard import score, two

from polyglot_harness.leaderboard import markdown, rank, reading, terminal_tables
from polyglot_harness.leaderboard.boards import BoardOptions, make_boards
from polyglot_harness.leaderboard.ranked import Pair, Ranking
from polyglot_harness.leaderboard.reading import board_reading
from polyglot_harness.leaderboard.render import teacher_table
from polyglot_harness.leaderboard.results import read_table
from polyglot_harness.leaderboard.shown import cells_of
from polyglot_harness.leaderboard.tables import dollars, p_value, probability, teacher_grid
from polyglot_harness.spec import PolyglotScore

# --- reading -----------------------------------------------------------------------------------

SOUND = "every anchor is sound, so PGR and the Polyglot Score can be read as they stand."


def compared(
    cells: list[PolyglotScore], *pairs: tuple[str, str, float, float], **rank_low: float
) -> Ranking:
    """A ranking with P(A better) and p of pairs, and the best rank of some teachers."""
    ranking = rank(cells)
    rows = tuple(r.model_copy(update={"rank_low": rank_low.get(r.teacher)}) for r in ranking.rows)
    made = tuple(Pair(a=a, b=b, better=better, p_holm=p) for a, b, better, p in pairs)
    return ranking.model_copy(update={"rows": rows, "pairs": made})


def sentences(cells: list[PolyglotScore], ranking: Ranking | None = None) -> list[str]:
    text = reading(cells, ranking or rank(cells))
    found = re.split(r"(?<=\.) (?=[A-Z])", text)
    assert len(found) == 2 and text.endswith(".")
    return found


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (("A", "B", 0.98, 0.031), ", ahead of B beyond noise (P(better) 0.98, p 0.031 after"),
        (("B", "A", 0.02, 0.031), ", ahead of B beyond noise (P(better) 0.98, p 0.031 after"),
        (
            ("A", "B", 0.97, 0.05),
            ", but B is not told apart from it (P(better) 0.97, p 0.050 after",
        ),
        (("A", "B", 0.9999, 1e-5), ", ahead of B beyond noise (P(better) > 0.99, p < 0.001"),
        (("A", "C", 0.9, 0.01), "; how surely it is ahead of B is not known."),
    ],
)
def test_reading_of_a_lead(pair: tuple[str, str, float, float], words: str) -> None:
    first, _ = sentences(two(), compared(two(), pair))
    assert first.startswith(f"A ranks first by the Polyglot Score{words}")


@pytest.mark.parametrize("p", [0.01, 0.4])
def test_reading_names_others_that_may_be_first(p: float) -> None:
    cells = [*two(), *(score(name, score=0.0) for name in "CDEFGHI")]
    few = compared(cells, ("A", "B", 0.9, p), A=1, B=2, C=1, D=2)
    assert "correction); the rank interval also reaches 1 for C." in sentences(cells, few)[0]
    many = compared(cells, ("A", "B", 0.9, p), **dict.fromkeys("ABCDEFGHI", 1.0))
    assert "also reaches 1 for C, D, E, F, G and 2 more." in sentences(cells, many)[0]


def test_reading_of_gains() -> None:
    cells = two(gain=0.02, gain_stderr=0.015)
    assert sentences(cells)[1] == (
        "Over the base model the students gained +10.0 ± 2.0 points with A and +2.0 ± 1.5 with B "
        f"(± one standard error), and {SOUND}"
    )
    ranking = rank(cells)
    rows = tuple(r.model_copy(update={"intervals": (("gain", 0.005, 0.2),)}) for r in ranking.rows)
    bounded = sentences(cells, ranking.model_copy(update={"rows": rows}))[1]
    assert "+10.0 [+0.5, +20.0] points with A and +2.0 [+0.5, +20.0] with B (95 %" in bounded
    assert "+10.0 ± — with" in sentences(two(gain_stderr=None))[1]


def test_reading_of_bad_anchors() -> None:
    cells = [
        *two(flags=("anchor_inverted",)),
        *(score(t, "ja", flags=("anchor_weak",)) for t in "AB"),
    ]
    first, second = sentences(cells)
    assert "by the stable score" in first
    assert second.endswith(
        "but the anchor is inverted in de and weak in ja, so trust the gains and the stable "
        "score, not PGR and the Polyglot Score."
    )
    small = [c.model_copy(update={"flags": (*c.flags, "small_pool")}) for c in cells]
    assert "so trust the gains, not PGR and" in sentences(small)[1]


def test_reading_of_three_teachers() -> None:
    _, second = sentences([*two(gain=-0.05), score("C", score=0.0, gain=0.02)])
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
    assert words in " ".join(sentences(cells))


# --- tables ------------------------------------------------------------------------------------

LONG = ("Llama-3.1-70B-Instruct", "a-teacher-with-a-name-of-too-many-letters", "C")


def printed(tables: tuple[RenderableType, ...], width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), color_system=None)
    for table in tables:
        console.print(table)
    return console.export_text()


def full_board() -> list[PolyglotScore]:
    wide: dict[str, object] = {"gain": -0.1234, "pgr": -1.23, "z": -1.0, "stable": -0.61}
    return [
        score(teacher, language, **wide, flags=("anchor_weak", "small_pool"), missing=("z",))
        for teacher in LONG
        for language in ("de", "ja")
    ]


def with_intervals(cells: list[PolyglotScore]) -> tuple[list[PolyglotScore], Ranking]:
    ends = tuple((name, -1.234, -0.111) for name in ("gain", "pgr", "z", "score", "stable"))
    cells = [cell.model_copy(update={"intervals": ends}) for cell in cells]
    ranking = rank(cells)
    whole = {"intervals": ends, "rank_low": 1.0, "rank_high": 30.0, "cost_usd": 12345.6}
    rows = tuple(row.model_copy(update=whole) for row in ranking.rows)
    return cells, ranking.model_copy(update={"rows": rows})


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("bounded", [False, True])
def test_tables_fit_and_cut_nothing(width: int, bounded: bool) -> None:
    cells = full_board()
    cells, ranking = with_intervals(cells) if bounded else (cells, rank(cells))
    text = printed(terminal_tables(cells, ranking), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    gain = "-12.3 [-123.4, -11.1]" if bounded else "-12.3 ± "
    if width >= 80:
        assert sum(gain in line and "WS" in line for line in text.splitlines()) == 3 + 6
    else:
        assert text.split().count(gain.split()[0]) == 3 + 6
    if width == 200:
        assert text.count("Llama-3.1-70B-Instruct ") == 1 + 2 + 2


def test_wide_terminals_show_more() -> None:
    _, ranking = with_intervals(full_board())

    def dropped(width: int) -> set[str]:
        text = printed((teacher_table(ranking, width=width),), width)
        headers = teacher_grid(ranking, short=True).headers
        head = next(line for line in text.splitlines() if line.startswith("#"))
        return set(headers) - set(head.split())

    assert dropped(200) == set()
    assert dropped(100) == {"Langs", "Raw", "Accept"}
    assert dropped(80) == {"Langs", "Raw", "Accept", "Cost", "z", "PGR"}


def test_a_long_table_says_how_many_more() -> None:
    ranking = rank([score(f"t{i:02}", score=i / 100) for i in range(60)])
    text = printed((teacher_table(ranking, limit=50),), 100)
    assert " t10 " in text and " t09 " not in text and "and 10 more teachers" in text
    assert "more" not in printed((teacher_table(ranking, limit=60),), 100)


def test_a_title_does_not_list_fifty_languages() -> None:
    codes = [f"{a}{b}" for a in "abcde" for b in "abcdefghij"]
    assert "(means over 50 languages;" in teacher_grid(rank([score("A", c) for c in codes])).title


def test_a_name_cannot_steer_the_terminal() -> None:
    cells = [score("\x1b[2Jx‮y")]
    text = printed(terminal_tables(cells, rank(cells)), 100)
    assert "\x1b" not in text and "‮" not in text and "�[2Jx�y" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "—"), (0.0, "$0"), (0.0004, "< $0.001"), (0.0123, "$0.012"), (0.5, "$0.5"),
     (1.5, "$1.50"), (1234.5, "$1,234")],
)  # fmt: skip
def test_dollars(value: float | None, text: str) -> None:
    assert dollars(value) == text


def test_probabilities_are_not_rounded_to_certainty() -> None:
    assert [probability(p) for p in (0, 0.004, 0.5, 0.994, 0.996, 1)] == [
        "0.00", "< 0.01", "0.50", "0.99", "> 0.99", "1.00",
    ]  # fmt: skip
    assert [p_value(p) for p in (1e-9, 0.0312, 0.5, 1)] == ["< 0.001", "0.031", "0.50", "1.00"]


def test_a_flagged_pgr_is_struck_through() -> None:
    cells = two(flags=("anchor_weak",))
    console = Console(width=120, force_terminal=True, record=True, file=io.StringIO())
    console.print(terminal_tables(cells, rank(cells))[2])
    assert re.search(r"\x1b\[2;9m *0.50", console.export_text(styles=True))


# --- Markdown ----------------------------------------------------------------------------------


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


def test_markdown_strikes_a_flagged_pgr() -> None:
    cells = two(flags=("anchor_weak",))
    text = markdown(cells, rank(cells))
    data = "| 90% | 0.250 | 0.200 | 12.3 | 40.0 ± 1.5 | +10.0 ± 2.0 |"
    assert f"| B | de {data} ~~0.50 ± 0.10~~ | +0.30 | ~~+0.10 ± 0.05~~ | -0.20 | W |" in text
    assert f"| A | de {data} 0.50 ± 0.10 | +0.30 | +0.40 ± 0.05 | +0.20 |  |" in text


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


def test_a_measured_board_is_shown_with_its_doubt(tmp_path: Path) -> None:
    table = read_table(write_folder(tmp_path, {"good": 0.7, "fair": 0.45, "poor": 0.3}))
    (board,) = make_boards(table, BoardOptions(resamples=1000))
    cells = cells_of(board, 10)
    lines = printed(terminal_tables(cells, board.ranking), 100).splitlines()
    title = next(i for i, line in enumerate(lines) if line.startswith("Pairs (by "))
    pairs = [
        line for line in lines[title:] if re.search(r"^(good|fair|poor) +(good|fair|poor) ", line)
    ]
    assert len(pairs) == 3
    assert len([line for line in lines if re.search(r"^\d +\d(-\d)? +\w+ .*\[.*, .*\]", line)]) == 3
    assert "P(better)" in reading(cells, board.ranking) == board_reading(board)
    text = markdown(cells, board.ranking)
    assert "| A | B | P(A better) | p (Holm) |" in text and "## Pairs (by " in text


@pytest.mark.parametrize(
    ("of_row", "words"),
    [
        ({"reference": 0.2}, "but the anchor is inverted in de, es, so trust the gains and the"),
        ({"gap": None, "pgr": None}, "but an anchor is missing, so trust the gains that are"),
        ({}, SOUND),
    ],
)
def test_a_board_is_read_as_its_cells_are(
    tmp_path: Path, of_row: dict[str, Any], words: str
) -> None:
    table = read_table(write_folder(tmp_path, "ABCDEF", **of_row))
    (board,) = make_boards(table, BoardOptions(resamples=100))
    assert board_reading(board) == reading(cells_of(board, 10), board.ranking)
    assert words in board_reading(board)
