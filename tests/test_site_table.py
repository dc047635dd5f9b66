"""The page's table in a real Chromium: order, filters, address, names that would do harm."""
# ruff: noqa: F811

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from site_boards import CODES, empty_table, scored_board
from site_browser import DESKTOP, PHONE, TABLE, chromium, opened, served, violations  # noqa: F401

from polyglot_harness.leaderboard.site import write_site

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "../../x", "مُعلّم 27B",
    "x" * 300, "</script><b>bold</b>", "javascript:alert(1)", "{{7*7}} %{text} ${1}",
)  # fmt: skip
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
LANGUAGES = ("ar", "de", "es")
NONE = "–"
TURNS = {"ascending", "descending"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two boards: of six teachers, the last without a cell in German; and of hostile names."""
    boards = [
        scored_board(NAMES, LANGUAGES, missing=[(5, 1)], left_out=["a (de): pack 1, not 2"]),
        scored_board(HOSTILE, key="hostile", student="<b>", strategies=("respond",), unsound=True),
    ]
    return written(tmp_path_factory.mktemp("page"), boards)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [f"teacher-{i}" for i in range(500)]
    return written(tmp_path_factory.mktemp("large"), [scored_board(names, CODES)])


def written(root: Path, boards: list[Any]) -> Path:
    teachers = {(t.name, t.revision): t for board in boards for t in board.teachers}
    write_site(root / "site", iter(boards), empty_table(list(teachers.values()), root))
    return root / "site" / "index.html"


def names(tab: Any) -> list[str]:
    return list(tab.locator("#teachers tbody .who").all_text_contents())


def column(tab: Any, key: str) -> list[str]:
    place = tab.locator("#teachers thead th").evaluate_all(
        "(heads, key) => heads.findIndex((h) => h.querySelector(`[data-sort=${key}]`))", key
    )
    return list(tab.locator(f"#teachers tbody tr > :nth-child({place + 1})").all_text_contents())


def board_of(page: Path, key: str = "s-alone-1") -> Any:
    text = (page.parent / "data" / f"board-{key}.js").read_text()
    return json.loads(text.removeprefix("POLYGLOT.add(").rstrip(");\n"))


def test_opens_from_a_file_and_from_a_server(chromium: Any, page: Path) -> None:
    with opened(chromium, page) as tab:
        from_file = tab.locator("#teachers").inner_text()
        assert names(tab)[:2] == ["alpha", "beta"]
    with served(page.parent) as address, opened(chromium, address) as tab:
        assert tab.locator("#teachers").inner_text() == from_file


def test_numbers_are_those_of_the_data(chromium: Any, page: Path) -> None:
    board = board_of(page)
    with opened(chromium, page) as tab:
        gains = [f"{100 * v:+.1f}" for v in board["means"]["gain"]["value"] if v is not None]
        assert [g.replace("−", "-") for g in column(tab, "gain")] == [*gains, NONE]
        assert column(tab, "rank")[0].startswith("1") and column(tab, "rank")[-1] == NONE
        said = (
            tab.locator("#teachers tbody tr").first.locator(".interval").get_attribute("aria-label")
        )
        low, high = board["means"]["score"]["low"][0], board["means"]["score"]["high"][0]
        assert said == f"95 % interval {low:+.2f} to {high:+.2f}"
    with opened(chromium, page, "language=de") as tab:
        gains = [f"{100 * row[1]:+.1f}" for row in board["cells"]["gain"] if row[1] is not None]
        found = [g.replace("−", "-") for g in column(tab, "gain")]
        assert sorted(found) == sorted([*gains, NONE])


def test_each_column_sorts_both_ways(chromium: Any, page: Path) -> None:
    keys = ["teacher", "score", "gain", "pgr", "z", "raw", "cost", "size", "licence", "rank"]
    with opened(chromium, page) as tab:
        for key in keys:
            tab.locator(f"#teachers [data-sort={key}]").press("Enter")
            one, head = column(tab, key), tab.locator("#teachers th[aria-sort]")
            first = head.get_attribute("aria-sort")
            tab.keyboard.press("Enter")  # the focus stays
            other = column(tab, key)
            assert head.count() == 1 and {first, head.get_attribute("aria-sort")} == TURNS
            there = [text for text in one if text != NONE]
            turned = [text for text in other if text != NONE]
            assert turned == there[::-1] or len(set(there)) < len(there)
            assert one == there + [NONE] * (6 - len(there))  # what is missing comes last
            assert other == turned + [NONE] * (6 - len(there))


FILTERS: list[tuple[str, str, Callable[[Any, int], bool]]] = [
    ("q", "ETA", lambda b, i: "eta" in b["teachers"][i]["name"]),
    ("family", "family-2", lambda b, i: b["teachers"][i]["family"] == "family-2"),
    ("licence", "MIT", lambda b, i: b["teachers"][i]["licence"] == "MIT"),
    ("size_min", "0.3", lambda b, i: b["teachers"][i]["size_b"] >= 0.3),
    ("size_max", "0.3", lambda b, i: b["teachers"][i]["size_b"] <= 0.3),
    ("cost_max", "4.5", lambda b, i: b["cost"][i] is not None and b["cost"][i] <= 4.5),
]


def test_filters(chromium: Any, page: Path) -> None:
    board = board_of(page)
    with opened(chromium, page) as tab:
        for key, value, passes in FILTERS:
            wanted = [t["name"] for i, t in enumerate(board["teachers"]) if passes(board, i)]
            assert 0 < len(wanted) < len(NAMES)
            if key in ("family", "licence"):
                tab.locator(f"#{key}").select_option(value)
            else:
                tab.locator(f"#{key}").fill(value)
            assert names(tab) == wanted
            assert tab.locator("#found").inner_text().startswith(f"{len(wanted)} of 6 teachers")
            assert f"{key}={value}" in tab.evaluate("location.hash")
            tab.reload()
            tab.wait_for_selector(TABLE)
            assert names(tab) == wanted
            tab.locator("#clear").click()
            assert len(names(tab)) == 6 and tab.evaluate("document.activeElement.id") == "q"


def test_nothing_found_says_so_and_offers_to_clear(chromium: Any, page: Path) -> None:
    with opened(chromium, page, "q=nobody") as tab:
        assert names(tab) == [] and not tab.locator("#region").is_visible()
        tab.locator("#nothing button").click()
        assert len(names(tab)) == 6 and not tab.locator("#nothing").is_visible()


def test_a_language_shows_its_cells(chromium: Any, page: Path) -> None:
    with opened(chromium, page) as tab:
        tab.locator("[data-language=de]").press("Enter")
        assert tab.locator("[aria-pressed=true]").inner_text() == "German"
        assert tab.evaluate("document.activeElement.dataset.language") == "de"
        assert "in German" in tab.locator("#found").inner_text()
        assert names(tab)[-1] == "zeta" and column(tab, "rank")[-1] == NONE
        assert "language=de" in tab.evaluate("location.hash")


@pytest.mark.parametrize(
    "fragment",
    ["board=gone&language=xx&sort=gone&page=99&turn=7", "page=-1", "page=x&size_min=x", "%%%", "=",
     "student=nobody", "language=constructor&sort=__proto__", "teacher=nobody", "cost"],
)  # fmt: skip
def test_rubbish_in_the_address(chromium: Any, page: Path, fragment: str) -> None:
    with opened(chromium, page, fragment) as tab:
        assert len(names(tab)) == 6


def test_boards_are_chosen_by_student_and_strategy(chromium: Any, page: Path) -> None:
    with opened(chromium, page) as tab:
        tab.locator("#strategy").select_option("respond")
        tab.locator("#teachers tr", has_text="../../x").wait_for()
        assert sorted(names(tab)) == sorted(HOSTILE)
        assert "board=hostile" in tab.evaluate("location.hash")
        tab.evaluate("location.hash = '#board=s-alone-1&sort=cost'")
        tab.locator("#teachers tr", has_text="alpha").wait_for()
        assert tab.locator("th[aria-sort]").inner_text().startswith("Cost")


def test_hostile_names_do_no_harm(chromium: Any, page: Path) -> None:
    with opened(chromium, page, "board=hostile") as tab:
        assert sorted(names(tab)) == sorted(HOSTILE)
        assert tab.locator("img, b, #teachers script").count() == 0
        links = tab.locator("#teachers .who a").evaluate_all(
            "(all) => all.map((a) => a.getAttribute('href'))"
        )
        assert all((page.parent / link).resolve().is_relative_to(page.parent) for link in links)
        assert all((page.parent / link).is_file() for link in links)
        assert tab.locator("#teachers s").count() == 2 * len(HOSTILE)  # PGR and the score of it
        assert tab.evaluate("document.documentElement.scrollWidth") <= DESKTOP[0]


def test_flags_are_explained_by_keyboard_and_by_pointer(chromium: Any, page: Path) -> None:
    with opened(chromium, page, "board=hostile") as tab:
        flag, tip = tab.locator(".flag").first, tab.locator("#tip")
        assert not tip.is_visible()
        flag.focus()
        assert tip.is_visible() and "two standard errors" in tip.inner_text()
        tab.keyboard.press("Escape")
        assert not tip.is_visible()
        tab.locator(".flag").nth(1).hover()
        assert tip.is_visible()
        box = tip.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= DESKTOP[0]
        described = flag.get_attribute("aria-describedby")
        assert "two standard errors" in tab.locator(f"#{described}").text_content()


def test_theme_is_remembered(chromium: Any, page: Path) -> None:
    with served(page.parent) as address, opened(chromium, address) as tab:
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        tab.locator("#theme").click()
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
        tab.reload()
        tab.wait_for_selector(TABLE)
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert tab.locator("#theme").inner_text() == "Light"


def test_links_to_sections_keep_the_address(chromium: Any, page: Path) -> None:
    with opened(chromium, page, "sort=cost") as tab:
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "table"
        tab.locator('.bar a[href="#pca"]').click()
        assert tab.evaluate("document.activeElement.id") == "pca"
        assert "sort=cost" in tab.evaluate("location.hash")


def test_large_board(chromium: Any, large: Path) -> None:
    with opened(chromium, large) as tab:
        assert len(names(tab)) == 100 and tab.locator("#pages").is_visible()
        tab.locator("#pages button", has_text="Next").click()
        assert tab.locator("#pages").inner_text().split("\n")[1] == "101–200 of 500"
        tab.locator("#q").fill("teacher-49")
        assert len(names(tab)) == 11 and not tab.locator("#pages").is_visible()
    slug = board_of(large)["teachers"][321]["slug"]
    with opened(chromium, large, f"teacher={slug}") as tab:
        assert tab.locator("tr[aria-current]").get_attribute("data-slug") == slug
    with opened(chromium, large, "language=ta&sort=gain&page=5") as tab:
        assert len(names(tab)) == 100


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_accessible_on_every_screen(
    chromium: Any, page: Path, size: tuple[int, int], dark: bool
) -> None:
    for fragment in ("board=s-alone-1", "board=hostile&language=de", "q=nobody"):
        with opened(chromium, page, fragment, size=size, dark=dark) as tab:
            assert tab.evaluate("document.documentElement.scrollWidth") == size[0]
            assert violations(tab) == []


def test_phone_folds_its_filters(chromium: Any, page: Path) -> None:
    with opened(chromium, page, size=PHONE) as tab:
        assert not tab.locator("#family").is_visible()
        tab.locator("#filters").click()
        assert tab.locator("#family").is_visible()
        region = tab.locator("#region")
        region.evaluate("(node) => node.scrollTo(400, 0)")
        assert tab.locator("#teachers tbody .who").first.bounding_box()["x"] >= 0
    with opened(chromium, page, "licence=MIT", size=PHONE) as tab:
        assert tab.locator("#licence").is_visible()


def test_page_without_boards_says_so(chromium: Any, tmp_path: Path) -> None:
    with opened(chromium, written(tmp_path, []), ready="#found:not(:has-text('Loading'))") as tab:
        assert "nothing has been measured" in tab.locator("#found").inner_text()
        assert violations(tab) == []


def test_works_without_plotly_and_without_charts(chromium: Any, page: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(page.parent, tmp_path / "site")
    for name in ("plotly.min.js", "charts.js", "board_charts.js", "across_charts.js"):
        (tmp_path / "site" / name).write_text("")
    with opened(chromium, tmp_path / "site" / "index.html") as tab:
        tab.locator("[data-sort=gain]").click()
        assert len(names(tab)) == 6
