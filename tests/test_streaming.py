"""The streaming wrapper: nothing that arrived is lost, and nothing depends on an interruption.

The model inside is a small lm-eval ``LM`` that samples, so that a wrong seed shows in its replies.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from polyglot_harness.errors import StageError, StoreError
from polyglot_harness.lm.streaming import (
    StreamingLM,
    append_rows,
    drop_rows,
    read_replies,
    seed_everything,
)

WORDS = [
    "Wald",
    "šum",
    "海",
    "بحر",
    "ñu",
    "hutan",
    "a\nb",
    "u\u2028v",
    "x\u0085y",
    '"q"',
    "\\",
    "\t",
]


class Sampler(LM):  # type: ignore[misc]
    """Draws words with all three generators; a reply depends on those before it in the call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.fail_at: int | None = None

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        if self.fail_at == len(self.calls):
            raise KeyboardInterrupt
        self.calls.append([r.args[0] for r in requests])
        return [f"{r.args[0]}: {self._draw()}" for r in requests]

    def _draw(self) -> str:
        words = [random.choice(WORDS) for _ in range(3)]
        words += [WORDS[int(torch.randint(len(WORDS), (1,)))], WORDS[np.random.randint(len(WORDS))]]
        return " ".join(words)

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        return [(-float(len(r.args[1])), True) for r in requests]

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        return [-float(len(r.args[0])) for r in requests]

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        return f"{chat_history[0]['content']}|{add_generation_prompt}"

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        return f"template {chat_template}"

    @property
    def tokenizer_name(self) -> str:
        return "words"


class WithTokens(Sampler):
    """One token a word; the replies are given."""

    max_length = 20

    def __init__(self, *replies: str) -> None:
        super().__init__()
        self.replies = list(replies)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        super().generate_until(requests)
        return [self.replies.pop(0) for _ in requests]

    def tok_encode(self, text: str, add_special_tokens: bool = True) -> list[str]:
        return ["<s>"] * add_special_tokens + text.split()


def requests(n: int, task: str = "de", kwargs: dict[str, Any] | None = None) -> list[Instance]:
    """As lm-eval builds them: one instance a document, repeated by reference."""
    return [
        Instance(
            request_type="generate_until",
            doc={"id": f"{task}-{i:03d}"},
            arguments=(f"{task} prompt {i}", kwargs or {"until": [], "max_gen_toks": 8}),
            idx=0,
            metadata=(task, i, 1),
        )
        for i in range(n)
    ]


def wrap(folder: Path, inner: LM | None = None, seed: int = 7, **more: Any) -> StreamingLM:
    return StreamingLM(inner or Sampler(), folder, seed=seed, chunk_size=4, **more)


def file_of(folder: Path, task: str = "de") -> Path:
    return folder / f"{task}.replies.jsonl"


# --- chunks ------------------------------------------------------------------------------------


def test_requests_go_out_in_fixed_chunks_and_replies_come_back_in_order(tmp_path: Path) -> None:
    inner, told = Sampler(), []
    asked = requests(10)
    replies = wrap(tmp_path, inner, progress=told.append).generate_until(asked)
    prompts = [r.args[0] for r in asked]
    assert inner.calls == [prompts[:4], prompts[4:8], prompts[8:]]
    assert told == [4, 4, 2]
    assert [reply.split(":")[0] for reply in replies] == prompts
    rows = [json.loads(line) for line in file_of(tmp_path).read_bytes().split(b"\n")[:-1]]
    assert [row["reply"] for row in rows] == replies
    assert [row["id"] for row in rows] == [f"de-{i:03d}" for i in range(10)]
    assert [row["chunk"] for row in rows] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert {row["finish_reason"] for row in rows} == {"unknown"}
    assert len({row["key"] for row in rows}) == 10


def test_a_chunk_is_seeded_by_seed_task_and_number(tmp_path: Path) -> None:
    replies = wrap(tmp_path).generate_until(requests(10))
    direct = Sampler()
    for number in range(3):
        chunk = slice(4 * number, 4 * number + 4)
        seed_everything(7, "de", number)
        assert direct.generate_until(requests(10)[chunk]) == replies[chunk]
    assert wrap(tmp_path / "other", seed=8).generate_until(requests(10)) != replies


def test_a_seed_reaches_all_generators_and_is_a_hash_of_its_key() -> None:
    # printf 'a\x1f1' | sha256sum | cut -c-8
    assert seed_everything("a", 1) == 0x839E11A4
    first = (random.random(), np.random.random(), torch.rand(1).item())
    assert seed_everything("a", 2) != seed_everything("a", 1)
    assert (random.random(), np.random.random(), torch.rand(1).item()) == first


def test_what_is_on_disk_is_not_asked_for_again(tmp_path: Path) -> None:
    replies = wrap(tmp_path).generate_until(requests(10))
    before = file_of(tmp_path).read_bytes()
    inner, told = Sampler(), []
    assert wrap(tmp_path, inner, progress=told.append).generate_until(requests(10)) == replies
    assert inner.calls == []
    assert told == [4, 4, 2]
    assert file_of(tmp_path).read_bytes() == before


def test_more_documents_keep_the_chunks_that_were_whole(tmp_path: Path) -> None:
    few = wrap(tmp_path).generate_until(requests(8))
    inner = Sampler()
    many = wrap(tmp_path, inner).generate_until(requests(11))
    assert many[:8] == few
    assert [len(call) for call in inner.calls] == [3]
    assert many == wrap(tmp_path / "new").generate_until(requests(11))


@pytest.mark.parametrize(
    "kwargs", [{"until": [], "max_gen_toks": 9}, {"until": ["x"], "max_gen_toks": 8}]
)
def test_other_settings_are_other_requests(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    wrap(tmp_path).generate_until(requests(4))
    inner = Sampler()
    wrap(tmp_path, inner).generate_until(requests(4, kwargs=kwargs))
    assert [len(call) for call in inner.calls] == [4]
    assert len(read_replies(file_of(tmp_path))) == 8


def test_a_model_that_returns_too_little(tmp_path: Path) -> None:
    class Short(Sampler):
        def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
            return super().generate_until(requests)[:-1]

    with pytest.raises(StageError, match="^de: 4 requests, but 3 replies$"):
        wrap(tmp_path, Short()).generate_until(requests(6))
    assert not file_of(tmp_path).exists()


def test_half_of_a_surrogate_pair_does_not_lose_the_chunk(tmp_path: Path) -> None:
    inner = WithTokens("ein \ud83d Satz", "gut 😀")
    assert wrap(tmp_path, inner).generate_until(requests(2)) == ["ein ? Satz", "gut 😀"]
    assert [row["reply"] for row in read_replies(file_of(tmp_path)).values()] == [
        "ein ? Satz",
        "gut 😀",
    ]


# --- interruptions -----------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_interruption_loses_the_chunk_in_flight_only(tmp_path: Path, at: int) -> None:
    whole = wrap(tmp_path / "whole").generate_until(requests(10))
    inner = Sampler()
    inner.fail_at = at
    with pytest.raises(KeyboardInterrupt):
        wrap(tmp_path, inner).generate_until(requests(10))
    assert len(read_replies(file_of(tmp_path))) == 4 * at
    inner = Sampler()
    assert wrap(tmp_path, inner).generate_until(requests(10)) == whole
    assert len(inner.calls) == 3 - at
    assert file_of(tmp_path).read_bytes() == file_of(tmp_path / "whole").read_bytes()


def test_a_file_cut_anywhere_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    replies = wrap(tmp_path).generate_until(requests(10))
    path = file_of(tmp_path)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    near_ends = [end + d for end in ends for d in (-1, 0, 1)]
    cuts = sorted({*range(0, len(whole), 37), *near_ends} & set(range(len(whole) + 1)))
    assert len(cuts) > 60
    for cut in cuts:
        path.write_bytes(whole[:cut])
        inner = Sampler()
        assert wrap(tmp_path, inner).generate_until(requests(10)) == replies, cut
        assert path.read_bytes() == whole, cut
        done = sum(end <= cut for end in ends) // 4 if cut < len(whole) else 3
        assert len(inner.calls) == 3 - done, cut
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_torn_tail_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    append_rows(path, [{"key": "a", "reply": "á"}, {"key": "b", "reply": "海"}])
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write('{"key": "c", "reply": "海'.encode()[:-1])
    assert list(read_replies(path)) == ["a", "b"]
    assert path.read_bytes() == whole
    assert read_replies(tmp_path / "none.jsonl") == {}
    path.write_bytes(b'{"key"')
    assert read_replies(path) == {}
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-5],
        lambda line: b"",
        lambda line: line.replace(b'"key"', b'"kex"'),
        lambda line: b"[1, 2]",
        lambda line: b"7",
        lambda line: b"\xff" + line,
        lambda line: line.replace("海".encode(), "海".encode()[:2]),
        lambda line: b"\0" * len(line),
    ],
)
def test_a_damaged_line_before_the_last_is_an_error(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x.jsonl"
    append_rows(path, [{"key": str(i), "reply": f"海 {i}"} for i in range(4)])
    lines = path.read_bytes().split(b"\n")
    lines[1] = damage(lines[1])
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(StoreError) as caught:
        read_replies(path)
    assert str(caught.value) == (
        f"{path}:2: damaged line; delete the line to have its reply made again"
    )
    # as the message says
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    assert list(read_replies(path)) == ["0", "2", "3"]


def test_a_line_that_was_deleted_is_made_again_with_its_chunk(tmp_path: Path) -> None:
    replies = wrap(tmp_path).generate_until(requests(10))
    path = file_of(tmp_path)
    whole = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([whole[0], *whole[2:]]))
    inner = Sampler()
    assert wrap(tmp_path, inner).generate_until(requests(10)) == replies
    assert [len(call) for call in inner.calls] == [4]
    assert sorted(path.read_bytes().split(b"\n")) == sorted(whole)


def test_dropping_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = [{"key": key, "reply": f"{key}\u2028海"} for key in "abc"]
    append_rows(path, rows)
    drop_rows(path, {"b", "z"})
    assert list(read_replies(path).values()) == [rows[0], rows[2]]
    drop_rows(path, {"a", "c"})
    assert path.read_bytes() == b""


def test_the_last_of_two_rows_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    append_rows(path, [{"key": "a", "reply": "1"}])
    append_rows(path, [{"key": "a", "reply": "2"}])
    assert read_replies(path) == {"a": {"key": "a", "reply": "2"}}


# --- what else is scheduled --------------------------------------------------------------------


def test_other_tasks_do_not_change_the_bytes(tmp_path: Path) -> None:
    alone = wrap(tmp_path / "alone").generate_until(requests(10))
    other = wrap(tmp_path / "other").generate_until(requests(7, "ja"))
    # lm-eval pools the requests of all tasks in one call
    mixed: list[Instance] = []
    for i, request in enumerate(requests(10)):
        mixed += [*requests(7, "ja")[i : i + 1], request]
    both = wrap(tmp_path / "both").generate_until(mixed)
    assert [reply for reply in both if reply.startswith("de")] == alone
    assert [reply for reply in both if reply.startswith("ja")] == other
    for task, folder in (("de", "alone"), ("ja", "other")):
        expected = file_of(tmp_path / folder, task).read_bytes()
        assert file_of(tmp_path / "both", task).read_bytes() == expected


def test_repeats_of_one_request_are_kept_apart(tmp_path: Path) -> None:
    asked = [request for request in requests(4) for _ in range(3)]
    replies = wrap(tmp_path).generate_until(asked)
    assert len(set(replies)) == 12
    rows = list(read_replies(file_of(tmp_path)).values())
    assert [row["id"] for row in rows] == [r.doc["id"] for r in asked]
    assert len({row["key"] for row in rows}) == 12
    inner = Sampler()
    again = [request for request in requests(4) for _ in range(3)]
    assert wrap(tmp_path, inner).generate_until(again) == replies
    assert inner.calls == []
    # the first reply of a document is found without its repeats
    first = wrap(tmp_path, inner).generate_until(requests(4))
    assert first == replies[::3]


def test_no_requests(tmp_path: Path) -> None:
    assert wrap(tmp_path).generate_until([]) == []
    assert list(tmp_path.iterdir()) == []


# --- the reason why a reply ended --------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(1, "stop"), (5, "stop"), (6, "length"), (8, "length"), (9, "length")],
)
def test_a_reply_that_fills_its_budget(tmp_path: Path, tokens: int, expected: str) -> None:
    inner = WithTokens(" ".join("w" * tokens))
    wrap(tmp_path, inner).generate_until(requests(1))
    (row,) = read_replies(file_of(tmp_path)).values()
    assert row["finish_reason"] == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    # 20 tokens of room - 8 for the reply - 1 for <s> leave 11 words
    [(11, "stop"), (12, "prompt_truncated"), (40, "prompt_truncated")],
)
def test_a_prompt_that_does_not_fit(tmp_path: Path, words: int, expected: str) -> None:
    request = requests(1)[0]
    request.arguments = (" ".join("w" * words), request.args[1])
    wrap(tmp_path, WithTokens("kurz")).generate_until([request])
    (row,) = read_replies(file_of(tmp_path)).values()
    assert row["finish_reason"] == expected


def test_the_default_budget_is_lm_evals(tmp_path: Path) -> None:
    inner = WithTokens(" ".join("w" * 253), " ".join("w" * 254))
    inner.max_length = 1000
    asked = requests(2, kwargs={"until": []})
    wrap(tmp_path, inner).generate_until(asked)
    rows = read_replies(file_of(tmp_path)).values()
    assert [row["finish_reason"] for row in rows] == ["stop", "length"]


def test_without_a_known_length_no_prompt_is_truncated(tmp_path: Path) -> None:
    inner = WithTokens("kurz")
    inner.max_length = None  # type: ignore[assignment]
    request = requests(1)[0]
    request.arguments = (" ".join("w" * 999), request.args[1])
    wrap(tmp_path, inner).generate_until([request])
    (row,) = read_replies(file_of(tmp_path)).values()
    assert row["finish_reason"] == "stop"


def test_a_server_without_tokenizer_says_nothing_of_the_reason(tmp_path: Path) -> None:
    from lm_eval.models.api_models import TemplateAPI

    class Server(Sampler):
        tokenizer_backend = None
        tok_encode = TemplateAPI.tok_encode  # without a backend it returns [text]
        max_length = 2047

    wrap(tmp_path, Server()).generate_until(requests(1))
    (row,) = read_replies(file_of(tmp_path)).values()
    assert row["finish_reason"] == "unknown"


# --- all else ----------------------------------------------------------------------------------


def test_all_else_goes_to_the_model_unchanged(tmp_path: Path) -> None:
    lm = wrap(tmp_path)
    pair = Instance(request_type="loglikelihood", doc={}, arguments=("a", "bcd"), idx=0)
    assert lm.loglikelihood([pair]) == [(-3.0, True)]
    assert lm.loglikelihood_rolling([pair]) == [-1.0]
    assert lm.apply_chat_template([{"role": "user", "content": "hi"}], False) == "hi|False"
    assert lm.chat_template("x") == "template x"
    assert lm.tokenizer_name == "words"
    assert (lm.rank, lm.world_size) == (0, 1)
    assert list(tmp_path.iterdir()) == []
