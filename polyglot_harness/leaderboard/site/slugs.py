"""File names of teachers' pages: readable, safe on every file system, unique."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from polyglot_harness.leaderboard.records import TeacherFacts
from polyglot_harness.spec import digest

LONGEST = 60
_DIGEST = re.compile(r"-[0-9a-f]{12}$")
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])$")  # not a file name on Windows


def teacher_slugs(teachers: Iterable[TeacherFacts]) -> dict[tuple[str, str], str]:
    """Return slugs by (name, revision): lower-case ASCII letters, digits and hyphens.

    A slug ends with a digest of name and revision where it would say too little: another teacher
    has the same, the name was cut, or nothing of it was left.
    """
    keys = sorted({(t.name, t.revision) for t in teachers})
    plain = {key: _plain(key[0]) for key in keys}
    times = Counter(plain.values())

    def slug(key: tuple[str, str]) -> str:
        text = plain[key]
        clear = times[text] == 1 and text and len(text) <= LONGEST
        if clear and not _DIGEST.search(text) and not _RESERVED.match(text):
            return text
        return f"{text[:LONGEST].strip('-') or 'teacher'}-{digest(key)[:12]}"

    return {key: slug(key) for key in keys}


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
