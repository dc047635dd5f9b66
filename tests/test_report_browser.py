"""The corpus report in a real browser: its script runs, and nothing else does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from measuring import rejection
from report_pages import HOSTILE, Page, rows_of, written

from polyglot_harness.intrinsic.samples import Sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")


def rendered(path: Path, profile: Path, fragment: str = "") -> tuple[Page, str]:
    """Open a page; return what it has become, and all that the console was told."""
    assert CHROMIUM
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom",
            f"{path.as_uri()}#{fragment}",
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Page(done.stdout), "\n".join(told)


def tail_ids(page: Page) -> dict[str, list[str | None]]:
    """Return the ids of the examples at each end, and of those in the middle."""
    parts: dict[str, list[str | None]] = {}
    inside = None
    for tag, found in page.tags:
        if tag == "section":
            inside = None
        if tag == "div" and "data-part" in found:
            inside = parts.setdefault(found["data-part"] or "", [])
        if tag == "article" and inside is not None:
            inside.append(found.get("data-id"))
    return parts


@browser
def test_script_draws_and_follows_the_address(tmp_path: Path) -> None:
    rows = rows_of("ar", 60)
    columns = {
        "perplexity": [float(i) for i in range(1, 61)],
        "reward": [float(-i) for i in range(60)],
    }
    path = written(tmp_path, rows, language="ar", columns=columns)
    page, told = rendered(path, tmp_path / "profile")
    assert told == ""
    assert len([f for _, f in page.tags if (f.get("class") or "").startswith("dot ")]) == 60
    assert len(page.all("details", class_="row")) == 60
    assert tail_ids(page)["lowest"] == ["s-0", "s-1", "s-2", "s-3"]
    assert page.all("div", class_="text prompt", lang="ar", dir="rtl")

    page, told = rendered(path, tmp_path / "profile", "metric=reward&colour=metric&example=s-7")
    assert told == ""
    assert tail_ids(page)["lowest"] == ["s-59", "s-58", "s-57", "s-56"]
    assert tail_ids(page)["highest"][0] == "s-0"
    (card,) = [found for found in page.all("a", class_="card") if "aria-current" in found]
    assert card["data-metric"] == "reward"
    assert page.all("lineargradient")
    seen = [found for _, found in page.tags if found.get("id") == "seen"]
    after = page.tags[page.tags.index(("aside", seen[0])) + 1]
    assert after[1]["data-id"] == "s-7"


@browser
@pytest.mark.parametrize("columns", [{HOSTILE: [1.0, 2.0, 3.0, 4.0]}, {}])
def test_hostile_text_does_nothing_in_a_browser(
    tmp_path: Path, columns: dict[str, list[float]]
) -> None:
    rows = [Sample(f"{HOSTILE}{i}", HOSTILE, HOSTILE, HOSTILE, HOSTILE) for i in range(4)]
    path = written(
        tmp_path,
        rows,
        rejected=[rejection(0, HOSTILE)],
        columns=columns,
        generated={HOSTILE: HOSTILE},
    )
    page, told = rendered(path, tmp_path / "profile", f"metric={quote(HOSTILE)}")
    assert told == ""
    assert page.texts["title"].startswith("a teacher")
    assert not page.all("img") and not page.all("b") and len(page.all("script")) == 2
    assert len(page.all("details", class_="row")) == 4


@browser
def test_page_without_examples_runs(tmp_path: Path) -> None:
    page, told = rendered(written(tmp_path, []), tmp_path / "profile")
    assert told == ""
    assert "There are no examples" in page.texts["main"]
