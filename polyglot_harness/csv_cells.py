"""Cells of CSV files that hold text of others: none may begin a formula in a spreadsheet."""

from __future__ import annotations

from typing import Any

# https://owasp.org/www-community/attacks/CSV_Injection; the last four are the full-width forms
_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_cell(value: Any) -> Any:
    """Return a text that could begin a formula with ``'`` before it; all else as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_BEGINNINGS) else value
