"""Check language packs as far as no model is needed (``polyglot-harness validate``).

First what is dangerous (`safety`), then what the files say (`pack`, `seeds`, `licences`), then what
lm-eval makes of the tasks (`tasks`), and what cannot be measured in the language yet (`coverage`).
An unsafe pack is not built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import PACK_FILE, packs_below
from polyglot_harness.safety import Finding, findings
from polyglot_harness.safety.finding import clip
from polyglot_harness.spec import LanguagePack
from polyglot_harness.validation.faults import finding_of


@dataclass
class PackReport:
    """One pack."""

    code: str
    folder: Path
    tasks: int = 0
    """Tasks that the pack defines or names, members of groups counted."""
    built: int = 0
    """Of those, built by lm-eval."""
    not_built: tuple[str, ...] = ()
    """Those whose data are on the hub; they were checked as far as their YAMLs go."""
    coverage: dict[str, str] = field(default_factory=dict)
    """What is measured -> "" if it can be, or else why it cannot."""


@dataclass
class Report:
    """All that was found."""

    findings: tuple[Finding, ...]
    packs: tuple[PackReport, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended."""
        return tuple(finding for finding in self.findings if finding.level == "error")


def validate(folders: Sequence[Path] = ()) -> Report:
    """Check packs.

    Args:
        folders: Packs, or folders of packs; none: the built-in ones.

    Returns:
        What is wrong, and what each pack covers.

    Raises:
        ConfigError: If a folder does not exist, or there is no pack in it.
    """
    found: list[Finding] = []
    packs: list[PackReport] = []
    for root in folders or (tasks_path(),):
        if root.is_symlink():
            # who gives a link on the command line means it; a list of changed packs does not
            remedy = "name the folder itself"
            found.append(Finding(root, 0, "a link may lead anywhere", remedy))
            continue
        unsafe = findings(root)
        found += unsafe
        try:
            below = packs_below(root)
        except ConfigError as error:
            found.append(finding_of(error, root))
            below = _with_pack_file(root)
        if not below and not found:
            raise ConfigError(f"{root}: no pack in it ({PACK_FILE}); DIR is a pack or holds packs")
        for folder in below.values():
            wrong, report = _validate_pack(root, folder, unsafe)
            found += wrong
            packs += [report] if report else []
    return Report(tuple(dict.fromkeys(found)), tuple(packs))


def _with_pack_file(root: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent.resolve() for path in sorted(root.glob(f"*/{PACK_FILE}"))}


def _validate_pack(
    root: Path, folder: Path, unsafe: Sequence[Finding]
) -> tuple[list[Finding], PackReport | None]:
    """Check one pack; without a report where it cannot be read."""
    from polyglot_harness.validation.coverage import coverage
    from polyglot_harness.validation.licences import licence_findings
    from polyglot_harness.validation.pack import read_pack, text_findings
    from polyglot_harness.validation.seeds import seed_findings
    from polyglot_harness.validation.tasks import check_tasks

    # what is wrong beside the packs (templates) is wrong with each of them; no file of an unsafe
    # one is opened again: it may be a link, a pipe, or endless
    if any(_concerns(finding, root, folder) for finding in unsafe if finding.level == "error"):
        why = {"all": "not looked at: the pack is not safe"}
        return [], PackReport(folder.name, folder, coverage=why)
    found = list(text_findings(folder))
    pack, wrong = read_pack(folder)
    found += wrong
    if pack is None:
        return found, None
    report = PackReport(pack.code, folder)
    for check in (licence_findings, seed_findings, partial(check_tasks, report=report)):
        try:
            found += check(pack)
        except Exception as error:  # noqa: BLE001 - a fault of the pack that no check foresaw
            problem = f"cannot be checked: {type(error).__name__}: {clip(error, 200)}"
            found.append(Finding(folder, 0, problem, "compare its files with another pack's"))
    report.coverage = coverage(pack, report)
    return found, report


def _concerns(finding: Finding, root: Path, folder: Path) -> bool:
    path = finding.path.resolve()
    others = path.relative_to(root.resolve()).parts if path.is_relative_to(root.resolve()) else ()
    return path.is_relative_to(folder) or not others or not _in_a_pack(root.resolve(), others)


def _in_a_pack(root: Path, parts: tuple[str, ...]) -> bool:
    return (root / parts[0] / PACK_FILE).is_file()


__all__ = ["Finding", "LanguagePack", "PackReport", "Report", "validate"]
