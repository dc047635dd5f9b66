"""Acceptance rate: share of the teacher's replies that became examples; 0-1, higher is better.

Missing for data of others, of whose replies only those that were kept are known.
"""

from __future__ import annotations

from collections import Counter

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import share
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import STRATEGIES, Measurement


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``acceptance_rate`` over all replies, and one per strategy that was asked."""
    accepted = Counter(sample.strategy for sample in data.data.samples() if sample.attempt)
    rejected = Counter(rejection.strategy for rejection in data.data.rejections())
    code = data.pack.code
    total = accepted.total() + rejected.total()
    found = [share("acceptance_rate", code, accepted.total(), total)]
    for strategy in STRATEGIES:
        if asked := accepted[strategy] + rejected[strategy]:
            found.append(share(f"acceptance_rate_{strategy}", code, accepted[strategy], asked))
    return tuple(found)
