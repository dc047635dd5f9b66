"""Letters and the scripts that they belong to, by Unicode's property Script_Extensions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from polyglot_harness.errors import ConfigError

SCRIPTS = {
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani",),
    "Hant": ("Hani",),
}
"""What the scripts of ISO 15924 are made of that are no script of Unicode."""


def letter_count(text: Iterable[str]) -> int:
    """Return the number of letters (general category L) of a text."""
    return sum(map(str.isalpha, text))


def foreign_letter_count(text: str, script: str) -> int:
    """Return the number of letters that are not of a script (ISO 15924, e.g. ``Latn``)."""
    return letter_count(_foreign(script).findall(text))


def foreign_runs(text: str, script: str) -> list[str]:
    """Return the stretches of a text in letters of other scripts, as far as no digit or own letter.

    Args:
        text: Some text.
        script: Its own script (ISO 15924).
    """
    if not _foreign(script).search(text):
        return []
    stretches = _pattern(rf"[[\p{{L}}&&[{_own(script)}]]\p{{N}}]+").split(text)
    return [stretch.strip() for stretch in stretches if _foreign(script).search(stretch)]


def width(text: str) -> int:
    """Return the number of letters, those of Chinese, Japanese and Korean counted twice."""
    return letter_count(text) + letter_count(_pattern(r"[\p{ea=W}\p{ea=F}]").findall(text))


def _own(script: str) -> str:
    """Return the set of a script's signs and of those that all share, for a regular expression."""
    names = (*SCRIPTS.get(script, (script,)), "Zyyy", "Zinh")
    return "".join(rf"\p{{scx={name}}}" for name in names)


@cache
def _foreign(script: str) -> Any:
    """Return the pattern of a letter that is not of a script.

    Raises:
        ConfigError: If Unicode has no such script.
    """
    import regex

    try:
        return _pattern(rf"[\p{{L}}--[{_own(script)}]]")
    except regex.error:
        raise ConfigError(
            f"script {script!r} is unknown; valid: {', '.join(SCRIPTS)} and the short names of "
            "scripts in Unicode, e.g. Latn, Arab, Cyrl"
        ) from None


@cache
def _pattern(pattern: str) -> Any:
    import regex

    return regex.compile(pattern, regex.V1)
