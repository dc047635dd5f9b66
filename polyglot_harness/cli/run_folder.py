"""The folder of a run: it remembers the spec that it was made for, and has one user at a time."""

from __future__ import annotations

from pathlib import Path

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_json_record
from polyglot_harness.spec import RunSpec, canonical_json
from polyglot_harness.store import disk_errors, write_atomically
from polyglot_harness.teachers import storable

SPEC_FILE = "run.json"
GENERATE_FILE = "generate.json"
"""What `generate` leaves in a folder that is not one of `run`."""


def default_folder(spec: RunSpec) -> Path:
    """Return ``runs/<teachers>-<languages>``."""
    teachers = "+".join(t.name for t in spec.teachers) or spec.student.name
    return Path("runs") / f"{teachers}-{'+'.join(spec.languages)}"[:100]


def read_spec(root: Path) -> RunSpec:
    """Read the spec of a run folder.

    Raises:
        ConfigError: If it is no folder of a run.
        StoreError: If the file is damaged.
    """
    if not (root / SPEC_FILE).exists():
        raise ConfigError(f"{root}: no {SPEC_FILE} in it, so it is not the folder of a run")
    return _read(root / SPEC_FILE)


def read_data_spec(root: Path) -> RunSpec:
    """Read the spec of a folder that `run` or `generate` wrote data to.

    Raises:
        ConfigError: If it is no such folder.
        StoreError: If the file is damaged.
    """
    for name in (SPEC_FILE, GENERATE_FILE):
        if (root / name).exists():
            return _read(root / name)
    raise ConfigError(
        f"{root}: neither {SPEC_FILE} nor {GENERATE_FILE} in it, so it is not the folder of a run "
        "or of generated data"
    )


def _read(path: Path) -> RunSpec:
    remedy = "delete it and give the command again, finished stages are found again"
    return read_json_record(path, RunSpec, remedy)


def claim(root: Path, spec: RunSpec, *, update: bool) -> None:
    """Make `root` the folder of `spec`.

    Raises:
        ConfigError: If it is that of another spec and `update` is false.
    """
    spec = storable(spec)
    if (root / SPEC_FILE).exists():
        differing = differences(read_spec(root), spec)
        if differing and not update:
            raise ConfigError(
                f"{root} holds a run of another spec (differs in: {', '.join(differing)}); give "
                "another --output_path, or --update to turn it into this one: only what depends on "
                "the change is computed again"
            )
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    write_atomically(root / SPEC_FILE, spec.model_dump_json(indent=1) + "\n")


def remember_generated(root: Path, spec: RunSpec) -> None:
    """Add teachers, languages and strategies to what `generate` was asked for in this folder."""
    spec = storable(spec)
    path = root / GENERATE_FILE
    if path.exists():
        before = _read(path)
        wider = {"teachers", "languages", "strategies"}
        if set(differences(before, spec)) <= wider:
            spec = spec.model_copy(
                update={
                    name: tuple(dict.fromkeys((*getattr(before, name), *getattr(spec, name))))
                    for name in wider
                }
            )
    write_atomically(path, spec.model_dump_json(indent=1) + "\n")


def differences(a: RunSpec, b: RunSpec) -> list[str]:
    """Return the names of the fields in which two specs differ."""
    return [
        name
        for name in RunSpec.model_fields
        if canonical_json(getattr(a, name)) != canonical_json(getattr(b, name))
    ]
