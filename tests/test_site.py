"""The page as files: what is written, escaped, replaced, and refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boards import write_folder
from hypothesis import given
from hypothesis import strategies as st
from site_boards import CODES, empty_table, facts, scored_board

from polyglot_harness.errors import StoreError
from polyglot_harness.leaderboard.boards import BoardOptions, make_boards
from polyglot_harness.leaderboard.records import TeacherFacts
from polyglot_harness.leaderboard.results import read_table
from polyglot_harness.leaderboard.site import plotly_path, style_id, write_site
from polyglot_harness.leaderboard.site.data import languages, number, numbers, safe_url, script
from polyglot_harness.leaderboard.site.slugs import teacher_slugs

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "../../x",
    "مُعلّم 27B",
    "x" * 300,
]


def data_of(path: Path) -> Any:
    """What a data file hands over."""
    found = re.fullmatch(r"POLYGLOT\.add\((.*)\);\n", path.read_text("ascii"))
    assert found
    return json.loads(found[1])


def write(folder: Path, *boards: Any) -> list[Path]:
    teachers = {(t.name, t.revision): t for board in boards for t in board.teachers}
    return write_site(folder, iter(boards), empty_table(list(teachers.values()), folder.parent))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_measured_results_become_a_page(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "results", {"A": 0.3, "B": 0.5, "C": 0.4}, students=("s", "t"))
    table = read_table(root)
    boards = list(make_boards(table, BoardOptions(resamples=200)))
    site = tmp_path / "site"
    paths = write_site(site, iter(boards), table, title="A < B")
    assert paths == sorted(p for p in site.rglob("*") if p.is_file())
    index = data_of(site / "data" / "index.js")
    assert [b["key"] for b in index["boards"]] == [b.key for b in boards]
    assert index["languages"]["de"] == {"name": "German", "own_name": "Deutsch", "direction": "ltr"}
    assert all(b["reading"].startswith("C ranks first") and b["n"] == 16 for b in index["boards"])
    shown, board = data_of(site / "data" / f"board-{boards[0].key}.js"), boards[0]
    assert [t["name"] for t in shown["teachers"]] == [r.teacher for r in board.ranking.rows]
    assert shown["rank"]["rank"] == [r.rank for r in board.ranking.rows] == [1, 2, 3]
    order = [board.grid.teachers.index(r.teacher) for r in board.ranking.rows]
    for name, values in {"gain": board.grid.values["gain"], "stable": board.scores.stable}.items():
        assert np.allclose(shown["cells"][name], values[order], atol=0, rtol=6e-3)
    low, high = board.uncertainty.means[shown["by"]][:, order]
    assert np.allclose(shown["means"][shown["by"]]["low"], low, atol=0, rtol=6e-4)
    assert np.allclose(shown["means"][shown["by"]]["high"], high, atol=0, rtol=6e-4)
    assert {p.stem for p in (site / "teachers").iterdir()} == {"a", "b", "c"}
    html = (site / "index.html").read_text("utf-8")
    assert "<title>A &lt; B</title>" in html
    for name in re.findall(r'(?:src|href)="([^"#:]+)"', html):
        assert (site / name).is_file(), name
    assert b"Licensed under the MIT license" in (site / "plotly.min.js").read_bytes()[:400]


def test_same_input_same_bytes_and_the_old_page_is_replaced(tmp_path: Path) -> None:
    board, other = scored_board(["a", "b"]), scored_board(["c"], key="other")
    write(tmp_path / "site", board)
    first = contents(tmp_path / "site")
    write(tmp_path / "site", other)
    assert not (tmp_path / "site" / "data" / f"board-{board.key}.js").exists()
    write(tmp_path / "site", board)
    assert contents(tmp_path / "site") == first
    assert [p.name for p in tmp_path.iterdir() if p.name != "site"] in ([], [".site.lock"])


def test_a_failure_leaves_the_old_page(tmp_path: Path) -> None:
    board = scored_board(["a", "b"])
    write(tmp_path / "site", board)
    before = contents(tmp_path / "site")

    def broken() -> Any:
        yield board
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_site(tmp_path / "site", broken(), empty_table(board.teachers, tmp_path))
    assert contents(tmp_path / "site") == before
    assert not (tmp_path / ".site.new").exists()


def test_left_overs_of_a_killed_build_are_cleared(tmp_path: Path) -> None:
    for name in (".site.new", ".site.old"):
        (tmp_path / name / "data").mkdir(parents=True)
    write(tmp_path / "site", scored_board(["a"]))
    assert (tmp_path / "site" / "index.html").is_file()
    assert not list(tmp_path.glob(".site.[no]*"))


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_no_page_is_not_replaced(tmp_path: Path, kind: str) -> None:
    site = tmp_path / "site"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    if kind == "folder":
        (tmp_path / "mine").rename(site)
    elif kind == "file":
        site.write_text("years of work")
    else:
        site.symlink_to(tmp_path / "mine", target_is_directory=True)
    with pytest.raises(StoreError, match="site: .*move it away"):
        write(site, scored_board(["a"]))
    assert "years of work" in [p.read_text() for p in tmp_path.rglob("*") if p.is_file()]


def test_hostile_names_stay_inside_their_files(tmp_path: Path) -> None:
    paths = write(tmp_path / "site", scored_board(HOSTILE))
    assert all((tmp_path / "site").resolve() in p.resolve().parents for p in paths)
    text = "".join(p.read_text("utf-8") for p in paths if p.suffix == ".html")
    text += "".join(p.read_text("ascii") for p in paths if p.parent.name == "data")
    assert "<script>alert" not in text and "<img" not in text


@pytest.mark.parametrize("names", [[], ["a"]])
def test_few_teachers(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path / "site", *([scored_board(names)] if names else []))
    assert len(data_of(tmp_path / "site" / "data" / "index.js")["boards"]) == len(names)


def test_large_board_is_small_enough(tmp_path: Path) -> None:
    names = [f"teacher-{i}" for i in range(500)]
    board = scored_board(names, CODES)
    write(tmp_path / "site", board)
    path = tmp_path / "site" / "data" / f"board-{board.key}.js"
    assert path.stat().st_size < 2_000_000
    assert len(data_of(path)["cells"]["gain"]) == 500


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (0.123456, 0.1235), (-12345.6, -12350.0), (0.0, 0.0), (1e-9, 1e-9), (9.99996, 10.0),
        (1e300, 1e300), (float("nan"), None), (float("inf"), None),
    ],
)  # fmt: skip
def test_numbers_are_rounded(given: float, wanted: float | None) -> None:
    assert number(given) == wanted
    assert numbers(np.array([given, 0.5])) == [wanted, 0.5]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_arrays_are_rounded_as_numbers_are(values: list[float]) -> None:
    found = numbers(np.array(values))
    assert np.allclose(found, [number(v) for v in values], rtol=1e-3, atol=1e-18)  # ties either way
    assert all(len(re.sub(r"e.*|\D", "", repr(v)).strip("0")) <= 4 for v in found)


def test_whole_numbers_have_no_point() -> None:
    assert json.dumps(numbers(np.array([[1.0, np.nan], [180.0, 0.0]]))) == "[[1, null], [180, 0]]"


def test_script_holds_what_it_is_given_and_no_tag() -> None:
    text = "</script><!-- \u2028 \ud800 مرحبا"
    (line,) = script({"a": text}).splitlines()
    assert "<" not in line and line.isascii()
    assert json.loads(line.removeprefix("POLYGLOT.add(").removesuffix(");")) == {"a": text}
    with pytest.raises(ValueError, match="JSON compliant"):
        script([float("nan")])


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.org/a?b#c", True), ("http://example.org", True), ("HTTPS://X.org", True),
        ("javascript:alert(1)", False), ("data:text/html,x", False), ("//example.org", False),
        ("https:", False), ("http://[", False), ("", False), (" javascript:alert(1)", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_are_linked(url: str, safe: bool) -> None:
    assert safe_url(url) == (url if safe else "")


def test_languages_are_named() -> None:
    found = languages(["ar", "qqq", "tl"])
    assert found["ar"]["direction"] == "rtl" and found["ar"]["name"] == "Arabic"
    assert found["qqq"] == {"name": "qqq", "own_name": "", "direction": "auto"}


def test_plain_names_are_plain_slugs() -> None:
    slugs = teacher_slugs(facts(["gemma-3-270m", "Qwen/Qwen3 4B", "Économe"]))
    assert set(slugs.values()) == {"gemma-3-270m", "qwen-qwen3-4b", "econome"}


@given(st.lists(st.tuples(st.text(min_size=1), st.sampled_from(["r1", "r2"])), unique=True))
def test_slugs_are_safe_and_unique(keys: list[tuple[str, str]]) -> None:
    names = [*keys, ("con", "r"), ("a-0123456789ab", "r"), *((name, "r") for name in HOSTILE)]
    slugs = teacher_slugs(TeacherFacts(name=n, revision=r) for n, r in names)
    assert set(slugs) == set(names)
    assert len(set(slugs.values())) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", slug) for slug in slugs.values())
    assert "con" not in slugs.values()


def test_style_of_maps_is_found_in_plotly() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", style_id(plotly_path()))
