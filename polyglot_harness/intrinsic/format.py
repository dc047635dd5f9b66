"""Format: shares of first replies that can be read (higher is better), refuse, break off; 0-1.

Of the first reply to each document, so that asking again does not change it:

- ``parsable_rate``: share from which prompt and response could be read, whatever became of them
  then; higher is better. Per strategy too, for respond asks for no form.
- ``refusal_rate``: share that declines (`strategies.refusals`) or is stopped by a content filter;
  lower is better, unless the prompts ask for what should be declined.
- ``truncated_rate``: share that breaks off before its first sentence is complete; lower is better.
  What breaks off later is cut back to a sentence and accepted.

Replies that never came (errors of a server) and requests that did not fit count for nothing. Data
of others have accepted responses only: their refusals are counted, the rest is missing.

Columns: ``attempt`` (which reply it was; missing for data of others) and ``refusal`` (1 where the
response begins as a refusal does).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from polyglot_harness.intrinsic import MeasureInput
from polyglot_harness.intrinsic.estimate import share
from polyglot_harness.intrinsic.samples import blocks
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import STRATEGIES, LanguagePack, Measurement, RunSpec
from polyglot_harness.strategies.refusals import ENGLISH, refused

UNREADABLE = frozenset({"empty", "unparsable", "missing_prompt"})
NO_REPLY = frozenset({"backend_error", "prompt_truncated"})
ACCEPTED = ""


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the phrases of refusals."""
    return {"refusals": ENGLISH, "pack": {"refusals": pack.refusals}}


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``parsable_rate`` (of all, and per strategy), ``refusal_rate``, ``truncated_rate``.

    Each document has one first reply: an example or a rejection whose attempt is 1.
    """
    code = data.pack.code
    first: Counter[tuple[str, str]] = Counter()
    seen = foreign = 0
    for block in blocks(data.data):
        first.update((s.strategy, ACCEPTED) for s in block if s.attempt == 1)
        foreign += sum(s.attempt == 0 for s in block)
        if seen == values.rows:
            values.add(
                attempt=[s.attempt or None for s in block],
                refusal=[bool(refused(s.response, data.pack.refusals)) for s in block],
            )
        seen += len(block)
        data.progress(seen, len(data.data))
    first.update(
        (r.strategy, r.reason)
        for r in data.data.rejections()
        if r.attempt == 1 and r.reason not in NO_REPLY
    )

    def parsable(name: str, *strategies: str) -> Measurement:
        reasons = [(reason, n) for (s, reason), n in first.items() if s in strategies]
        readable = sum(n for reason, n in reasons if reason not in UNREADABLE)
        return share(name, code, readable, sum(n for _, n in reasons))

    def because(wanted: str) -> int:
        return sum(n for (_, reason), n in first.items() if reason == wanted)

    strategies = [s for s in STRATEGIES if any(s == key[0] for key in first)]
    # of a document that was asked again the refusal that counts is not the accepted one
    kept = sum(int(~(b[:, 0] > 1) @ b[:, 1]) for b in values.blocks("attempt", "refusal"))
    return (
        parsable("parsable_rate", *strategies),
        *(parsable(f"parsable_rate_{s}", s) for s in strategies),
        share("refusal_rate", code, because("refusal") + kept, first.total() + foreign),
        share("truncated_rate", code, because("truncated"), first.total()),
    )
