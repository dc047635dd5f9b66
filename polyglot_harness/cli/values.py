"""Argument types: key=value pairs, comma-separated names, positive numbers, config files."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from typing import Any

_COMMA_BEFORE_KEY = re.compile(
    r""",(?=\s*[A-Za-z_][\w.]*=)(?=(?:[^'"]|'[^']*'|"[^"]*")*$)"""  # not inside quotes
)


class KeyValues(argparse.Action):
    """``a=1,b=2`` or ``a=1 b=2`` into a dict, as lm-eval's ``--model_args``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Merge the pairs into what earlier uses of the flag gave."""
        merged: dict[str, Any] = dict(getattr(namespace, self.dest) or {})
        for text in values:
            for part in _COMMA_BEFORE_KEY.split(text):
                key, equals, value = part.strip().partition("=")
                if not equals or not key:
                    parser.error(f"argument {option_string}: expected key=value, got {part!r}")
                merged[key] = literal(value)
        setattr(namespace, self.dest, merged)


def literal(text: str) -> Any:
    """Read numbers, booleans, None, quoted strings and lists; all else is a string."""
    lowered = text.lower()
    if lowered in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[lowered]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (int, float, str, list, tuple, dict)) else text


class Names(argparse.Action):
    """``a,b`` or ``a b`` into a tuple, doubles dropped."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Split at commas and spaces."""
        names = [n.strip() for text in values for n in text.split(",") if n.strip()]
        if not names:
            parser.error(f"argument {option_string}: expected at least one name")
        setattr(namespace, self.dest, tuple(dict.fromkeys(names)))


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def batch_size(text: str) -> str:
    """Read a whole number of at least 1, ``auto`` or ``auto:N``."""
    if re.fullmatch(r"auto(:[1-9]\d*)?|[1-9]\d*", text):
        return text
    raise argparse.ArgumentTypeError(f"expected a whole number >= 1, auto or auto:N, got {text!r}")


def concurrency(text: str) -> str | int:
    """Read a whole number of at least 1, or ``auto``."""
    return text if text == "auto" else positive(text)


def money(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def fraction(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {value}")
    return value


def config_arguments(path: Path, known: set[str]) -> list[str]:
    """Turn a YAML file of flags into command-line arguments, to be parsed before the real ones.

    Raises:
        ConfigError: If the file is no YAML mapping (file and line named), or a key is no flag.
    """
    import yaml

    from polyglot_harness.errors import ConfigError, unknown_name

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"--config {path}: no such file") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"--config {path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ConfigError(f"{path}{line}: {problem}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of flags, e.g. 'languages: [de, id]'")
    arguments: list[str] = []
    for key, value in data.items():
        if key not in known:
            raise unknown_name(f"key in {path}:", str(key), known)
        arguments += _flag(str(key), value)
    return arguments


def _flag(key: str, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [f"--{key}"]
    if isinstance(value, dict):
        return [f"--{key}", *(f"{k}={v!r}" if isinstance(v, (list, str)) else f"{k}={v}"
                              for k, v in value.items())]  # fmt: skip
    if isinstance(value, list):
        return [f"--{key}", *map(str, value)]
    return [f"--{key}", str(value)]
