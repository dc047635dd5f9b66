"""Chunks: what a model that returns bare strings is asked, and what is made of its strings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from toy_lms import CARD, IN_PROCESS, Desk, Sampler

from polyglot_harness.errors import StageError
from polyglot_harness.lm.chunks import PLACEHOLDER, ask_chunk, seed_everything
from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.reply_log import LOG

SERVED = CARD.model_copy(update={"model": "some-completions"})
"""A model type of a server that does not stream: its replies are independent."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def request(index: int = 0, context: str = "Frage", seed: int = 7, **settings: Any) -> Request:
    return Request(index, 1, context, {"until": [], "max_gen_toks": 8, **settings}, seed)


class Recited(Sampler):
    """Returns the given replies; one token a word."""

    max_length: int | None = 20

    def __init__(self, *replies: Any) -> None:
        super().__init__()
        self.replies = list(replies)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        return self.replies

    def tok_encode(self, text: str, add_special_tokens: bool = True) -> list[str]:
        return ["<s>"] * add_special_tokens + text.split()


# --- one chunk ---------------------------------------------------------------------------------


def test_a_chunk_is_sent_in_one_call_and_seeded_by_its_first_request() -> None:
    class Seen(Sampler):
        def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
            self.seen = [(r.args, r.metadata, r.request_type) for r in requests]
            return [f"{random.random()} {np.random.random()} {torch.rand(1).item()}"]

    lm = Seen()
    first = ask_chunk(lm, "de", [request(3, "a", temperature=0.5)])
    settings = {"until": [], "max_gen_toks": 8, "temperature": 0.5}
    assert lm.seen == [(("a", settings), ("de", 3, 1), "generate_until")]
    assert ask_chunk(lm, "cs", [request(9, "b")]) == first
    other = ask_chunk(lm, "de", [request(3, "a", seed=8)])
    assert all(
        a != b for a, b in zip(first[0].text.split(), other[0].text.split(), strict=True)
    )  # all three generators


def test_a_seed_gives_the_same_numbers_again() -> None:
    def numbers() -> tuple[float, ...]:
        return random.random(), np.random.random(), torch.rand(1).item()

    seed_everything(2**32 - 1)
    first = numbers()
    assert numbers() != first
    seed_everything(2**32 - 1)
    assert numbers() == first


@pytest.mark.parametrize("replies", [[], ["a"], ["a", "b", "c"]])
def test_a_model_that_returns_another_number_of_replies(replies: list[str]) -> None:
    with pytest.raises(StageError, match=f"^de: 2 requests, but {len(replies)} replies$"):
        ask_chunk(Recited(*replies), "de", [request(0), request(1)])


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("ein \ud83d Satz", "ein ? Satz"),
        ("\ude00", "?"),
        ("gut 😀", "gut 😀"),
        ("", ""),
        (None, ""),
    ],
)
def test_what_is_no_text_is_made_one(text: str | None, stored: str) -> None:
    (reply,) = ask_chunk(Recited(text), "de", [request()])
    assert (reply.text, reply.tokens_out) == (stored, len(stored.split()))


# --- the reason why a reply ended --------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "expected"),
    # a budget of 8; decoding and encoding again may differ by two
    [(1, "stop"), (5, "stop"), (6, "length"), (8, "length"), (9, "length")],
)
def test_a_reply_that_fills_its_budget(tokens: int, expected: str) -> None:
    (reply,) = ask_chunk(Recited(" ".join("w" * tokens)), "de", [request()])
    assert (reply.finish_reason, reply.tokens_in, reply.tokens_out) == (expected, 2, tokens)


@pytest.mark.parametrize(
    ("words", "room", "expected"),
    # 20 tokens of room - 8 for the reply - 1 for <s> leave 11 words
    [
        (11, 20, "stop"),
        (12, 20, "prompt_truncated"),
        (40, 20, "prompt_truncated"),
        (999, None, "stop"),
    ],
)
def test_a_prompt_that_does_not_fit(words: int, room: int | None, expected: str) -> None:
    lm = Recited("kurz")
    lm.max_length = room
    (reply,) = ask_chunk(lm, "de", [request(context=" ".join("w" * words))])
    assert (reply.finish_reason, reply.tokens_in) == (expected, words + 1)


def test_the_default_budget_is_lm_evals() -> None:
    lm = Recited(" ".join("w" * 253), " ".join("w" * 254))
    lm.max_length = 1000
    asked = [Request(i, 1, "Frage", {"until": []}, 7) for i in range(2)]
    assert [r.finish_reason for r in ask_chunk(lm, "de", asked)] == ["stop", "length"]


def without_tokenizer(*replies: Any) -> Any:
    from lm_eval.models.api_models import TemplateAPI

    class Server(Recited):
        tokenizer_backend = None
        tok_encode = TemplateAPI.tok_encode  # without a backend it returns [text]

    return Server(*replies)


def test_a_server_without_tokenizer_says_nothing_of_reason_and_tokens() -> None:
    (reply,) = ask_chunk(without_tokenizer("ja"), "de", [request(context="w " * 99)])
    assert (reply.text, reply.finish_reason) == ("ja", "unknown")
    assert (reply.tokens_in, reply.tokens_out) == (None, None)


@pytest.mark.parametrize(("placeholder", "kept"), [(None, "nichts da"), ("nichts da", "")])
def test_lm_evals_placeholder_for_an_empty_answer_is_no_text(
    monkeypatch: pytest.MonkeyPatch, placeholder: str | None, kept: str
) -> None:
    from lm_eval.models import api_models

    assert isinstance(getattr(api_models, PLACEHOLDER), str)  # lm-eval still calls it so
    if placeholder:
        monkeypatch.setenv(PLACEHOLDER, placeholder)
    else:
        monkeypatch.delenv(PLACEHOLDER, raising=False)
    (reply,) = ask_chunk(without_tokenizer("nichts da"), "de", [request()])
    assert reply.text == kept


# --- chunks of a whole cell --------------------------------------------------------------------


def sizes(lm: Sampler) -> list[int]:
    return [len(call) for call in lm.calls]


def test_documents_go_out_in_fixed_chunks_in_order(desk: Desk) -> None:
    desk.teach(lm := Sampler(), 10, teacher=IN_PROCESS)
    assert sizes(lm) == [4, 4, 2]
    rows = desk.replies
    assert [int(row["id"][-6:]) for row in rows] == list(range(10))
    assert len({row["key"] for row in rows}) == 10
    assert {row["finish_reason"] for row in rows} == {"unknown"}
    assert all(row["estimated"] for row in rows)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_interruption_loses_the_chunk_in_flight_only(tmp_path: Path, at: int) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Sampler(), 10, teacher=IN_PROCESS)
    with pytest.raises(KeyboardInterrupt):
        desk.teach(Sampler(interrupted_at=at), 10, teacher=IN_PROCESS)
    assert len(desk.replies) == 4 * at == len(desk.examples + desk.rejections)
    desk.teach(lm := Sampler(), 10, teacher=IN_PROCESS)
    assert len(lm.calls) == 3 - at
    assert desk.files == whole.files and desk.replies == whole.replies


def test_a_log_cut_anywhere_gives_the_same_bytes(desk: Desk) -> None:
    desk.teach(Sampler(), 6, teacher=IN_PROCESS, chunk_size=2)
    files, path = desk.files, desk.log / LOG
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    cuts = sorted({end + d for end in (0, *ends) for d in (-1, 0, 1)} & set(range(len(whole))))
    assert len(cuts) > 15
    for cut in cuts:
        path.write_bytes(whole[:cut])
        desk.teach(lm := Sampler(), 6, teacher=IN_PROCESS, chunk_size=2)
        done = sum(end <= cut for end in ends) // 2
        assert sizes(lm) == [2] * (3 - done), cut
        assert desk.files == files, cut
        # of a chunk that was torn, the whole rows stand twice: the log is never rewritten
        assert set(path.read_bytes().split(b"\n")) == set(whole.split(b"\n")), cut


def test_a_chunk_of_which_a_reply_is_missing_is_made_anew_as_a_whole(desk: Desk) -> None:
    desk.teach(Sampler(), 10, teacher=IN_PROCESS)
    files, path = desk.files, desk.log / LOG
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:5], *lines[6:]]))
    desk.teach(lm := Sampler(), 10, teacher=IN_PROCESS)
    assert sizes(lm) == [4] and desk.files == files


def test_a_larger_limit_keeps_whole_chunks(tmp_path: Path) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Sampler(), 14, teacher=IN_PROCESS)
    desk.teach(Sampler(), 10, teacher=IN_PROCESS)
    small = desk.files
    desk.teach(lm := Sampler(), 14, teacher=IN_PROCESS)
    # the third chunk is another one now: replies of a batch depend on one another
    assert sizes(lm) == [4, 2] and desk.files == whole.files
    desk.teach(lm := Sampler(), 10, teacher=IN_PROCESS)
    assert sizes(lm) == [] and desk.files == small


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_size": 5},
        {"seed": 1},
        {"gen_kwargs": (("temperature", 0.1),)},
        {"system_instruction": "Sei kurz."},
    ],
)
def test_what_changes_a_chunk_has_it_made_anew(desk: Desk, change: dict[str, Any]) -> None:
    desk.teach(Sampler(), 8, teacher=IN_PROCESS)
    files = desk.files
    desk.teach(lm := Sampler(), 8, teacher=IN_PROCESS, **change)
    assert sum(sizes(lm)) == 8
    desk.teach(lm := Sampler(), 8, teacher=IN_PROCESS)
    assert sizes(lm) == [] and desk.files == files


def test_rejected_documents_are_asked_again_in_chunks_of_their_own(tmp_path: Path) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    counts = whole.teach(lm := Sampler(short=0.5), 16, teacher=IN_PROCESS, max_attempts=3)
    rows = whole.replies
    short = [sum(bool(r["reason"]) for r in rows if r["attempt"] == n) for n in (1, 2, 3)]
    assert 0 < short[1] < short[0] < 16
    assert sum(sizes(lm)) == 16 + short[0] + short[1] == counts["replies"] == len(rows)
    assert sizes(lm)[4] == min(4, short[0])
    # interrupted in the second attempt
    with pytest.raises(KeyboardInterrupt):
        broken = Sampler(short=0.5, interrupted_at=5)
        desk.teach(broken, 16, teacher=IN_PROCESS, max_attempts=3)
    desk.teach(lm := Sampler(short=0.5), 16, teacher=IN_PROCESS, max_attempts=3)
    assert sum(sizes(lm)) == len(rows) - sum(sizes(broken))
    assert desk.files == whole.files


def test_of_a_server_that_does_not_stream_only_what_is_missing_is_asked(desk: Desk) -> None:
    desk.teach(Sampler(), 10, teacher=SERVED)
    files, path = desk.files, desk.log / LOG
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], *lines[2:6], *lines[7:]]))
    desk.teach(lm := Sampler(), 12, teacher=SERVED, chunk_size=6)
    assert sizes(lm) == [1, 3]
    kept = {0, 2, 3, 4, 5, 7, 8, 9}
    before, now = (
        {
            line
            for line in b"".join(both).split(b"\n")
            if line and int(line.split(b'"')[3][-6:]) in kept
        }
        for both in (files, desk.files)
    )
    assert before == now and len(now) == len(kept)
    desk.teach(lm := Sampler(), 12, teacher=SERVED)
    assert sizes(lm) == []
