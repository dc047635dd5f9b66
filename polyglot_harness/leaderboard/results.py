"""Results of record on disk: read, merged, and as one table (see docs/results-format.md)."""

from polyglot_harness.leaderboard.merging import (
    Merged,
    first_difference,
    merge_results,
    write_results,
)
from polyglot_harness.leaderboard.result_files import (
    RESULTS,
    decode,
    encode,
    file_text,
    find_files,
    read_file,
    read_files,
    results_path,
)
from polyglot_harness.leaderboard.result_table import (
    NUMBERS,
    TEXTS,
    ResultsTable,
    read_items_of,
    read_rows,
    read_table,
)

__all__ = [
    "NUMBERS",
    "RESULTS",
    "TEXTS",
    "Merged",
    "ResultsTable",
    "decode",
    "encode",
    "file_text",
    "find_files",
    "first_difference",
    "merge_results",
    "read_file",
    "read_files",
    "read_items_of",
    "read_rows",
    "read_table",
    "results_path",
    "write_results",
]
