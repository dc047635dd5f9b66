"""Signatures: one line that says under which conditions a number was made.

After sacrebleu (Post 2018, arXiv 1804.08771): fields ``name:value`` joined by ``|``, for example
``lang:de|strat:gen+tr+resp|n:24|seed:7``. Numbers may be compared only if their signatures agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from polyglot_harness.errors import ConfigError

__all__ = ["diff_signatures", "format_signature", "parse_signature"]


def format_signature(fields: Mapping[str, str]) -> str:
    """Return the signature of the fields, in their order.

    Args:
        fields: Name -> value. A name holds neither ``:`` nor ``|``, a value no ``|``; neither
            holds a line break.

    Raises:
        ConfigError: If a name is empty, or a name or value would not survive parsing.
    """
    for name, value in fields.items():
        if not name or set(name) & set(":|\n\r") or set(value) & set("|\n\r"):
            raise ConfigError(f"signature: field {name!r} cannot hold {value!r}")
    return "|".join(f"{name}:{value}" for name, value in fields.items())


def parse_signature(text: str) -> dict[str, str]:
    """Return the fields of a signature, in its order; the empty text has none.

    Raises:
        ConfigError: If a part has no ``:`` or no name, or a name comes twice.
    """
    fields: dict[str, str] = {}
    for part in text.split("|") if text else ():
        name, colon, value = part.partition(":")
        if not name or not colon:
            raise ConfigError(f"signature {text!r}: expected name:value, got {part!r}")
        if name in fields:
            raise ConfigError(f"signature {text!r}: field {name!r} comes twice")
        fields[name] = value
    return fields


def diff_signatures(a: str, b: str, ignore: Iterable[str] = ()) -> list[str]:
    """Return the names of the fields in which two signatures differ.

    Args:
        a: A signature.
        b: Another one.
        ignore: Fields that may differ.

    Returns:
        Names in the order of `a`, then those that only `b` has; a field that one of them lacks
        differs. The order of fields does not matter.

    Raises:
        ConfigError: If one is no signature.
    """
    left, right, skip = parse_signature(a), parse_signature(b), set(ignore)
    return [n for n in {**left, **right} if n not in skip and left.get(n) != right.get(n)]
