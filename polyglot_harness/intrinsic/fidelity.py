"""Language fidelity: share of the replies that are in the wanted language; 0-1, higher is better.

Over all replies with text, the rejected ones included: among accepted examples the share is 1 by
construction. Identification passes gibberish that looks like the language; perplexity tells.
"""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput, mean_measurement
from polyglot_harness.spec import Measurement
from polyglot_harness.strategies.checks import speaks


def measure(data: MeasureInput) -> tuple[Measurement, ...]:
    """Return ``language_fidelity``."""
    texts = [e.response for e in data.examples]
    texts += [r.reply for r in data.rejections if r.reply.strip()]
    values = [float(speaks(text, data.pack.code)) for text in texts]
    return (mean_measurement("language_fidelity", data.pack.code, values),)
