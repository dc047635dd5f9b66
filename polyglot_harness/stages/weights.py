"""Weights of a trained student: find them, see that they are whole and of this base, name them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.spec import (
    Example,
    Preference,
    Recipe,
    StudentCard,
    TrainingOptions,
    digest,
    pairs,
)
from polyglot_harness.stages.workshop import Workshop, identity
from polyglot_harness.store import file_sha256, write_atomically
from polyglot_harness.training.card import TRAINING, Made, describe
from polyglot_harness.training.outputs import ADAPTER, MODEL

ADAPTER_CONFIG, MODEL_CONFIG = "adapter_config.json", "config.json"


def find_weights(folder: Path) -> Path:
    """Return where the weights lie: in the folder, or in ``adapter/`` or ``model/`` below it.

    Args:
        folder: Of an adapter, of a whole model, or of a training.

    Raises:
        ConfigError: If there are none, or some are missing or cut short.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; --adapter takes one that `train` wrote")
    for place in (folder, folder / ADAPTER, folder / MODEL):
        if is_adapter(place) or (place / MODEL_CONFIG).is_file():
            _check_files(place)
            return place
    raise ConfigError(
        f"{folder}: no weights of an adapter or a model (*.safetensors with {ADAPTER_CONFIG} or "
        f"{MODEL_CONFIG}) in it, nor in {ADAPTER}/ or {MODEL}/ below it"
    )


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter rather than a whole model."""
    return (folder / ADAPTER_CONFIG).is_file()


def _check_files(folder: Path) -> None:
    """Raise ConfigError unless all weights are there, each as long as its header says."""
    from safetensors import SafetensorError, safe_open

    config = folder / (ADAPTER_CONFIG if is_adapter(folder) else MODEL_CONFIG)
    read_object(config)
    index = folder / "model.safetensors.index.json"
    files = sorted(folder.glob("*.safetensors"))
    if index.is_file() and not is_adapter(folder):
        files = [folder / name for name in sorted(set(read_object(index)["weight_map"].values()))]
    if not files:
        raise ConfigError(f"{folder}: no weights (*.safetensors) beside {config.name}")
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{file}: missing, though {index.name} names it; copy it again")
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ConfigError(
                f"{file}: damaged or cut short ({error}); copy it again, or train again"
            ) from None


def student_of_weights(folder: Path) -> str | None:
    """Return the name of the card that weights were trained from, if it is one of ours."""
    from polyglot_harness.students import student_names

    made = find_weights(folder) / TRAINING
    student = read_object(made).get("student") if made.is_file() else None
    name = student.get("name") if isinstance(student, dict) else None
    return name if name in student_names() else None


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object beside weights.

    Raises:
        ConfigError: If it is damaged.
        StoreError: If it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: damaged: {error}") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: damaged: expected a JSON object")
    return found


def weights_sha256(folder: Path) -> str:
    """Return what stands for the weights of an adapter or a model in a digest.

    Raises:
        ConfigError: If there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ConfigError(f"{folder}: no weights of an adapter or a model (*.safetensors) in it")
    sums = [file_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else digest(sums)


def base_of(student: StudentCard) -> dict[str, str]:
    """Return what stands for a student's base beside weights: its name, and what its bytes say.

    Of a local folder two copies are the same base, wherever they lie: `fingerprint` tells.
    """
    revision = f"@{student.revision}" if student.revision else ""
    found = {"name": f"{identity(student.pretrained)}{revision}"}
    folder = Path(student.pretrained)
    return found | ({"fingerprint": fingerprint(folder)} if folder.is_dir() else {})


def fingerprint(folder: Path, blocks: int = 64, size: int = 1 << 16) -> str:
    """Return a digest of a model's folder that takes no longer for a large one.

    Of each file of weights its length and so many blocks, evenly spread: another training of the
    same architecture differs in nearly all of them.
    """
    found: list[Any] = []
    for file in sorted(folder.glob("*.safetensors")):
        length = file.stat().st_size
        starts = sorted({max(0, length - size) * i // (blocks - 1) for i in range(blocks)})
        with file.open("rb") as opened:
            parts = [opened.read(size).hex() for start in starts if opened.seek(start) == start]
        found.append([length, digest(parts)])
    return digest(found)


def check_base(student: StudentCard, weights: Path) -> None:
    """Raise ConfigError if weights were trained on another base than the student's.

    By ``training.json``, or else by what PEFT wrote; an adapter's shapes must fit besides.

    Args:
        student: The card that they are to be used with.
        weights: As `find_weights` gives them.
    """
    made = weights / TRAINING
    own = base_of(student)
    theirs = read_object(made).get("base") if made.is_file() else _base_by_peft(weights)
    if isinstance(theirs, dict) and _differ(own, theirs):
        raise ConfigError(
            f"{weights}: trained on {theirs.get('name')}, and student {student.name!r} is "
            f"{own['name']}; give the student that it was trained from (--student, or "
            "--student_args pretrained=...)"
        )
    if is_adapter(weights):
        _check_shapes(student, weights)


def _base_by_peft(weights: Path) -> dict[str, str] | None:
    if not is_adapter(weights):
        return None
    name = str(read_object(weights / ADAPTER_CONFIG).get("base_model_name_or_path") or "")
    if not name or (Path(name).is_absolute() and not Path(name).is_dir()):
        return None
    return {"name": name} | (
        {"fingerprint": fingerprint(Path(name))} if Path(name).is_dir() else {}
    )


def _differ(own: dict[str, str], theirs: dict[str, Any]) -> bool:
    """Whether two bases are known to be different."""
    prints = own.get("fingerprint"), theirs.get("fingerprint")
    if all(prints):
        return prints[0] != prints[1]
    # a folder may be a copy of what has a name; shapes decide then
    if any(prints):
        return False
    name, _, revision = own["name"].partition("@")
    other, _, commit = str(theirs.get("name")).partition("@")
    return name != other or bool(revision and commit and revision != commit)


def _check_shapes(student: StudentCard, weights: Path) -> None:
    """Raise ConfigError if the adapter's matrices do not fit the base's modules."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from polyglot_harness.lm.load import resolve_args

    pretrained = resolve_args({"pretrained": student.pretrained})["pretrained"]
    try:
        config = AutoConfig.from_pretrained(pretrained, revision=student.revision or None)
        with torch.device("meta"):
            base = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError):
        return  # loading it says what is wrong
    modules = dict(base.named_modules())
    fits = False
    for name, part, shape in _matrices(weights):
        module = modules.get(name)
        sizes = getattr(module, "in_features", None), getattr(module, "out_features", None)
        wanted, found = (sizes[0], shape[1]) if part == "A" else (sizes[1], shape[0])
        if wanted not in (None, found):
            raise ConfigError(
                f"{weights}: an adapter of another base than student {student.name!r} "
                f"({student.pretrained}): it has {found} features for {name}, the base {wanted}"
            )
        fits = fits or module is not None
    if not fits:
        raise ConfigError(
            f"{weights}: an adapter of another base than student {student.name!r} "
            f"({student.pretrained}), which has none of the modules that it adapts"
        )


def _matrices(weights: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield (module, ``A`` or ``B``, shape) of each matrix of a LoRA adapter."""
    from safetensors import safe_open

    for file in sorted(weights.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as opened:
            for key in opened.keys():  # noqa: SIM118 - no mapping
                module, found, part = key.removeprefix("base_model.model.").rpartition(".lora_")
                if found and part in ("A.weight", "B.weight"):
                    yield module, part[0], opened.get_slice(key).get_shape()


def saving(options: TrainingOptions, adapter: Path | None) -> TrainingOptions:
    """Return how a training is kept: merged, if the base it began from is on no disk."""
    return options if adapter is None else options.model_copy(update={"save": "merged"})


def describe_training(
    shop: Workshop,
    student: StudentCard,
    recipe: Recipe,
    folder: Path,
    data: Sequence[Example] | Sequence[Preference],
    counts: Mapping[str, Any],
    adapter: Path | None = None,
) -> None:
    """Write what is said of trained weights beside them: card, curve, ``training.json``.

    Args:
        shop: The run.
        student: The base model's card.
        recipe: As it was trained.
        folder: Of the training, with its weights.
        data: It was trained on them.
        counts: What the training gave.
        adapter: It was merged into the base first.
    """
    weights = next(place for place in (folder / ADAPTER, folder / MODEL) if place.is_dir())
    shares = Counter((e.language, getattr(e, "strategy", "preference pair")) for e in data)
    if is_adapter(weights):
        _name_base(student, weights / ADAPTER_CONFIG)
    made = Made(
        student=student,
        base=base_of(student),
        recipe=recipe,
        seed=shop.spec.seed,
        data=digest(list(data)),
        shares=tuple((*which, n) for which, n in sorted(shares.items())),
        counts=pairs(dict(counts)),
        started_from=weights_sha256(find_weights(adapter)) if adapter else "",
    )
    describe(folder, weights, made)


def _name_base(student: StudentCard, path: Path) -> None:
    """Let an adapter name its base as the student's card does, not by a folder of a cache."""
    config = read_object(path)
    config |= {
        "base_model_name_or_path": student.pretrained,
        "revision": student.revision or None,
    }
    if isinstance(config.get("target_modules"), list):
        config["target_modules"] = sorted(config["target_modules"])  # a set's order is chance
    write_atomically(path, json.dumps(config, indent=2, sort_keys=True) + "\n")
