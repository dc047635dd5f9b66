"""Acceptance rate: share of the teacher's replies that became examples; 0-1, higher is better."""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput, mean_measurement
from polyglot_harness.spec import STRATEGIES, Measurement


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``acceptance_rate`` over all replies, and one per strategy that was asked."""
    outcomes = [(e.strategy, 1.0) for e in data.examples]
    outcomes += [(r.strategy, 0.0) for r in data.rejections]
    code = data.pack.code
    found = [mean_measurement("acceptance_rate", code, [value for _, value in outcomes])]
    for strategy in STRATEGIES:
        values = [value for name, value in outcomes if name == strategy]
        if values:
            found.append(mean_measurement(f"acceptance_rate_{strategy}", code, values))
    return tuple(found)
