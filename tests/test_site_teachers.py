"""Pages of teachers: what they show, that nothing in them comes alive, that they are bounded."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from boards import results_file, row, write_file, write_folder
from site_boards import scored_board
from site_browser import DESKTOP, PHONE, chromium, opened, violations

from polyglot_harness.errors import HarnessError
from polyglot_harness.leaderboard.boards import BoardOptions, make_boards
from polyglot_harness.leaderboard.records import Shown
from polyglot_harness.leaderboard.results import ResultsTable, read_table
from polyglot_harness.leaderboard.site import teachers as module
from polyglot_harness.leaderboard.site import write_site
from polyglot_harness.leaderboard.site.slugs import teacher_slugs
from polyglot_harness.leaderboard.site.teachers import TeacherPages

__all__ = ["chromium"]
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \u202e\x07"
ARABIC = "مرحبا بالعالم"


class Seen(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            a for t, a in self.tags if t == tag and all(a.get(k) == v for k, v in wanted.items())
        ]


def example(text: str, prompt: str = "p") -> Shown:
    return Shown(strategy="respond", prompt=prompt, response=text, finish_reason="length")


def results(root: Path, languages: tuple[str, ...] = ("de", "ar")) -> ResultsTable:
    """Two teachers, one hostile in all that it may write."""
    rows = {
        "A": {"examples": (example("x" * 601), example("short")), "rejections": (("odd", 3),)},
        HOSTILE: {
            "examples": (example(HOSTILE, ARABIC),),
            "rejections": ((HOSTILE, 1),),
            "cost_usd": None,
        },
    }
    card = {"family": HOSTILE, "notes": HOSTILE, "licence": HOSTILE, "url": "javascript:alert(3)"}
    for name, more in rows.items():
        facts = {"price_in": 0.1, "url": "https://example.org/a"} if name == "A" else card
        for code in languages:
            made = row(code, teacher=name, **more)  # type: ignore[arg-type]
            write_file(root, results_file(name, code, rows=[made], facts=facts))
    return read_table(root)


def site(folder: Path, table: ResultsTable) -> dict[str, Path]:
    """Write the whole site; return the pages by teacher."""
    write_site(folder, make_boards(table, BoardOptions(resamples=50)), table)
    slugs = teacher_slugs(table.teachers)
    return {name: folder / "teachers" / f"{slug}.html" for (name, _), slug in slugs.items()}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pages")
    return site(root / "site", results(root / "results"))


def page(path: Path) -> Seen:
    return Seen(path.read_text("utf-8"))


def test_page_says_what_is_recorded(pages: dict[str, Path]) -> None:
    found = page(pages["A"])
    for text in ("1 B parameters", "$0.1 / –", "Apache-2.0", "hf:A", "odd",
                 "Arabic", "German", "finished by: length", "small pool", "64,000 / 32,000",
                 "cut at 600 characters", "lang:de|strat:gen+tr"):  # fmt: skip
        assert text in found.text, text
    assert "x" * 600 in found.text and "x" * 601 not in found.text
    assert found.all("a", href="https://example.org/a")
    (back, *_) = [a["href"] for a in found.all("a") if "index.html" in (a["href"] or "")]
    assert back and back.startswith("../index.html#board=s-") and back.endswith("&teacher=a")
    assert {a["src"] for a in found.all("script")} == {"../core.js", "../teacher.js"}


def test_text_is_in_its_language_and_direction(pages: dict[str, Path]) -> None:
    found = page(pages["A"])
    assert len(found.all("div", lang="ar", dir="rtl")) == 4
    assert len(found.all("div", lang="de", dir="ltr")) == 4


def test_nothing_of_a_hostile_teacher_comes_alive(pages: dict[str, Path]) -> None:
    found = page(pages[HOSTILE])
    assert len(found.all("script")) == 2 and not found.all("img")
    assert not [a for _, a in found.tags if any(k.startswith("on") for k in a)]
    assert not [a for _, a in found.tags if (a.get("href") or "").startswith("javascript")]
    assert "{{ 7*7 }}" in found.text and "49" not in found.text.split("{{ 7*7 }}")[1][:3]
    assert "The cost is not known" in found.text


def test_teacher_without_board_prices_or_texts(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "results", ["A"], raw=None, gain=None, cost_usd=None)
    table = read_table(root)
    made = TeacherPages(tmp_path, table, teacher_slugs(table.teachers), title="t", examples=2)
    (path,) = made.write()
    text = page(path).text
    assert "This teacher is on no board." in text and "No texts are stored" in text
    assert "not stated" in text and "nan" not in text.split("What it wrote")[1].lower()


def test_cells_and_boards_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS", 3)
    monkeypatch.setattr(module, "PLACES", 2)
    table = read_table(write_folder(tmp_path / "results", ["A", "B"]))
    gathered = TeacherPages(tmp_path, table, teacher_slugs(table.teachers), title="t", examples=2)
    for i in range(4):
        made = scored_board(["A", "B"], ("de", "es"), key=f"k{i}", missing=[(0, 0)])
        facts = tuple(table.teachers[i] for i in range(2))
        gathered.add(made.__class__(**{**vars(made), "teachers": facts}))
    a, b = (page(path).text for path in gathered.write())
    assert "1 more cells are in leaderboard.csv" in a  # of four, as German is missing
    assert "5 more cells are in leaderboard.csv" in b
    assert "2 more boards are in leaderboard.csv" in a


def test_changed_results_are_an_error(tmp_path: Path) -> None:
    table = results(tmp_path / "results")
    path = next((tmp_path / "results" / "A").rglob("de.json"))
    path.write_text(path.read_text("utf-8").replace("short", "shirt"), encoding="utf-8")
    made = TeacherPages(tmp_path, table, teacher_slugs(table.teachers), title="t", examples=2)
    with pytest.raises(HarnessError, match=r"de\.json"):
        made.write()


def test_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    table = results(tmp_path / "results")
    one, two = (site(tmp_path / name, table) for name in ("one", "two"))
    assert [p.read_bytes() for p in one.values()] == [p.read_bytes() for p in two.values()]


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (DESKTOP, True), (PHONE, False)])
@pytest.mark.parametrize("name", ["A", HOSTILE], ids=["plain", "hostile"])
def test_page_in_a_browser(
    pages: dict[str, Path], chromium: Any, name: str, size: tuple[int, int], dark: bool
) -> None:
    with opened(chromium, pages[name], size=size, dark=dark, ready="#theme:not([hidden])") as tab:
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        tab.click("[data-copy] >> nth=0")
        tab.wait_for_selector("[data-copy] >> text=/Copied|Selected/")
        tab.click("#theme")
        assert tab.evaluate("document.documentElement.dataset.theme") == (
            "light" if dark else "dark"
        )
        arabic = tab.locator('[lang="ar"] >> nth=0')
        assert arabic.evaluate("e => getComputedStyle(e).direction") == "rtl"
        tab.click("header a")
        tab.wait_for_selector("#filter:not([hidden])")
