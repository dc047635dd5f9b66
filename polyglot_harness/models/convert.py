"""Turn a GGUF file into a Hugging Face model folder in float32.

transformers can load GGUF itself, but slowly and with two defects of the tokenizer, mended in
``tokenizer.py``. Here every tensor is dequantised and streamed to safetensors; neither torch nor
transformers is imported and memory stays near the size of the largest tensor.

Two architectures are known: ``llama`` (SmolLM2) and ``gemma3`` (text only).
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError

from .gguf import GgufFile, open_gguf
from .tokenizer import write_tokenizer

__all__ = ["CONVERTER_VERSION", "convert"]

CONVERTER_VERSION = 1
"""Raise it whenever the same GGUF would give other bytes; models pulled before are then redone."""

# The version whose configuration format is written; loaders look for the key.
_TRANSFORMERS_VERSION = "5.19.0"

_TOP = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_COMMON = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
}
_LAYER = {
    "llama": {**_COMMON, "ffn_norm": "post_attention_layernorm"},
    "gemma3": {
        **_COMMON,
        "attn_q_norm": "self_attn.q_norm",
        "attn_k_norm": "self_attn.k_norm",
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
}
# Gemma 3: every sixth layer attends to everything, the others to a window. Not in the GGUF.
_GEMMA_FULL_EVERY = 6


def convert(source: Path, folder: Path) -> None:
    """Write a model folder from a GGUF file.

    Args:
        source: The GGUF file.
        folder: Where to write; created. The files are written in place, so give a temporary folder
            where an interruption matters.

    Raises:
        ConfigError: The architecture, a tensor or the tokenizer is of a kind not known here.
        StoreError: The file is damaged.
        MissingDependency: The ``gguf`` library is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_gguf(source) as model:
        if model.architecture not in _LAYER:
            raise ConfigError(
                f"{source}: architecture {model.architecture!r} is not supported; "
                f"valid: {', '.join(_LAYER)}"
            )
        config = _config(model)
        _write_json(folder / "config.json", config)
        tokens = {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
        _write_json(
            folder / "generation_config.json",
            {key: value for key, value in tokens.items() if value is not None},
        )
        write_tokenizer(model, folder)
        _write_weights(model, folder / "model.safetensors", config)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _config(model: GgufFile) -> dict[str, Any]:
    """Build the content of ``config.json``."""
    get = model.get
    heads = get("attention.head_count")
    config: dict[str, Any] = {
        "vocab_size": len(model.fields["tokenizer.ggml.tokens"]),
        "hidden_size": get("embedding_length"),
        "intermediate_size": get("feed_forward_length"),
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("attention.head_count_kv", heads),
        "head_dim": get("attention.key_length", get("embedding_length") // heads),
        "max_position_embeddings": get("context_length"),
        # A float32 in the file: 9.999999747e-06 stands for 1e-05.
        "rms_norm_eps": float(f"{get('attention.layer_norm_rms_epsilon'):.3g}"),
        "tie_word_embeddings": "output.weight" not in model.tensors,
        "bos_token_id": model.fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": model.fields.get("tokenizer.ggml.eos_token_id"),
        "pad_token_id": model.fields.get("tokenizer.ggml.padding_token_id"),
        "attention_bias": False,
        "attention_dropout": 0.0,
        "dtype": "float32",
        "transformers_version": _TRANSFORMERS_VERSION,
    }
    if model.architecture == "llama":
        return config | {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "mlp_bias": False,
            "rope_theta": get("rope.freq_base", 10_000.0),
        }
    return config | {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": config["head_dim"],
        "rope_theta": get("rope.freq_base", 1_000_000.0),
        "rope_local_base_freq": get("rope.freq_base_swa", 10_000.0),
        "sliding_window": get("attention.sliding_window"),
        "layer_types": [
            "sliding_attention" if (layer + 1) % _GEMMA_FULL_EVERY else "full_attention"
            for layer in range(config["num_hidden_layers"])
        ],
    }


def _hub_name(name: str, architecture: str) -> str:
    """Translate the name of a tensor."""
    stem = name.removesuffix(".weight")
    if stem in _TOP:
        return f"{_TOP[stem]}.weight"
    match = re.fullmatch(r"blk\.(\d+)\.(\w+)", stem)
    if match is None or match[2] not in _LAYER[architecture]:
        raise ConfigError(f"tensor {name!r} is not known in architecture {architecture!r}")
    return f"model.layers.{match[1]}.{_LAYER[architecture][match[2]]}.weight"


def _read_weight(model: GgufFile, name: str, config: dict[str, Any]) -> NDArray[np.float32]:
    """Dequantise a tensor and undo what the writer of the GGUF did to it."""
    values = model.read(name)
    if model.architecture == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
        # Rotary pairs lie interleaved in GGUF, in two halves in the hub's format.
        query = name.endswith("attn_q.weight")
        heads = config["num_attention_heads" if query else "num_key_value_heads"]
        half = values.shape[0] // heads // 2
        pairs = values.reshape(heads, half, 2, *values.shape[1:])
        values = pairs.swapaxes(1, 2).reshape(values.shape)
    if model.architecture == "gemma3" and name.endswith("norm.weight"):
        values = values - np.float32(1)  # GGUF stores 1 + weight
    return np.ascontiguousarray(values, dtype="<f4")


def _write_weights(model: GgufFile, path: Path, config: dict[str, Any]) -> None:
    """Stream all tensors to a safetensors file.

    The format is a length, a JSON header and the bytes. It is written by hand because the library
    wants all tensors in memory, and hides a full disk in an error of its own.
    """
    names = {_hub_name(name, model.architecture): name for name in model.tensors}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for hub_name, name in names.items():
        shape = model.tensors[name].shape
        size = int(np.prod(shape)) * 4
        header[hub_name] = {
            "dtype": "F32",
            "shape": list(shape),
            "data_offsets": [position, position + size],
        }
        position += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in names.values():
            file.write(_read_weight(model, name, config).data)
