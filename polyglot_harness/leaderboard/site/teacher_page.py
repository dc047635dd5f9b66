"""One teacher's page as HTML; it can be read without JavaScript."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from polyglot_harness import __version__
from polyglot_harness.files import storable
from polyglot_harness.leaderboard.records import TeacherFacts
from polyglot_harness.leaderboard.site.data import languages, safe_url
from polyglot_harness.leaderboard.site.flags import flag_text
from polyglot_harness.leaderboard.site.written import Written

if TYPE_CHECKING:
    from jinja2 import Template

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'"
)
CHARACTERS = 600
"""Of a text that are shown."""
SIGNATURES = 60
"""Signatures that a page lists."""
_NONE = "–"


@dataclass(frozen=True)
class TeacherPage:
    """What a page says."""

    title: str
    """Of the leaderboard."""
    slug: str
    facts: TeacherFacts
    places: Sequence[Mapping[str, Any]]
    n_places: int
    cells: Sequence[Mapping[str, Any]]
    n_cells: int
    data: Written

    def html(self, page: Template) -> str:
        """Return the page."""
        signatures = {(c["title"], c["language"]): c["signature"] for c in self.cells}
        codes = {c["language"] for c in self.cells} | {m["language"] for m in self.data.languages}
        return storable(
            page.render(
                view=self,
                facts=self.facts,
                url=safe_url(self.facts.url),
                home=self.place_url(self.places[0]["key"]) if self.places else "../index.html",
                languages=languages(codes),
                flags=[(flag, flag_text(flag)) for flag in _flags(self.cells)],
                signatures=[(*key, text) for key, text in signatures.items() if text],
                most_signatures=SIGNATURES,
                most=max((n for _, n in self.data.rejections), default=1),
                rejected=sum(n for _, n in self.data.rejections),
                totals={name: _total(self.data, name) for name in _TOTALS},
                policy=POLICY,
                version=__version__,
            )
        )

    def place_url(self, board: str) -> str:
        """Return the address of this teacher's row on a board."""
        return f"../index.html#board={quote(board, safe='')}&teacher={quote(self.slug, safe='')}"


_TOTALS = ("n_examples", "n_replies", "tokens_in", "tokens_out", "cost_usd")


def template() -> Template:
    """Return the template of all pages, compiled."""
    from polyglot_harness.leaderboard.site import environment

    found = environment()
    filters: dict[str, Callable[..., Any]] = {
        "points": lambda v: _fixed(v, 1, 100),
        "signed": lambda v: _fixed(v, 1, 100, "+"),
        "score": lambda v: _fixed(v, 2, 1, "+"),
        "ratio": lambda v: _fixed(v, 2),
        "share": lambda v: _NONE if _gone(v) else f"{_fixed(v, 0, 100)} %",
        "count": lambda v: _fixed(v, 0),
        "place": lambda v: _NONE if _gone(v) else f"{v:g}",
        "dollars": _dollars,
        "size": lambda v: _NONE if _gone(v) else f"{v:.4g} B",
        "cut": _cut,
    }
    found.filters |= filters
    return found.get_template("teacher.html.jinja")


def _gone(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _fixed(value: float | None, digits: int, times: float = 1, sign: str = "") -> str:
    """Return a number with so many decimals, and a true minus; a dash for a missing one."""
    if value is None or not math.isfinite(value):
        return _NONE
    text = f"{value * times:{sign},.{digits}f}"
    zero = not text.strip("+-0.,")
    return text.strip("+-") if zero else text.replace("-", "\N{MINUS SIGN}")


def _dollars(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return _NONE
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.2g}"


def _cut(text: str) -> tuple[str, bool]:
    """Return the beginning of a text, and whether something follows."""
    return text[:CHARACTERS], len(text) > CHARACTERS


def _flags(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({flag for cell in cells for flag in cell["flags"]})


def _total(data: Written, name: str) -> float | None:
    """Return the sum over languages; None where one is not known."""
    values = [line[name] for line in data.languages]
    return sum(values) if values and None not in values else None
