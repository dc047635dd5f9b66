"""Corpus reports for tests, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from measuring import ListData, sample

from polyglot_harness.intrinsic.estimate import mean
from polyglot_harness.intrinsic.samples import BLOCK, Sample
from polyglot_harness.intrinsic.table import write_table
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.languages import load_pack
from polyglot_harness.report import write_report
from polyglot_harness.spec import Rejection

HOSTILE = (
    "</script><script>document.title='hacked'</script>"
    "<img src=x onerror=\"document.title='hacked'\"><!-- <b>bold</b> & \u2028 \x00 {{ 7*7 }}"
)
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """What a test looks for in a page; unbalanced tags are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("id") or tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            self.texts[name] = self.texts.get(name, "") + data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(k.strip("_")) == v for k, v in attributes.items())
        ]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts["data"])
        return found


def rows_of(language: str, n: int) -> list[Sample]:
    """Gold seeds as if a teacher had written them by three strategies."""
    seeds = load_pack(language).seeds
    return [
        sample(
            i,
            f"{seeds[i % len(seeds)].prompt}{' ' + str(i) if i >= len(seeds) else ''}",
            seeds[i % len(seeds)].response,
            ("generate", "translate", "respond")[i % 3],
            source=seeds[i % len(seeds)].prompt_en if i % 3 == 1 else "",
        )
        for i in range(n)
    ]


def unit_vectors(n: int, d: int = 16) -> np.ndarray[Any, np.dtype[np.float32]]:
    x = np.random.default_rng(3).normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def written(
    folder: Path,
    rows: Sequence[Sample],
    *,
    language: str = "de",
    rejected: Sequence[Rejection] = (),
    columns: dict[str, Sequence[float]] | None = None,
    vectors: Callable[..., Any] | None = None,
    **more: Any,
) -> Path:
    """Write the values and the page; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    values = Values.resume(folder)
    if columns is None:
        columns = {
            "response_length": [float(len(s.response)) for s in rows],
            "perplexity": [2.0 + i % 50 for i in range(len(rows))],
        }
    for start in range(0, len(rows) if columns else 0, BLOCK):
        values.add(**{name: c[start : start + BLOCK] for name, c in columns.items()})
    data = ListData(rows, rejected)
    write_table(folder / "values.parquet", data, language, [values] if columns else [])
    write_report(
        folder / "report.html",
        **{
            "title": "a teacher",
            "pack": load_pack(language),
            "data": data,
            "values": folder / "values.parquet",
            "measurements": [mean(c, language, values, c) for c in columns] if rows else [],
            "vectors": vectors or (lambda part: unit_vectors(len(rows))),
            "generated": {"made": "2026-01-02"},
            **more,
        },
    )
    return folder / "report.html"


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))
