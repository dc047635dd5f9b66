"""The stage *generate*: teachers write data.

Its two halves have identities of their own. The log of replies, which may have been paid for,
depends on the teacher alone: it serves every limit, every choice of checks and every version of a
pack. The stage, which sorts the replies into examples and rejections, depends on all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.files import EXAMPLES, REJECTIONS, read_jsonl
from polyglot_harness.intrinsic.samples import StageData
from polyglot_harness.languages import english_prompts, pack_digest, templates_digest
from polyglot_harness.lm.judge import PARSER_VERSION, Judge
from polyglot_harness.provenance import relevant
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import Example, LanguagePack, Pairs, RunSpec, TeacherCard, digest, pairs
from polyglot_harness.stages.students import data_identity, student_tasks, tasks_digest
from polyglot_harness.stages.workshop import Done, Workshop, identity
from polyglot_harness.store import (
    RECORD,
    Result,
    complete_record,
    file_sha256,
    stage_folder,
    verify_output,
)
from polyglot_harness.strategies.given import Given, given_file, given_path, read_given
from polyglot_harness.teachers import is_served, shaping_args


def generate(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, strategy: str) -> Done:
    """Have a teacher write examples of one language by one strategy."""
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        from polyglot_harness.lm.teach import teach

        judge = _judge(shop, pack)
        lm = shop.pool.lm(
            teacher.model, dict(teacher.model_args), batch_size=spec.batch_size, device=spec.device
        )
        counts = teach(
            lm,
            teacher,
            pack,
            strategy,
            spec,
            judge,
            log_folder=log_folder(shop.root, teacher, pack.code, strategy, spec),
            folder=folder,
            spending=shop.spending,
            progress=lambda done, note: progress(done, spec.limit, note),
        )
        return Result(counts)

    title = f"generate {teacher.name} {pack.code} {strategy}"
    key = f"{teacher.name}-{pack.code}-{strategy}"
    inputs = _inputs(teacher, pack, strategy, spec)
    if not shop.only_finished:
        _reopen(stage_folder(shop.root, "generate", key, inputs), inputs)
    done = shop.run("generate", key, inputs, work, title, spec.limit)
    if done.reused:
        shop.spending.spent += dict(done.record.counts).get("cost_usd", 0.0)
    return done


def _reopen(folder: Path, inputs: Pairs) -> None:
    """Take a finished stage for unfinished if a server failed: what it left is asked again."""
    record = complete_record(folder, inputs)
    if record and "rejected_backend_error" in dict(record.counts):
        (folder / RECORD).unlink()


def log_folder(root: Path, teacher: TeacherCard, code: str, strategy: str, spec: RunSpec) -> Path:
    """Return where all replies of a teacher in one language by one strategy are kept."""
    key = f"{teacher.name}-{code}-{strategy}"
    return stage_folder(root, "replies", key, pairs({"teacher": replies_depend_on(teacher, spec)}))


def replies_depend_on(teacher: TeacherCard, spec: RunSpec) -> list[Any]:
    """Return what decides the replies beside the requests themselves."""
    args = {k: identity(v) if k == "pretrained" else v for k, v in shaping_args(teacher)}
    here: Pairs = ()
    if not is_served(teacher.model):
        # sampled in batches in this process, by these versions
        machine = {"batch_size": spec.batch_size, "device": spec.device}
        here = (*pairs(machine), *relevant("lm_eval", "torch", "transformers", "vllm"))
    return [teacher.model, pairs(args), here]


def _inputs(teacher: TeacherCard, pack: LanguagePack, strategy: str, spec: RunSpec) -> Pairs:
    tasks = student_tasks(spec, pack)
    return pairs(
        {
            "teacher": [*replies_depend_on(teacher, spec), teacher.form, teacher.gen_kwargs],
            "reply_format": teacher.reply_format,
            "pack": pack_digest(pack),
            "templates": templates_digest(pack),
            "english": digest(english_prompts()) if strategy == "translate" else "",
            "given": given_sha256(spec, strategy, pack.code),
            "strategy": strategy,
            "limit": spec.limit,
            "seed": spec.seed,
            "gen_kwargs": spec.gen_kwargs,
            "apply_chat_template": spec.apply_chat_template,
            "system_instruction": spec.system_instruction,
            "instruction_language": spec.instruction_language,
            "max_attempts": spec.max_attempts,
            "chunk_size": "" if is_served(teacher.model) else spec.chunk_size,
            "checks": spec.checks,
            "tasks": [tasks, tasks_digest(pack), data_identity(tasks, spec.include_path)],
            "parser": PARSER_VERSION,
            "versions": relevant("py3langid", "json_repair", "rapidfuzz"),
        }
    )


def given_sha256(spec: RunSpec, strategy: str, code: str) -> str:
    """Return the digest of the file that a strategy starts from in a language; "" for the pack's.

    Raises:
        ConfigError: If it is not there.
    """
    path = given_file(spec.given, strategy, code)
    return file_sha256(path) if path else ""


def _judge(shop: Workshop, pack: LanguagePack) -> Judge:
    """Return the judge of a language; the n-grams of its student tasks are made once a run."""
    checks = shop.spec.checks
    if pack.code not in shop.contamination:
        shop.contamination[pack.code] = None
        if checks.contamination:
            from polyglot_harness.curation.contamination import build_index
            from polyglot_harness.lm.task_texts import task_texts

            texts = task_texts(student_tasks(shop.spec, pack), shop.spec.include_path)
            shop.contamination[pack.code] = build_index(
                texts, n=checks.contamination, unit=pack.length_unit
            )
    return Judge(checks, pack.refusals, shop.contamination[pack.code])


def examples_of(done: Done) -> tuple[Example, ...]:
    """Read the accepted examples of a generate stage, checked against its record."""
    return read_jsonl(verify_output(done.folder, done.record, EXAMPLES), Example)


def stage_data(spec: RunSpec, code: str, files: Sequence[tuple[Path, Path | None]]) -> StageData:
    """Return the data of generate stages of one language, to be measured."""
    given = read_given(given_path(spec.given, "translate", code), "translate")
    if given is None:
        given = tuple(Given(p.id, p.prompt) for p in english_prompts())
    sources = {p.id: (p.prompt, p.reference) for p in given}
    return StageData(tuple(files), sources)


def data_files(done: Done) -> tuple[Path, Path]:
    """Return the files of a generate stage, checked against its record."""
    return (
        verify_output(done.folder, done.record, EXAMPLES),
        verify_output(done.folder, done.record, REJECTIONS),
    )
