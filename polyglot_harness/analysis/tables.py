"""An analysis in the terminal: no R2 in sample without those out of sample beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from polyglot_harness.analysis.correlation import POOLED, SIGNIFICANT, WITHIN, Correlation
from polyglot_harness.analysis.frame import Frame
from polyglot_harness.analysis.regression import OutOfSample, Regression
from polyglot_harness.analysis.report import Analysis
from polyglot_harness.analysis.size import Slope

if TYPE_CHECKING:
    from rich.table import Table

MISSING = "—"
_SHOWN = 6  # components; analysis.json has all
CIRCULAR_MARK = " ↺"
"""After every number of an outcome that shares parts with the metrics."""


def tables(analysis: Analysis) -> Iterator[Table]:
    """Yield the tables of an analysis."""
    yield _regression(analysis)
    if len(analysis.data.metrics) > 1:
        yield _components(analysis)
    yield _spearman(analysis)
    yield _size(analysis)


def published_table(checks: dict[str, Any]) -> Table:
    """Return the checks of the released components and scores."""
    target, circular = checks["target"], checks["circular"]
    likely = {name: f"{r2:.2f}" for name, r2 in target["r2_if_target_were"].items()}
    table = _table("Released components and scores (arXiv 2604.11290)", "check", "found")
    for row in (
        ("components orthonormal to", f"{checks['orthonormal_to']:.0e}"),
        ("explained variance sums to", f"{checks['explained_variance_sum']:.6f}"),
        ("of that the first two", f"{checks['explained_by_first_two']:.3f}"),
        ("R2 released, in sample", f"{circular['r2_in_sample_released']:.3f}{CIRCULAR_MARK}"),
        ("R2 if its target were raw | pgr | z | pg_score",
         f"{likely['raw']} | {likely['pgr']} | {likely['z']} | {likely['pg_score']}"),
        ("largest |pg_score - (z + pgr) / 2|", f"{checks['pg_score_is_half_z_half_pgr_to']:.0e}"),
        ("R2 of pg_score on z alone", f"{circular['r2_of_pg_score_on_z']:.2f}{CIRCULAR_MARK}"),
        ("the same, PGR shuffled over the cells",
         f"{circular['r2_of_pg_score_on_z_if_pgr_is_shuffled']:.2f}{CIRCULAR_MARK}"),
        ("R2 of PGR on z", f"{checks['r2_of_pgr_on_z']:.2f}"),
    ):  # fmt: skip
        table.add_row(*row)
    return table


def _table(title: str, first: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _regression(analysis: Analysis) -> Table:
    data, result = analysis.data, analysis.regression
    mark = CIRCULAR_MARK if data.circular else ""
    table = _table(
        f"R2 of {data.outcome} on components of the metrics, n = {len(data.y)}{_warned(data)}",
        "predictors", "in-sample", "adjusted", "by chance", "leave-one-out", "leave-teacher-out",
        "leave-language-out",
    )  # fmt: skip
    for other in analysis.by_components:
        shown = result if other.k == result.k else other
        style = "bold" if shown is result else ""
        table.add_row(*_r2_row(shown, len(data.y), mark), style=style)
    table.caption, table.caption_justify = _caption(analysis), "left"
    return table


def _caption(analysis: Analysis) -> str:
    result = analysis.regression
    ps = [
        f"{chance.p_value:.2g} over {where}"
        for chance, where in (
            (result.chance, "all cells"),
            (result.chance_within, "those of a language"),
        )
        if chance
    ]
    permuted = f"; p by permutation {', '.join(ps)}" if ps else ""
    return f"by chance: predictors / (n - 1){permuted}; in brackets 95 % over teachers"


def reading(analysis: Analysis) -> str:
    """Say in a sentence what the metrics are worth for a teacher that was not seen."""
    data = analysis.data
    found = analysis.regression.out_of_sample["leave_teacher_out"]
    start = f"For a teacher that was not seen, the metrics predict {data.outcome}{_warned(data)}"
    if found.r2 is None:
        return f"{start}: unknown ({found.reason})."
    if found.r2 <= 0:
        return f"{start} no better than the mean of the others does (R2 {found.r2:.2f})."
    if found.low is None or found.low <= 0:
        return f"{start} by an R2 of {found.r2:.2f}, which may be nothing: 0 is not excluded."
    return f"{start} by an R2 of {found.r2:.2f} ({found.low:.2f} to {found.high:.2f})."


def _warned(data: Frame) -> str:
    return " (CIRCULAR: it shares parts with the metrics)" if data.circular else ""


def _r2_row(result: Regression, n: int, mark: str) -> list[str]:
    return [
        str(result.k),
        _number(result.in_sample, mark),
        _number(result.adjusted, mark),
        f"{result.k / (n - 1):.2f}",
        *(_out(found, mark) for found in result.out_of_sample.values()),
    ]


def _number(value: float | None, mark: str = "") -> str:
    return MISSING if value is None else f"{value:z.2f}{mark}"


def _out(found: OutOfSample, mark: str) -> str:
    if found.r2 is None:
        return f"{MISSING} {found.reason}"
    bounds = "" if found.low is None else f" ({found.low:z.2f} to {found.high:z.2f})"
    return _number(found.r2, mark) + bounds


def _components(analysis: Analysis) -> Table:
    pca = analysis.regression.fit.pca
    names = [f"PC{i}" for i in range(1, len(pca.variance) + 1)][:_SHOWN]
    first = "" if len(names) == len(pca.variance) else f" (the first {_SHOWN})"
    title = f"Components{first}: correlation with each metric"
    table = _table(title, "metric", *names, "beta")
    table.add_row("variance explained", *(f"{100 * r:.0f}%" for r in pca.ratio[:_SHOWN]), "")
    table.add_section()
    mark = CIRCULAR_MARK if analysis.data.circular else ""
    betas = analysis.regression.fit.betas
    for i, metric in enumerate(analysis.data.metrics):
        bounds = ""
        if analysis.betas:
            low, high = analysis.betas
            bounds = f" ({low[i]:.2g} to {high[i]:.2g})"
        loadings = (f"{v:z.2f}" for v in pca.loadings[:_SHOWN, i])
        table.add_row(metric, *loadings, f"{betas[i]:.2g}{mark}{bounds}")
    return table


def _spearman(analysis: Analysis) -> Table:
    data = analysis.data
    found = {(c.metric, c.language): c for c in analysis.correlations}
    names = {POOLED: "all cells", WITHIN: "mean of languages"}
    columns = {
        c.language: f"{names.get(c.language, c.language)}\nn {c.n}" for c in analysis.correlations
    }
    title = f"Spearman with {data.outcome}{_warned(data)}"
    table = _table(title, "metric", *columns.values())
    for metric in data.metrics:
        table.add_row(metric, *(_rho(found[metric, code], data.circular) for code in columns))
    table.caption = (
        f"* q < {SIGNIFICANT:g} (Benjamini-Hochberg over languages and metrics, and over the "
        "totals); in brackets 95 % over teachers; all p, q and intervals are in analysis.json"
    )
    table.caption_justify = "left"
    return table


def _rho(found: Correlation, circular: bool) -> str:
    if found.rho is None or found.q_value is None:
        return MISSING
    mark = CIRCULAR_MARK if circular else ""
    star = "*" if found.q_value < SIGNIFICANT else ""
    total = found.language in (POOLED, WITHIN) and found.low is not None
    bounds = f" ({found.low:z.2f} to {found.high:z.2f})" if total else ""
    return f"{found.rho:z.2f}{star}{mark}{bounds}"


def _size(analysis: Analysis) -> Table:
    regression = analysis.sizes[0]
    sizes = [f"{teacher} {size:g}" for teacher, size, _ in analysis.data.size_sources if size]
    table = _table(
        f"{regression.name} and the size of the teacher (billions: {', '.join(sizes) or 'none'})"
        + _warned(analysis.data),
        "model", "n", "per doubling", "p", "R2", "leave-teacher-out R2", "remarks",
    )  # fmt: skip
    for slope in regression.slopes:
        table.add_row(*_slope(slope, CIRCULAR_MARK if analysis.data.circular else ""))
    return table


def _slope(slope: Slope, mark: str) -> list[str]:
    value = MISSING
    if slope.per_doubling is not None:
        value = f"{slope.per_doubling:+.3g}{mark}"
        if slope.low is not None and slope.high is not None:
            value += f" ({slope.low:.2g} to {slope.high:.2g})"
    return [
        slope.model.replace("_", " "),
        str(slope.n),
        value,
        MISSING if slope.p_value is None else f"{slope.p_value:.2g}",
        _number(slope.r2, mark),
        _number(slope.r2_leave_teacher_out, mark),
        "; ".join(("not converged",) * (slope.converged is False) + slope.problems),
    ]
