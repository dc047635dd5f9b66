"""What `recommend` prints."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from polyglot_harness.cli.console import table_console

if TYPE_CHECKING:
    from rich.console import Console

    from polyglot_harness.leaderboard.advice import Advice, Advised
    from polyglot_harness.leaderboard.advice.costs import Cost

UNKNOWN = "unknown"
NAMES = {"gain": "gain, points", "stable": "stable score", "score": "Polyglot Score"}
NARROW = 120
"""Columns of a terminal below which less is shown."""
WIDE = ("80 %", "size", "licence")
LEFT = ("teacher", "language", "student", "known by", "licence", "what")
SMALL = {"gain": 0.0005, "stable": 0.005, "score": 0.005}
"""What a measurement must add to be worth a command."""


def show(advice: Advice, top: int) -> None:
    """Print the advice, with `top` teachers."""
    from polyglot_harness.leaderboard.advice.reading import listed

    console = table_console(140)
    if advice.rows:
        _print(console, _ranking(advice, top, console.width < NARROW))
        if len(advice.rows) > top:
            _say(console, f"... and {len(advice.rows) - top} more (--top).")
    _say(console, f"How sure: {advice.sure}")
    for sentence in (_calibrated(advice), *advice.notes):
        if sentence:
            _say(console, sentence)
    if advice.condition:
        _say(console, f"Condition: {advice.condition}")
    for note in dict.fromkeys(row.note for row in advice.rows if row.note):
        who = [row.teacher for row in advice.rows if row.note == note]
        _say(console, f"{note[0].upper()}{note[1:]}: {listed(who)}.")
    for removed in advice.removed:
        _say(console, f"Left out: {removed.teacher}: {removed.why}.")
    if advice.rows:
        _next(console, advice)


def _ranking(advice: Advice, top: int, narrow: bool) -> Table:
    table = _table(
        f"Teachers of {advice.student} in {advice.language}, by expected {NAMES[advice.by]}"
    )
    cost = f"cost of {advice.examples:,}"
    headers = (
        "#", "teacher", "expected", "80 %", "95 %", "P(best)", "known by", cost, "size", "licence",
    )  # fmt: skip
    shown = [i for i, header in enumerate(headers) if not narrow or header not in WIDE]
    for i in shown:
        left = headers[i] in LEFT
        table.add_column(
            headers[i],
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=headers[i] != "teacher",
        )
    for row in advice.rows[:top]:
        cells = _cells(row, advice, narrow)
        table.add_row(*(Text(plain(cells[i])) for i in shown))
    return table


def _table(title: str) -> Table:
    return Table(
        title=Text(plain(title), style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def _cells(row: Advised, advice: Advice, narrow: bool) -> tuple[str, ...]:
    def number(value: float) -> str:
        return _number(value, advice)

    return (
        str(row.rank),
        row.teacher,
        number(row.expected),
        f"{number(row.low_80)} to {number(row.high_80)}",
        f"{number(row.low_95)} to {number(row.high_95)}",
        f"{row.p_best:.2f}",
        "measured" if row.measured else f"{row.cells} other {_cells_word(row.cells)}",
        _cost(row.cost, narrow),
        UNKNOWN if row.size_b is None else f"{row.size_b:.3g}B",
        row.licence or UNKNOWN,
    )


def _number(value: float, advice: Advice) -> str:
    return f"{100 * value:+z.1f}" if advice.by == "gain" else f"{value:+z.2f}"


def _cells_word(n: int) -> str:
    return "cell" if n == 1 else "cells"


def _cost(cost: Cost, narrow: bool) -> str:
    if cost.usd is None:
        return UNKNOWN
    if narrow or cost.low == cost.high:
        return dollars(cost.usd)
    return f"{dollars(cost.usd)} ({dollars(cost.low)} to {dollars(cost.high)})"


def dollars(usd: float | None) -> str:
    """Write an amount; small ones with two digits that mean something."""
    if usd is None:
        return UNKNOWN
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.2g}"


def _calibrated(advice: Advice) -> str:
    """Say how well the model did where it can be checked."""
    found = advice.calibration
    if found is None:
        return f"Made of {advice.n_cells} {_cells_word(advice.n_cells)}." if advice.n_cells else ""
    unit = " points" if advice.by == "gain" else ""
    error, baseline = (
        _number(value, advice).lstrip("+") for value in (found.mean_error, found.baseline)
    )
    return (
        f"Checked: predicted from the others, each of the {found.n} cells is off by {error}{unit} "
        f"on average (by the mean of its language: {baseline}); {found.within_80:.0%} lie within "
        f"their 80 % interval, {found.within_95:.0%} within that of 95 %."
    )


def _next(console: Console, advice: Advice) -> None:
    from polyglot_harness.teachers import teacher_names

    unit = " points" if advice.by == "gain" else ""
    _say(
        console,
        f"Knowing everything would add {_number(advice.most, advice)}{unit} to the choice.",
    )
    worthy = [m for m in advice.next if m.worth >= SMALL[advice.by]]
    if not worthy:
        _say(console, "Next measurement: none; no single one is expected to better the choice.")
        return
    table = _table("Next measurement: what it is expected to add to the choice")
    for header in ("teacher", "language", "student", "adds", "cost", "per $", "what"):
        table.add_column(header, justify="left" if header in LEFT else "right", overflow="fold")
    for m in worthy:
        per = UNKNOWN if m.worth_per_usd is None else _per(m.worth_per_usd, advice)
        what = "again: more items, or another seed" if m.again else "a first time"
        adds = f"{100 * m.worth:+.2f}" if advice.by == "gain" else f"{m.worth:+.3f}"
        cells = (m.teacher, m.language, m.student, adds, dollars(m.cost_usd), per, what)
        table.add_row(*(Text(plain(cell)) for cell in cells))
    _print(console, table)
    _say(console, f"Next: {worthy[0].command}")
    if worthy[0].teacher not in teacher_names():
        _say(console, f"(There is no card {worthy[0].teacher} here: see docs/adding-a-teacher.md.)")


def _per(worth: float, advice: Advice) -> str:
    return f"{100 * worth if advice.by == 'gain' else worth:+.2g}"


def plain(text: str) -> str:
    """Return text without characters that steer a terminal or hide."""
    return "".join("?" if unicodedata.category(c)[0] == "C" else c for c in text)


def _say(console: Console, text: str) -> None:
    console.print(Text(plain(text)), soft_wrap=True)


def _print(console: Console, table: Table) -> None:
    console.print(table)
    console.print()
