"""Run cells one after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from polyglot_harness.errors import HarnessError, StoreError
from polyglot_harness.reporting import Reporter

Given = TypeVar("Given")
Found = TypeVar("Found")


class LocalExecutor:
    """Runs a function over cells; a cell that fails does not stop the others."""

    def __init__(self, reporter: Reporter) -> None:
        """Begin without errors."""
        self.reporter = reporter
        self.errors: dict[str, HarnessError] = {}

    def map(
        self, what: str, function: Callable[[Given], Found], cells: Mapping[str, Given]
    ) -> dict[str, Found]:
        """Call `function` for each cell.

        Args:
            what: Name of the work, for messages.
            function: The work of one cell.
            cells: Argument by the cell's name.

        Returns:
            Result by the cell's name; a cell that failed is missing, its error is in `errors`.

        Raises:
            StoreError: At once; without a disk no other cell can do better.
        """
        found: dict[str, Found] = {}
        for name, given in cells.items():
            try:
                found[name] = function(given)
            except StoreError:
                raise
            except HarnessError as error:
                self.errors[f"{what} {name}"] = error
                self.reporter.failed(f"{what} {name}", error)
        return found
