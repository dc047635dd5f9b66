"""What a pack from a stranger may hold: data only, nothing that runs (see docs/security.md).

The files are read, nothing of them is built, rendered or imported, and nothing heavy is loaded.
`findings` tells all that is wrong; `require_safe` stands before whatever reads an include path.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.safety.configs import config_findings
from polyglot_harness.safety.files import Entry, sort_files, walk
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.includes import depth_findings, include_findings, is_shared
from polyglot_harness.safety.limits import FILE_FINDINGS
from polyglot_harness.safety.texts import jsonl_findings, read_text, toml_findings
from polyglot_harness.safety.trust import pack_trusted, refuse_remote_code
from polyglot_harness.safety.yamls import read_yaml

__all__ = ["Finding", "findings", "refuse_remote_code", "require_safe"]


def findings(root: Path) -> tuple[Finding, ...]:
    """Look at all files of a folder of packs, or of one pack.

    Args:
        root: The folder.

    Returns:
        What is wrong, by file and line.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not root.is_dir():
        raise ConfigError(f"{root}: no such folder; --include_path names a folder of packs")
    entries, found = sort_files(root)
    included: dict[Path, list[Path]] = {}
    seen = {entry.path.resolve() for entry in entries}
    rest = entries[::-1]
    while rest:
        outside: list[Path] = []
        found += _of_file(root, rest.pop(), included, outside)
        # beside a single pack: nobody else looks at it
        for path in outside:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                rest.append(Entry(path, ".yaml"))
    found += depth_findings(included)
    return tuple(sorted(found, key=_order))


def _order(finding: Finding) -> tuple[bool, Path, float, str]:
    """Code first; within a file by line, and what is wrong with all of it last."""
    return not finding.code, finding.path, finding.line or float("inf"), finding.problem


def require_safe(root: Path) -> None:
    """Raise ConfigError if a folder of packs and YAMLs holds anything that could run code.

    What the package itself brings is not looked at. With ``--trust_pack`` code passes, and a line
    on standard error says which; files that are broken do not.

    Args:
        root: What ``--include_path`` names.
    """
    if root.is_dir() and root.resolve().is_relative_to(tasks_path()):
        return
    trusted = pack_trusted()
    found = _findings(root, Path.cwd(), _stamp(root))
    errors = [finding for finding in found if finding.level == "error"]
    code = [finding for finding in errors if finding.code]
    if trusted and errors == code:
        if code:
            _announce(root, tuple(code))
        return
    if errors:
        first = next(finding for finding in errors if not (trusted and finding.code))
        more = f"and {len(errors) - 1} more: " if len(errors) > 1 else "all: "
        hint = ", or --trust_pack if you trust its code" if code and not trusted else ""
        raise ConfigError(f"{first}{hint} ({more}polyglot-harness validate {root})")


@cache
def _findings(root: Path, cwd: Path, stamp: object) -> tuple[Finding, ...]:
    """Look once a process, as long as nothing changes (a data set may be a folder in `cwd`)."""
    return findings(root)


def _stamp(root: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes when a file of a folder does, the templates beside it among them."""
    if not root.is_dir():
        return ()
    items = [(Path(item.path), item.stat(follow_symlinks=False)) for item in walk(root)]
    items += [(path, path.lstat()) for path in sorted(root.resolve().parent.glob("_*_yaml"))]
    return tuple((str(p), s.st_size, s.st_mtime_ns, s.st_mode) for p, s in items)


@cache
def _announce(root: Path, code: tuple[Finding, ...]) -> None:
    """Say once what is let through."""
    shown = "; ".join(f"{finding.where}: {finding.problem}" for finding in code[:5])
    more = f"; and {len(code) - 5} more" if len(code) > 5 else ""
    print(f"polyglot-harness: warning: --trust_pack lets {root} run code: {shown}{more}",  # noqa: T201
          file=sys.stderr)  # fmt: skip


def _of_file(
    root: Path, entry: Entry, included: dict[Path, list[Path]], outside: list[Path]
) -> Iterator[Finding]:
    """Look at one file; what it includes is noted, and what of that nobody else looks at."""
    path, kind = entry
    text, found = read_text(path, prose=kind != ".yaml")
    yield from found
    # characters and lines that are too long do not keep the rest from being read
    if text is None or kind == ".md":
        return
    if path.name.startswith("_") and (tasks_path() / path.name).is_file():
        if is_shared(path):
            return
        if kind == ".toml":
            remedy = "copy it from $(polyglot-harness tasks-path), or take it out"
            yield Finding(path, 0, f"differs from the shared {path.name}, and is not read", remedy)
    if kind == ".jsonl":
        yield from islice(jsonl_findings(path, text), FILE_FINDINGS)
    elif kind == ".toml":
        yield from toml_findings(path, text)
    else:
        node, wrong = read_yaml(path, text)
        yield from wrong
        if node is not None:
            yield from config_findings(path, node)
            included[path.resolve()], beyond, wrong = include_findings(root, path, node)
            outside += beyond
            yield from wrong
        yield from _of_template(path)


def _of_template(path: Path) -> Iterator[Finding]:
    if path.name.startswith("_") and (tasks_path() / path.name).is_file():
        problem = f"differs from the shared template {clip(path.name)}"
        yield Finding(path, 0, problem, "copy it from $(polyglot-harness tasks-path)", code=True)
