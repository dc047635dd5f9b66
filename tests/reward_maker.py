"""A reward model for tests, trained on the spot: it prefers responses in wanted languages.

A Llama of two narrow layers with SmolLM2's tokenizer and one label, trained by the loss of Bradley
and Terry on sentences of the packs' gold responses against sentences in English and in other packs'
languages, as answers to the same prompt. It knows languages, and nothing else of what is good.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

from polyglot_harness.languages import load_pack
from polyglot_harness.models import resolve

HIDDEN, LAYERS = 64, 2
STEPS, BATCH, WIDTH = 60, 16, 112
"""Steps of so many pairs, texts cut to so many tokens: about five seconds on one idle core."""
Pair = tuple[str, str, str]
"""Prompt, response in its language, response in another one."""


def make_reward_model(
    folder: Path, wanted: tuple[str, ...] = ("de",), other: tuple[str, ...] = ("es", "cs"),
    *, steps: int = STEPS, seed: int = 0,
) -> float:  # fmt: skip
    """Train and save a reward model.

    Args:
        folder: Gets model and tokenizer; `lm.reward_model.load_reward_model` reads them.
        wanted: Languages whose texts get high rewards.
        other: Languages whose texts get low ones, beside English.
        steps: Of training.
        seed: Of weights and draws.

    Returns:
        Share of held-out pairs (a third of the seeds, none of whose texts was trained on) in which
        the response in the prompt's language has the higher reward.
    """
    import torch

    torch.manual_seed(seed)
    model, tokenizer = _untrained()
    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    training = Texts(wanted, other, held_out=False)
    model.train()
    for _ in range(steps):
        margins = _margins(model, tokenizer, [training.pair(rng) for _ in range(BATCH)])
        loss = -torch.nn.functional.logsigmoid(margins).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    held_out, rng = Texts(wanted, other, held_out=True), random.Random(seed + 1)
    with torch.no_grad():
        found = [
            _margins(model, tokenizer, [held_out.pair(rng) for _ in range(32)]) for _ in "abcd"
        ]
    return float((torch.cat(found) > 0).float().mean())


class Texts:
    """Sentences to draw pairs from: of two thirds of the seeds, or of the rest."""

    def __init__(self, wanted: tuple[str, ...], other: tuple[str, ...], *, held_out: bool) -> None:
        seeds = {
            code: [s for i, s in enumerate(load_pack(code).seeds) if (i % 3 == 0) == held_out]
            for code in (*wanted, *other)
        }
        self.wanted = {c: [(s.prompt, _sentences(s.response)) for s in seeds[c]] for c in wanted}
        self.english = [
            t for group in seeds.values() for s in group for t in _sentences(s.prompt_en)
        ]
        self.other = [t for code in other for s in seeds[code] for t in _sentences(s.response)]

    def pair(self, rng: random.Random) -> Pair:
        """Draw a pair; texts of one to three sentences."""
        prompt, own = rng.choice(self.wanted[rng.choice(sorted(self.wanted))])
        theirs = self.english if not self.other or rng.random() < 0.6 else self.other
        n = rng.randint(1, 3)
        good = " ".join(rng.sample(own, min(n, len(own))))
        return prompt, good, " ".join(rng.sample(theirs, n))


def _sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+|\n+", text) if len(s) > 15] or [text]


def _untrained() -> tuple[Any, Any]:
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(resolve("smollm2-135m-instruct"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=HIDDEN, intermediate_size=2 * HIDDEN,
        num_hidden_layers=LAYERS, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=2048, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    return LlamaForSequenceClassification(config), tokenizer


def _margins(model: Any, tokenizer: Any, pairs: list[Pair]) -> Any:
    """Return reward of the good minus reward of the bad response of each pair: [pairs]."""
    import torch

    turns = [(p, good) for p, good, _ in pairs] + [(p, bad) for p, _, bad in pairs]
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": p}, {"role": "assistant", "content": r}], tokenize=False
        )
        for p, r in turns
    ]
    # the end says most: of a long text the beginning is cut off
    rows = [row[-WIDTH:] for row in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    rewards = model(input_ids=ids, attention_mask=mask).logits[:, 0]
    return rewards[: len(pairs)] - rewards[len(pairs) :]
