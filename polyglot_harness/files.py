"""Read data files into records; every error names the file, the line or field, and the remedy."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from polyglot_harness.errors import ConfigError, StoreError

EXAMPLES, REJECTIONS = "examples.jsonl", "rejections.jsonl"
"""What a generate stage leaves: accepted examples, and the other replies with their reasons."""
T = TypeVar("T", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: If it is missing or not TOML; the message holds file and line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def parse_record(model: type[T], data: dict[str, Any], where: str) -> T:
    """Build a record; a wrong field becomes one line that starts with `where`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain(error)}") from None


def explain(error: ValidationError) -> str:
    """Return the first complaint of pydantic as one line: field, what is wrong, what was given."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"unknown field {field!r}{more}"
    if first["type"] == "missing":
        return f"field {field!r} is missing{more}"
    return f"field {field!r}: {first['msg']}, got {first['input']!r:.80}{more}"


def read_jsonl(path: Path, model: type[T]) -> tuple[T, ...]:
    """Read one record a line; blank lines are skipped."""
    return tuple(parse_record(model, row, f"{path}:{number}") for number, row in jsonl_rows(path))


def jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSONL file, one line in memory at a time.

    Raises:
        ConfigError: If the file is missing or a line is not a JSON object in UTF-8.
    """
    try:
        # iteration over bytes is by line feeds alone: a text may hold other line separators
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    where = f"{path}:{number}"
                    yield number, json_object(parse_json(line, where), where)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None


def parse_json(data: bytes, where: str) -> Any:
    """Return what JSON in UTF-8 holds; an error becomes one line that starts with `where`."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: not UTF-8: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: not valid JSON: {error}") from None


def json_object(row: Any, where: str) -> dict[str, Any]:
    """Return a row that is an object; anything else is an error that starts with `where`."""
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def storable(text: str) -> str:
    """Return text with ``?`` for halves of surrogate pairs: servers send them, files hold none."""
    return text.encode(errors="replace").decode()


def json_line(row: Mapping[str, Any] | BaseModel) -> str:
    """Return a row or record as one line of JSON, with its line feed."""
    data = row.model_dump(mode="json") if isinstance(row, BaseModel) else row
    return json.dumps(data, ensure_ascii=False) + "\n"


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any] | BaseModel]) -> None:
    """Write rows or records as JSON lines, in order."""
    path.write_text("".join(map(json_line, rows)), encoding="utf-8")


def read_json_record(path: Path, model: type[T], remedy: str) -> T:
    """Read a record that the harness itself wrote as a JSON file.

    Raises:
        StoreError: If the file is damaged; the message holds the remedy.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StoreError(f"{path}: damaged ({explain(error)}); {remedy}") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
