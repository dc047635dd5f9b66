"""What mixtures did, for people: a table, two sentences, a figure, and the JSON of record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from polyglot_harness.errors import MissingDependency
from polyglot_harness.leaderboard.render import markdown_table, terminal_table
from polyglot_harness.leaderboard.tables import Column, Grid, grid_of, points
from polyglot_harness.scoring.mixtures import CONTROL, ROLES, MixtureRow, mean_rows
from polyglot_harness.spec import Record
from polyglot_harness.store import write_atomically

NOISE = 1.96
"""Standard errors of a 95 % interval."""
LEGEND = (
    "Raw, Gain (over the untrained base) and Change (over the student of English alone, pinch:0) "
    "in points, ± one standard error over items; training seeds are not in it."
)
_COLUMNS: tuple[Column[MixtureRow], ...] = (
    Column("Teacher", lambda r: r.teacher, left=True),
    Column("Mixture", lambda r: r.mixture, left=True),
    Column("Role", lambda r: r.role, left=True),
    Column("Langs", lambda r: ",".join(r.languages), left=True),
    Column("Raw", lambda r: points(r.raw, r.raw_stderr)),
    Column("Gain", lambda r: points(r.gain, r.gain_stderr, "+z.1f")),
    Column("Change", lambda r: points(r.change, r.change_stderr, "+z.1f")),
    Column("Items", lambda r: str(r.n_items)),
)


class MixtureTable(Record):
    """What ``mixtures.json`` holds."""

    schema_version: int = 1
    languages: tuple[MixtureRow, ...]
    means: tuple[MixtureRow, ...]


def mixture_table(rows: Sequence[MixtureRow]) -> RenderableType:
    """Return the table of the means for the terminal."""
    return terminal_table(_grid("Mixtures", mean_rows(rows)), LEGEND)


def mixture_reading(rows: Sequence[MixtureRow]) -> str:
    """Say of each mixture, in a sentence a role, whether it changed something."""
    return "\n".join(_sentence(row) for row in mean_rows(rows) if row.teacher != CONTROL)


def write_mixtures(folder: Path, rows: Sequence[MixtureRow]) -> list[Path]:
    """Write mixtures.json, MIXTURES.md and, where matplotlib is there, mixtures.svg.

    Raises:
        StoreError: If the disk is full or not writable.
    """
    means = mean_rows(rows)
    table = MixtureTable(languages=tuple(rows), means=means)
    parts = [
        "# Mixtures",
        mixture_reading(rows).replace("\n", "\n\n"),
        "## By role\n\n" + markdown_table(_grid("", means)),
        "## By language\n\n" + markdown_table(_grid("", rows)),
        LEGEND,
    ]
    texts = {
        "mixtures.json": table.model_dump_json(indent=1) + "\n",
        "MIXTURES.md": "\n\n".join(part for part in parts if part) + "\n",
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    try:
        _draw(means, folder / "mixtures.svg")
    except MissingDependency:
        return [folder / name for name in texts]
    return [folder / name for name in (*texts, "mixtures.svg")]


def _grid(title: str, rows: Sequence[MixtureRow]) -> Grid:
    return grid_of(title, _COLUMNS, rows)


def _sentence(row: MixtureRow) -> str:
    against, value, error = (
        ("the untrained base", row.gain, row.gain_stderr)
        if row.change is None
        else ("English alone", row.change, row.change_stderr)
    )
    where = {"english": "English", "seen": "the languages mixed in", "unseen": "unseen languages"}
    what = f"{row.teacher} {row.mixture}, {where[row.role]} ({', '.join(row.languages)})"
    if value is None or error is None:
        return f"{what}: not to be told, a number is missing."
    interval = f"[{100 * (value - NOISE * error):+.1f}, {100 * (value + NOISE * error):+.1f}]"
    verdict = "no difference can be told"
    if abs(value) > NOISE * error:
        verdict = "better" if value > 0 else "worse"
    return f"{what}: {verdict}, {100 * value:+.1f} {interval} points against {against}."


def _draw(means: Sequence[MixtureRow], path: Path) -> None:
    """Draw the gain over the base by mixture: a panel a role, a line a teacher."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency("matplotlib", "analysis") from error

    roles = [role for role in ROLES if any(row.role == role for row in means)]
    mixtures = list(dict.fromkeys(row.mixture for row in means))
    with matplotlib.rc_context({"svg.hashsalt": "polyglot-harness", "font.size": 9}):
        figure = Figure(figsize=(3.2 * len(roles), 3.2), layout="constrained")
        panels: Any = figure.subplots(1, len(roles), sharey=True, squeeze=False)[0]
        for panel, role in zip(panels, roles, strict=True):
            _panel(panel, [row for row in means if row.role == role], mixtures)
            panel.set_title({"seen": "mixed in", "unseen": "unseen", "english": "English"}[role])
        panels[0].set_ylabel("gain over the base (points, 95 % interval)")
        panels[-1].legend(fontsize=7, frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _panel(panel: Any, rows: Sequence[MixtureRow], mixtures: Sequence[str]) -> None:
    """Draw one role; teachers stand a little beside one another."""
    teachers = list(dict.fromkeys(row.teacher for row in rows))
    panel.axhline(0, color="0.7", linewidth=0.8)
    for number, teacher in enumerate(teachers):
        own = [row for row in rows if row.teacher == teacher and row.gain is not None]
        panel.errorbar(
            [mixtures.index(row.mixture) + 0.08 * number for row in own],
            [100 * (row.gain or 0) for row in own],
            yerr=[100 * NOISE * (row.gain_stderr or 0) for row in own],
            marker="os^DvPX*"[number % 8],
            capsize=2,
            linewidth=1,
            label=teacher,
        )
    panel.set_xticks(range(len(mixtures)), mixtures, rotation=30, ha="right")
