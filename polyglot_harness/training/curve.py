"""The loss of a training, step by step: as JSON, and drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.store import write_atomically

CURVE = "loss_curve.json"
PLOT = "training_curve.svg"
Row = Mapping[str, float]
NAMES = {"num_tokens": "tokens", "eval_loss": "held_out_loss"}
"""What the trainers call it -> what we do."""
KEPT = ("step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "held_out_loss")
_BESIDE = ("rewards/", "eval_rewards/")
"""What preference training logs besides."""
POINTS = 1000
"""Drawn of a long curve; the JSON has all."""
_STYLE = {
    "svg.hashsalt": "polyglot-harness",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_COLOURS = {"step": "#9ab8cc", "mean": "#0072B2", "held out": "#D55E00"}
"""Okabe and Ito's, which the colour-blind can tell apart, and a paler one."""


def curve_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Return what is kept of a trainer's log: a row a step, rows of held-out losses among them.

    Args:
        history: ``trainer.state.log_history``.
    """
    rows = [{NAMES.get(name, name): value for name, value in row.items()} for row in history]
    kept = [
        {name: row[name] for name in row if name in KEPT or name.startswith(_BESIDE)}
        for row in rows
    ]
    return [
        {name: row[name] for name in sorted(row, key=_place)}
        for row in kept
        if "loss" in row or "held_out_loss" in row
    ]


def _place(name: str) -> tuple[int, str]:
    return (KEPT.index(name) if name in KEPT else len(KEPT), name)


def write_curve(curve: Sequence[Row], folder: Path) -> None:
    """Write the curve as JSON."""
    write_atomically(folder / CURVE, json.dumps(list(curve), indent=1) + "\n")


def read_curve(folder: Path) -> list[dict[str, float]]:
    """Read the curve of a training's folder back."""
    found: list[dict[str, float]] = json.loads((folder / CURVE).read_text(encoding="utf-8"))
    return found


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """Return for each value the mean of the last `width` ones up to it."""
    means, total = [], 0.0
    for i, value in enumerate(values):
        total += value - (values[i - width] if i >= width else 0.0)
        means.append(total / min(i + 1, width))
    return means


def plot_curve(curve: Sequence[Row], path: Path, title: str, unit: str = "nats a token") -> bool:
    """Draw the curve as SVG: the same numbers, the same bytes.

    Args:
        curve: As `curve_of` gives it.
        path: The file.
        title: Above it.
        unit: Of the loss.

    Returns:
        Whether it was drawn: matplotlib may not be installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        return False
    steps = [row for row in curve if "loss" in row]
    held_out = [row for row in curve if "held_out_loss" in row]
    width = max(1, len(steps) // 20)
    means = running_mean([row["loss"] for row in steps], width)
    drawn = sorted({*range(0, len(steps), max(1, len(steps) // POINTS)), len(steps) - 1} - {-1})
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.subplots()
        places = [steps[i]["step"] for i in drawn]
        axes.plot(
            places, [steps[i]["loss"] for i in drawn],
            color=_COLOURS["step"], linewidth=1, marker="." if len(steps) < 40 else "",
            label="training, each step",
        )  # fmt: skip
        if width > 1:
            axes.plot(
                places, [means[i] for i in drawn], color=_COLOURS["mean"], linewidth=1.6,
                label=f"training, mean of {width} steps",
            )  # fmt: skip
        if held_out:
            axes.plot(
                [row["step"] for row in held_out], [row["held_out_loss"] for row in held_out],
                color=_COLOURS["held out"], marker="D", linestyle="",
                label="held out",
            )  # fmt: skip
        axes.set_xlabel("optimiser step")
        axes.set_ylabel(f"loss ({unit})")
        # a name may hold what matplotlib takes for mathematics
        axes.set_title(title, parse_math=False)
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return True


def plot_scales(points: Sequence[Mapping[str, Any]], path: Path, title: str) -> bool:
    """Draw held-out loss, and where there are scores their means, by the number of examples.

    Args:
        points: Of ``examples`` (0 is the base), ``held_out_loss`` with its standard error, and
            ``scores`` by language (mean, stderr).
        path: The SVG file.
        title: Above it.

    Returns:
        Whether it was drawn: matplotlib may not be installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        return False
    base, students = points[0], points[1:]
    languages = sorted(base.get("scores", {}))
    sizes = [point["examples"] for point in students]
    with matplotlib.rc_context(_STYLE):
        panels = 1 + bool(languages)
        figure = Figure(figsize=(1.2 + 4 * panels, 3.2), layout="constrained")
        axes = list(figure.subplots(1, panels, squeeze=False)[0])
        _series(axes[0], sizes, [(p["held_out_loss"], p["held_out_loss_stderr"]) for p in students],
                base["held_out_loss"], _COLOURS["held out"], "")  # fmt: skip
        axes[0].set_ylabel("held-out loss (nats a token)")
        for number, language in enumerate(languages):
            means = [(p["scores"][language]["mean"], p["scores"][language]["stderr"])
                     for p in students]  # fmt: skip
            _series(axes[1], sizes, means, base["scores"][language]["mean"], f"C{number}", language)
        if languages:
            axes[1].set_ylabel("mean score over tasks (0 to 1)")
            axes[1].legend(frameon=False)
        for panel in axes:
            panel.set_xlabel("training examples (dashed: the base)")
            if max(sizes) >= 8 * min(sizes):
                panel.set_xscale("log")
        figure.suptitle(title, parse_math=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return True


def _series(
    axes: Any, sizes: Sequence[int], values: Sequence[tuple[float, float | None]],
    base: float | None, colour: str, label: str,
) -> None:  # fmt: skip
    """Draw values with their standard errors, and the base's as a line across."""
    axes.errorbar(
        sizes, [value for value, _ in values], yerr=[error or 0.0 for _, error in values],
        color=colour, marker="o", capsize=2, linewidth=1.2, label=label,
    )  # fmt: skip
    if base is not None:
        axes.axhline(base, color=colour, linestyle="--", linewidth=0.8)
