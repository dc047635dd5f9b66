"""What the page says of a value: its name, unit, range, and which end of it is good.

The first pattern that fits a column or a measurement speaks for it. One without a pattern is shown
all the same, by its own name and without a claim of better or worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from polyglot_harness.spec import LanguagePack

Better = Literal["higher", "lower", ""]
"""Which end is good; "" where neither is (a length), or nobody has said."""
SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Column:
    """How a value is shown."""

    label: str
    unit: str
    better: Better
    range: tuple[float, float] | None
    """Bounds that the value cannot leave, where it has both."""


# pattern, unit, which end is good, range
KNOWN: tuple[tuple[str, str, Better, tuple[float, float] | None], ...] = (
    ("*_missing*", "share", "lower", SHARE),
    ("*_length", "{length_unit}", "", None),
    ("*_tokens", "tokens", "", None),
    ("*_bytes", "bytes", "", None),
    ("*_nats", "nats", "", None),
    ("*sentences", "sentences", "", None),
    ("*letters", "letters", "", None),
    ("attempt", "replies asked for", "", None),
    ("*truncated*", "share", "lower", SHARE),
    ("*refusal*", "share", "lower", SHARE),
    ("acceptance_rate*", "share", "higher", SHARE),
    ("parsable_rate*", "share", "higher", SHARE),
    ("known_words", "share", "higher", SHARE),
    ("in_language", "share", "higher", SHARE),
    ("*_fidelity", "share", "higher", SHARE),
    ("code_switching*", "share", "lower", SHARE),
    ("code_mixing*", "share of letters", "lower", SHARE),
    ("*_compression*", "compression ratio", "lower", None),
    ("*_rep_4", "share of 4-grams", "lower", SHARE),
    ("*_distinct_ri", "mean cosine distance", "higher", None),
    ("*_distance", "mean cosine distance", "higher", None),
    ("*_distinct_[123]", "share of n-grams", "higher", SHARE),
    ("*_vendi", "effective number of texts", "higher", None),
    ("*_self_bleu", "BLEU", "lower", (0.0, 100.0)),
    ("translated_probability", "probability", "", SHARE),
    ("translationese_auc", "AUC", "lower", (0.5, 1.0)),
    ("bits_per_byte", "bits per byte", "lower", None),
    ("perplexity*", "perplexity", "lower", None),
    ("*_alpha*", "Krippendorff's alpha", "higher", None),
    ("*_kappa*", "weighted kappa", "higher", None),
    ("difficulty*", "rating 1–5", "", (1.0, 5.0)),
    ("rubric*", "rating 1–5", "higher", (1.0, 5.0)),
    ("language_proficiency*", "rating 1–5", "higher", (1.0, 5.0)),
    ("cultural_nuance*", "rating 1–5", "higher", (1.0, 5.0)),
    ("helpfulness*", "rating 1–5", "higher", (1.0, 5.0)),
    ("reward", "reward", "higher", None),
    ("*chrf*", "chrF++", "higher", (0.0, 100.0)),
    ("*bleu*", "BLEU", "higher", (0.0, 100.0)),
    ("comet_*", "COMET", "higher", None),
)


def column(name: str, pack: LanguagePack) -> Column:
    """Return how a column or a measurement is shown."""
    label = name.replace("_", " ")
    for pattern, unit, better, bounds in KNOWN:
        if fnmatchcase(name, pattern):
            return Column(label, unit.format(length_unit=pack.length_unit), better, bounds)
    return Column(label, "", "", None)
