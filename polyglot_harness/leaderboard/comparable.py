"""Which cells may be ranked together: those whose signatures agree in all but the teacher."""

from __future__ import annotations

from collections.abc import Sequence

from polyglot_harness.errors import ConfigError
from polyglot_harness.signature import diff_signatures, parse_signature
from polyglot_harness.spec import PolyglotScore

PER_LANGUAGE = ("lang", "pack", "tasks", "pool")
"""Fields of a signature that may differ between languages; within one, only the teacher may."""


def check_comparable(scores: Sequence[PolyglotScore]) -> None:
    """Refuse cells that were not made under the same conditions, or that are there twice.

    Raises:
        ConfigError: It names the first pair found and the fields in which they differ, with
            both values.
    """
    seen: dict[str, PolyglotScore] = {}
    cells: set[tuple[str, str]] = set()
    for score in scores:
        if (score.teacher, score.language) in cells:
            raise ConfigError(f"two cells of {score.teacher} in {score.language}: keep one")
        cells.add((score.teacher, score.language))
        _compare(seen.setdefault(score.language, score), score)
        _compare(scores[0], score)


def _compare(a: PolyglotScore, b: PolyglotScore) -> None:
    same_language = a.language == b.language
    ignore = ("teacher", "lang") if same_language else ("teacher", *PER_LANGUAGE)
    fields = diff_signatures(a.signature, b.signature, ignore)
    left, right = parse_signature(a.signature), parse_signature(b.signature)
    own = {name: (left.get(name, "none"), right.get(name, "none")) for name in fields}
    if a.student != b.student:
        own["student"] = (a.student, b.student)
    if same_language and a.pool != b.pool:
        own.setdefault("pool", (a.pool, b.pool))
    if own:
        named = ", ".join(f"{name} ({mine} and {other})" for name, (mine, other) in own.items())
        raise ConfigError(
            f"not ranked together: {a.teacher} ({a.language}) and {b.teacher} ({b.language}) "
            f"differ in {named}"
        )
