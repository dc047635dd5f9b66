"""How much a pack may hold. A pack that comes near has a fault, or an ill will."""

from __future__ import annotations

KIB, MIB = 1024, 1024 * 1024

FILE_BYTES = {".yaml": 256 * KIB, ".toml": 256 * KIB, ".jsonl": 20 * MIB, ".md": MIB}
"""By suffix; templates without one as ``.yaml``, licences as ``.md``."""
LINE_BYTES = 200 * KIB
FOLDER_BYTES = 100 * MIB
CONFIG_BYTES = 4 * MIB
"""YAML and TOML in all."""
FOLDER_FILES = 2000
FOLDER_DEPTH = 6

YAML_DEPTH = 16
YAML_NODES = 20_000
JSON_DEPTH = 16
TOML_DOTS = 16
"""Dots in one key: the time of the parser grows with their square."""
INCLUDE_DEPTH = 8
FILE_FINDINGS = 20
"""Of one file; who has more has the same fault on each line."""

TEMPLATE_BYTES = 16 * KIB
TEMPLATE_NODES = 600
TEMPLATE_LOOPS = 2
"""Loops within one another."""
TEMPLATE_RANGE = 100
TEMPLATE_GROWTH = 4096
"""By what factor the assignments and replacements of a template may multiply a text."""

REGEX_BYTES = 1000
REGEX_REPEATS = 20
"""Repetitions one after another, optional parts among them: each may double the time."""
REGEX_UNBOUNDED = 4
REGEX_WIDE = 2
"""Of those, how many without bound, and how many of any character: the time is their power."""
REPEATS = 64
NUMBER = 100_000
"""In settings: of tokens, of documents."""
BEAMS = 16
REFUSALS = 500
REFUSAL_GAPS = 4
"""Gaps (``*``) in one phrase: the time of a search grows with their power."""
