"""What files of a pack hold, read strictly: UTF-8, no hidden characters, plain JSON and TOML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.safety.characters import hidden
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import (
    JSON_DEPTH,
    LINE_BYTES,
    REFUSAL_GAPS,
    REFUSALS,
    TOML_DOTS,
)
from polyglot_harness.safety.templates import template_problems
from polyglot_harness.safety.trust import refuse_remote_code

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DOTTED = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{TOML_DOTS},}}")
_MARKUP = re.compile(r"[\n\r<>\[\]|`\\]")
_SEEN = "write it without, or as the sign that is meant"


def read_text(path: Path, *, prose: bool) -> tuple[str | None, list[Finding]]:
    """Return what a file holds, None where it is no readable text, and what is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return None, [Finding(path, 0, f"cannot be read: {error.strerror}", "make it readable")]
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return None, [Finding(path, 1, "a byte order mark", "save it as plain UTF-8")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Finding(path, line, "not UTF-8", "save it as UTF-8")]
    found = []
    for number, line_bytes in enumerate(data.split(b"\n"), 1):
        if len(line_bytes) > LINE_BYTES:
            found.append(Finding(path, number, f"a line of more than {LINE_BYTES} bytes",
                                 "make it shorter"))  # fmt: skip
    if sign := hidden(text, prose=prose):
        line = text.count("\n", 0, sign[0]) + 1
        found.append(Finding(path, line, f"hidden character {sign[1]}", _SEEN))
    return text, found


def jsonl_findings(path: Path, text: str) -> Iterator[Finding]:
    """Check each line: one JSON object, keys once, no hidden characters behind escapes."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            message = str(error).split(": line")[0]
            yield Finding(path, number, f"not valid JSON: {clip(message)}", "mend the line")
            continue
        if not isinstance(row, dict):
            yield Finding(path, number, "no JSON object", "write {...} on each line")
        elif _depth(row) > JSON_DEPTH:
            yield Finding(path, number, f"more than {JSON_DEPTH} levels", "make it flatter")
        # what stands in the line itself has been seen
        elif "\\" in line and (sign := _hidden_below(row)):
            yield Finding(path, number, f"hidden character {sign}", _SEEN)


def toml_findings(path: Path, text: str) -> Iterator[Finding]:
    """Check a TOML file: it can be read, its templates are harmless, it asks for no remote code."""
    if dotted := _DOTTED.search(text):
        line = text.count("\n", 0, dotted.start()) + 1
        yield Finding(path, line, f"a name of more than {TOML_DOTS} parts", "make it flatter")
        return
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        where = re.search(r"at line (\d+)", str(error))
        message = re.sub(r" \(at .*", "", str(error))
        yield Finding(
            path, int(where.group(1)) if where else 0, f"not valid TOML: {clip(message)}", "mend it"
        )
        return
    if _depth(data) > JSON_DEPTH:
        yield Finding(path, 0, f"more than {JSON_DEPTH} levels", "make it flatter")
        return
    if sign := _hidden_below(data):
        yield Finding(path, 0, f"hidden character {sign}", _SEEN)
    try:
        refuse_remote_code(data, "card")
    except ConfigError as error:
        yield Finding(path, 0, str(error).partition(": ")[2].partition(";")[0], "take it out",
                      code=True)  # fmt: skip
    if path.name == "pack.toml":
        yield from _refusals(path, text, data.get("refusals"))
        yield from _shown(path, text, data)
    if path.name.endswith("templates.toml"):
        for name, value in _strings(data):
            for line, problem in template_problems(value):
                start = _line_of(text, name)
                remedy = "write text and the names of tasks/_teach_templates.toml"
                yield Finding(path, start + line if start else 0, problem, remedy, code=True)


def _refusals(path: Path, text: str, phrases: Any) -> Iterator[Finding]:
    """Check the phrases of refusals: they become one regular expression."""
    if not isinstance(phrases, list):
        return
    line = _line_of(text, "refusals")
    if len(phrases) > REFUSALS:
        yield Finding(path, line, f"more than {REFUSALS} refusals", "keep the usual ones")
    for phrase in phrases:
        if isinstance(phrase, str) and phrase.count("*") > REFUSAL_GAPS:
            problem = f"refusal {clip(phrase)} has more than {REFUSAL_GAPS} gaps"
            yield Finding(path, line, problem, "leave out '*'")


def _shown(path: Path, text: str, data: dict[str, Any]) -> Iterator[Finding]:
    """Check what is printed on terminals and in pages: names and sources are plain words."""
    shown = {key: data.get(key) for key in ("name", "own_name", "version", "labels", "sources")}
    for name, value in _strings(shown):
        if sign := _MARKUP.search(value):
            problem = f"{clip(name)} holds {clip(sign.group())}, which terminals and pages act on"
            yield Finding(path, _line_of(text, name), problem, "write plain words")
        elif name == "url" and value and not re.match(r"https?://\S+\Z", value):
            problem = f"url {clip(value)} is no address of a page"
            yield Finding(path, _line_of(text, name), problem, "write https://...")


def _line_of(text: str, name: str) -> int:
    """Return the line in which a key is set; 0 if that cannot be said."""
    found = re.search(rf"^\s*{re.escape(name)}\s*=", text, re.MULTILINE)
    return text.count("\n", 0, found.end()) + 1 if found else 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a key comes twice")
    return row


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= JSON_DEPTH:
        depth += 1
        level = [inner for outer in level for inner in _inner(outer)]
    return depth


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text with the key that it stands under; keys are texts, too."""
    rest = [(name, value)]
    while rest:
        name, value = rest.pop()
        if isinstance(value, dict):
            rest += value.items()
            rest += [(key, key) for key in value]
        elif isinstance(value, list):
            rest += [(name, inner) for inner in value]
        elif isinstance(value, str):
            yield name, value


def _hidden_below(value: Any) -> str | None:
    for _, text in _strings(value):
        if sign := hidden(text, prose=True):
            return sign[1]
    return None
