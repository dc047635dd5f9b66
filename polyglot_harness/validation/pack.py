"""The files of a pack, one by one: is each what it should be?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import jsonl_rows, parse_record, read_toml
from polyglot_harness.languages import PACK_FILE, SEED_FILE
from polyglot_harness.safety import Finding
from polyglot_harness.spec import LanguagePack, Seed
from polyglot_harness.validation.faults import finding_of

PLACEHOLDER = re.compile(r"\bTODO\b(?=:|\"|'|$)", re.MULTILINE)
"""What init-language leaves to be filled in; in Spanish the bare word is one like any other."""
_TEXTS = (".toml", ".yaml", ".jsonl")


def read_pack(folder: Path) -> tuple[LanguagePack | None, list[Finding]]:
    """Read a pack, each seed by itself; None where `PACK_FILE` cannot be used at all."""
    found: list[Finding] = []
    seeds, path = [], folder / SEED_FILE
    try:
        for number, row in jsonl_rows(path):
            try:
                seeds.append(parse_record(Seed, row, f"{path}:{number}"))
            except ConfigError as error:
                found.append(finding_of(error, path, "see docs/adding-a-language.md, step 3"))
    except ConfigError as error:
        found.append(finding_of(error, path, "see docs/adding-a-language.md, step 3"))
    where = folder / PACK_FILE
    try:
        data = {**read_toml(where), "seeds": seeds, "folder": str(folder)}
        pack = parse_record(LanguagePack, data, str(where))
    except ConfigError as error:
        wrong = finding_of(error, where, "see docs/adding-a-language.md, step 2")
        return None, [*found, wrong._replace(line=wrong.line or _line(where, wrong.problem))]
    if pack.code != folder.name:
        problem = f"code {pack.code!r} in the folder {folder.name!r}"
        found.append(Finding(where, _line(where, "'code'"), problem, "let them be the same"))
    if not pack.student_tasks:
        line = _line(where, "'student_tasks'")
        found.append(Finding(where, line, "no student_tasks", "name at least one lm-eval task"))
    return pack, found


def text_findings(folder: Path) -> Iterator[Finding]:
    """Yield placeholders that were left, and letters in pieces, of all texts of a pack."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _TEXTS or path.is_symlink() or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if left := [text.count("\n", 0, found.start()) + 1 for found in PLACEHOLDER.finditer(text)]:
            lines = ", ".join(map(str, dict.fromkeys(left)))
            yield Finding(path, left[0], f"TODO: to be filled in (lines {lines})", "fill it in")
        if not unicodedata.is_normalized("NFC", text):
            line = next(number for number, part in enumerate(text.split("\n"), 1)
                        if unicodedata.normalize("NFC", part) != part)  # fmt: skip
            remedy = "normalise the file to NFC"
            yield Finding(path, line, "letters in pieces (not NFC)", remedy, "warning")


def _line(path: Path, problem: str) -> int:
    """Return the line of the field that a problem names in quotes; 0 if it has none."""
    named = re.search(r"'([\w.]+)'", problem)
    key = named.group(1).split(".")[0] if named else ""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = re.search(rf"^(\[+{key}\]+|{key}\s*=)", text, re.MULTILINE) if key else None
    return text.count("\n", 0, found.start()) + 1 if found else 0
