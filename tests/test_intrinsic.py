"""Intrinsic metrics against their definitions, computed here the long way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as FastTokenizer

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import (
    METRICS,
    MeasureInput,
    describe,
    mean_measurement,
    measure,
)
from polyglot_harness.intrinsic.distinct_ri import distinct_ri
from polyglot_harness.intrinsic.length import length
from polyglot_harness.intrinsic.perplexity import score, spread
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Example, Measurement, Rejection, Strategy

Vectors = NDArray[np.float64]


def example(
    i: int, prompt: str, response: str, strategy: Strategy = "respond", language: str = "de"
) -> Example:
    return Example(
        id=f"{language}-{i}",
        language=language,
        strategy=strategy,
        seed_id="s",
        prompt=prompt,
        response=response,
        finish_reason="stop",
    )


def rejection(i: int, reply: str, strategy: Strategy = "respond", reason: str = "x") -> Rejection:
    return Rejection(id=f"r-{i}", language="de", strategy=strategy, reason=reason, reply=reply)


def never() -> Any:
    raise AssertionError("a model was loaded")


def data(
    examples: Iterable[Example] = (),
    rejections: Iterable[Rejection] = (),
    language: str = "de",
    **more: Any,
) -> MeasureInput:
    given: dict[str, Any] = {"embedder": never, "perplexity_lm": never, **more}
    return MeasureInput(load_pack(language), tuple(examples), tuple(rejections), **given)


def named(found: Iterable[Measurement]) -> dict[str, tuple[float | None, float | None, int]]:
    return {m.name: (m.value, m.stderr, m.n) for m in found}


# --- means -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "mean", "stderr"),
    [
        ([], None, None),
        ([3.0], 3.0, None),
        ([1.0, 3.0], 2.0, 1.0),  # variance 2, / 2, root
        ([0.0, 0.0, 1.0, 1.0], 0.5, math.sqrt(1 / 3 / 4)),
        ([2.0, 2.0, 2.0], 2.0, 0.0),
    ],
)
def test_a_mean_with_its_standard_error(
    values: list[float], mean: float | None, stderr: float | None
) -> None:
    found = mean_measurement("m", "de", values)
    assert (found.name, found.language, found.n, found.params) == ("m", "de", len(values), ())
    assert found.value == mean
    assert found.stderr == (None if stderr is None else pytest.approx(stderr, rel=1e-15))


# --- distinct-RI -------------------------------------------------------------------------------


def unit_vectors(n: int, d: int, seed: int = 0, spread: float = 1.0) -> Vectors:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)) * spread + rng.normal(size=d)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_definition(u: Vectors) -> float:
    """1 - the mean cosine similarity over all pairs, pair by pair."""
    n = len(u)
    pairs = [float(u[i] @ u[j]) for i in range(n) for j in range(i)]
    return 1.0 - sum(pairs) / len(pairs)


def by_leaving_one_out(u: Vectors) -> float:
    """The jackknife's standard error: sqrt((n-1)/n sum (theta_i - mean theta)^2)."""
    n = len(u)
    thetas = np.array([by_definition(np.delete(u, i, axis=0)) for i in range(n)])
    return math.sqrt((n - 1) / n * float(((thetas - thetas.mean()) ** 2).sum()))


@pytest.mark.parametrize(("n", "d"), [(2, 3), (3, 2), (5, 8), (17, 4), (40, 16), (12, 384)])
@pytest.mark.parametrize("spread", [0.02, 1.0, 30.0])
def test_distinct_ri_is_the_mean_over_all_pairs(n: int, d: int, spread: float) -> None:
    u = unit_vectors(n, d, seed=n, spread=spread)
    value, stderr = distinct_ri([u])
    assert value == pytest.approx(by_definition(u), abs=1e-10)
    if n == 2:
        assert stderr is None
    else:
        assert stderr == pytest.approx(by_leaving_one_out(u), abs=1e-10, rel=1e-7)


@pytest.mark.parametrize("sizes", [(40,), (1,) * 40, (7, 33), (39, 1), (13, 13, 13, 1)])
def test_distinct_ri_does_not_depend_on_batches(sizes: tuple[int, ...]) -> None:
    u = unit_vectors(40, 16)
    value, stderr = distinct_ri([u])
    batches = np.split(u, np.cumsum(sizes)[:-1])
    found = distinct_ri(iter(batches))
    assert found == (pytest.approx(value, abs=1e-12), pytest.approx(stderr, abs=1e-12))
    shuffled = distinct_ri([u[np.random.default_rng(1).permutation(40)]])
    assert shuffled == (pytest.approx(value, abs=1e-12), pytest.approx(stderr, abs=1e-12))


@pytest.mark.parametrize(
    ("vectors", "value", "stderr"),
    [
        ([[1, 0], [1, 0], [1, 0]], 0.0, 0.0),
        ([[1, 0], [-1, 0]], 2.0, None),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 1.0, 0.0),
        # pairs: 1, 0, 0; leaving one out: 1, 1, 0, so sqrt(2/3 * 2/3)
        ([[1, 0], [1, 0], [0, 1]], 2 / 3, 2 / 3),
    ],
)
def test_distinct_ri_by_hand(
    vectors: list[list[float]], value: float, stderr: float | None
) -> None:
    found = distinct_ri([np.array(vectors, dtype=np.float32)])
    assert found[0] == pytest.approx(value, abs=1e-15)
    assert found[1] == (None if stderr is None else pytest.approx(stderr, abs=1e-7))


def test_distinct_ri_of_single_precision_vectors() -> None:
    u = unit_vectors(30, 384, spread=0.3).astype(np.float32)
    value, stderr = distinct_ri([u[:12], u[12:24], u[24:]])
    exact = u.astype(np.float64)
    n, total = len(u), exact.sum(axis=0)
    pairs = float(total @ total) - float((exact**2).sum())
    assert value == pytest.approx(1 - pairs / (n * (n - 1)), abs=1e-10)
    assert stderr == pytest.approx(by_leaving_one_out(exact), rel=1e-4)


@pytest.mark.parametrize("batches", [[], [np.ones((1, 2))], [np.empty((0, 2)), np.ones((1, 2))]])
def test_distinct_ri_needs_two(batches: list[Vectors]) -> None:
    with pytest.raises(ValueError, match="at least two vectors"):
        distinct_ri(batches)


class Letters:
    """An embedder: the frequencies of the letters a to d."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def batches(self, texts: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        self.seen.append(list(texts))
        for text in self.seen[-1]:
            counts = np.array([[text.count(letter) for letter in "abcd"]], dtype=np.float32)
            yield counts / np.linalg.norm(counts)


def test_distinct_ri_of_prompts_and_of_responses() -> None:
    embedder = Letters()
    examples = [example(0, "aa", "a"), example(1, "bb", "a"), example(2, "bbb", "b")]
    found = named(measure(("distinct_ri",), data(examples, embedder=lambda: embedder)))
    assert list(found) == ["prompt_distinct_ri", "response_distinct_ri"]
    for value, stderr, n in found.values():
        assert (value, stderr, n) == (
            pytest.approx(2 / 3, abs=1e-7),
            pytest.approx(2 / 3, abs=1e-6),
            3,
        )
    assert embedder.seen == [["aa", "bb", "bbb"], ["a", "a", "b"]]


@pytest.mark.parametrize("n", [0, 1])
def test_distinct_ri_of_too_few_is_missing(n: int) -> None:
    found = named(measure(("distinct_ri",), data([example(0, "aa", "a")][:n])))
    assert found == {
        "prompt_distinct_ri": (None, None, n),
        "response_distinct_ri": (None, None, n),
    }


# --- acceptance, fidelity, length --------------------------------------------------------------


def test_acceptance_over_all_and_by_strategy() -> None:
    examples = [example(i, "p", "r", "generate") for i in range(2)]
    examples += [example(i, "p", "r", "translate") for i in range(1)]
    rejections = [rejection(i, "x", "generate") for i in range(2)] + [rejection(9, "", "respond")]
    found = named(measure(("acceptance_rate",), data(examples, rejections)))
    assert found == {
        # three of six: variance 6 * .25 / 5 = .3
        "acceptance_rate": (0.5, pytest.approx(math.sqrt(0.3 / 6)), 6),
        "acceptance_rate_generate": (0.5, pytest.approx(math.sqrt(1 / 3 / 4)), 4),
        "acceptance_rate_translate": (1.0, None, 1),
        "acceptance_rate_respond": (0.0, None, 1),
    }
    assert named(measure(("acceptance_rate",), data())) == {"acceptance_rate": (None, None, 0)}


GERMAN = "Der Wald ist groß und schön, und die Eule jagt nachts."
SPANISH = "El bosque es grande y hermoso, y el búho caza de noche."


def test_fidelity_is_of_all_replies_with_text() -> None:
    examples = [example(0, SPANISH, GERMAN), example(1, "p", "42 + 8 = 50")]
    rejections = [rejection(0, SPANISH), rejection(1, GERMAN), rejection(2, " \n")]
    found = named(measure(("language_fidelity",), data(examples, rejections)))
    assert found == {"language_fidelity": (0.75, pytest.approx(math.sqrt(0.25 / 4)), 4)}
    assert named(measure(("language_fidelity",), data())) == {"language_fidelity": (None, None, 0)}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "  Der Wald\nist groß. ", 4),
        ("ar", "عاصمة المغرب هي الرباط", 4),
        ("ja", "富士山は 高い\u3000です。\n", 9),
        ("es", "", 0),
    ],
)
def test_the_length_of_a_text(language: str, text: str, expected: int) -> None:
    assert length(text, load_pack(language)) == expected


def test_lengths_are_means_over_examples() -> None:
    examples = [example(0, "a b c", "a"), example(1, "a", "a b c d e")]
    assert named(measure(("length",), data(examples))) == {
        "prompt_length": (2.0, 1.0, 2),
        "response_length": (3.0, 2.0, 2),
    }


# --- perplexity --------------------------------------------------------------------------------

EXAMPLES = (
    example(0, "Wie heißt die Hauptstadt von Peru?", "Sie heißt Lima."),
    example(1, "Warum?", "Weil der Wald groß und schön ist, und die Eule nachts jagt, 1 000 mal."),
    example(2, "Nenne drei Tiere,\n\ndie im Wald leben", "Reh"),
    example(3, "日本でいちばん高い山は何ですか。", "富士山です。"),
    example(4, "ما هي عاصمة المغرب؟", "هي الرباط."),
)


def byte_tokenizer(bos: bool) -> FastTokenizer:
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
    return FastTokenizer(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="<s>", pad_token="<pad>"
    )


def tiny_llama(vocabulary: int) -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=256,
            initializer_range=0.5,
        )
    )


def tiny_gpt2(vocabulary: int) -> Any:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary,
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=256,
            initializer_range=0.5,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def hflm(build: Callable[[int], Any], bos: bool, batch_size: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    tokenizer = byte_tokenizer(bos)
    torch.manual_seed(5)
    model = build(len(tokenizer)).eval()
    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size, max_length=256)


def directly(lm: Any, prompt: str, response: str) -> tuple[float, int]:
    """Log-likelihood and number of the response's tokens; one example, no padding."""
    given = lm.tokenizer(f"{prompt}\n").input_ids
    ids = lm.tokenizer(f"{prompt}\n{response}").input_ids
    assert ids[: len(given)] == given
    with torch.no_grad():
        logits = lm.model(torch.tensor([ids])).logits[0].double()
    logs = torch.log_softmax(logits, dim=-1)
    targets = range(len(given), len(ids))
    return sum(float(logs[i - 1, ids[i]]) for i in targets), len(targets)


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("build", [tiny_llama, tiny_gpt2])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_perplexity_is_of_the_response_alone(
    build: Callable[[int], Any], bos: bool, batch_size: int
) -> None:
    lm = hflm(build, bos, batch_size)
    found = score(EXAMPLES, lm)
    expected = [directly(lm, e.prompt, e.response) for e in EXAMPLES]
    assert [n for _, n, _ in found] == [n for _, n in expected]
    assert [size for _, _, size in found] == [len(e.response.encode()) for e in EXAMPLES]
    assert [size for _, _, size in found] == [16, 72, 3, 18, 18]
    for (likelihood, _, _), (direct, _) in zip(found, expected, strict=True):
        assert likelihood == pytest.approx(direct, rel=1e-5)


def test_perplexity_and_bits_per_byte_are_means_over_examples() -> None:
    lm = hflm(tiny_llama, True, 3)
    told: list[tuple[int, int]] = []
    given = data(EXAMPLES, perplexity_lm=lambda: lm, progress=lambda *n: told.append(n))
    found = named(measure(("perplexity",), given))
    direct = [directly(lm, e.prompt, e.response) for e in EXAMPLES]
    perplexities = np.array([math.exp(-ll / n) for ll, n in direct])
    sizes = [16, 72, 3, 18, 18]
    bits = np.array([-ll / math.log(2) / b for (ll, _), b in zip(direct, sizes, strict=True)])
    for name, values in (("perplexity", perplexities), ("bits_per_byte", bits)):
        value, stderr, n = found[name]
        assert value == pytest.approx(values.mean(), rel=1e-4)
        assert stderr == pytest.approx(values.std(ddof=1) / math.sqrt(5), rel=1e-4)
        assert n == 5
    assert list(found) == ["perplexity", "bits_per_byte"]
    assert told == [(5, 5)]


def test_the_prompt_conditions_the_response() -> None:
    lm = hflm(tiny_llama, True, 2)
    a, b = score((example(0, "Warum?", "Reh"), example(1, "Wo?", "Reh")), lm)
    assert a[1:] == b[1:] == (3, 3)
    assert a[0] != b[0]


def test_perplexity_of_at_most_so_many_examples() -> None:
    lm = hflm(tiny_gpt2, False, 2)
    some = measure(("perplexity",), data(EXAMPLES, perplexity_lm=lambda: lm, limit=2))
    alone = measure(("perplexity",), data((EXAMPLES[0], EXAMPLES[2]), perplexity_lm=lambda: lm))
    assert [m.n for m in some] == [2, 2]
    for a, b in zip(some, alone, strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-6)


def test_without_examples_no_model_is_loaded() -> None:
    assert named(measure(("perplexity",), data())) == {
        "perplexity": (None, None, 0),
        "bits_per_byte": (None, None, 0),
    }


@pytest.mark.parametrize(
    ("n", "limit", "chosen"),
    [
        (5, 5, [0, 1, 2, 3, 4]),
        (5, 9, [0, 1, 2, 3, 4]),
        (10, 5, [0, 2, 4, 6, 8]),
        (10, 3, [0, 3, 6]),
        (7, 1, [0]),
    ],
)
def test_examples_are_evenly_spaced(n: int, limit: int, chosen: list[int]) -> None:
    examples = tuple(example(i, "p", "r") for i in range(n))
    assert [e.id for e in spread(examples, limit)] == [f"de-{i}" for i in chosen]


# --- the table of metrics ----------------------------------------------------------------------


def test_metrics_are_found_by_name_and_described() -> None:
    assert list(METRICS) == [
        "acceptance_rate",
        "distinct_ri",
        "known_words",
        "language_fidelity",
        "length",
        "perplexity",
    ]
    for name in METRICS:
        assert len(describe(name)) > 30
    found = measure(("length", "acceptance_rate"), data([example(0, "p", "r")]))
    assert [m.name for m in found] == [
        "prompt_length",
        "response_length",
        "acceptance_rate",
        "acceptance_rate_respond",
    ]
    assert {m.language for m in found} == {"de"}


def test_an_unknown_metric_lists_the_valid_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        measure(("length", "perplexty"), data())
    assert str(caught.value) == (
        "unknown metric 'perplexty' (did you mean 'perplexity'?); valid: "
        "acceptance_rate, distinct_ri, known_words, language_fidelity, length, perplexity"
    )
