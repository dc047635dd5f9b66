"""The stages *train* and *evaluate*, and what stands for a student in a digest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.assets import PACKAGE
from polyglot_harness.files import write_jsonl
from polyglot_harness.provenance import relevant
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import (
    Example,
    LanguagePack,
    Pairs,
    Recipe,
    RunSpec,
    StudentCard,
    TeacherCard,
    digest,
    pairs,
)
from polyglot_harness.stages.weights import describe_training, is_adapter, saving, weights_sha256
from polyglot_harness.stages.workshop import Done, Workshop, identity
from polyglot_harness.store import Result, file_sha256
from polyglot_harness.students import check_trainable, gives_likelihoods
from polyglot_harness.teachers import is_served, shaping_args
from polyglot_harness.training.outputs import ADAPTER, MODEL


def train(
    shop: Workshop,
    name: str,
    student: StudentCard,
    examples: Sequence[Example],
    *,
    recipe: Recipe | None = None,
    adapter: Path | None = None,
) -> Done:
    """Fine-tune a student on examples.

    Args:
        shop: The run.
        name: Readable name of teacher and language.
        student: The base model's card.
        examples: Training data, as `training.data.choose` gives them.
        recipe: In place of the run's.
        adapter: Folder of an earlier training's adapter, merged before this one begins.

    Raises:
        ConfigError: If the student is none that can be trained.
    """
    check_trainable(student)
    recipe = recipe or shop.spec.recipe
    work = training_work(shop, student, recipe, examples, adapter)
    inputs = training_inputs(shop, student, recipe, digest(list(examples)), adapter)
    title = f"train {student.name} on {name}"
    return shop.run("train", f"{student.name}-on-{name}", inputs, work, title, 0)


def training_work(
    shop: Workshop,
    student: StudentCard,
    recipe: Recipe,
    data: Sequence[Any],
    adapter: Path | None,
) -> Callable[[Path, Progress], Result]:
    """Return the work of a training stage, by the recipe's method.

    Args:
        shop: The run.
        student: The base model's card.
        recipe: Its method says what `data` are.
        data: Examples, or preferences for ``dpo``.
        adapter: Folder of an earlier training's adapter, merged before this one begins.
    """

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.models import resolve
        from polyglot_harness.training import dpo, sft

        shop.pool.release()
        write_jsonl(folder / "data.jsonl", data)
        train_by = dpo.train if recipe.method == "dpo" else sft.train
        counts = train_by(
            data,
            student,
            recipe,
            folder,
            pretrained=resolve(student.pretrained),
            seed=shop.spec.seed,
            device=shop.spec.device,
            adapter=adapter,
            options=saving(shop.options, adapter),
            progress=progress,
        )
        describe_training(shop, student, recipe, folder, data, counts, adapter)
        return Result(counts)

    return work


def training_inputs(
    shop: Workshop, student: StudentCard, recipe: Recipe, data: str, adapter: Path | None
) -> Pairs:
    """Return all that a training's outcome depends on."""
    started = {"adapter": weights_sha256(adapter)} if adapter else {}
    kept = {} if shop.options.save == "adapter" else {"save": shop.options.save}
    return pairs(
        {
            "data": data,
            "student": student_identity(student),
            "recipe": recipe_identity(recipe).model_dump(),
            "seed": shop.spec.seed,
            "device": shop.spec.device,
            "versions": relevant("torch", "transformers", "trl", "peft"),
            **started,
            **kept,
        }
    )


def evaluate(
    shop: Workshop,
    name: str,
    model_args: dict[str, Any],
    identity: str,
    pack: LanguagePack,
    *,
    chat_template: str | None = None,
) -> Done:
    """Evaluate a student, or an anchor, with lm-eval.

    Args:
        shop: The run.
        name: Readable name.
        model_args: Arguments of the student's model type.
        identity: What stands for the model (base and adapter) in the digest.
        pack: The language whose tasks are run.
        chat_template: In place of the student's; "" for the model's own.
    """
    spec = shop.spec
    tasks = student_tasks(spec, pack)
    template = spec.student.chat_template if chat_template is None else chat_template

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.lm.evaluate import evaluate as run_tasks
        from polyglot_harness.lm.hub_data import hub_data

        student, likelihoods = spec.student, gives_likelihoods(spec.student)
        lm = shop.pool.lm(
            student.model, model_args, batch_size=spec.batch_size, device=spec.device,
            likelihoods=likelihoods and is_served(student.model),
        )  # fmt: skip
        if template and getattr(lm, "tokenizer", None) is not None:
            # the untrained base gets the template that its students are trained with
            lm.tokenizer.chat_template = template
        with hub_data() as data:
            found = run_tasks(
                lm,
                tasks,
                pack.code,
                folder,
                limit=spec.eval_limit,
                seed=spec.seed,
                num_fewshot=spec.num_fewshot,
                likelihoods=likelihoods,
                include_path=spec.include_path,
                progress=progress,
            )
        # a task's own measurement has its name; others have one with a colon
        whole = [m for m in found if ":" not in m.name]
        left_out = sum(m.n == 0 for m in whole)
        items = sum(m.n for m in whole)
        if note := data.note():
            progress(items, items, note)
        counts = {"items": items, "tasks_left_out": left_out, "data": data.rows()}
        return Result(counts, found)

    inputs = pairs(
        {
            "model": identity,
            "chat_template": template,
            "tasks": tasks,
            "task_files": tasks_digest(pack),
            "data": data_identity(tasks, spec.include_path),
            "limit": spec.eval_limit,
            "num_fewshot": spec.num_fewshot,
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
    args = {"pretrained": student.pretrained, **dict(student.model_args)}
    if is_served(student.model):
        # lm-eval's name of it; ours knows no other
        return {"model": args.pop("pretrained"), **args}
    revision = {"revision": student.revision} if student.revision else {}
    return {**args, "dtype": student.dtype, **revision}


def trained_args(student: StudentCard, weights: Path) -> dict[str, Any]:
    """Return lm-eval's arguments for a trained student (its own tokenizer has the template).

    Args:
        student: The base model's card.
        weights: Folder of an adapter, or of a whole model.
    """
    # one of elsewhere may bring none: then the base's
    own = (weights / "tokenizer_config.json").exists()
    tokenizer = {"tokenizer": str(weights)} if own else {}
    if is_adapter(weights):
        return {**base_args(student), "peft": str(weights), **tokenizer}
    args = base_args(student)
    args.pop("revision", None)  # a commit of the base's repository
    return {**args, "pretrained": str(weights)}


def trained_folder(trained: Done) -> Path:
    """Return where a training's weights lie: of an adapter, or of a whole model."""
    adapter = trained.folder / ADAPTER
    return adapter if adapter.exists() else trained.folder / MODEL


def base_identity(student: StudentCard) -> str:
    """Return what stands for the untrained student in a digest."""
    if is_served(student.model):
        return f"{student.model}:{student.pretrained}:{digest(_shaping(student))}"
    revision = f"@{student.revision}" if student.revision else ""
    found = f"{identity(student.pretrained)}{revision}:{student.dtype}"
    return found if student.model == "hf" else f"{student.model}:{found}:{_shaping(student)}"


def trained_identity(student: StudentCard, weights: Path) -> str:
    """Return what stands for a trained student in a digest: its base, and its weights."""
    return f"{base_identity(student)}+{weights_sha256(weights)}"


def recipe_identity(recipe: Recipe) -> Recipe:
    """Return what stands for a recipe in a digest: what it says, whatever it is called."""
    return recipe.model_copy(update={"name": "", "notes": ""})


def student_identity(student: StudentCard) -> list[str]:
    """Return what stands for a student before its training in a digest."""
    modules = [",".join(student.target_modules)] if student.target_modules else []
    return [base_identity(student), student.chat_template, *modules]


def student_tasks(spec: RunSpec, pack: LanguagePack) -> tuple[str, ...]:
    """Return the tasks of a language: the spec's, or the student's, or the pack's."""
    named = spec.tasks or spec.student.tasks
    return tuple(t.replace("{lang}", pack.code) for t in named) or pack.student_tasks


def data_identity(tasks: Sequence[str], include_path: str | None) -> list[Any]:
    """Return what stands for the tasks, and for their data sets of the hub, in a digest.

    First all that their YAMLs say, with the code beside those of the include path. Then of each
    data set a name, a configuration, further arguments, and the revision that is asked for, or with
    a mirror a digest of its files. One without a revision is ``newest``: it is not looked up here.
    """
    from polyglot_harness.lm.hub_data import data_sources
    from polyglot_harness.lm.index import task_configs, task_manager

    manager = task_manager(tasks, include_path=include_path)
    configs = task_configs(manager, tasks)
    code = sorted(Path(include_path).rglob("*.py")) if include_path else []
    said = {name: _without_place(config) for name, config in configs.items()}
    made = digest([said, [[file.name, file_sha256(file)] for file in code]])
    return [made, *(source.identity() for source in data_sources(configs))]


def _without_place(config: dict[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in config["metadata"].items() if k != "config_source"}
    return config | {"metadata": metadata}


def tasks_digest(pack: LanguagePack) -> str:
    """Digest of YAMLs, items and what reads and scores them: what changed is evaluated again."""
    folder = Path(pack.folder)
    shared = [file for file in folder.parent.glob("_*_yaml") if file.name != "_teach_yaml"]
    code = (PACKAGE / "lm" / "student_tasks").glob("*.py")
    files = sorted([*folder.glob("*.yaml"), *folder.glob("mini/*"), *shared, *code])
    return digest([[f.name, file_sha256(f)] for f in files if f.is_file()])


def _shaping(student: StudentCard) -> Pairs:
    """Return the model's arguments that shape what it answers."""
    asked = TeacherCard(
        name=student.name, model=student.model, model_args=student.model_args, form="chat"
    )
    return shaping_args(asked)
