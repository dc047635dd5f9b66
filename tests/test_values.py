"""Values on the command line and in ``--config`` files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.cli.values import (
    KeyValues,
    Names,
    batch_size,
    concurrency,
    config_arguments,
    fraction,
    literal,
    money,
    positive,
)
from polyglot_harness.errors import ConfigError


def parser() -> argparse.ArgumentParser:
    """The shapes of flags that the subcommands have."""
    made = argparse.ArgumentParser(prog="x")
    made.add_argument("--args", nargs="+", action=KeyValues)
    made.add_argument("--names", nargs="+", action=Names, default=("d",))
    made.add_argument("--limit", type=positive)
    made.add_argument("--batch_size", type=batch_size)
    made.add_argument("--alpha", type=fraction)
    made.add_argument("--flag", action="store_true")
    made.add_argument("--text")
    return made


def parsed(*arguments: str) -> argparse.Namespace:
    return parser().parse_args(arguments)


# --- key=value ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a=1"], {"a": 1}),
        (["a=1,b=x"], {"a": 1, "b": "x"}),
        (["a=1", "b=x"], {"a": 1, "b": "x"}),
        (["a=1, b=x"], {"a": 1, "b": "x"}),
        (["a=1,b=2", "c=3"], {"a": 1, "b": 2, "c": 3}),
        (["a=1", "a=2"], {"a": 2}),
        (["a="], {"a": ""}),
        (["pretrained=org/m-7b,dtype=auto"], {"pretrained": "org/m-7b", "dtype": "auto"}),
        (["base_url=http://h:1/v1?x=1&y=2"], {"base_url": "http://h:1/v1?x=1&y=2"}),
        # a comma that no key follows belongs to the value
        (["until=a,b"], {"until": "a,b"}),
        (["until=a,=2"], {"until": "a,=2"}),
        (["until=['\\n','x'],top_p=0.9"], {"until": ["\n", "x"], "top_p": 0.9}),
        (["a.b=1,c_d=2"], {"a.b": 1, "c_d": 2}),
    ],
)  # fmt: skip
def test_key_values(arguments: list[str], expected: dict[str, Any]) -> None:
    assert parsed("--args", *arguments).args == expected


def test_key_values_of_a_repeated_flag_are_merged() -> None:
    assert parsed("--args", "a=1,b=2", "--args", "b=3").args == {"a": 1, "b": 3}
    assert parsed().args is None


@pytest.mark.parametrize("argument", ["a", "=1", ",a=1", ""])
def test_key_values_without_key_or_value(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--args", argument)
    assert caught.value.code == 2
    assert "argument --args: expected key=value, got " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.5", 1.5),
        ("1e-4", 1e-4),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("none", None),
        ("None", None),
        ("'1'", "1"),
        ('"a b"', "a b"),
        ("[1, 'a']", [1, "a"]),
        ("{'a': 1}", {"a": 1}),
        ("", ""),
        ("abc", "abc"),
        ("cuda:0", "cuda:0"),
        ("org/model", "org/model"),
        ("7b", "7b"),
        ("007", "007"),
        ("1.2.3", "1.2.3"),
        ("[1", "[1"),
        ("import os", "import os"),
        ("__import__('os').getpid()", "__import__('os').getpid()"),
        ("2026-01-02", "2026-01-02"),
        ("日本", "日本"),
    ],
)
def test_literals(text: str, expected: Any) -> None:
    found = literal(text)
    assert found == expected
    assert type(found) is type(expected)


# --- names and numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a"], ("a",)),
        (["a,b"], ("a", "b")),
        (["a", "b"], ("a", "b")),
        (["a, b,", "c"], ("a", "b", "c")),
        (["b,a,b", "a"], ("b", "a")),
    ],
)
def test_names(arguments: list[str], expected: tuple[str, ...]) -> None:
    assert parsed("--names", *arguments).names == expected


def test_names_default_and_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed().names == ("d",)
    with pytest.raises(SystemExit):
        parsed("--names", " , ")
    assert "argument --names: expected at least one name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (positive, "1", 1),
        (positive, "1000", 1000),
        (batch_size, "1", "1"),
        (batch_size, "64", "64"),
        (batch_size, "auto", "auto"),
        (batch_size, "auto:4", "auto:4"),
        (concurrency, "auto", "auto"),
        (concurrency, "64", 64),
        (money, "0.5", 0.5),
        (money, "20", 20.0),
        (fraction, "0", 0.0),
        (fraction, "1", 1.0),
        (fraction, ".25", 0.25),
    ],
)
def test_numbers(read: Callable[[str], Any], text: str, expected: Any) -> None:
    found = read(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (positive, "0", "must be at least 1, got 0"),
        (positive, "-3", "must be at least 1, got -3"),
        (positive, "1.5", "expected a whole number, got '1.5'"),
        (positive, "many", "expected a whole number, got 'many'"),
        (batch_size, "0", "expected a whole number >= 1, auto or auto:N, got '0'"),
        (batch_size, "auto:", "expected a whole number >= 1, auto or auto:N, got 'auto:'"),
        (batch_size, "auto:0", "expected a whole number >= 1, auto or auto:N, got 'auto:0'"),
        (batch_size, "8\n", "expected a whole number >= 1, auto or auto:N, got '8\\n'"),
        (concurrency, "0", "must be at least 1, got 0"),
        (concurrency, "all", "expected a whole number, got 'all'"),
        (money, "0", "must be above 0, got 0"),
        (money, "-1", "must be above 0, got -1"),
        (money, "nan", "must be above 0, got nan"),
        (money, "inf", "must be above 0, got inf"),
        (money, "$5", "expected a number, got '$5'"),
        (fraction, "1.01", "must be from 0 to 1, got 1.01"),
        (fraction, "-0.1", "must be from 0 to 1, got -0.1"),
        (fraction, "nan", "must be from 0 to 1, got nan"),
        (fraction, "half", "expected a number, got 'half'"),
    ],
)
def test_what_is_said_of_wrong_numbers(read: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert str(caught.value) == message


# --- config files ------------------------------------------------------------------------------

KNOWN = {"args", "names", "limit", "batch_size", "alpha", "flag", "text"}


def arguments(folder: Path, text: str) -> list[str]:
    file = folder / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return config_arguments(file, KNOWN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limit: 3", ["--limit", "3"]),
        ("names: [de, id]", ["--names", "de", "id"]),
        ("names:\n  - de\n  - id\n", ["--names", "de", "id"]),
        ("names: de,id", ["--names", "de,id"]),
        ("flag: true", ["--flag"]),
        ("flag: false", []),
        ("limit: null", []),
        ("alpha: 0.25", ["--alpha", "0.25"]),
        ("args: {a: 1, b: x}", ["--args", "a=1", "b='x'"]),
        ("args: {a: [x, 1], b: null, c: true}", ["--args", "a=['x', 1]", "b=None", "c=True"]),
        ("args: a=1,b=x", ["--args", "a=1,b=x"]),
        ("text: Größe", ["--text", "Größe"]),
        (
            "# a comment\nlimit: 3\nnames: [de]\nflag: yes\n",
            ["--limit", "3", "--names", "de", "--flag"],
        ),
        ("{}", []),
    ],
)
def test_a_config_as_arguments(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert arguments(tmp_path, text) == expected


def test_a_config_gives_what_the_flags_would_and_flags_override_it(tmp_path: Path) -> None:
    text = (
        "limit: 3\nnames: [de, id]\nbatch_size: auto\nalpha: 1\nflag: true\n"
        "args: {pretrained: org/m, n: 1, version: '1', until: [x, '1'], fast: true, rev: null}\n"
    )
    from_file = arguments(tmp_path, text)
    found = parsed(*from_file)
    assert vars(found) == {
        "limit": 3,
        "names": ("de", "id"),
        "batch_size": "auto",
        "alpha": 1.0,
        "flag": True,
        "text": None,
        "args": {
            "pretrained": "org/m",
            "n": 1,
            "version": "1",
            "until": ["x", "1"],
            "fast": True,
            "rev": None,
        },
    }
    found = parsed(*from_file, "--limit", "5", "--names", "ja", "--args", "n=2")
    assert (found.limit, found.names, found.args["n"]) == (5, ("ja",), 2)
    assert found.args["pretrained"] == "org/m"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit: 3\nnames: [de\nflag: true\n", ":3: expected ',' or ']', but got ':'"),
        ("limit: 3\n\tflag: true\n", ":2: found character '\\t' that cannot start any token"),
        ("a: b: c\n", ":1: mapping values are not allowed here"),
        ("limit: 3\ntext: 'open\n", ":3: found unexpected end of stream"),
        ("text: !!python/object/apply:os.getpid []\n", ":1: could not determine a constructor"),
        ("- limit\n", ": expected a mapping of flags, e.g. 'languages: [de, id]'"),
        ("limit\n", ": expected a mapping of flags"),
        ("", ": expected a mapping of flags"),
    ],
)
def test_a_broken_config_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        arguments(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'run.yaml'}{message}")
    assert "\n" not in str(caught.value)


def test_a_key_that_is_no_flag_lists_the_flags(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        arguments(tmp_path, "limt: 3\n")
    assert str(caught.value) == (
        f"unknown key in {tmp_path / 'run.yaml'}: 'limt' (did you mean 'limit'?); "
        "valid: alpha, args, batch_size, flag, limit, names, text"
    )


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "no.yaml"
    with pytest.raises(ConfigError, match=rf"^--config {re.escape(str(file))}: no such file$"):
        config_arguments(file, KNOWN)
