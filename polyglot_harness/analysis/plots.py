"""Figures of an analysis as SVG and PNG: the same numbers, the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyglot_harness.analysis.correlation import POOLED, SIGNIFICANT, WITHIN, Correlation
from polyglot_harness.analysis.frame import Frame
from polyglot_harness.analysis.regression import Regression
from polyglot_harness.analysis.report import Analysis
from polyglot_harness.analysis.size import SizeRegression
from polyglot_harness.errors import MissingDependency

FORMATS = ("svg", "png")
SCHEME_NAMES = {
    "leave_one_out": "leave-one-out",
    "leave_teacher_out": "leave-teacher-out",
    "leave_language_out": "leave-language-out",
}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
"""Okabe and Ito's, which the colour-blind can tell apart; the marker says it again."""
_MARKERS = "os^DvPX*"
_STYLE = {
    "svg.hashsalt": "polyglot-harness",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 160,
}
_METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}
_DIVERGING = "RdBu_r"


def plot(analysis: Analysis, folder: Path, suffix: str = "") -> list[Path]:
    """Write all figures of an analysis.

    Args:
        analysis: What is drawn.
        folder: Where; it is there.
        suffix: Of the names of the files, before the ending.

    Returns:
        The SVG files; a PNG of the same name lies beside each.

    Raises:
        MissingDependency: If matplotlib is not there.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency("matplotlib", "analysis") from error
    figures: dict[str, Callable[[Any, Analysis], None]] = {
        "pca": _pca, "outcome": _outcome, "spearman": _spearman, "size": _size,
    }  # fmt: skip
    if len(analysis.data.metrics) == 1:
        del figures["pca"]  # one metric is its own component
    written = []
    with matplotlib.rc_context(_STYLE):
        for name, draw in figures.items():
            figure = Figure(layout="constrained")
            draw(figure, analysis)
            for form in FORMATS:
                path = folder / f"{name}{suffix}.{form}"
                figure.savefig(path, format=form, metadata=_METADATA[form])
            written.append(folder / f"{name}{suffix}.svg")
    return written


def _named(analysis: Analysis, title: str) -> str:
    mark = "  (CIRCULAR: outcome and metrics share parts)" if analysis.data.circular else ""
    return title + mark


def _pca(figure: Any, analysis: Analysis) -> None:
    pca, metrics = analysis.regression.fit.pca, analysis.data.metrics
    k, p = pca.loadings.shape
    figure.set_size_inches(5.2 + 0.45 * k, max(2.8, 1.3 + 0.34 * p))
    scree, heat = figure.subplots(1, 2, width_ratios=[1, 1.2])
    places = np.arange(1, k + 1)
    error = None
    if analysis.explained:
        low, high = analysis.explained
        error = 100 * np.clip(np.array([pca.ratio - low, high - pca.ratio]), 0, None)
    scree.bar(places, 100 * pca.ratio, color=_COLOURS[0], yerr=error, ecolor="0.35", capsize=2)
    scree.plot(places, 100 * np.cumsum(pca.ratio), color=_COLOURS[1], marker="o", markersize=4)
    scree.annotate("cumulative", (places[-1], 100), xytext=(0, 3), textcoords="offset points",
                   ha="right", color=_COLOURS[1], fontsize=8)  # fmt: skip
    scree.set(xlabel="component", ylabel="variance explained, %", ylim=(0, 112), xticks=places,
              title=f"{p} metrics, {len(analysis.data.y)} cells")  # fmt: skip
    image = _heat(heat, pca.loadings.T, [[f"{v:z.2f}" for v in row] for row in pca.loadings.T])
    heat.set(xticks=range(k), xticklabels=[f"PC{i}" for i in places], yticks=range(p),
             yticklabels=metrics, title="loadings")  # fmt: skip
    figure.colorbar(image, ax=heat, label="correlation", shrink=0.9)


def _heat(axes: Any, values: Any, texts: Sequence[Sequence[str]]) -> Any:
    """Draw a table of correlations with its numbers; NaN stays grey."""
    axes.set_facecolor("0.9")
    image = axes.imshow(values, cmap=_DIVERGING, vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.65 else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour,
                  fontsize=8)  # fmt: skip
    axes.tick_params(length=0)
    return image


def _outcome(figure: Any, analysis: Analysis) -> None:
    data, result = analysis.data, analysis.regression
    figure.set_size_inches(9.6, 3.1)
    panels = figure.subplots(1, 4, sharex=True, sharey=True)
    predictions = _predictions(result)
    values = [data.y, *(p for _, p, _ in predictions if p is not None)]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    margin = 0.05 * (high - low)
    limits = (low - margin, high + margin)
    for axes, (title, predicted, text) in zip(panels, predictions, strict=True):
        axes.set(title=f"{title}\n{text}", xlabel=f"predicted {data.outcome}")
        if predicted is None:
            continue
        axes.plot(limits, limits, color="0.6", linewidth=0.8, zorder=0)
        _scatter(axes, data, predicted, data.y)
    panels[0].set(ylabel=f"observed {data.outcome}", xlim=limits, ylim=limits)
    _legend(figure, panels[0])
    k, n = result.k, len(data.y)
    title = (
        f"{data.outcome} from {k} component{'s' * (k > 1)}, {n} cells; line: observed = predicted"
    )
    figure.suptitle(_named(analysis, title), fontsize=9)


def _predictions(result: Regression) -> list[tuple[str, Any, str]]:
    """Return (title, predictions or None, what is said below the title) of each panel."""
    in_sample = "R² not defined" if result.in_sample is None else f"R² = {result.in_sample:.2f}"
    panels: list[tuple[str, Any, str]] = [("in-sample", result.predicted, in_sample)]
    for name, found in result.out_of_sample.items():
        text = f"({found.reason})" if found.r2 is None else f"R² = {found.r2:.2f}"
        panels.append((SCHEME_NAMES[name], found.predicted, text))
    return panels


def _scatter(axes: Any, data: Frame, x: Any, y: Any) -> None:
    for number, language in enumerate(sorted(set(data.language))):
        rows = [i for i, code in enumerate(data.language) if code == language]
        axes.scatter(x[rows], y[rows], s=18, marker=_MARKERS[number % len(_MARKERS)],
                     color=_COLOURS[number % len(_COLOURS)], label=language, alpha=0.8,
                     linewidths=0)  # fmt: skip


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, handletextpad=0.4)


def _spearman(figure: Any, analysis: Analysis) -> None:
    data = analysis.data
    columns = list(dict.fromkeys(c.language for c in analysis.correlations))
    found = {(c.metric, c.language): c for c in analysis.correlations}
    grid = [[found[m, c] for c in columns] for m in data.metrics]
    values = np.array([[np.nan if c.rho is None else c.rho for c in row] for row in grid])
    figure.set_size_inches(3.4 + 0.55 * len(columns), max(2.0, 1.3 + 0.34 * len(grid)))
    axes = figure.subplots()
    image = _heat(axes, values, [[_rho(c) for c in row] for row in grid])
    names = {POOLED: "all cells", WITHIN: "mean of\nlanguages"}
    labels = [f"{names.get(c, c)}\nn={grid[0][i].n}" for i, c in enumerate(columns)]
    axes.set(xticks=range(len(columns)), xticklabels=labels, yticks=range(len(grid)),
             yticklabels=data.metrics)  # fmt: skip
    if POOLED in columns:
        axes.axvline(columns.index(POOLED) - 0.5, color="white", linewidth=4)
    title = f"rank correlation with {data.outcome} (* q < {SIGNIFICANT:g})"
    axes.set_title(_named(analysis, title))
    figure.colorbar(image, ax=axes, label="Spearman's ρ")


def _rho(found: Correlation) -> str:
    if found.rho is None or found.q_value is None:
        return "–"
    return f"{found.rho:z.2f}{'*' * (found.q_value < SIGNIFICANT)}"


def _size(figure: Any, analysis: Analysis) -> None:
    data, regression = analysis.data, analysis.sizes[0]
    figure.set_size_inches(5.8, 3.6)
    axes = figure.subplots()
    axes.set_title(_named(analysis, _slopes(regression)))
    known = ~np.isnan(data.size_b)
    if not known.any():
        axes.text(0.5, 0.5, "no teacher's size is known", ha="center", transform=axes.transAxes)
        return
    _scatter(axes, data, data.size_b, data.y)
    ends = np.array([data.size_b[known].min(), data.size_b[known].max()])
    looks = (("-", "0.65", 3.0), ("--", "black", 1.2))  # they coincide in a full grid
    for slope, (style, colour, width) in zip(regression.slopes[:2], looks, strict=True):
        if slope.per_doubling is not None and slope.intercept is not None:
            line = slope.intercept + slope.per_doubling * np.log2(ends)
            axes.plot(ends, line, style, color=colour, linewidth=width, label=slope.model, zorder=1)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if ends[1] < 4 * ends[0]:  # hardly a power of two between them
        axes.set_xticks(sorted(set(data.size_b[known].tolist())))
    axes.set(xlabel="parameters of the teacher, billions", ylabel=data.outcome)
    _legend(figure, axes)


def _slopes(regression: SizeRegression) -> str:
    lines = [f"{regression.name} and size: {regression.teachers} teachers of known size"]
    for slope in regression.slopes[:2]:
        if slope.per_doubling is None or slope.p_value is None:
            lines.append(f"{slope.model}: none ({'; '.join(slope.problems[:1])})")
        else:
            doubt = "" if slope.converged is not False else ", not converged"
            lines.append(f"{slope.model}: {slope.per_doubling:+.3g} per doubling, "
                         f"p = {slope.p_value:.2g}{doubt}")  # fmt: skip
    return "\n".join(lines)
