"""The stage *answer*: a model's responses to prompts, kept as a teacher's data are.

As with teachers, the log of replies depends on the model alone and serves any number of samples;
the stage depends on the questions too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import read_jsonl, write_jsonl
from polyglot_harness.lm.answering import ANSWERS, VERSION, Asking, Question, answer_all
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import (
    Answer,
    LanguagePack,
    Pairs,
    StudentCard,
    TeacherCard,
    digest,
    pairs,
)
from polyglot_harness.stages.students import base_args, trained_args
from polyglot_harness.stages.teaching import replies_depend_on
from polyglot_harness.stages.weights import weights_sha256
from polyglot_harness.stages.workshop import Done, Workshop
from polyglot_harness.store import (
    RECORD,
    Result,
    complete_record,
    file_sha256,
    stage_folder,
    verify_output,
)
from polyglot_harness.teachers import is_served

SETTINGS = {"until": [], "temperature": 0.8, "top_p": 0.9, "max_gen_toks": 256}
"""As teachers are sampled (arXiv 2604.11290); the card's, then the caller's, come over them."""


def answer(
    shop: Workshop,
    model: TeacherCard,
    pack: LanguagePack,
    questions: Sequence[Question],
    *,
    samples: int = 1,
    gen_kwargs: Pairs = (),
) -> Done:
    """Have a model answer each question so many times.

    A base model that is the run's student is asked by the chat template of the student's card.

    Args:
        shop: The run.
        model: Its card: of a teacher, or of `policy`.
        pack: The language of the questions.
        questions: Pairs of id and prompt.
        samples: Answers to each question.
        gen_kwargs: Generation settings, over the card's; ``temperature=0`` for the likeliest
            answer.

    Returns:
        The stage, whose ``answers.jsonl`` (see `answers_of`) is in the order of questions and
        samples. A reply that is empty or failed is left out and counted.

    Raises:
        ConfigError: If there are no questions, two share an id, or several samples would be equal.
        HarnessError: What stopped the model; what had arrived is kept.
    """
    spec = shop.spec
    asking = Asking(samples, settings_of(model, gen_kwargs))
    _check(questions, asking)
    template = _template(shop, model)

    def work(folder: Path, progress: Progress) -> Result:
        lm = shop.pool.lm(
            model.model, dict(model.model_args), batch_size=spec.batch_size, device=spec.device
        )
        if template and getattr(lm, "tokenizer", None) is not None:
            lm.tokenizer.chat_template = template
        counts = answer_all(
            lm,
            model,
            pack,
            questions,
            asking,
            spec,
            log_folder=answer_log(shop, model, pack),
            folder=folder,
            spending=shop.spending,
            progress=progress,
        )
        return Result(counts)

    inputs = pairs(
        {
            "model": [*_depends_on(shop, model), model.form],
            "language": pack.code,
            "questions": digest([list(question) for question in questions]),
            # the seeds are the shots of a base model
            "shots": digest(pack.seeds) if model.form == "completion" else "",
            "samples": samples,
            "settings": pairs(dict(asking.settings)),
            "seed": spec.seed,
            "chat_template": template,
            "system_instruction": spec.system_instruction,
            "version": VERSION,
        }
    )
    key = f"{model.name}-{pack.code}"
    if not shop.only_finished:
        _reopen(stage_folder(shop.root, "answer", key, inputs), inputs)
    title = f"answer {pack.code} by {model.name}"
    done = shop.run("answer", key, inputs, work, title, len(questions) * samples)
    if done.reused:
        shop.spending.spent += dict(done.record.counts).get("cost_usd", 0.0)
    return done


def given_answers(shop: Workshop, name: str, pack: LanguagePack, answers: Sequence[Answer]) -> Done:
    """Keep answers of elsewhere as if a model had just given them: for off-policy candidates.

    Args:
        shop: The run.
        name: Readable name of where they are from.
        pack: Their language.
        answers: In the order of questions and samples.
    """

    def work(folder: Path, progress: Progress) -> Result:
        write_jsonl(folder / ANSWERS, answers)
        return Result({"answers": len(answers)})

    inputs = pairs({"answers": digest(list(answers)), "language": pack.code, "version": VERSION})
    title = f"answers of {name} {pack.code}"
    return shop.run("answer", f"{name}-{pack.code}", inputs, work, title, len(answers))


def answers_of(done: Done) -> tuple[Answer, ...]:
    """Read the answers of a stage, checked against its record."""
    return read_jsonl(verify_output(done.folder, done.record, ANSWERS), Answer)


def policy(student: StudentCard, weights: Path | None = None) -> TeacherCard:
    """Return the card by which a student is asked.

    Args:
        student: The base model's card.
        weights: Folder of an adapter or a whole model; None for the untrained student.
    """
    args = trained_args(student, weights) if weights else base_args(student)
    name = f"{student.name}-{weights_sha256(weights)[:8]}" if weights else student.name
    return TeacherCard(name=name, model=student.model, model_args=pairs(args), form="chat")


def seed_questions(pack: LanguagePack) -> tuple[Question, ...]:
    """Return the prompts of a pack's seeds with their ids."""
    return tuple((seed.id, seed.prompt) for seed in pack.seeds)


def settings_of(model: TeacherCard, gen_kwargs: Pairs) -> dict[str, Any]:
    """Return the generation settings: ours, the card's, and what was given, in this order."""
    settings: dict[str, Any] = {**SETTINGS, **dict(model.gen_kwargs), **dict(gen_kwargs)}
    # some of lm-eval's models take no notice of the temperature without it
    settings.setdefault("do_sample", bool(settings["temperature"]))
    if not settings["do_sample"] or not settings["temperature"]:
        settings |= {"do_sample": False, "temperature": 0.0}
        settings.pop("top_p", None)
    return settings


def answer_log(shop: Workshop, model: TeacherCard, pack: LanguagePack) -> Path:
    """Return where all answers of a model in a language are kept."""
    key = f"{model.name}-{pack.code}-answers"
    return stage_folder(shop.root, "replies", key, pairs({"model": _depends_on(shop, model)}))


def _check(questions: Sequence[Question], asking: Asking) -> None:
    if not questions:
        raise ConfigError("there are no prompts to answer")
    doubled = [name for name, n in Counter(name for name, _ in questions).items() if n > 1]
    if doubled:
        raise ConfigError(f"{len(doubled)} ids of prompts stand twice, e.g. {doubled[0]!r}")
    if asking.samples > 1 and asking.greedy:
        raise ConfigError(
            f"{asking.samples} samples at temperature 0 would all be equal; give "
            "--gen_kwargs temperature=0.8"
        )


def _depends_on(shop: Workshop, model: TeacherCard) -> list[Any]:
    """Return what stands for the model, whose weights may lie in a folder of ours."""
    args = {k: _content(v) if k in ("pretrained", "peft") else v for k, v in model.model_args}
    if not is_served(model.model):
        # what it says in a chat is part of the requests, which the log is searched by
        args.pop("tokenizer", None)
    return replies_depend_on(model.model_copy(update={"model_args": pairs(args)}), shop.spec)


def _content(value: Any) -> Any:
    """Return what stands for the weights in a folder, and how they are used; else the name."""
    folder = Path(str(value))
    if not any(folder.glob("*.safetensors")):
        return value
    beside = [folder / name for name in ("adapter_config.json", "chat_template.jinja")]
    return [weights_sha256(folder), *(file_sha256(file) for file in beside if file.exists())]


def _template(shop: Workshop, model: TeacherCard) -> str:
    """Return the chat template that the untrained student is trained and asked with."""
    student = shop.spec.student
    ours = dict(model.model_args).get("pretrained") == student.pretrained
    return student.chat_template if ours and model.form == "chat" else ""


def _reopen(folder: Path, inputs: Pairs) -> None:
    """Take a finished stage for unfinished if a server failed: what it left is asked again."""
    record = complete_record(folder, inputs)
    if record and "rejected_backend_error" in dict(record.counts):
        (folder / RECORD).unlink()
