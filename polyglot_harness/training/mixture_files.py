"""A mixture on disk: ``NAME.jsonl`` in training order, and ``NAME.mixture.json`` on how it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness import __version__
from polyglot_harness.errors import ConfigError
from polyglot_harness.files import json_line
from polyglot_harness.spec import Example
from polyglot_harness.store import disk_errors, file_sha256, write_atomically
from polyglot_harness.training.data import choose
from polyglot_harness.training.mixing import Mixed

SUFFIX = ".jsonl"


def about_path(path: Path) -> Path:
    """Return the path of what is said of a mixture."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ".mixture.json")


def is_mixture(path: Path) -> bool:
    """Whether a file is a mixture as `write_mixture` left it, so that its order is to be kept."""
    about = about_path(path)
    if path.suffix != SUFFIX or not path.is_file() or not about.is_file():
        return False
    try:
        said = json.loads(about.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("sha256") == file_sha256(path)


def in_training_order(
    data: Sequence[str], examples: Sequence[Example], limit: int, *, seed: int
) -> tuple[Example, ...]:
    """Return the examples to train on: a mixture as it is, of all else what `choose` takes.

    Args:
        data: What the examples were read from.
        examples: All of them.
        limit: As for `choose`.
        seed: As for `choose`.

    Raises:
        ConfigError: If a mixture is larger than the limit: a part of it is another mixture.
    """
    if len(data) == 1 and is_mixture(Path(data[0])):
        if len(examples) > limit:
            raise ConfigError(
                f"{data[0]}: a mixture of {len(examples)} examples, of which max_train_samples "
                f"leaves {limit}; give --max_train_samples {len(examples)}, or mix it anew with "
                f"--budget {limit}"
            )
        return tuple(examples)
    return choose(examples, limit, seed=seed)


def check_free(path: Path, mixed: Mixed) -> None:
    """Raise ConfigError where other data are in the place of a mixture: they are somebody's."""
    about = about_path(path)
    if path.exists() and (path.is_dir() or path.read_bytes() != _text(mixed).encode()):
        raise ConfigError(f"{path}: is there, with other data; choose another --output_path")
    if about.exists() and not path.exists():
        raise ConfigError(f"{about}: is there without its data; delete it, or choose another name")


def write_mixture(
    path: Path, mixed: Mixed, *, seed: int, sources: Sequence[Mapping[str, Any]]
) -> None:
    """Write a mixture; what is there already is left as it is.

    Args:
        path: Of the examples.
        mixed: The mixture.
        seed: Of the draw.
        sources: Of each what it was called, what stands for its contents, and how many examples
            it had.

    Raises:
        ConfigError: If other data are there.
        StoreError: If the disk is full or not writable.
    """
    check_free(path, mixed)
    about = about_path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_atomically(path, _text(mixed))
    if not about.exists():
        said = _about(mixed, seed, sources)
        write_atomically(about, json.dumps(said, ensure_ascii=False, indent=1) + "\n")


def _text(mixed: Mixed) -> str:
    return "".join(map(json_line, mixed.examples))


def _about(mixed: Mixed, seed: int, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "mixture": str(mixed.mixture),
        "seed": seed,
        "examples": len(mixed.examples),
        "sha256": hashlib.sha256(_text(mixed).encode()).hexdigest(),
        "languages": {code: mixed.strategies[code] for code in sorted(mixed.strategies)},
        "replaced": [
            {"line": place + 1, "id": gone.id, "by": mixed.examples[place].id}
            for place, gone in mixed.replaced
        ],
        "sources": list(sources),
        "made_by": f"polyglot-harness {__version__}",
    }
