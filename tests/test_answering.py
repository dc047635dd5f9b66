"""Answers: as many a prompt as asked for, each made once, the same after a kill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_lms import CARD, IN_PROCESS, Feed, Sampler, spec_of

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.files import read_jsonl
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.answering import ANSWERS, BLOCK, Asking, answer_all, block_bounds
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.lm.tally import Spending
from polyglot_harness.reporting import Quiet
from polyglot_harness.spec import Answer, TeacherCard
from polyglot_harness.stages.answering import (
    answer,
    answer_log,
    answers_of,
    policy,
    seed_questions,
    settings_of,
)
from polyglot_harness.stages.workshop import Workshop
from polyglot_harness.students import load_student

DE = load_pack("de")
QUESTIONS = seed_questions(DE)
NAMES = [name for name, _ in QUESTIONS]


class Desk:
    """A folder with one log, where answers are written anew each time."""

    def __init__(self, folder: Path) -> None:
        self.log, self.out = folder / "log", folder / "out"
        self.out.mkdir(parents=True)

    def ask(
        self,
        lm: Any,
        questions: Sequence[tuple[str, str]],
        samples: int,
        *,
        model: TeacherCard = CARD,
        spending: Spending | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        asking = Asking(samples, settings_of(model, tuple(settings.items())))
        return answer_all(
            lm, model, DE, questions, asking, spec_of(1), log_folder=self.log, folder=self.out,
            spending=spending or Spending(), progress=lambda *_: None,
        )  # fmt: skip

    @property
    def answers(self) -> dict[str, str]:
        return {a.id: a.response for a in read_jsonl(self.out / ANSWERS, Answer)}

    @property
    def bytes(self) -> bytes:
        return (self.out / ANSWERS).read_bytes()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ids(questions: Sequence[tuple[str, str]], samples: int) -> list[str]:
    return [f"{name}#{i}" for name, _ in questions for i in range(samples)]


KINDS = [
    pytest.param(Feed, CARD, id="server"),
    pytest.param(Sampler, IN_PROCESS, id="in-process"),
]


@pytest.mark.parametrize(("lm", "model"), KINDS)
def test_answers_stand_in_the_order_of_questions_and_samples(
    desk: Desk, lm: Any, model: TeacherCard
) -> None:
    counts = desk.ask(lm(), QUESTIONS[:3], 16, model=model)
    assert list(desk.answers) == ids(QUESTIONS[:3], 16)
    assert len(set(desk.answers.values())) == 48, "each sample has its own seed"
    rows = read_jsonl(desk.out / ANSWERS, Answer)
    assert [(r.question_id, r.prompt, r.sample) for r in rows[:17:16]] == [
        (*QUESTIONS[0], 0), (*QUESTIONS[1], 0),
    ]  # fmt: skip
    assert {r.language for r in rows} == {"de"}
    assert (counts["requests"], counts["replies"], counts["answers"]) == (48, 48, 48)


@pytest.mark.parametrize(("lm", "model"), KINDS)
@pytest.mark.parametrize(("few", "many"), [(1, 2), (3, 4), (4, 8), (6, 20)])
def test_more_samples_and_more_questions_ask_only_for_what_is_new(
    tmp_path: Path, few: int, many: int, lm: Any, model: TeacherCard
) -> None:
    desk, whole = Desk(tmp_path / "desk"), Desk(tmp_path / "whole")
    asked = [desk.ask(lm(), QUESTIONS[2:4], few, model=model)]
    before = desk.answers
    asked.append(desk.ask(lm(), QUESTIONS[2:4], many, model=model))
    assert before.items() <= desk.answers.items()
    asked.append(desk.ask(lm(), QUESTIONS[:6], many, model=model))
    assert before.items() <= desk.answers.items()
    whole.ask(lm(), QUESTIONS[:6], many, model=model)
    assert desk.bytes == whole.bytes
    rows = (desk.log / "replies.jsonl").read_bytes().count(b"\n")
    assert rows == asked[-1]["replies"], "nothing was asked for twice"
    surplus = asked[-1]["replies"] - 6 * many
    assert 0 <= surplus <= (0 if model is CARD else 6 * (BLOCK - 1))


def test_greedy_answers_are_asked_for_in_chunks_of_questions(desk: Desk) -> None:
    toy = Sampler()
    desk.ask(toy, QUESTIONS[:6], 1, model=IN_PROCESS, temperature=0)
    assert [len(call) for call in toy.calls] == [4, 2]  # the chunk_size of spec_of
    desk.ask(toy, QUESTIONS[:7], 1, model=IN_PROCESS, temperature=0)
    assert [len(call) for call in toy.calls] == [4, 2, 1]


@given(samples=st.integers(1, 300), more=st.integers(0, 300))
def test_the_bounds_of_blocks_do_not_move(samples: int, more: int) -> None:
    bounds, longer = block_bounds(samples), block_bounds(samples + more)
    assert longer[: len(bounds)] == bounds
    assert bounds[-2] < samples <= bounds[-1] < samples + BLOCK
    sizes = [end - start for start, end in zip(bounds, bounds[1:], strict=False)]
    assert all(0 < size <= BLOCK for size in sizes)


@pytest.mark.parametrize("at", range(1, 6))
def test_a_killed_sampling_ends_with_the_same_bytes(tmp_path: Path, at: int) -> None:
    desk, whole = Desk(tmp_path / "desk"), Desk(tmp_path / "whole")
    whole.ask(Sampler(), QUESTIONS[:3], 12, model=IN_PROCESS)
    with pytest.raises(KeyboardInterrupt):
        desk.ask(Sampler(interrupted_at=at), QUESTIONS[:3], 12, model=IN_PROCESS)
    log = desk.log / "replies.jsonl"
    kept = log.read_bytes()
    log.write_bytes(kept[:-30])  # a kill while the last line was written: its block is torn
    toy = Sampler()
    desk.ask(toy, QUESTIONS[:3], 12, model=IN_PROCESS)
    assert desk.bytes == whole.bytes
    assert len(toy.calls) == 9 - at + 1, "the torn block, and those that were not asked for"


@pytest.mark.parametrize("order", [1, 2])
def test_a_served_model_that_dies_goes_on_where_it_was(tmp_path: Path, order: int) -> None:
    desk, whole = Desk(tmp_path / "desk"), Desk(tmp_path / "whole")
    whole.ask(Feed(), QUESTIONS[:3], 4)
    with pytest.raises(StageError, match="no server answers"):
        desk.ask(Feed(dies_after=5, order=order), QUESTIONS[:3], 4)
    feed = Feed(order=order)
    desk.ask(feed, QUESTIONS[:3], 4)
    assert desk.bytes == whole.bytes and len(feed.asked) == 7


def test_what_is_no_answer_is_left_out_and_counted(desk: Desk) -> None:
    said = iter([
        Reply("Ja, gern.", "stop"), Reply("  \n", "stop"), Reply("", error="503: busy"),
        Reply("<think>hm</think> Nein.", "length"), Reply("<think>hm", "length"),
        Reply("", "content_filter"), Reply("So", "prompt_truncated"),
    ])  # fmt: skip
    counts = desk.ask(Feed(window=1, reply=lambda _: next(said)), QUESTIONS[:7], 1)
    assert desk.answers == {f"{NAMES[0]}#0": "Ja, gern.", f"{NAMES[3]}#0": "Nein."}
    rejected = {k.removeprefix("rejected_"): n for k, n in counts.items() if "rejected_" in k}
    assert rejected == {
        "empty": 1, "backend_error": 1, "truncated": 1, "content_filter": 1, "prompt_truncated": 1,
    }  # fmt: skip
    # only the server's failure is asked for again
    feed = Feed()
    desk.ask(feed, QUESTIONS[:7], 1)
    assert feed.documents == [2]


def test_no_answer_at_all_is_an_error(desk: Desk) -> None:
    with pytest.raises(StageError, match=r"answer de by toy: no answers \(2 empty\)"):
        desk.ask(Feed(reply=lambda _: Reply(" ", "stop")), QUESTIONS[:2], 1)


def test_money_ends_the_sampling_and_what_was_paid_for_is_kept(desk: Desk) -> None:
    with pytest.raises(StageError, match="--max_cost"):
        desk.ask(Feed(), QUESTIONS[:3], 8, spending=Spending(0.008))
    feed = Feed()
    counts = desk.ask(feed, QUESTIONS[:3], 8)
    assert 0 < len(feed.asked) < counts["answers"] == 24


@pytest.mark.parametrize(
    ("card", "given", "expected"),
    [
        ({}, {}, {"temperature": 0.8, "top_p": 0.9, "max_gen_toks": 256, "do_sample": True}),
        ({"temperature": 0.5}, {"top_p": 1.0}, {"temperature": 0.5, "top_p": 1.0}),
        ({"temperature": 0.5}, {"temperature": 0}, {"temperature": 0.0, "do_sample": False}),
        ({}, {"do_sample": False}, {"temperature": 0.0, "do_sample": False}),
    ],
)
def test_settings(card: dict[str, Any], given: dict[str, Any], expected: dict[str, Any]) -> None:
    model = CARD.model_copy(update={"gen_kwargs": tuple(card.items())})
    settings = settings_of(model, tuple(given.items()))
    assert expected.items() <= settings.items()
    assert settings["do_sample"] or "top_p" not in settings


# --- the stage, with models of transformers ----------------------------------------------------


def shop_of(root: Path, **changes: Any) -> Workshop:
    return Workshop(root, spec_of(1, **changes), ModelPool(), Quiet())


SHORT = (("max_gen_toks", 12),)


def test_a_stage_is_found_again_and_depends_on_what_shapes_it(
    tmp_path: Path, tiny_student: Path
) -> None:
    student = load_student(None, {"pretrained": str(tiny_student)})
    shop, model = shop_of(tmp_path, student=student), policy(student)
    first = answer(shop, model, DE, QUESTIONS[:2], samples=2, gen_kwargs=SHORT)
    assert [a.id for a in answers_of(first)] == ids(QUESTIONS[:2], 2)
    again = answer(shop, model, DE, QUESTIONS[:2], samples=2, gen_kwargs=SHORT)
    assert again.reused and again.folder == first.folder
    other = {answer(shop, model, DE, QUESTIONS[:2], samples=3, gen_kwargs=SHORT).folder,
             answer(shop, model, DE, QUESTIONS[:1], samples=2, gen_kwargs=SHORT).folder,
             answer(shop, model, DE, QUESTIONS[:2], samples=2, gen_kwargs=(*SHORT, ("top_p", 1.0))).folder}  # fmt: skip  # noqa: E501
    assert len({*other, first.folder}) == 4
    # one model, one log; weights that were moved are the same ones
    assert len(list((tmp_path / "replies").iterdir())) == 1
    moved = tmp_path / "moved"
    moved.symlink_to(tiny_student)
    card = model.model_copy(
        update={"model_args": (("pretrained", str(moved)), ("dtype", "float32"))}
    )
    assert answer_log(shop, card, DE) == answer_log(shop, model, DE)


def test_a_base_without_chat_template_is_asked_by_the_students(
    tmp_path: Path, tiny_student: Path
) -> None:
    from transformers import AutoTokenizer

    base = tmp_path / "base"
    base.mkdir()
    for file in tiny_student.iterdir():
        if file.name != "chat_template.jinja":
            (base / file.name).symlink_to(file)
    tokenizer = AutoTokenizer.from_pretrained(base)
    if tokenizer.chat_template:
        (base / "tokenizer_config.json").unlink()
        tokenizer.chat_template = None
        tokenizer.save_pretrained(base)
    card = load_student(None, {"pretrained": str(base), "name": "base"})
    shop = shop_of(tmp_path / "runs", student=card)
    with pytest.raises(ConfigError, match="no chat template to ask it with"):
        answer(shop, policy(card), DE, QUESTIONS[:1], gen_kwargs=SHORT)
    template = "{% for m in messages %}{{ m.content }}{% endfor %} ->"
    card = card.model_copy(update={"chat_template": template})
    shop = shop_of(tmp_path / "runs", student=card)
    done = answer(shop, policy(card), DE, QUESTIONS[:1], gen_kwargs=SHORT)
    assert [a.id for a in answers_of(done)] == [f"{NAMES[0]}#0"]


@pytest.mark.parametrize(
    ("questions", "samples", "gen_kwargs", "message"),
    [
        ((), 1, (), "there are no prompts"),
        ([("a", "x"), ("a", "y")], 1, (), "1 ids of prompts stand twice, e.g. 'a'"),
        (QUESTIONS[:1], 2, (("temperature", 0),), "2 samples at temperature 0 would all be equal"),
    ],
)
def test_what_cannot_be_asked(
    tmp_path: Path, questions: Any, samples: int, gen_kwargs: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        answer(shop_of(tmp_path), CARD, DE, questions, samples=samples, gen_kwargs=gen_kwargs)


def test_a_base_model_is_shown_examples(desk: Desk) -> None:
    feed = Feed()
    base = CARD.model_copy(update={"form": "completion"})
    desk.ask(feed, QUESTIONS[:2], 2, model=base)
    for request in feed.asked:
        _, prompt = QUESTIONS[request.index // 2]
        assert f"{DE.labels.prompt}: {prompt}" in request.context
        assert request.context.rstrip().endswith(f"{DE.labels.response}:")
        assert request.context.count(f"{DE.labels.response}:") == 4
        assert "\n\n" in request.gen_kwargs["until"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(feed.asked[0].context)
