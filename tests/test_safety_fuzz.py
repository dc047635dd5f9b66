"""Random files and templates: the linter answers with findings, in bounded work, and is right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from polyglot_harness.errors import ConfigError
from polyglot_harness.safety import Finding, findings, require_safe
from polyglot_harness.safety.templates import template_problems

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
CALLS = 400_000
"""Calls that a file of 2 kB may cost: some 20 times what the packs' own do."""

YAML_PARTS = st.sampled_from([
    "task", "group", "include", "metric_list", "doc_to_text", "metadata", "dataset_kwargs", "class",
    "filter_list", ": ", ":\n", "\n", "\n  ", "\n  - ", "- ", "[", "]", "{", "}", ", ", "'", '"',
    "!function u.f", "!!python/name:os.system", "!!int", "!x", "&a", "*a", "<<", "---", "...", "%",
    "|\n", ">\n", "?", "#", "\t", "null", "1", "1e9", "0x_", "2024-13-45", "../", "~", "\\x07",
    "{{ ", " }}", "{% for x in y %}", "{% endfor %}", "acc", "regex", "\u202e", "\ufeff", "é",
])  # fmt: skip
JINJA_PARTS = st.sampled_from([
    "{{ ", " }}", "{% ", " %}", "{% set a = ", "{% for x in xs %}", "{% endfor %}", "{% if ", "xs",
    "{% endif %}", "a", "b", "x", "1", "99", "1000000000", "'t'", "' '", " ~ ", " + ", " - ", " / ",
    " * ", " % ", " ** ", "(", ")", "[", "]", "[0]", ".", "|", "upper", "replace('t', 'ttttt')",
    "join(', ')", "range(", "loop.index", "length", "tojson", "map('upper')", "list", "split()",
    ".replace('t', 'tt')", "__class__", "attr", "lipsum", "cycler", "self", ", ", "text",
    "recursive",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
NAMES = ("x.yaml", "pack.toml", "seeds.jsonl", "teach_templates.toml", "_x_yaml", "README.md")


def check(root: Path, name: str, data: bytes) -> tuple[Finding, ...]:
    """Lint a folder with one file, counting calls."""
    (root / name).write_bytes(data)
    try:
        with counted():
            found = findings(root)
        assert all(str(finding).isprintable() for finding in found), found
        with contextlib.suppress(ConfigError):
            require_safe(root)
        return found
    finally:
        (root / name).unlink()


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Stop what makes more than `CALLS` calls."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
    assert calls < CALLS


@FUZZ
@given(parts=st.lists(YAML_PARTS, max_size=40))
def test_yaml_of_pieces(parts: list[str], tmp_path: Path) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    text = "".join(parts)
    if check(tmp_path, "x.yaml", text.encode()):
        return
    # what passes is what lm-eval can read without running anything
    path = tmp_path / "y.yaml"
    path.write_text(text)
    assert isinstance(load_yaml(path, resolve_func=True), dict)
    assert "!function" not in "".join(line.partition("#")[0] for line in text.splitlines()) or (
        "!function" in str(load_yaml(path))
    )


@FUZZ
@given(data=st.binary(max_size=2000), name=st.sampled_from(NAMES))
def test_bytes(data: bytes, name: str, tmp_path: Path) -> None:
    check(tmp_path, name, data)


@FUZZ
@given(text=st.text(max_size=500), name=st.sampled_from(NAMES))
def test_text(text: str, name: str, tmp_path: Path) -> None:
    check(tmp_path, name, text.encode("utf-8", "replace"))


@FUZZ
@given(value=JSON)
def test_json(value: object, tmp_path: Path) -> None:
    import json

    check(tmp_path, "seeds.jsonl", json.dumps(value).encode())


@FUZZ
@given(
    where=st.integers(0, 10_000), piece=YAML_PARTS | JINJA_PARTS,
    name=st.sampled_from(["pack.toml", "teach_templates.toml", "polyglot_wider_de.yaml"]),
)  # fmt: skip
def test_good_files_with_something_put_in(
    where: int, piece: str, name: str, tmp_path: Path, good: dict[str, str]
) -> None:
    text = good[name]
    place = where % len(text)
    check(tmp_path, name, (text[:place] + piece + text[place:]).encode())


@pytest.fixture(scope="module")
def good() -> dict[str, str]:
    """The files of a pack."""
    from polyglot_harness.assets import tasks_path

    return {path.name: path.read_text(encoding="utf-8") for path in (tasks_path() / "de").iterdir()
            if path.suffix in (".toml", ".yaml")}  # fmt: skip


@FUZZ
@given(parts=st.lists(JINJA_PARTS, max_size=30))
def test_a_template_that_passes_writes_little(parts: list[str]) -> None:
    text = "".join(parts)
    if template_problems(text):
        return
    names = {"text": "t" * 50, "a": "tt", "b": 3, "xs": ["t"] * 20, "x": "t"}
    try:
        compiled = ImmutableSandboxedEnvironment().from_string(text)
        written = compiled.render(**names)
    except jinja2.exceptions.SecurityError as error:
        raise AssertionError(text) from error
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError):
        return
    assert len(written) < 2_000_000
