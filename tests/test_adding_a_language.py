"""docs/adding-a-language.md, followed literally: files as written, commands as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "adding-a-language.md"
FENCE = re.compile(r"(?P<before>[^\n]*)\n+```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    kind: str
    text: str
    file: str
    """The file named in the line above, if that is all that the line says."""


def blocks() -> list[Block]:
    found = []
    for fence in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        named = re.fullmatch(r"`([^`]+)`:", fence["before"])
        found.append(Block(fence["kind"], fence["text"], named[1] if named else ""))
    return found


def shell(script: str, folder: Path) -> str:
    """Run a block as it stands; return all that it printed."""
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{script}"], cwd=folder, text=True, check=False, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "140"},
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


def test_every_block_is_of_a_kind_that_the_test_follows():
    assert len(blocks()) > 15
    for block in blocks():
        assert block.kind in ("sh", "text") or (block.kind in ("toml", "json") and block.file), (
            block
        )


def test_the_page_can_be_followed(tmp_path, monkeypatch):
    for name in ("POLYGLOT_TASKS", "POLYGLOT_DATA", "CI"):
        monkeypatch.delenv(name, raising=False)
    printed = ""
    for block in blocks():
        if block.kind == "sh":
            printed = shell(block.text, tmp_path)
        elif block.kind == "text":
            lost = [line for line in block.text.splitlines() if line.strip() not in printed]
            assert not lost, f"the page says that this is printed: {lost}, but\n{printed}"
        else:
            path = tmp_path / block.file
            assert path.is_file(), f"{block.file} is not in the skeleton"
            path.write_text(block.text, encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE.read_text("utf-8")))))
def test_what_the_page_links_to_is_there(name):
    assert (PAGE.parent / name).exists()
