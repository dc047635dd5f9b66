"""The check: all cells and numbers of two sides, compared before anything is judged.

A number has regressed if it is worse by more than its tolerance, and if a one-sided test says that
this is more than noise. The tests of all cells and numbers, and of the means over languages, are
corrected together (Holm 1979): a whole check of a rerun raises a false alarm with a probability of
at most `Options.level`, as far as the noise is known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.guard.cells import Cell
from polyglot_harness.leaderboard.guard.differences import difference
from polyglot_harness.leaderboard.guard.findings import MEAN, Finding, Options, Outcome, Report
from polyglot_harness.leaderboard.guard.guarded import RAW, Guarded, guarded
from polyglot_harness.leaderboard.guard.matching import Group, Match, Matched, match
from polyglot_harness.leaderboard.guard.noise import (
    ASSUMED_SD,
    MIN_DF,
    SeedNoise,
    mean_difference,
    seed_noise,
    tails,
    total,
)
from polyglot_harness.leaderboard.ranking import PER_LANGUAGE
from polyglot_harness.scoring.comparing import holm
from polyglot_harness.signature import parse_signature

_ORDER: tuple[Outcome, ...] = get_args(Outcome)
_ROUNDING = 1e-9


def check(baseline: Iterable[Cell], candidate: Iterable[Cell], options: Options) -> Report:
    """Compare two sides.

    Raises:
        ConfigError: If there is nothing that could be compared: a check of nothing must not pass.
    """
    metrics = guarded(options.metrics, options.tolerances)
    matched = match(baseline, candidate, options.allow_change)
    findings, notes = list(_whole_cells(matched)), list(_flags(matched.compared))
    for metric in metrics:
        found, told = _compare(metric, matched.compared, options)
        findings += found
        notes += told
    failing = _failing(options)
    if not any(f.metric or f.outcome in failing for f in findings):
        raise ConfigError(
            "nothing to compare: no cell of the baseline is in the candidate (teacher, student, "
            "language, and signature but for the seed) with any of: " + ", ".join(options.metrics)
        )
    judged = sorted(_judged(findings, options.level), key=_place)
    return Report(tuple(judged), tuple(notes), failing, options.level)


def _failing(options: Options) -> frozenset[Outcome]:
    failing: set[Outcome] = {"regression", "changed"}
    if not options.allow_missing:
        failing.add("vanished")
    if options.strict:
        failing.add("unknown")
    return frozenset(failing)


def _whole_cells(matched: Matched) -> Iterator[Finding]:
    for pair in matched.changed:
        language = pair.before.first.language
        yield Finding("changed", pair.before, language, pair.after, changes=pair.changes)
    for group in matched.vanished:
        yield Finding("vanished", group, group.first.language)
    for group in matched.new:
        yield Finding("new", group, group.first.language, group)


def _flags(pairs: Sequence[Match]) -> Iterator[str]:
    for pair in pairs:
        before, after = ({f for c in g.cells for f in c.flags} for g in (pair.before, pair.after))
        for flag in sorted(after - before):
            yield f"{', '.join(pair.after.first.place)}: the flag {flag} is new"


def _compare(
    metric: Guarded, pairs: Sequence[Match], options: Options
) -> tuple[list[Finding], list[str]]:
    """Compare one number in all cells, and its means over languages."""
    findings = [f for pair in pairs if (f := _finding(metric, pair))]
    findings += _means(findings)
    spreads = [s for f in findings if f.moved for s in f.moved.spreads]
    given = options.seed_sd if metric.name == RAW else None
    seed = seed_noise(spreads) if given is None else SeedNoise(given**2)
    if metric.name == RAW and given is None and not math.isfinite(seed.df):
        seed = SeedNoise(ASSUMED_SD**2)
    note = _seed_note(metric, seed, given)
    return [_tested(f, seed) for f in findings], [note] if note and findings else []


def _finding(metric: Guarded, pair: Match) -> Finding | None:
    had, has = (all(metric.name in c.numbers for c in g.cells) for g in (pair.before, pair.after))
    if not had and not has:
        return None
    outcome: Outcome = "unknown" if had and has else "vanished" if had else "new"
    moved = difference(pair, metric)
    return Finding(outcome, pair.before, pair.before.first.language, pair.after, metric, moved)


def _means(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the mean over languages of each teacher, student and condition."""
    groups: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for f in findings:
        if f.after and f.moved:
            revisions = f.group.first.revision, f.after.first.revision
            groups[(*f.group.first.place[:2], *revisions, _shared(f.group))].append(f)
    for parts in groups.values():
        if len({f.language for f in parts}) == len(parts) > 1:
            moved = mean_difference([f.moved for f in parts if f.moved])
            yield replace(parts[0], language=MEAN, moved=moved)


def _shared(group: Group) -> tuple[tuple[str, str], ...]:
    """Return the fields of the signature in which languages do not differ."""
    fields = parse_signature(group.condition).items()
    return tuple((name, value) for name, value in fields if name not in PER_LANGUAGE)


def _tested(finding: Finding, seed: SeedNoise) -> Finding:
    if not finding.moved or not finding.moved.noise:
        return finding
    stderr, df = total(finding.moved.noise, seed)
    return replace(finding, stderr=stderr, tails=tails(finding.moved.better, stderr, df))


def _seed_note(metric: Guarded, seed: SeedNoise, given: float | None) -> str:
    if metric.name != RAW:  # a seed draws other examples, so their errors contain what it does
        return ""
    size = 100 * math.sqrt(seed.variance)
    points = f"{size:.2g} point{'s' * (round(size, 2) != 1)}"
    if given is not None:
        return f"{RAW}: a seed moves all items of a cell by {points} (sd), as --seed_sd says"
    if math.isfinite(seed.df):
        return (
            f"{RAW}: a seed moves all items of a cell by {points} (sd), estimated from replicates "
            f"with {seed.df:.0f} degrees of freedom"
        )
    return (
        f"{RAW}: a seed is taken to move all items of a cell by {points} (sd); to know it takes "
        f"replicates with {MIN_DF} degrees of freedom, or --seed_sd"
    )


def _judged(findings: Sequence[Finding], level: float) -> Iterator[Finding]:
    """Correct p for all tests together, and say what each number has done."""
    alone = np.array([f.tails for f in findings if f.tails]).reshape(-1, 2)
    corrected = iter(zip(holm(alone[:, 0]), holm(alone[:, 1]), strict=True))
    for finding in findings:
        p = None
        if finding.tails and finding.moved:
            worse, better = next(corrected)
            p = float(worse if finding.moved.better < 0 else better)
        yield replace(finding, p=p, outcome=_outcome(finding, p, level))


def _outcome(finding: Finding, p: float | None, level: float) -> Outcome:
    if not finding.metric or not finding.moved:
        return finding.outcome
    change = finding.moved.better
    if abs(change) <= finding.metric.margin + _ROUNDING:
        return "same"
    if change > 0:
        return "improvement" if p is not None and p <= level else "same"
    if p is None or not finding.tails:
        return "unknown"
    if p <= level:
        return "regression"
    return "unsure" if finding.tails[0] <= level else "same"


def _place(finding: Finding) -> tuple[object, ...]:
    certain = 1.0 if finding.p is None else finding.p
    far = -abs(finding.moved.better) if finding.moved else 0.0
    name = finding.metric.name if finding.metric else ""
    return _ORDER.index(finding.outcome), certain, far, finding.group.first.place, name
