"""The stages *train* and *evaluate*, and what stands for a student in a digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.files import write_jsonl
from polyglot_harness.provenance import relevant
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import (
    Example,
    LanguagePack,
    Recipe,
    RunSpec,
    StudentCard,
    digest,
    pairs,
)
from polyglot_harness.stages.workshop import Done, Workshop, identity
from polyglot_harness.store import Result, file_sha256, output_sha256


def train(shop: Workshop, name: str, student: StudentCard, examples: Sequence[Example]) -> Done:
    """Train a student on examples.

    Args:
        shop: The run.
        name: Readable name of teacher and language.
        student: The base model's card.
        examples: Training data, as `training.data.choose` gives them.
    """
    recipe = shop.spec.recipe

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.models import resolve
        from polyglot_harness.training import sft

        shop.pool.release()
        write_jsonl(folder / "data.jsonl", examples)
        return Result(
            sft.train(
                examples,
                student,
                recipe,
                folder,
                pretrained=resolve(student.pretrained),
                seed=shop.spec.seed,
                device=shop.spec.device,
                progress=progress,
            )
        )

    inputs = pairs(
        {
            "data": digest(list(examples)),
            "student": student_identity(student),
            "recipe": recipe_identity(recipe).model_dump(),
            "seed": shop.spec.seed,
            "device": shop.spec.device,
            "versions": relevant("torch", "transformers", "trl", "peft"),
        }
    )
    title = f"train {student.name} on {name}"
    return shop.run("train", f"{student.name}-on-{name}", inputs, work, title, 0)


def evaluate(
    shop: Workshop,
    name: str,
    model_args: dict[str, Any],
    identity: str,
    pack: LanguagePack,
) -> Done:
    """Evaluate a student, or an anchor, with lm-eval.

    Args:
        shop: The run.
        name: Readable name.
        model_args: Arguments of lm-eval's ``hf``.
        identity: What stands for the model (base and adapter) in the digest.
        pack: The language whose tasks are run.
    """
    spec = shop.spec
    tasks = student_tasks(spec, pack)

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.lm.evaluate import evaluate as run_tasks

        lm = shop.pool.lm("hf", model_args, batch_size=spec.batch_size, device=spec.device)
        if spec.student.chat_template:
            # the untrained base gets the template that its students are trained with
            lm.tokenizer.chat_template = spec.student.chat_template
        found = run_tasks(
            lm,
            tasks,
            pack.code,
            folder,
            limit=spec.eval_limit,
            seed=spec.seed,
            include_path=spec.include_path,
            progress=progress,
        )
        return Result({"items": sum(m.n for m in found)}, found)

    inputs = pairs(
        {
            "model": identity,
            "chat_template": spec.student.chat_template,
            "tasks": tasks,
            "task_files": tasks_digest(pack),
            "limit": spec.eval_limit,
            "seed": spec.seed,
            "batch_size": spec.batch_size,
            "device": spec.device,
            "versions": relevant("lm_eval", "torch", "transformers"),
        }
    )
    title = f"evaluate {name} {pack.code}"
    return shop.run("evaluate", f"{name}-{pack.code}", inputs, work, title, 0)


def base_args(student: StudentCard) -> dict[str, Any]:
    """Return lm-eval's arguments for the untrained student."""
    return {"pretrained": student.pretrained, "dtype": student.dtype}


def adapter_args(student: StudentCard, adapter: Path) -> dict[str, Any]:
    """Return lm-eval's arguments for a trained student (its own tokenizer has the template)."""
    return {**base_args(student), "peft": str(adapter), "tokenizer": str(adapter)}


def base_identity(student: StudentCard) -> str:
    """Return what stands for the untrained student in a digest."""
    return f"{identity(student.pretrained)}:{student.dtype}"


def adapter_identity(student: StudentCard, trained: Done) -> str:
    """Return what stands for a trained student in a digest."""
    weights = output_sha256(trained.record, "adapter/adapter_model.safetensors")
    return f"{base_identity(student)}+{weights}"


def recipe_identity(recipe: Recipe) -> Recipe:
    """Return what stands for a recipe in a digest: what it says, whatever it is called."""
    return recipe.model_copy(update={"name": "", "notes": ""})


def student_identity(student: StudentCard) -> list[str]:
    """Return what stands for a student before its training in a digest."""
    return [base_identity(student), student.chat_template]


def student_tasks(spec: RunSpec, pack: LanguagePack) -> tuple[str, ...]:
    """Return the tasks of a language: the spec's, with ``{lang}`` filled in, or the pack's."""
    return tuple(t.replace("{lang}", pack.code) for t in spec.tasks) or pack.student_tasks


def tasks_digest(pack: LanguagePack) -> str:
    """Digest of the pack's YAML and item files, so that changed items are evaluated again."""
    folder = Path(pack.folder)
    files = sorted([*folder.glob("*.yaml"), *folder.glob("mini/*"), *folder.parent.glob("_mini*")])
    return digest([[f.name, file_sha256(f)] for f in files if f.is_file()])
