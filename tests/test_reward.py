"""Rewards by small sequence classifiers with a real tokenizer: equal to those of one pair alone."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measuring import given, measured, never, run_spec, sample

from polyglot_harness import intrinsic
from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.intrinsic.reward import BLOCK
from polyglot_harness.languages import load_pack
from polyglot_harness.lm import reward_model
from polyglot_harness.lm.reward_model import Reward, load_reward_model, score
from polyglot_harness.models import resolve

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 2048, "num_labels": 1,
}  # fmt: skip
Save = Callable[..., Path]


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve("smollm2-135m-instruct"))


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Save:
    """Save a small model of a class, of weights that tell texts apart."""

    def make(
        model_class: str, change: Callable[[Any], None] | None = None, **settings: Any
    ) -> Path:
        import torch
        import transformers

        torch.manual_seed(0)
        chosen = getattr(transformers, model_class)
        config = chosen.config_class(**{"vocab_size": len(tokenizer), **SMALL, **settings})
        model = chosen(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(4.0)
            if change:
                change(model)
        folder = tmp_path_factory.mktemp(model_class)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def llama(save: Save) -> Path:
    return save("LlamaForSequenceClassification", pad_token_id=None)


def pairs(n: int) -> list[tuple[str, str]]:
    """Pairs of very mixed length, in two scripts."""
    seeds = [*load_pack("de").seeds, *load_pack("ja").seeds]
    found = [(s.prompt, s.response * (1 + i % 3)) for i, s in enumerate(seeds[:: len(seeds) // n])]
    return [("", ""), ("?", "\u202e\U0001f600"), *found][:n]


def turns(prompt: str, response: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


def alone(folder: Path, rows: list[tuple[str, str]]) -> list[float]:
    """Score one pair at a time, as the documentation of transformers has it."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [
            model(
                **tokenizer.apply_chat_template(
                    turns(*row), return_tensors="pt", return_dict=True, tokenize=True
                )
            ).logits.item()
            for row in rows
        ]


# --- the model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_class", "settings"),
    [
        ("LlamaForSequenceClassification", {"pad_token_id": None}),
        # <|im_end|>, with which every turn ends
        ("LlamaForSequenceClassification", {"pad_token_id": 2}),
        ("Qwen2ForSequenceClassification", {"pad_token_id": 0, "num_key_value_heads": 2}),
        ("GPT2ForSequenceClassification", {"n_embd": 32, "n_layer": 2, "n_head": 4}),
        (
            "Gemma3TextForSequenceClassification",
            {"pad_token_id": 0, "head_dim": 8, "num_key_value_heads": 2},
        ),
        ("XLMRobertaForSequenceClassification", {"pad_token_id": 0}),
        ("ModernBertForSequenceClassification", {"pad_token_id": 0}),
    ],
)
def test_a_batch_changes_no_reward(model_class: str, settings: dict, save: Save) -> None:
    folder = save(model_class, **settings)
    rows = pairs(24)
    rewards = score(load_reward_model(str(folder), "cpu"), rows, 4096)
    assert [reward.truncated for reward in rewards] == [False] * len(rows)
    values = [reward.value for reward in rewards]
    assert values == pytest.approx(alone(folder, rows), abs=1e-4)
    assert np.std(values) > 0.01, "else any value would do"


def test_a_text_that_ends_with_the_tokenizers_padding_is_read_to_its_end(
    save: Save, tokenizer: Any
) -> None:
    """For the configuration does not call that token padding."""
    folder = save("LlamaForSequenceClassification", pad_token_id=None)
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}"
        + tokenizer.pad_token
        + "{% endfor %}"
    )
    rows = pairs(12)
    values = [r.value for r in score(load_reward_model(str(folder), "cpu"), rows, 4096)]
    assert values == pytest.approx(alone(folder, rows), abs=1e-4)


def test_the_reward_is_what_the_head_counts(save: Save, tokenizer: Any) -> None:
    """A model that is made to count a token: its reward is known without it.

    Embeddings are (1, 0, ...), and (1, 1, 0, ...) for the token that counts. Attention is uniform
    and copies the second number only, so it finds sqrt(d / 2) times the token's share s of the
    text; RMS norms do the rest.
    """
    (counted,) = tokenizer(" gut")["input_ids"]
    width = SMALL["hidden_size"]

    def count(model: Any) -> None:
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
            else:
                parameter.fill_(1.0)
        model.model.embed_tokens.weight[:, 0] = 1.0
        model.model.embed_tokens.weight[counted, 1] = 1.0
        attention = model.model.layers[0].self_attn
        attention.v_proj.weight[1, 1] = 1.0
        attention.o_proj.weight[1, 1] = 1.0
        model.score.weight[0, 1] = 1.0

    folder = save("LlamaForSequenceClassification", count, num_hidden_layers=1, pad_token_id=None)
    rows = [("Wie?", " gut" * i + " oder" * j) for i, j in itertools.product((0, 1, 3, 9), (0, 5))]
    expected = []
    for row in rows:
        ids = tokenizer.apply_chat_template(turns(*row), tokenize=True, return_dict=True)
        ids = ids["input_ids"]
        found = math.sqrt(width / 2) * ids.count(counted) / len(ids)
        expected.append(math.sqrt(width) * found / math.sqrt(1 + found**2))
    assert len(set(expected)) > 6
    rewards = score(load_reward_model(str(folder), "cpu"), rows)
    assert [r.value for r in rewards] == pytest.approx(expected, abs=1e-4)


def test_batches_have_so_many_tokens_and_texts_of_like_length() -> None:
    lengths = [3, 50, 7, 0, 49, 6, 8, 2]
    batches = list(reward_model._batches([[1] * n for n in lengths], 100))
    assert [[lengths[i] for i in batch] for batch in batches] == [[50, 49], [8, 7, 6, 3, 2]]
    assert [len(batch) for batch in reward_model._batches([[1] * 9] * 3, 1)] == [1, 1, 1]


def test_a_long_pair_loses_the_beginning_of_its_prompt(save: Save, tokenizer: Any) -> None:
    folder = save("LlamaForSequenceClassification", max_position_embeddings=64, pad_token_id=None)
    prompt = " ".join(f"Wort{i}" for i in range(60))
    rows = [(prompt, "Ja."), ("Wie?", "So."), ("Wie?", "So. " * 60)]
    long, short, hopeless = score(load_reward_model(str(folder), "cpu"), rows)

    def fits(cut: int) -> bool:
        ids = tokenizer.apply_chat_template(
            turns(prompt[cut:], "Ja."), tokenize=True, return_dict=True
        )["input_ids"]
        return len(ids) <= 64

    cut = next(filter(fits, itertools.count()))
    assert 0 < cut < len(prompt)
    expected = alone(folder, [(prompt[cut:], "Ja."), rows[1]])
    assert (long.truncated, short.truncated) == (True, False)
    assert [long.value, short.value] == pytest.approx(expected, abs=1e-4)
    assert hopeless == Reward(None, True)


def without_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def with_wrong_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('system turn first') }}")


def with_one_label(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
    path.write_text(json.dumps(config))


@pytest.mark.filterwarnings("default")  # transformers says that a head is new, and so do we
@pytest.mark.parametrize(
    ("model_class", "settings", "change", "message"),
    [
        (
            "LlamaForSequenceClassification", {"num_labels": 3}, None,
            "is no reward model: LlamaForSequenceClassification of 3 labels, where a sequence",
        ),
        (
            "LlamaForCausalLM", {"num_labels": 2}, None,
            "is no reward model: LlamaForCausalLM of 2 labels",
        ),
        (
            "LlamaForCausalLM", {}, with_one_label,
            "is no reward model: its checkpoint lacks score.weight, which would be random",
        ),
        (
            "LlamaForSequenceClassification", {}, without_template,
            "its tokenizer has no chat template",
        ),
        (
            "LlamaForSequenceClassification", {}, with_wrong_template,
            "its chat template fails: system turn first",
        ),
    ],
)  # fmt: skip
def test_what_is_no_reward_model_is_refused(
    model_class: str, settings: dict, change, message: str, save: Save
) -> None:
    folder = save(model_class, **settings)
    if change:
        change(folder)
    with pytest.raises(ConfigError, match=f"{folder}.*{message}"):
        score(load_reward_model(str(folder), "cpu"), [("a", "b")])


def test_a_model_that_cannot_be_loaded_is_named(save: Save, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.* does not exist"):
        load_reward_model(str(tmp_path / "nowhere"))
    torn = save("LlamaForSequenceClassification")
    (torn / "model.safetensors").write_bytes(b"torn")
    for folder in (tmp_path, torn):
        with pytest.raises(ConfigError, match=f"reward model {folder} cannot be loaded: ") as said:
            load_reward_model(str(folder))
        assert "\n" not in str(said.value)


def test_a_reward_that_is_no_number_stops_the_stage(save: Save) -> None:
    def spoil(model: Any) -> None:
        model.score.weight.fill_(float("nan"))

    folder = save("LlamaForSequenceClassification", spoil)
    with pytest.raises(StageError, match="returns what is no finite number"):
        score(load_reward_model(str(folder), "cpu"), [("a", "b")])


# --- the metric --------------------------------------------------------------------------------


def samples(n: int) -> list:
    found = pairs(24)
    return [sample(i, *found[i % len(found)]) for i in range(n)]


def test_mean_and_spread(llama: Path, tmp_path: Path) -> None:
    spec = run_spec(reward_model=str(llama), device="cpu")
    found, values = measured("reward", given(samples(24), spec=spec), tmp_path)
    expected = alone(llama, pairs(24))
    assert values.array("reward") == pytest.approx(expected, abs=1e-4)
    assert found["reward"].value == pytest.approx(np.mean(expected), abs=1e-4)
    spread = found["reward_sd"]
    assert spread.value == pytest.approx(np.std(expected), abs=1e-4)
    assert (found["reward"].n, spread.n) == (24, 24)
    # of the moments: sqrt((m4 - s^4) / (4 s^2 n))
    m4 = np.mean((np.array(expected) - np.mean(expected)) ** 4)
    asymptotic = math.sqrt((m4 - spread.value**4) / 4 / 24) / spread.value
    assert spread.stderr == pytest.approx(asymptotic, rel=0.2)
    assert spread.low < spread.value < spread.high
    assert (found["reward_truncated"].value, found["reward_truncated"].n) == (0.0, 24)
    assert dict(spread.params) == {"model": str(llama)}


def test_a_limit_takes_samples_from_all_over(llama: Path, tmp_path: Path) -> None:
    spec = run_spec(reward_model=str(llama), device="cpu", metric_limit=3)
    found, values = measured("reward", given(samples(24), spec=spec), tmp_path)
    assert np.flatnonzero(np.isfinite(values.array("reward"))).tolist() == [0, 8, 16]
    assert {m.n for m in found.values()} == {3}


def test_what_is_too_long_is_counted(save: Save, tmp_path: Path) -> None:
    folder = save("LlamaForSequenceClassification", max_position_embeddings=64, pad_token_id=None)
    rows = [("Wie? " * 90, "So."), ("Wie?", "So."), ("Wie?", "So. " * 90)]
    spec = run_spec(reward_model=str(folder), device="cpu")
    data = given([sample(i, *row) for i, row in enumerate(rows)], spec=spec)
    found, values = measured("reward", data, tmp_path)
    assert values.array("reward_truncated").tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(values.array("reward")).tolist() == [False, False, True]
    assert (found["reward"].n, found["reward_truncated"].n) == (2, 3)
    assert found["reward_truncated"].value == pytest.approx(2 / 3)


def test_an_interrupted_run_goes_on_to_the_same_numbers(llama: Path, tmp_path: Path) -> None:
    spec = run_spec(reward_model=str(llama), device="cpu", metric_limit=60)
    rows = samples(BLOCK + 5)
    whole, values = measured("reward", given(rows, spec=spec), tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured("reward", given(rows, spec=spec, progress=stop), tmp_path / "torn")
    resumed, again = measured("reward", given(rows, spec=spec), tmp_path / "torn")
    assert resumed == whole
    assert np.array_equal(again.array("reward"), values.array("reward"), equal_nan=True)


@pytest.mark.parametrize(("n", "value"), [(0, None), (1, None), (5, 0.0)])
def test_spread_of_few_and_of_duplicates(n: int, value, llama: Path, tmp_path: Path) -> None:
    spec = run_spec(reward_model=str(llama), device="cpu")
    rows = [sample(i, "Wie?", "So.") for i in range(n)]
    found, _ = measured("reward", given(rows, spec=spec), tmp_path)
    assert [found[name].n for name in ("reward", "reward_sd", "reward_truncated")] == [n] * 3
    assert (found["reward"].value is None) == (n == 0)
    assert found["reward_sd"].value == (value if value is None else pytest.approx(value, abs=1e-6))


def test_no_model_is_loaded_for_no_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reward_model, "load_reward_model", never)
    found, _ = measured("reward", given(spec=run_spec(reward_model="owner/none")), tmp_path)
    assert {m.value for m in found.values()} == {None}


def test_a_reward_model_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a reward model: --reward_model"):
        measured("reward", given(samples(1)), tmp_path)


def test_numbers_depend_on_the_model_and_on_how_much_it_reads() -> None:
    pack = load_pack("de")
    specs = [
        run_spec(reward_model="a/b"), run_spec(reward_model="a/c"),
        run_spec(reward_model="a/b", metric_limit=9),
    ]  # fmt: skip
    digests = [intrinsic.depends_on("reward", spec, pack) for spec in specs]
    assert all(a != b for a, b in itertools.combinations(digests, 2))
