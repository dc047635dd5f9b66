"""What boards, and the teachers on them, are called: short, and never two alike."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts

_LEAST_DIGITS = 8


def teacher_names(facts: Sequence[TeacherFacts]) -> list[str]:
    """Return the names of teachers as they are shown: with the revision where it tells two apart.

    A revision is cut to twelve characters if that is enough.
    """
    count = Counter(fact.name for fact in facts)
    short = Counter((fact.name, fact.revision[:12]) for fact in facts)

    def name(fact: TeacherFacts) -> str:
        if count[fact.name] == 1:
            return fact.name
        clash = short[fact.name, fact.revision[:12]] > 1
        return f"{fact.name}@{fact.revision if clash else fact.revision[:12]}"

    names = [name(fact) for fact in facts]
    several = Counter(names)  # one may itself be called name@revision
    return [
        shown if several[shown] == 1 else f"{fact.name}@{fact.revision}"
        for shown, fact in zip(names, facts, strict=True)
    ]


def board_key(student: StudentFacts, mixture: str, *identity: Any) -> str:
    """Return a readable name, safe as a file name, and the SHA-256 of what makes the board."""
    told = re.sub(r"[^a-z0-9.]+", "-", f"{student.name}-{mixture}".lower())[:48].strip("-.")
    parts = (student.name, student.revision, mixture, *identity)
    return f"{told or 'board'}-{hashlib.sha256(repr(parts).encode()).hexdigest()}"


def short_keys(keys: Sequence[str]) -> list[str]:
    """Cut the digests of keys to eight digits, or to as many as tell the keys apart."""
    digits = _LEAST_DIGITS
    while digits < 64 and len({key[: digits - 64] for key in keys}) < len(keys):
        digits += 4
    return [key[: len(key) - 64 + digits] for key in keys]
