"""What is wrong with a file of a pack: where, what, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One fault of one file."""

    path: Path
    line: int
    """1 is the first; 0 where the fault is of the whole file."""
    problem: str
    remedy: str
    level: Literal["error", "warning"] = "error"
    code: bool = False
    """Whether it is about what runs or reads beyond the pack, which ``--trust_pack`` lets pass."""

    @property
    def where(self) -> str:
        """Path, and line if there is one."""
        return f"{self.path}, line {self.line}" if self.line else str(self.path)

    def __str__(self) -> str:
        """One line: ``file, line N: problem; remedy``."""
        return f"{self.where}: {self.problem}; {self.remedy}"


def clip(text: object, size: int = 60) -> str:
    """Return a stranger's text as it may be printed: ASCII, quoted, short."""
    shown = ascii(text)
    return shown if len(shown) <= size else f"{shown[: size - 4]}...{shown[0]}"
