"""Run teacher tasks through lm-eval with the streaming wrapper; parse what came back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polyglot_harness.files import EXAMPLES, REJECTIONS, write_jsonl
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.lm.streaming import Progress, StreamingLM, read_replies
from polyglot_harness.spec import Example, LanguagePack, Rejection, RunSpec, TeacherCard
from polyglot_harness.strategies import parse
from polyglot_harness.strategies.checks import reject
from polyglot_harness.strategies.documents import stop_sequences


def teach(
    lm: Any,
    teacher: TeacherCard,
    pack: LanguagePack,
    strategy: str,
    spec: RunSpec,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Have a teacher do one strategy in one language.

    Args:
        lm: The teacher's lm-eval ``LM``.
        teacher: Its card.
        pack: The language.
        strategy: The strategy.
        spec: Number of documents, seed, generation settings.
        folder: Gets the replies as they arrive, then examples and rejections.
        progress: Told of each chunk.

    Returns:
        Counts: requests, accepted, and rejections by reason.
    """
    import lm_eval

    task = f"polyglot_teach_{pack.code}_{strategy}"
    metadata = {
        "n": spec.limit,
        "teach_seed": spec.seed,
        "form": teacher.form,
        "packs": spec.include_path,
    }
    manager = task_manager([task], include_path=spec.include_path, metadata=metadata)
    loaded = load_tasks(manager, [task])
    settings = {
        "until": stop_sequences(pack, teacher.form),
        **dict(teacher.gen_kwargs),
        **dict(spec.gen_kwargs),
    }
    loaded["tasks"][task].set_config("generation_kwargs", settings, update=True)
    streaming = StreamingLM(
        lm, folder, seed=spec.seed, chunk_size=spec.chunk_size, progress=progress
    )
    chat = teacher.form == "chat" if spec.apply_chat_template is None else spec.apply_chat_template
    results = lm_eval.evaluate(
        streaming,
        loaded,
        apply_chat_template=chat,
        system_instruction=spec.system_instruction,
        log_samples=True,
        bootstrap_iters=0,
    )
    documents = [sample["doc"] for sample in results["samples"][task]]
    replies = read_replies(folder / f"{task}.replies.jsonl")
    return sort_replies(documents, replies.values(), folder)


def sort_replies(
    documents: Iterable[dict[str, Any]], replies: Iterable[dict[str, Any]], folder: Path
) -> dict[str, Any]:
    """Write ``examples.jsonl`` and ``rejections.jsonl``; return the counts.

    Args:
        documents: What was asked, in order.
        replies: Stored replies with ``id``, ``reply`` and ``finish_reason``.
        folder: Where the two files go.
    """
    by_id = {row["id"]: row for row in replies}
    examples: list[Example] = []
    rejections: list[Rejection] = []
    seen: set[tuple[str, str]] = set()
    for document in documents:
        outcome = _sorted(document, by_id[document["id"]], seen)
        (examples if isinstance(outcome, Example) else rejections).append(outcome)  # type: ignore[arg-type]
    write_jsonl(folder / EXAMPLES, examples)
    write_jsonl(folder / REJECTIONS, rejections)
    counts = {"requests": len(examples) + len(rejections), "accepted": len(examples)}
    for rejection in rejections:
        counts[f"rejected_{rejection.reason}"] = counts.get(f"rejected_{rejection.reason}", 0) + 1
    return counts


def _sorted(
    document: dict[str, Any], row: dict[str, Any], seen: set[tuple[str, str]]
) -> Example | Rejection:
    if row["finish_reason"] == "prompt_truncated":
        return reject("prompt_truncated", row["reply"], document)
    outcome = parse(row["reply"], {**document, "finish_reason": row["finish_reason"]})
    if isinstance(outcome, Example):
        if (outcome.prompt, outcome.response) in seen:
            return reject("duplicate", row["reply"], document)
        seen.add((outcome.prompt, outcome.response))
    return outcome
