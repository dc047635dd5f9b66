"""Language fidelity: share of the replies that are in the wanted language; 0-1, higher is better.

Over all replies with text, the rejected ones included: among accepted examples the share is 1 by
construction. Identification passes gibberish that looks like the language; perplexity tells.
"""

from __future__ import annotations

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import share
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import Measurement
from polyglot_harness.strategies.checks import speaks


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``language_fidelity``."""
    code = data.pack.code
    for block in blocks(data.data, values.rows):
        values.add(in_language=[float(speaks(s.response, code)) for s in block])
        data.progress(values.rows, len(data.data))
    rejected = [speaks(r.reply, code) for r in data.data.rejections() if r.reply.strip()]
    right = sum(int(block.sum()) for block in values.blocks("in_language")) + sum(rejected)
    return (share("language_fidelity", code, right, values.rows + len(rejected)),)
