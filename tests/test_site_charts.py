"""Charts in a real Chromium: what plotly drew is what the data say, and names are names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from boards import results_file, row, write_file
from site_boards import CODES, empty_table, scored_board
from site_browser import DESKTOP, PHONE, chromium, opened, violations

from polyglot_harness.leaderboard.boards import BoardOptions, ScoredBoard, make_boards
from polyglot_harness.leaderboard.results import read_table
from polyglot_harness.leaderboard.site import write_site

__all__ = ["chromium"]
BOARD_CHARTS = ("cost", "languages", "ranks", "robustness")
CHARTS = (*BOARD_CHARTS, "families", "scaling", "pca")
HOSTILE = (
    "<script>alert(1)</script>",
    '<b>bold</b> <a href="https://evil.example">x</a>',
    "%{y} %{customdata}",
    "\u202e نموذج اللغة ٣",
    "2020-01-01",
    "&lt;i&gt;",
)


def written(folder: Path, *boards: ScoredBoard) -> Path:
    """Write a site of made boards; return its page."""
    teachers = {(t.name, t.revision): t for board in boards for t in board.teachers}
    write_site(folder, iter(boards), empty_table(list(teachers.values()), folder.parent))
    return folder / "index.html"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of synthetic results: two students, families, sizes; its page."""
    root = tmp_path_factory.mktemp("measured")
    for i, name in enumerate(("A", "B", *HOSTILE)):
        for student, family in (("s", "A"), ("t", "")):
            for code in ("ar", "de"):
                rows = [
                    row(code, teacher=name, skill=0.36 + 0.02 * i + 0.0004 * n, n_examples=n,
                        conditions={"n": n, "base": f"{student}@8f80"})
                    for n in (16, 64)
                ]  # fmt: skip
                file = results_file(name, code, student, rows=rows, facts={"family": name})
                facts = file.student.model_copy(update={"family": family})
                write_file(root / "results", file.model_copy(update={"student": facts}))
    table = read_table(root / "results")
    write_site(root / "site", make_boards(table, BoardOptions(resamples=100)), table)
    return root / "site" / "index.html"


def drawn(tab: Any, name: str) -> Any:
    """Scroll to a chart; return what plotly holds of it, by the name of the trace."""
    tab.locator(f"#{name}").scroll_into_view_if_needed()
    tab.wait_for_selector(f"#chart-{name}[data-drawn=plot]")
    return tab.evaluate(
        """name => Object.fromEntries(document.querySelector(`#chart-${name} .plot`).data.map(
             (t) => [t.name, JSON.parse(JSON.stringify({x: t.x, y: t.y, z: t.z, text: t.text,
               hovertext: t.hovertext, marker: t.marker, error_x: t.error_x}))]))""",
        name,
    )


def missing(tab: Any, name: str) -> str:
    tab.locator(f"#{name}").scroll_into_view_if_needed()
    tab.wait_for_selector(f"#chart-{name}[data-drawn=missing]")
    assert tab.locator(f"#chart-{name} .plot").is_hidden()
    return str(tab.inner_text(f"#chart-{name} .empty"))


def data_of(page: Path, name: str) -> Any:
    text = (page.parent / "data" / f"{name}.js").read_text("ascii")
    return json.loads(text.removeprefix("POLYGLOT.add(").removesuffix(");\n"))


def test_charts_of_a_board_hold_its_numbers(tmp_path: Path, chromium: Any) -> None:
    page = written(tmp_path / "site", scored_board([f"T{i}" for i in range(6)], missing=[(2, 1)]))
    data = data_of(page, "board-s-alone-1")
    with opened(chromium, page) as tab:
        cost = drawn(tab, "cost")
        ranked = [i for i, v in enumerate(data["means"]["score"]["value"]) if v is not None]
        points = sorted(zip(cost["front"]["x"] + cost["others"]["x"],
                            cost["front"]["y"] + cost["others"]["y"], strict=True))  # fmt: skip
        assert points == sorted(
            (data["cost"][i], data["means"]["score"]["value"][i]) for i in ranked
        )
        assert cost["Pareto front"]["y"] == sorted(cost["Pareto front"]["y"])
        cells = drawn(tab, "languages")
        expected = [[v if v is None else 100 * v for v in line] for line in data["cells"]["gain"]]
        assert cells["Gain"]["z"] == [pytest.approx(line) for line in expected]
        assert len(cells["missing"]["x"]) == 1
        ranks = drawn(tab, "ranks")["rank"]
        assert ranks["x"] == [1, 2, 3, 4, 5]
        assert ranks["error_x"]["arrayminus"] == [
            r - low for r, low in zip(ranks["x"], data["rank"]["low"], strict=False)
        ]
        assert drawn(tab, "robustness")["Spearman"]["z"] == data["robustness"]["rho"]


def test_charts_over_boards_hold_their_numbers(measured: Path, chromium: Any) -> None:
    across = data_of(measured, "index")["across"]
    with opened(chromium, measured) as tab:
        gains = {c["teacher"]: c["gain"]["mean"] for c in across["families"]["cells"]}
        found = drawn(tab, "families")["gain"]["z"]
        assert sorted(v for (v,) in found) == pytest.approx(sorted(100 * g for g in gains.values()))
        tab.select_option("#chart-families-measure", "lead")
        tab.wait_for_function(
            "() => document.querySelector('#chart-families .plot').data[0].name == 'lead'"
        )
        lines = drawn(tab, "scaling")
        assert len(lines) == 8 and all(line["x"] == [16, 64] for line in lines.values())
        pca = drawn(tab, "pca")["loadings"]["z"]
        own = across["pca"]
        assert [list(column) for column in zip(*pca, strict=True)] == own["loadings"]
        tab.select_option("#chart-pca-of", "published")
        tab.wait_for_function(
            "() => document.querySelector('#chart-pca .plot').data[0].z.length == 6"
        )
        assert "paper" in tab.inner_text("#chart-pca .foot >> nth=0")


def test_names_stay_names(measured: Path, chromium: Any) -> None:
    with opened(chromium, measured) as tab:
        for name in CHARTS:
            drawn(tab, name)
            svg = tab.locator(f"#chart-{name} .plot")
            assert svg.locator("a, script, img").count() == 0
            shown = svg.inner_text()
            if name in ("languages", "ranks"):
                plain = [re.sub("[\u2068\u2069]", "", text) for text in shown.splitlines()]
                assert {HOSTILE[0], HOSTILE[2], HOSTILE[4], HOSTILE[5]} <= set(plain)
                assert not any("\u202e" in text for text in plain)
        tab.locator("#ranks").scroll_into_view_if_needed()
        drawn(tab, "ranks")
        for place in range(len(HOSTILE) + 2):  # hover each
            box = tab.locator("#chart-ranks .point").nth(place).bounding_box()
            tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            tab.wait_for_selector("#chart-ranks .hovertext")
            assert tab.locator("#chart-ranks .hovertext a").count() == 0
        texts = drawn(tab, "ranks")["rank"]["hovertext"]
        assert not any(re.search("<(?!b>|/b>|br>)", text) for text in texts)


def test_what_is_missing_is_said_in_words(tmp_path: Path, chromium: Any) -> None:
    bare = scored_board(["A", "B"], prices=False)
    bare = replace(
        bare,
        acceptance=bare.acceptance * float("nan"),
        teachers=tuple(t.model_copy(update={"size_b": None}) for t in bare.teachers),
        ranking=bare.ranking.model_copy(
            update={
                "rows": tuple(r.model_copy(update={"rank_low": None}) for r in bare.ranking.rows)
            }
        ),
    )
    with opened(chromium, written(tmp_path / "site", bare)) as tab:
        assert "no prices in the cards" in missing(tab, "cost")
        assert "have no intervals" in missing(tab, "ranks")
        assert "needs 3" in missing(tab, "robustness")
        assert "family" in missing(tab, "families")
        assert "more than one size" in missing(tab, "scaling")
        drawn(tab, "pca")
        assert "no components. Below: those of the paper" in tab.inner_text("#chart-pca .empty")


def test_replies_stand_in_for_prices(tmp_path: Path, chromium: Any) -> None:
    with opened(
        chromium, written(tmp_path / "site", scored_board(["A", "B"], prices=False))
    ) as tab:
        found = drawn(tab, "cost")
        assert found["front"]["x"] == [60]  # 2 languages of 24 examples, of which 0.8 were accepted
        assert "no prices" in tab.inner_text("#chart-cost .foot >> nth=0")


def test_filters_language_and_click_reach_the_charts(tmp_path: Path, chromium: Any) -> None:
    page = written(tmp_path / "site", scored_board([f"T{i}" for i in range(5)]))
    with opened(chromium, page, "q=T3&language=es") as tab:
        data = data_of(page, "board-s-alone-1")
        i = [t["name"] for t in data["teachers"]].index("T3")
        assert drawn(tab, "cost")["front"]["y"] == [data["cells"]["score"][i][1]]
        assert len(drawn(tab, "languages")["Gain"]["z"]) == 1
    with opened(chromium, page) as tab:
        drawn(tab, "ranks")
        box = tab.locator("#chart-ranks .point").first.bounding_box()
        tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        tab.wait_for_function("() => location.hash.includes('teacher=t0')")


def test_colours_follow_the_theme(tmp_path: Path, chromium: Any) -> None:
    with opened(chromium, written(tmp_path / "site", scored_board(["A", "B"]))) as tab:
        light = drawn(tab, "ranks")["rank"]["marker"]["color"]
        tab.evaluate("POLYGLOT.toggleTheme()")
        tab.locator("#ranks").scroll_into_view_if_needed()
        tab.wait_for_function(
            "light => document.querySelector('#chart-ranks .plot').data[0].marker.color !== light",
            arg=light,
        )


def test_many_teachers_are_drawn_in_part_and_on_demand_whole(tmp_path: Path, chromium: Any) -> None:
    board = scored_board([f"T{i}" for i in range(120)], CODES[:50], missing=[(0, 3)], unsound=True)
    with opened(chromium, written(tmp_path / "site", board)) as tab:
        assert len(drawn(tab, "languages")["Gain"]["z"]) == 40
        tab.select_option("#chart-languages-top", "all")
        tab.select_option("#chart-languages-quantity", "pgr")
        tab.wait_for_selector("#chart-languages .foot >> text=unsound")
        found = drawn(tab, "languages")
        assert len(found["PGR"]["z"]) == 120 and len(found["unsound"]["x"]) == 119 + 1
        tab.click("#chart-languages summary")
        tab.wait_for_selector("#chart-languages tbody tr")
        assert tab.locator("#chart-languages tbody tr").count() == 120


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (DESKTOP, True), (PHONE, False)])
def test_charts_are_accessible(
    measured: Path, chromium: Any, size: tuple[int, int], dark: bool
) -> None:
    with opened(chromium, measured, size=size, dark=dark) as tab:
        for name in CHARTS:
            drawn(tab, name)
            says = tab.get_attribute(f"#chart-{name} [role=img]", "aria-label")
            assert len(says) > 60
            tab.locator(f"#chart-{name} summary").focus()
            tab.keyboard.press("Enter")
            tab.wait_for_selector(f"#chart-{name} tbody tr")
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert violations(tab) == []


def test_table_remains_where_plotly_cannot_be_loaded(tmp_path: Path, chromium: Any) -> None:
    page = written(tmp_path / "site", scored_board(["A", "B", "C"]))
    (page.parent / "plotly.min.js").write_text("", encoding="utf-8")
    with opened(chromium, page) as tab:
        tab.locator("#ranks").scroll_into_view_if_needed()
        tab.wait_for_selector("#chart-ranks[data-drawn=failed]")
        tab.click("#chart-ranks summary")
        tab.wait_for_selector("#chart-ranks tbody tr")
        assert tab.locator("#chart-ranks tbody tr").count() == 3
