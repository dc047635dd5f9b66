"""What is known of data sets of the hub: ``tasks/_data_revisions.toml``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import parse_record, read_toml
from polyglot_harness.spec import Record

PINS_FILE = "_data_revisions.toml"
COMMIT = re.compile(r"[0-9a-f]{40}")


class Pin(Record):
    """What is known of a data set of the hub."""

    revision: str = ""
    """Commit, or a branch such as ``refs/convert/parquet``; "" for the newest."""
    seen: str = ""
    """Where the revision was seen."""
    licence: str = ""
    gated: bool = False
    """Its terms must be accepted on the hub, and a token given."""
    now: str = ""
    """The name that the hub redirects this one to."""
    note: str = ""


def pin(path: str) -> Pin:
    """Return what is known of a data set; of an unknown one, nothing."""
    return _pins(tasks_path()).get(current_name(path), Pin())


def current_name(path: str) -> str:
    """Return the name that the hub redirects an old one to."""
    found = _pins(tasks_path()).get(path)
    return found.now if found and found.now else path


@cache
def _pins(folder: Path) -> dict[str, Pin]:
    path = folder / PINS_FILE
    if not path.is_file():
        return {}
    found = {
        name: parse_record(Pin, row, f"{path}, {name!r}") for name, row in read_toml(path).items()
    }
    for name, row in found.items():
        if row.revision and not (COMMIT.fullmatch(row.revision) or row.revision[:5] == "refs/"):
            raise ConfigError(
                f"{path}, {name!r}: field 'revision' is {row.revision!r}; expected the 40 hex "
                "digits of a commit, or a branch refs/..."
            )
    return found
