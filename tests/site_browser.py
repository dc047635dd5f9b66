"""Pages in a real Chromium, by playwright: import `chromium` into a test file, and open pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from http_threads import listening

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESKTOP, PHONE = (1280, 900), (360, 740)
TABLE = "#filter:not([hidden])"
"""What is there once a board has been drawn."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, for the tests of one file: playwright's loop must not outlive them."""
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as found:
        browser = found.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    chromium: Any,
    page: Path | str,
    fragment: str = "",
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    ready: str = TABLE,
) -> Iterator[Any]:
    """Open a page; at the end, nothing was asked of elsewhere and the console was told nothing."""
    url = page.as_uri() if isinstance(page, Path) else page
    root = url.rsplit("/", 2 if "/teachers/" in url else 1)[0] + "/"
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    told: list[str] = []
    asked: list[str] = []
    tab = context.new_page()
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("dialog", lambda dialog: (told.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda request: asked.append(request.url))
    try:
        tab.goto(f"{url}#{fragment}" if fragment else url)
        tab.wait_for_selector(ready)
        yield tab
    finally:
        context.close()
    assert told == [], told
    assert [url for url in asked if not url.startswith((root, "data:", "blob:null/"))] == []


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder from this machine; give the address of its index.html."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None: ...

    with listening(partial(Quiet, directory=str(folder))) as address:  # type: ignore[arg-type]
        yield f"{address}/index.html"


def violations(tab: Any) -> list[str]:
    """What axe-core finds wrong: rule and element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # without preload: it would fetch the style sheets anew, which the policy forbids and reports
    found = axe.Axe().run(tab, options={"preload": False}).response["violations"]
    return [f"{v['id']}: {node['html'][:200]}" for v in found for node in v["nodes"]]
