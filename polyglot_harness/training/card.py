"""What is said of trained weights: ``README.md`` for people and the hub, ``training.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness import __version__
from polyglot_harness.markdown import escape, front_matter, table
from polyglot_harness.provenance import versions
from polyglot_harness.spec import Pairs, Recipe, StudentCard
from polyglot_harness.store import write_atomically
from polyglot_harness.training.curve import PLOT, plot_curve, read_curve

CARD, TRAINING = "README.md", "training.json"
HUB = "https://huggingface.co/"
PROJECT = "https://github.com/polyglot-harness/polyglot-harness"
_COUNTED = (
    "examples", "pairs", "too_long", "steps", "tokens", "first_loss", "final_loss", "held_out",
)  # fmt: skip
"""Of the counts those that are the same each time: not seconds, not memory. All that begins with
``held_out`` is, too."""
_LIBRARIES = ("polyglot_harness", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True)
class Made:
    """How weights were made."""

    student: StudentCard
    base: Mapping[str, str]
    """What stands for the base, see `stages.weights.base_of`."""
    recipe: Recipe
    seed: int
    data: str
    """Digest of the training data."""
    shares: tuple[tuple[str, str, int], ...]
    """(language, strategy, number of examples)."""
    counts: Pairs
    started_from: str = ""
    """sha256 of an adapter that was merged into the base first."""


def describe(folder: Path, weights: Path, made: Made) -> None:
    """Write card, curve and ``training.json`` beside weights.

    Args:
        folder: Of the training; its curve is read.
        weights: Of the adapter or model, in it.
        made: How they were made.
    """
    adapter = (weights / "adapter_config.json").is_file()
    unit = "nats a token" if made.recipe.method == "sft" else "nats a pair"
    curve = read_curve(folder)
    drawn = plot_curve(curve, weights / PLOT, f"{made.student.name}, {made.recipe.name}", unit)
    write_atomically(weights / CARD, card(made, adapter=adapter, drawn=drawn, place=weights.name))
    about = {
        "student": made.student.model_dump(mode="json"),
        "base": dict(made.base),
        "recipe": made.recipe.model_dump(mode="json"),
        "seed": made.seed,
        "data": made.data,
        "examples": [list(share) for share in made.shares],
        "counts": _counts(made),
        "started_from": made.started_from,
        "versions": _versions(),
    }
    write_atomically(weights / TRAINING, json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def card(made: Made, *, adapter: bool, drawn: bool, place: str) -> str:
    """Return the text of ``README.md``.

    Args:
        made: How the weights were made.
        adapter: Whether they are an adapter, not a whole model.
        drawn: Whether there is a picture of the curve.
        place: Name of the folder, for the commands.
    """
    student, recipe = made.student, made.recipe
    languages = sorted({language for language, _, _ in made.shares})
    title = f"{student.name}, trained on {', '.join(languages)}"
    sections = [
        front_matter(_metadata(made, adapter, languages)),
        f"# {escape(title)}",
        f"{'A LoRA adapter of' if adapter else 'A whole model, trained from'} "
        f"{escape(_base_words(made))}, made with [polyglot-harness]({PROJECT}) {__version__}. "
        "What it says may be wrong; nobody has checked its answers.",
        f"## Load\n\n{_loading(made, adapter, place)}",
        f"## Trained on\n\n{_data(made)}",
        f"## Recipe\n\n{table((('field', 'value'), _recipe_rows(recipe, made.seed)))}",
        f"## Training\n\n{table((('what', 'value'), _counts(made).items()))}",
        *([f"![Loss by optimiser step]({PLOT})"] if drawn else []),
        f"## Licences\n\n{_licences(student)}",
        f"## Made with\n\n{table((('package', 'version'), _versions().items()))}",
    ]
    return "\n\n".join(sections) + "\n"


def _metadata(made: Made, adapter: bool, languages: list[str]) -> dict[str, Any]:
    # imported here: it stands above this room
    from polyglot_harness.export.licences import hub_licence

    licence = made.student.licence
    return {
        "base_model": hub_name(made.student),
        "base_model_relation": "adapter" if adapter else "finetune",
        "library_name": "peft" if adapter else "transformers",
        "pipeline_tag": "text-generation",
        "license": hub_licence([licence]) if licence else "",
        "license_name": licence if licence and hub_licence([licence]) == "other" else "",
        "language": languages,
        "tags": [made.recipe.method, made.recipe.tuning, "polyglot-harness"],
    }


def hub_name(student: StudentCard) -> str:
    """Return the base's name on the hub, "" where it is not known."""
    if student.url.startswith(HUB):
        return "/".join(student.url.removeprefix(HUB).split("/")[:2])
    path = Path(student.pretrained)
    known = "/" in student.pretrained and not path.is_absolute() and not path.exists()
    return student.pretrained if known and student.pretrained.count("/") == 1 else ""


def _base_words(made: Made) -> str:
    first = f", after an adapter ({made.started_from[:16]})" if made.started_from else ""
    name = made.base["name"]
    # of a folder its last part: where it lay is nobody's business
    return f"{Path(name).name if Path(name).is_absolute() else name}{first}"


def _loading(made: Made, adapter: bool, place: str) -> str:
    base = hub_name(made.student) or made.student.pretrained
    base = Path(base).name if Path(base).is_absolute() else base
    if adapter:
        code = (
            "from peft import PeftModel\n"
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f'model = AutoModelForCausalLM.from_pretrained({json.dumps(base)}, dtype="auto")\n'
            f"model = PeftModel.from_pretrained(model, {json.dumps(place)})\n"
        )
    else:
        code = (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f'model = AutoModelForCausalLM.from_pretrained({json.dumps(place)}, dtype="auto")\n'
        )
    code += f"tokenizer = AutoTokenizer.from_pretrained({json.dumps(place)})"
    embedded = (
        f"\n\nIt was trained on polyglot-harness's embedded `{made.student.pretrained}`, whose "
        "weights were quantised once: on those of the hub its numbers are slightly different. "
        "`polyglot_harness.models.resolve` gives their folder."
        if adapter and base != made.student.pretrained and "/" not in made.student.pretrained
        else ""
    )
    return (
        f"```python\n{code}\n```\n\nThe tokenizer has the chat template of the training."
        f"{embedded}\n\n```sh\npolyglot-harness evaluate --student {made.student.name} "
        f"--adapter {place} --languages {','.join(sorted({s[0] for s in made.shares}))}\n```"
    )


def _data(made: Made) -> str:
    counts = dict(made.counts)
    rows = [*made.shares, ("all", "", sum(n for _, _, n in made.shares))]
    left = [
        f"{counts[name]} were {words}"
        for name, words in (
            ("too_long", f"longer than {made.recipe.max_length} tokens and left out"),
            ("held_out", "held out: their loss is measured, nothing is learnt from them"),
        )
        if counts.get(name)
    ]
    said = f" Of these {'; '.join(left)}." if left else ""
    return (
        f"{table((('language', 'strategy', 'examples'), rows))}\n\n"
        f"Digest of the data: `{made.data}`.{said}"
    )


def _recipe_rows(recipe: Recipe, seed: int) -> list[tuple[str, str]]:
    told = recipe.model_dump(mode="json", exclude={"notes"} | _idle(recipe))
    rows = [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else f"{value}")
        for name, value in told.items()
    ]
    return [*rows, ("seed", str(seed))]


def _idle(recipe: Recipe) -> set[str]:
    """Return the fields that did nothing."""
    lora = {"lora_r", "lora_alpha", "lora_dropout", "target_modules"}
    idle = lora if recipe.tuning == "full" else set()
    return idle | (set() if recipe.method == "dpo" else {"beta"})


def _counts(made: Made) -> dict[str, Any]:
    counts = dict(made.counts)
    names = [*_COUNTED, *(name for name in counts if name.startswith("held_out_"))]
    found = {name: counts[name] for name in names if counts.get(name) is not None}
    return {n: round(v, 4) if isinstance(v, float) else v for n, v in found.items()}


def _versions() -> dict[str, str]:
    known = versions()
    return {name: known[name] for name in _LIBRARIES if name in known}


def _licences(student: StudentCard) -> str:
    address = f" ({student.url})" if student.url else ""
    return (
        f"The base: {escape(student.licence) or 'not stated'}{address}. The training data: not "
        "stated here; whoever publishes these weights has to know."
    )
