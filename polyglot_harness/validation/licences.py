"""``[[sources]]`` of a pack: where each of its data files comes from, under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from polyglot_harness.languages import PACK_FILE, SEED_FILE
from polyglot_harness.safety import Finding
from polyglot_harness.spec import LanguagePack

_REMEDY = "write an SPDX expression (spdx.org/licenses), or 'see FILE'"


def licence_findings(pack: LanguagePack) -> Iterator[Finding]:
    """Yield sources that are missing, and licences that nobody can look up."""
    folder = Path(pack.folder)
    path = folder / PACK_FILE
    text = path.read_text(encoding="utf-8")
    named = [source.name for source in pack.sources]
    for source in pack.sources:
        line = _line(text, source.name)
        if not source.licence.strip():
            yield Finding(path, line, f"source {source.name!r} has no licence", _REMEDY)
        elif seen := re.fullmatch(r"see (\S+)", source.licence):
            if not any((place / seen[1]).is_file() for place in (folder, *folder.parents[:2])):
                problem = f"licence of {source.name!r}: no file {seen[1]!r}"
                yield Finding(path, line, problem, "name a file of the pack")
        elif not _is_spdx(source.licence):
            problem = f"licence {source.licence!r} of {source.name!r} is none of SPDX"
            yield Finding(path, line, problem, _REMEDY, "warning")
    for file in sorted([folder / SEED_FILE, *folder.rglob("*.jsonl")]):
        suite = f"polyglot_{file.parent.name}_{pack.code}"
        names = {file.name, str(file.relative_to(folder)), suite, f"{file.parent.name}/"}
        if file.is_file() and not names & set(named):
            shown = file.relative_to(folder)
            remedy = f'add to {PACK_FILE}: [[sources]] name = "{shown}", licence, used_for'
            yield Finding(file, 0, "nobody says where it comes from", remedy)


def _is_spdx(licence: str) -> bool:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return bool(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        return False


def _line(text: str, name: str) -> int:
    found = re.search(rf'^name\s*=\s*"{re.escape(name)}"', text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 0
