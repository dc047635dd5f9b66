"""Where the subcommands print their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def table_console(width: int = 120) -> Console:
    """Return a console that is at least so wide where it is no terminal.

    A file or a pipe has no width of its own.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, width)
    return console
