"""Check the arguments of our own model type, which lm-eval may hand over as strings."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from polyglot_harness.errors import ConfigError, unknown_name


def known_only(names: Iterable[str], valid: Collection[str]) -> None:
    """Raise ConfigError if a name is not valid; its value is not shown: it may be a key."""
    for name in names:
        if name not in valid:
            raise unknown_name(
                "argument of openai-compatible", name, set(valid) - {"self", "others"}
            )


def number(name: str, value: Any, *, at_least: float = 0.0) -> float:
    """Return a number, or raise ConfigError."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not at_least <= found < float("inf"):
        raise ConfigError(f"openai-compatible: {name}={value}: needs a number >= {at_least:g}")
    return found


def choice(name: str, value: Any, valid: tuple[str, ...]) -> str:
    """Return one of the valid words, or raise ConfigError."""
    text = str(value).lower()
    if text not in valid:
        raise ConfigError(f"openai-compatible: {name}={value}: valid: {', '.join(valid)}")
    return text


def flag(name: str, value: Any) -> bool:
    """Return a truth value, also of the words for it, or raise ConfigError."""
    return choice(name, value, ("true", "false")) == "true"
