"""What is known of a language: its names, script and direction, by CLDR (Babel) and ISO 639."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from polyglot_harness.errors import ConfigError

TODO = "TODO"
_SPECIAL = re.compile(r"""["\\:{}\[\]#*&!|>%@`\x00-\x1f]""")
NO_SPACES = frozenset({"Jpan", "Hans", "Hant", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
"""Scripts without spaces between words: lengths are counted in characters."""


class Facts(NamedTuple):
    """Fields of ``pack.toml``; `TODO` where nobody knows."""

    code: str
    iso639_3: str
    name: str
    own_name: str
    script: str
    direction: str
    length_unit: str


def facts(code: str, **given: str | None) -> Facts:
    """Return what is known of a language.

    Args:
        code: ISO 639-1.
        given: Fields that are known better; None is as good as not given.

    Raises:
        ConfigError: If ISO 639-1 has no such code (the closest ones are named), or a given field
            cannot stand in a line of TOML and YAML.
    """
    from babel import Locale, UnknownLocaleError
    from babel.core import get_global
    from langcodes import Language

    english = _english_names()
    if code not in english:
        raise _unknown(code)
    for field, value in given.items():
        if value and (found := _SPECIAL.search(value)):
            raise ConfigError(f"--{field} {value!r}: {found[0]!r} means something in TOML or YAML")
    likely = get_global("likely_subtags").get(code, "").split("_")
    script = given.get("script") or (likely[1] if len(likely) > 1 else TODO)
    try:
        locale: Locale | None = Locale.parse(code)
    except UnknownLocaleError:
        locale = None
    known = {
        "iso639_3": Language.get(code, normalize=False).to_alpha3(),
        "name": english[code],
        "own_name": (locale.get_language_name() if locale else None) or TODO,
        "script": script,
        "direction": locale.text_direction if locale else TODO,
        "length_unit": "characters" if script in NO_SPACES else "words",
    }
    return Facts(code, **known | {name: value for name, value in given.items() if value})


def other_codes(code: str) -> tuple[str, ...]:
    """Return the codes of ISO 639-2 and 639-3 that mean the same, e.g. ara and arb for ar."""
    from babel.core import get_global
    from langcodes import Language

    aliases = get_global("language_aliases")
    same = {alias for alias, name in aliases.items() if name == code and len(alias) == 3}
    return tuple(sorted(same | {Language.get(code, normalize=False).to_alpha3()}))


@cache
def _english_names() -> dict[str, str]:
    from babel import Locale

    return {code: name for code, name in Locale("en").languages.items() if len(code) == 2}


def _unknown(code: str) -> ConfigError:
    """Suggest by code and by name: who types `vietnamese` means vi."""
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import extract

    english = _english_names()
    terms = {term.lower(): name for name in english for term in (name, english[name])}
    near = [terms[term] for term, _, _ in extract(code.lower(), list(terms), scorer=ratio, limit=8)]
    shown = ", ".join(f"{name} ({english[name]})" for name in list(dict.fromkeys(near))[:4])
    return ConfigError(f"unknown language code {code!r}, not in ISO 639-1; near it: {shown}")
