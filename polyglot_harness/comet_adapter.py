"""COMET by unbabel-comet's own command, ``comet-score``, in an environment of its own.

unbabel-comet 2.2.7 needs transformers below 5 and numpy below 2, and so cannot share ours. Its
command computes in half precision, on a CPU too. See docs/translation-quality.md.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from polyglot_harness.assets import PACKAGE
from polyglot_harness.errors import ConfigError, HarnessError, MissingDependency, StageError

PROGRAM = "comet-score"
VARIABLE = "POLYGLOT_COMET"
"""Names the program; without it we look along the PATH and in `CHECKOUT`."""
CHECKOUT = PACKAGE.parent / ".venv-comet"
BATCH = 16

NEEDS_REFERENCE = {
    "regression_metric": True,
    "ranking_metric": True,
    "referenceless_regression_metric": False,
    "unified_metric": False,
    "xcomet_metric": False,
}
"""COMET's classes of models; the last two take a reference and can do without."""
REFERENCE_FREE = ("kiwi", "qe", "xcomet")
"""What a name on the hub has in it if the model does not need references."""


class Segment(NamedTuple):
    """One translation to be scored."""

    source: str
    translation: str
    reference: str = ""


class MissingComet(MissingDependency):
    """There is no ``comet-score``."""

    def __init__(self) -> None:
        """Say how to get it."""
        HarnessError.__init__(
            self,
            f"{PROGRAM} is not found; it needs an environment of its own: make comet, or "
            f"scripts/install_comet.sh VENV and {VARIABLE}=VENV/bin/{PROGRAM}",
        )


def find_program() -> Path:
    """Return the path of ``comet-score``.

    Raises:
        ConfigError: If what `VARIABLE` names is no program.
        MissingComet: If it is nowhere.
    """
    if named := os.environ.get(VARIABLE):
        if found := shutil.which(Path(named).expanduser()):
            return Path(found).absolute()
        raise ConfigError(f"{VARIABLE}={named}: no such program")
    if found := shutil.which(PROGRAM) or shutil.which(CHECKOUT / "bin" / PROGRAM):
        return Path(found).absolute()
    raise MissingComet


def comet_version() -> str:
    """Return the version of the unbabel-comet that is found; "" if there is none."""
    try:
        root = find_program().resolve().parent.parent
    except HarnessError:
        return ""
    found = sorted(root.glob("lib/python*/site-packages/unbabel_comet-*.dist-info"))
    return found[0].name.split("-")[1].removesuffix(".dist") if found else ""


def checkpoint(model: str) -> Path | None:
    """Return the checkpoint file that a model's name stands for; None for a name on the hub.

    Raises:
        ConfigError: If it is a path, and there is none.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        path = path / "checkpoints" / "model.ckpt"
    if path.is_file():
        return path.absolute()
    if path.suffix == ".ckpt" or model.startswith((".", "~", "/")) or path.exists():
        raise ConfigError(f"COMET model {model}: there is no checkpoint {path}")
    return None


def needs_reference(model: str) -> bool:
    """Tell whether a model scores only where there is a reference.

    A checkpoint says so in the ``hparams.yaml`` of its folder; of a name on the hub we go by the
    name (`REFERENCE_FREE`).

    Raises:
        ConfigError: If a checkpoint does not exist, or does not say what it is.
    """
    path = checkpoint(model)
    if path is None:
        return not any(word in model.lower() for word in REFERENCE_FREE)
    settings = path.parent.parent / "hparams.yaml"
    try:
        said = yaml.safe_load(settings.read_text(encoding="utf-8"))
        identifier = said["class_identifier"]
        needed = NEEDS_REFERENCE[identifier]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        raise ConfigError(
            f"COMET model {model}: {settings} must name a class_identifier, one of: "
            f"{', '.join(NEEDS_REFERENCE)}"
        ) from None
    return needed or said.get("input_segments") == ["mt", "ref"]


def score(model: str, segments: Sequence[Segment], device: str | None = None) -> list[float]:
    """Score segments with one model, in one run of ``comet-score``.

    Args:
        model: A checkpoint file, its folder, or a name on the hub.
        segments: All with a reference, or none: then no references are given.
        device: ``cpu``; else the first GPU if there is one.

    Raises:
        ConfigError: If the model cannot be had, or the references that it needs are not there.
        MissingComet: If the program is not installed.
        StageError: If the program fails otherwise.
    """
    if not segments:
        return []
    with tempfile.TemporaryDirectory(prefix="polyglot-comet-") as temporary:
        folder = Path(temporary)
        files = {"-s": "source", "-t": "translation"}
        if all(segment.reference for segment in segments):
            files["-r"] = "reference"
        for name in files.values():
            lines = [one_line(getattr(segment, name)) + "\n" for segment in segments]
            (folder / name).write_text("".join(lines), encoding="utf-8")
        _run(
            model,
            [part for flag, name in files.items() for part in (flag, str(folder / name))],
            ["--gpus", "0" if device == "cpu" else "1", "--to_json", str(folder / "scores.json")],
        )
        return _scores(model, folder / "scores.json", len(segments))


def one_line(text: str) -> str:
    """Return the text as the one line that a segment is."""
    return " ".join(text.split())


def _run(model: str, *arguments: Sequence[str]) -> None:
    command = [
        str(find_program()), "--model", str(checkpoint(model) or model), "--quiet",
        "--only_system", "--batch_size", str(BATCH), *(a for part in arguments for a in part),
    ]  # fmt: skip
    # our packages must not come before its own
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(  # noqa: S603 - the program that the user installed
            command, capture_output=True, text=True, errors="replace", env=environment, check=False
        )
    except OSError as error:
        raise StageError(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise _failure(model, done)


def _failure(model: str, done: subprocess.CompletedProcess[str]) -> HarnessError:
    """Return the error for a run that failed, from its last words."""
    if done.returncode < 0:
        return StageError(f"{PROGRAM} with {model} was killed by signal {-done.returncode}")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b|comet-score: ", line)]
    said = (errors or lines or [f"exit status {done.returncode}, without a word"])[-1]
    if "not supported by COMET" in said:
        return ConfigError(
            f"COMET model {model} is no checkpoint file and cannot be downloaded: no network, no "
            "such name, or a licence to be accepted on the hub"
        )
    if "requires -r/--references" in said:
        return ConfigError(f"COMET model {model} needs references")
    return StageError(f"{PROGRAM} with {model} failed: {said[:300]}")


def _scores(model: str, path: Path, n: int) -> list[float]:
    try:
        (rows,) = json.loads(path.read_text(encoding="utf-8")).values()
        found = [float(row["COMET"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StageError(f"{PROGRAM} with {model} left no scores that can be read") from error
    if len(found) != n or not all(map(math.isfinite, found)):
        raise StageError(f"{PROGRAM} with {model} left no finite score for each of {n} segments")
    return found
