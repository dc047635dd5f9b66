"""What all formats ask of files, names and numbers."""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import json_object, parse_json, storable


def is_file(path: Path) -> bool:
    """Return whether there is a file of that name, which may be one that no file can have."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_regular(path: Path) -> None:
    """Raise ConfigError unless the path is a file with something in it."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
        raise ConfigError(f"{path}: {reason[0].lower()}{reason[1:]}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: no file, but a folder or a device")
    if found.st_size == 0:
        raise ConfigError(f"{path}: empty")


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ConfigError: If it is no file, cannot be read, is cut short, or holds something else.
    """
    check_regular(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    content = json_object(parse_json(data, str(path)), str(path))
    check_storable(json.dumps(content, ensure_ascii=False), str(path))
    return content


def check_storable(text: str, where: str) -> None:
    """Raise ConfigError for halves of surrogate pairs, which no file can hold."""
    if storable(text) != text:
        raise ConfigError(f"{where}: holds half of a surrogate pair, which is no text")


def check_language(code: str, known: Collection[str], where: str) -> None:
    """Raise ConfigError unless there is a pack of the language."""
    if code not in known:
        error = unknown_name("language", code, known)
        raise ConfigError(f"{where}: {error}; --include_path names a folder of further packs")


def number(value: Any, what: str) -> float:
    """Return a finite number, a yes or no as 1 or 0.

    Raises:
        ConfigError: If it is none.
    """
    try:
        found = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        found = math.nan
    if not math.isfinite(found):
        raise ConfigError(f"{what} is {value!r:.40}, expected a finite number")
    return found


def accuracy(value: Any, what: str) -> float:
    """Return an accuracy.

    Raises:
        ConfigError: If it is not within 0 to 1.
    """
    found = number(value, what)
    if not 0 <= found <= 1:
        percent = "; in per cent? divide it by 100" if 1 < found <= 100 else ""
        raise ConfigError(f"{what} is {found:g}, not within 0 to 1{percent}")
    return found


def stderr(value: Any) -> float | None:
    """Return a standard error, None where the program had none to give."""
    # that of an accuracy is at most 0.5; no program says more than 1 unless it means per cent
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else None


def count(value: Any, what: str) -> int:
    """Return a whole number.

    Raises:
        ConfigError: If it is none, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{what} is {value!r:.40}, expected a whole number")
    return value


def plain_name(name: str) -> str:
    """Return a model's name fit for a signature; of a path on some machine only its end."""
    if re.match(r"([/\\~.]|[A-Za-z]:[/\\])", name):
        name = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    return re.sub(r"[|\r\n]+", "-", name)
