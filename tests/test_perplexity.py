"""Perplexity against its definition: one example at a time, unpadded, by all logits."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from measuring import given, measured, run_spec, sample
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.intrinsic import depends_on
from polyglot_harness.intrinsic.perplexity import BLOCK, COLUMNS
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.languages import load_pack
from polyglot_harness.lm import token_likelihood
from polyglot_harness.lm.likelihood import fit, likelihoods, split
from polyglot_harness.lm.token_likelihood import batches, is_direct

SAMPLES = (
    sample(0, "Wie heißt die Hauptstadt von Peru?", "Sie heißt Lima."),
    sample(1, "Warum?", "Weil der Wald groß und schön ist, und die Eule nachts jagt, 1 000 mal."),
    sample(2, "Nenne drei Tiere,\n\ndie im Wald leben", "Reh"),
    sample(3, "日本でいちばん高い山は何ですか。", "富士山です。"),
    sample(4, "ما هي عاصمة المغرب؟", "هي الرباط."),
    sample(5, "", "Ja"),
)
TEXTS = [(f"{s.prompt}\n", s.response) for s in SAMPLES]
SIZES = [16, 72, 3, 18, 18, 2]


def byte_tokenizer(bos: bool) -> Any:
    """Byte-level, with merges: a line break and a blank merge with what stands beside them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    newline, space = "Ċ", "Ġ"  # how byte-level BPE spells them
    merges = [("e", "r"), (newline, newline), (space, "d"), (f"{space}d", "i"), ("S", "i")]
    vocab = ["<s>", "<pad>", *alphabet, *(a + b for a, b in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(vocab)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="<s>", pad_token="<pad>"
    )


SMALL = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 256, "initializer_range": 0.5,
}  # fmt: skip
GEMMA = {**SMALL, "head_dim": 8, "num_key_value_heads": 1, "sliding_window": 8}
BUILD: dict[str, Callable[[int], Any]] = {
    "llama": lambda v: tf.LlamaForCausalLM(tf.LlamaConfig(vocab_size=v, **SMALL)),
    "gpt2": lambda v: tf.GPT2LMHeadModel(
        tf.GPT2Config(
            vocab_size=v, n_embd=16, n_layer=2, n_head=2, n_positions=256, initializer_range=0.5,
            bos_token_id=0, eos_token_id=0,
        )
    ),
    "gemma3": lambda v: tf.Gemma3ForCausalLM(
        tf.Gemma3TextConfig(vocab_size=v, final_logit_softcapping=2.0, **GEMMA)
    ),
    "gemma2": lambda v: tf.Gemma2ForCausalLM(tf.Gemma2Config(vocab_size=v, **GEMMA)),
    # scales its logits
    "granite": lambda v: tf.GraniteForCausalLM(
        tf.GraniteConfig(vocab_size=v, logits_scaling=8.0, **SMALL)
    ),
    # recurrent: no attention to mask
    "mamba": lambda v: tf.MambaForCausalLM(
        tf.MambaConfig(vocab_size=v, hidden_size=16, state_size=4, num_hidden_layers=2)
    ),
}  # fmt: skip


def hflm(name: str = "llama", bos: bool = True, kind: type[Any] = HFLM, **more: Any) -> Any:
    tokenizer = byte_tokenizer(bos)
    torch.manual_seed(5)
    model = BUILD[name](len(tokenizer)).eval()
    return kind(
        pretrained=model, tokenizer=tokenizer, **{"batch_size": 3, "max_length": 256, **more}
    )


def directly(lm: Any, context: str, response: str) -> tuple[float, int]:
    """Log-likelihood and number of the response's tokens."""
    start = lm.tokenizer(context).input_ids
    ids = lm.tokenizer(context + response).input_ids
    assert ids[: len(start)] == start
    return of_tokens(lm, start, ids[len(start) :])


def of_tokens(lm: Any, context: list[int], response: list[int]) -> tuple[float, int]:
    with torch.no_grad():
        logits = lm.model(torch.tensor([context + response])).logits[0].double()
    logs = torch.log_softmax(logits, dim=-1)
    targets = enumerate(response, len(context) - 1)
    return sum(float(logs[i, token]) for i, token in targets), len(response)


# --- likelihoods -------------------------------------------------------------------------------


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(("tokens", "logits"), [(1, 1), (64, 4 * 263 * 7), (4096, 64 << 20)])
def test_likelihoods_are_of_the_response_alone(
    name: str, bos: bool, tokens: int, logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(token_likelihood.BATCH_TOKENS, "cpu", tokens)
    monkeypatch.setattr(token_likelihood, "LOGITS_BYTES", logits)
    lm = hflm(name, bos)
    assert is_direct(lm)
    for found, text, size in zip(likelihoods(lm, TEXTS), TEXTS, SIZES, strict=True):
        log, n = directly(lm, *text)
        assert found
        assert (found.tokens, found.size, found.truncated) == (n, size, False)
        assert found.nats == pytest.approx(-log, rel=1e-5)
        assert math.exp(found.nats / n) == pytest.approx(math.exp(-log / n), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "head_alone"),
    [("llama", True), ("gpt2", True), ("gemma3", True), ("gemma2", True), ("granite", False)],
)
def test_where_the_head_is_not_all_the_whole_model_is_asked(name: str, head_alone: bool) -> None:
    lm, widths = hflm(name), []
    _, head, tokens = token_likelihood._halves(lm, ([0, 5], [7]))
    lm.model.get_output_embeddings().register_forward_hook(lambda *a: widths.append(a[-1].shape))
    head(torch.zeros((3, 16 if head_alone else len(lm.tokenizer))))
    assert bool(widths) == head_alone
    assert (tokens == token_likelihood.BATCH_TOKENS["cpu"]) == head_alone


def test_only_positions_of_responses_meet_the_head() -> None:
    lm, met = hflm(), []
    lm.model.get_output_embeddings().register_forward_hook(lambda *a: met.append(len(a[-1])))
    found = likelihoods(lm, TEXTS)
    assert sum(met[2:]) == sum(f.tokens for f in found if f and f.tokens)  # two were the probe


def test_a_model_of_half_precision_is_scored_in_single() -> None:
    lm = hflm("gemma3")
    exact = likelihoods(lm, TEXTS)
    lm.model.to(torch.bfloat16)
    for a, b in zip(exact, likelihoods(lm, TEXTS), strict=True):
        assert a and b
        assert a.nats != b.nats
        assert b.nats == pytest.approx(a.nats, rel=0.1)


class Own(HFLM):  # type: ignore[misc]
    """A model type that is not asked directly."""

    def _model_call(self, *args: Any, **more: Any) -> Any:
        self.asked = True
        return super()._model_call(*args, **more)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_other_model_types_are_asked_by_lm_eval(name: str) -> None:
    lm = hflm(name, kind=Own)
    found, direct = likelihoods(lm, TEXTS), likelihoods(hflm(name), TEXTS)
    assert lm.asked
    for a, b in zip(found, direct, strict=True):
        assert a and b
        assert a.nats == pytest.approx(b.nats, rel=1e-5)
        assert (a.tokens, a.size, a.truncated) == (b.tokens, b.size, b.truncated)


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        ([], 4, []),
        ([3], 1, [[0]]),
        ([1, 5, 2, 4], 8, [[1], [3], [2], [0]]),
        ([90, 100, 85, 84, 100], 999, [[1, 4, 0, 2], [3]]),
        ([2, 2, 2, 2, 2], 4, [[0, 1], [2, 3], [4]]),
        ([1, 9, 1], 9, [[1], [0, 2]]),
    ],
)
def test_batches_are_bounded_by_tokens(
    lengths: list[int], budget: int, expected: list[list[int]]
) -> None:
    assert list(batches(lengths, budget)) == expected


# --- encoding and cutting ----------------------------------------------------------------------


@pytest.mark.parametrize("bos", [False, True])
def test_a_token_over_the_border_is_the_responses(bos: bool) -> None:
    lm = hflm(bos=bos)
    whole = lm.tok_encode("Warum?\n\n\nReh")
    context, response = split(lm.tok_encode, "Warum?\n", "\n\nReh")
    assert context + response == whole
    assert lm.tokenizer.decode(response) == "\n\n\nReh"
    (found,) = likelihoods(lm, [("Warum?\n", "\n\nReh")])
    assert found
    assert (-found.nats, found.tokens) == pytest.approx(of_tokens(lm, context, response), rel=1e-5)


BOS = 1


def letters(text: str) -> list[int]:
    return [ord(c) for c in text]


def marked(text: str) -> list[int]:
    return [BOS, *letters(text)]


@pytest.mark.parametrize(
    ("encode", "context", "response", "room", "expected"),
    [
        (letters, "abc", "xyz", None, ("abc", "xyz", False)),
        (letters, "abc", "xyz", 6, ("abc", "xyz", False)),
        (letters, "abc", "xyz", 5, ("bc", "xyz", True)),
        (letters, "abc", "xyz", 4, ("c", "xyz", True)),
        (letters, "abc", "xyz", 3, ("c", "xy", True)),
        (letters, "abc", "xyz", 2, ("c", "x", True)),
        (letters, "", "xyz", 8, ("\1", "xyz", False)),
        (letters, "", "xyz", 4, ("\1", "xyz", False)),
        (letters, "", "xyz", 3, ("\1", "xy", True)),
        (marked, "abc", "xyz", 7, ("\1abc", "xyz", False)),
        (marked, "abc", "xyz", 6, ("\1bc", "xyz", True)),
        (marked, "abc", "xyz", 4, ("\1", "xyz", True)),
        (marked, "abc", "xyz", 3, ("\1", "xy", True)),
        (marked, "abc", "üöä", 3, ("\1", "üö", True)),
        (marked, "abc", "", 3, ("\1bc", "", True)),
    ],
)
def test_what_does_not_fit_is_cut(
    encode: Callable[[str], list[int]],
    context: str,
    response: str,
    room: int | None,
    expected: tuple[str, str, bool],
) -> None:
    left, right, cut = expected
    assert fit(encode, context, response, room, BOS) == (
        (letters(left), letters(right)), len(right.encode()), cut,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [HFLM, Own])
@pytest.mark.parametrize(("bears", "wanted"), [(256, 40), (40, None), (40, 100)])
def test_truncation_is_measured(
    kind: type[Any], bears: int, wanted: int | None, tmp_path: Path
) -> None:
    lm = hflm(kind=kind, max_length=bears)
    room = 40 if kind is HFLM or wanted == 40 else 39
    spec = run_spec(perplexity_max_length=wanted)
    found, values = measured(
        "perplexity", given(SAMPLES, spec=spec, perplexity_lm=lambda: lm), tmp_path
    )
    expected = [longest_that_fits(lm, *text, room) for text in TEXTS]
    assert [cut for *_, cut in expected][:2] == [True, True]
    assert not expected[5][-1]
    columns = [values.array(name) for name in COLUMNS[2:]]
    for *row, (context, response, size, cut) in zip(*columns, expected, strict=True):
        log, n = of_tokens(lm, context, response)
        assert row == [pytest.approx(-log, rel=1e-5), n, size, cut]
    share = found["perplexity_truncated"]
    assert (share.value, share.n) == (pytest.approx(np.mean([cut for *_, cut in expected])), 6)


def longest_that_fits(
    lm: Any, context: str, response: str, room: int
) -> tuple[list[int], list[int], int, bool]:
    for n in range(len(response), 0, -1):
        given, answer = split(lm.tok_encode, context, response[:n])
        if len(answer) < room:
            break
    left = room - 1 - len(answer)  # beside BOS
    kept = given[:1] + given[1:][max(0, len(given) - 1 - left) :]
    return kept, answer, len(response[:n].encode()), (len(kept), n) != (len(given), len(response))


# --- the metric --------------------------------------------------------------------------------


def test_means_over_examples_and_over_tokens(tmp_path: Path) -> None:
    lm, told = hflm(), list[tuple[int, int]]()
    data = given(SAMPLES, perplexity_lm=lambda: lm, progress=lambda *n: told.append(n))
    found, values = measured("perplexity", data, tmp_path)
    direct = np.array([directly(lm, *text) for text in TEXTS])
    nats, tokens = -direct[:, 0], direct[:, 1]
    bits = nats / math.log(2) / SIZES
    assert list(found) == [
        "perplexity", "perplexity_token_weighted", "bits_per_byte", "perplexity_truncated",
    ]  # fmt: skip
    for name, each in (("perplexity", np.exp(nats / tokens)), ("bits_per_byte", bits)):
        m = found[name]
        assert (m.value, m.n) == (pytest.approx(each.mean(), rel=1e-4), 6)
        assert m.stderr == pytest.approx(each.std(ddof=1) / math.sqrt(6), rel=1e-4)
        assert values.array(name) == pytest.approx(each, rel=1e-4)
    weighted = found["perplexity_token_weighted"]
    assert weighted.value == pytest.approx(math.exp(nats.sum() / tokens.sum()), rel=1e-5)
    assert (weighted.n, found["perplexity_truncated"].value) == (6, 0)
    assert values.columns == COLUMNS
    assert told[-1] == (6, 6)
    assert sorted(told) == told


def test_the_prompt_conditions_the_response() -> None:
    a, b = likelihoods(hflm(), [("Warum?\n", "Reh"), ("Wo?\n", "Reh")])
    assert a and b
    assert a.tokens == b.tokens == 3
    assert a.nats != b.nats


@pytest.mark.parametrize(
    ("rows", "n"),
    [
        ([], 0),
        ([sample(0, "p", "")], 0),
        ([sample(0, "p", "Ja")], 1),
        ([sample(0, "p", ""), sample(1, "", "🦉 \u200b")], 1),
        ([sample(i, "p", "Ja") for i in range(3)], 3),
    ],
)
def test_few_and_odd_samples(rows: list[Any], n: int, tmp_path: Path) -> None:
    lm = hflm()
    found, values = measured("perplexity", given(rows, perplexity_lm=lambda: lm), tmp_path)
    assert {m.n for m in found.values()} == {n}
    for m in found.values():
        assert (m.value is None) == (n == 0)
        assert m.value is None or math.isfinite(m.value)
    if n == 3:
        value, stderr = found["perplexity"].value, found["perplexity"].stderr
        assert value and stderr is not None
        assert stderr < 1e-5 * value
    if rows:
        empty = [not row.response for row in rows]
        assert list(np.isnan(values.array("response_nats"))) == empty


def test_without_examples_no_model_is_loaded(tmp_path: Path) -> None:
    found, _ = measured("perplexity", given(), tmp_path)
    assert [(m.value, m.stderr, m.n) for m in found.values()] == [(None, None, 0)] * 4


def test_at_most_so_many_examples_are_read(tmp_path: Path) -> None:
    lm = hflm("gpt2", False)
    data = given(SAMPLES, spec=run_spec(metric_limit=2), perplexity_lm=lambda: lm)
    found, values = measured("perplexity", data, tmp_path / "some")
    chosen = given((SAMPLES[0], SAMPLES[3]), perplexity_lm=lambda: lm)
    alone, _ = measured("perplexity", chosen, tmp_path / "alone")
    for name, m in found.items():
        assert (m.value, m.n) == (pytest.approx(alone[name].value, rel=1e-6), 2)
    assert list(np.isfinite(values.array("perplexity"))) == [True, False, False, True, False, False]


def test_an_interrupted_measurement_goes_on(tmp_path: Path) -> None:
    lm, seen = hflm("gpt2"), list[int]()
    rows = [sample(i, "p" * (i % 3), "ab"[: 1 + i % 2]) for i in range(BLOCK + 40)]

    def killed() -> Any:
        raise KeyboardInterrupt

    def asked() -> Any:
        seen.append(Values(tmp_path / "torn").rows)
        return lm if len(seen) != 2 else killed()

    whole, values = measured("perplexity", given(rows, perplexity_lm=lambda: lm), tmp_path / "w")
    with pytest.raises(KeyboardInterrupt):
        measured("perplexity", given(rows, perplexity_lm=asked), tmp_path / "torn")
    again, resumed = measured("perplexity", given(rows, perplexity_lm=asked), tmp_path / "torn")
    assert seen == [0, BLOCK, BLOCK]
    assert again == whole
    for name in COLUMNS:
        assert np.array_equal(values.array(name), resumed.array(name))


TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</{{ m['role'] }}>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.mark.parametrize("bos", [False, True])
def test_the_chat_form_counts_the_response_alone(bos: bool, tmp_path: Path) -> None:
    lm = hflm(bos=bos)
    lm.tokenizer.chat_template = TEMPLATE
    data = given(SAMPLES, spec=run_spec(perplexity_form="chat"), perplexity_lm=lambda: lm)
    _, values = measured("perplexity", data, tmp_path)
    for row, nats, tokens in zip(
        SAMPLES, values.array("response_nats"), values.array("response_tokens"), strict=True
    ):
        context = f"<user>{row.prompt}</user><assistant>"
        start = lm.tokenizer(context, add_special_tokens=False).input_ids
        answer = lm.tokenizer(row.response, add_special_tokens=False).input_ids
        log, n = of_tokens(lm, [0, *start], answer)  # one BOS, the template's
        assert (nats, tokens) == (pytest.approx(-log, rel=1e-5), n)


def test_the_chat_form_needs_a_template(tmp_path: Path) -> None:
    spec = run_spec(perplexity_form="chat")
    with pytest.raises(
        ConfigError, match=r"perplexity_form chat: no chat template of gemma-3-270m"
    ):
        measured("perplexity", given(SAMPLES, spec=spec, perplexity_lm=hflm), tmp_path)


def test_the_numbers_depend_on_the_settings() -> None:
    pack = load_pack("de")
    changes: tuple[dict[str, Any], ...] = (
        {}, {"perplexity_model": "smollm2-135m-instruct"}, {"perplexity_form": "chat"},
        {"perplexity_max_length": 99}, {"metric_limit": 5},
    )  # fmt: skip
    found = [depends_on("perplexity", run_spec(**change), pack) for change in changes]
    assert len({json.dumps(settings) for settings in found}) == len(changes)
    assert found[0] == depends_on("perplexity", run_spec(seed=3, device="cpu"), pack)


# --- other backends ----------------------------------------------------------------------------


class Plain(LM):  # type: ignore[misc]
    """One nat a character, told by nothing but the public method."""

    answers = True

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        assert all(request.args[0].endswith("\n") for request in requests)
        told = [(-float(len(request.args[1])), False) for request in requests]
        return told if self.answers else told[1:]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError

    def generate_until(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError


class Counting(Plain):
    def tok_encode(self, text: str) -> list[int]:
        return [ord(c) for c in text]


class Silent(Plain):
    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError


class Losing(Plain):
    answers = False


def test_a_backend_that_tells_no_tokens_has_bits_per_byte_only(tmp_path: Path) -> None:
    rows = [*SAMPLES, sample(6, "p", "")]
    found, values = measured("perplexity", given(rows, perplexity_lm=Plain), tmp_path)
    bits = [len(s.response) / math.log(2) / n for s, n in zip(SAMPLES, SIZES, strict=True)]
    assert found["bits_per_byte"].value == pytest.approx(np.mean(bits))
    assert values.array("bits_per_byte")[:6] == pytest.approx(bits)
    for name in ("perplexity", "perplexity_token_weighted", "perplexity_truncated"):
        assert (found[name].value, found[name].n) == (None, 0)


def test_a_backend_that_counts_tokens_has_a_perplexity(tmp_path: Path) -> None:
    found, _ = measured("perplexity", given(SAMPLES, perplexity_lm=Counting), tmp_path)
    assert found["perplexity"].value == pytest.approx(math.e)
    assert found["perplexity_token_weighted"].value == pytest.approx(math.e)


def t5() -> Any:
    tokenizer = byte_tokenizer(False)
    config = tf.T5Config(
        vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2,
        decoder_start_token_id=0,
    )  # fmt: skip
    return HFLM(pretrained=tf.T5ForConditionalGeneration(config), tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (Silent, ConfigError, "Silent tells no log-likelihoods of a text"),
        (Losing, StageError, "6 responses, but 5 log-likelihoods"),
        (t5, ConfigError, "perplexity needs a causal language model, not seq2seq"),
    ],
)
def test_what_cannot_be_asked_says_so(
    build: Callable[[], Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        measured("perplexity", given(SAMPLES, perplexity_lm=build), tmp_path)


@pytest.fixture
def completions() -> Iterator[tuple[Any, str]]:
    """A server of completions that echoes log-probabilities of what it is sent."""
    lm = hflm()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            choices = [choice(i, ids) for i, ids in enumerate(asked["prompt"])]
            body = json.dumps({"choices": choices}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def choice(index: int, ids: list[int]) -> dict[str, Any]:
        logs = [of_tokens(lm, ids[:i], ids[i : i + 1])[0] for i in range(1, len(ids))]
        told = [None, *logs, -1.0]  # a token more is generated
        top = [{"x": log} for log in told]
        return {"index": index, "logprobs": {"token_logprobs": told, "top_logprobs": top}}

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield lm, f"http://127.0.0.1:{server.server_port}/v1/completions"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_of_completions_is_asked(completions: tuple[Any, str], tmp_path: Path) -> None:
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    here, url = completions
    here.tokenizer.save_pretrained(tmp_path / "tokenizer")
    there = LocalCompletionsAPI(
        base_url=url, model="tiny", tokenizer=str(tmp_path / "tokenizer"), batch_size=2,
        tokenizer_backend="huggingface", add_bos_token=True,
    )  # fmt: skip
    expected = likelihoods(here, TEXTS[:3])
    for a, b in zip(likelihoods(there, TEXTS[:3]), expected, strict=True):
        assert a and b
        assert (a.tokens, a.size, a.truncated) == (b.tokens, b.size, b.truncated)
        assert a.nats == pytest.approx(b.nats, rel=1e-5)
