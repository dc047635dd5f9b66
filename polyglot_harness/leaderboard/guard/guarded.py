"""What may be guarded: which end of a number is good, and how much worse is too much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from polyglot_harness.errors import ConfigError
from polyglot_harness.report.columns import KNOWN
from polyglot_harness.scoring.intrinsic_z import METRICS

RAW = "raw"
"""Mean accuracy of the student over tasks: the number that everything else is about."""
DEFAULT = (RAW, "acceptance_rate", *METRICS)
TOLERANCES = {
    RAW: 0.01,
    "perplexity*": 0.05,
    "bits_per_byte": 0.05,
    "*_distinct_ri": 0.01,
    "rubric*": 0.1,
}
"""Pattern -> tolerance, in the unit of the number; of a perplexity a share of itself."""
OF_SHARES = 0.05
"""Tolerance of all other numbers that are shares."""


@dataclass(frozen=True)
class Guarded:
    """A number that is compared."""

    name: str
    sign: int
    """1 where higher is better, -1 where lower is."""
    tolerance: float
    ratio: bool = False
    """Compared as a ratio, on the log scale: perplexities of texts differ by factors."""

    def scaled(self, value: float) -> float:
        """Return the value on the scale of the comparison; higher is better."""
        return self.sign * (math.log(value) if self.ratio else value)

    @property
    def margin(self) -> float:
        """Return the tolerance on that scale."""
        return math.log1p(self.tolerance) if self.ratio else self.tolerance


def guarded(names: Sequence[str], tolerances: Mapping[str, float]) -> tuple[Guarded, ...]:
    """Return what is guarded.

    Args:
        names: ``raw``, or names of measurements.
        tolerances: Name -> tolerance, over the defaults.

    Raises:
        ConfigError: If it is not known which end of a number is good or how much worse is too much,
            or a tolerance is of something that is not guarded.
    """
    extra = sorted(set(tolerances) - set(names))
    if extra:
        raise ConfigError(f"--tolerance {extra[0]}: not guarded; guarded: {', '.join(names)}")
    return tuple(_guarded(name, tolerances) for name in names)


def _guarded(name: str, tolerances: Mapping[str, float]) -> Guarded:
    unit, better = next(
        ((unit, better) for pattern, unit, better, _ in KNOWN if fnmatchcase(name, pattern)),
        ("share", "higher") if name == RAW else ("", ""),
    )
    if not better:
        raise ConfigError(
            f"--metrics {name}: it is not known whether higher or lower is better, so it cannot be "
            f"guarded; guarded unless told otherwise: {', '.join(DEFAULT)}"
        )
    usual = [value for pattern, value in TOLERANCES.items() if fnmatchcase(name, pattern)]
    usual += [OF_SHARES] if unit.startswith("share") else []
    if name not in tolerances and not usual:
        raise ConfigError(f"--metrics {name}: say what is too much: --tolerance {name}=NUMBER")
    tolerance = tolerances.get(name, usual[0] if usual else 0.0)
    if not 0 <= tolerance < math.inf:
        raise ConfigError(f"--tolerance {name}: must be a number of at least 0, got {tolerance}")
    sign = 1 if better == "higher" else -1
    return Guarded(name, sign, tolerance, ratio=fnmatchcase(name, "perplexity*"))
