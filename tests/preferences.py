"""Preference pairs, and a model that is trained on them in milliseconds."""

from __future__ import annotations

from pathlib import Path

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Preference

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def made(number: int, responses: int = 40) -> list[Preference]:
    """Pairs that prefer German to Spanish answers."""
    seeds = zip(load_pack("de").seeds, load_pack("es").seeds, strict=True)
    return [
        Preference(
            id=f"pair-{i}",
            language="de",
            prompt=german.prompt[:60],
            chosen=german.response[:responses],
            rejected=spanish.response[:responses],
            chosen_reward=1.0,
            rejected_reward=0.0,
        )
        for i, (german, spanish) in enumerate(seeds)
    ][:number]


def byte_model(folder: Path) -> Path:
    """Save a random Llama that reads bytes: with 258 tokens a step takes a few milliseconds."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate([*letters, "<eos>", "<pad>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        bos_token_id=None, eos_token_id=256, pad_token_id=257,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
