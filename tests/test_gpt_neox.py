"""The way of Polyglot-Ko, for real, on a small random model of its architecture.

Trained by our SFT, evaluated by us on lm-eval's own KoBEST tasks, whose data come from a mirror;
the numbers are those of plain lm-eval, which knows nothing of us.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness import stages
from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.evaluate import ITEMS, evaluate, read_items
from polyglot_harness.lm.load import load_lm
from polyglot_harness.spec import Example, StudentCard
from polyglot_harness.students import load_recipe, load_student
from polyglot_harness.training import sft
from polyglot_harness.training.outputs import ADAPTER

MIRROR = Path(__file__).parent / "data" / "hub"
KOBEST = ("boolq", "copa", "hellaswag", "sentineg", "wic")
TASKS = tuple(f"kobest_{name}" for name in KOBEST)
SEED = 7
SHOTS = (0, 5)
PLAIN = """
import json, sys
import lm_eval, lm_eval.models
from lm_eval.tasks import TaskManager

folder, out, seed, models = sys.argv[1:]
manager = TaskManager(include_path=folder, include_defaults=False)
found = {}
for name, args in json.loads(models).items():
    for shots in (0, 5):
        done = lm_eval.simple_evaluate(
            "hf", args, tasks=["kobest"], num_fewshot=shots, batch_size=8, device="cpu",
            task_manager=manager, bootstrap_iters=0, random_seed=int(seed),
            numpy_random_seed=int(seed), torch_random_seed=int(seed), fewshot_random_seed=int(seed),
        )
        items = {t: {str(s["doc_id"]): s["acc"] for s in rows} for t, rows in
                 done["samples"].items()}
        found[f"{name} {shots}"] = {"results": done["results"], "items": items}
json.dump(found, open(out, "w"), default=float)
"""


@pytest.fixture(scope="module", autouse=True)
def mirror() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYGLOT_DATA", str(MIRROR))
        yield


@pytest.fixture(scope="module")
def neox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random layers with a byte-level BPE of Korean, as Polyglot-Ko has; no chat template."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "neox"
    bpe = ByteLevelBPETokenizer()
    texts = [path.read_text(encoding="utf-8") for path in MIRROR.glob("skt/kobest_v1/*/*.jsonl")]
    # answers of one token each: longer ones would always be the less likely
    texts += [" 예 아니오 긍정 부정"] * 50
    bpe.train_from_iterator(
        sorted(texts), vocab_size=1200, special_tokens=["<|endoftext|>"], show_progress=False
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, eos_token="<|endoftext|>", model_max_length=2048
    )
    torch.manual_seed(1)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    model = GPTNeoXForCausalLM(config)
    with torch.no_grad():
        # what attention brings outweighs the last token: answers depend on the prompt
        model.gpt_neox.embed_in.weight.mul_(0.02)
        for layer in model.gpt_neox.layers:
            layer.mlp.dense_4h_to_h.weight.mul_(0.02)
            layer.attention.query_key_value.weight.mul_(8)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def student(neox: Path) -> StudentCard:
    """The card of the issue, with small weights."""
    return load_student("polyglot-ko-1.3b", {"pretrained": str(neox), "dtype": "float32"})


def examples() -> list[Example]:
    text = (MIRROR / "skt/kobest_v1/copa/train.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()[:8]]
    return [
        Example(id=f"ko-{i}", language="ko", strategy="respond", seed_id="s", finish_reason="stop",
                prompt=row["premise"], response=row[f"alternative_{row['label'] + 1}"])
        for i, row in enumerate(rows)
    ]  # fmt: skip


def trained(student: StudentCard, neox: Path, folder: Path) -> dict[str, Any]:
    recipe = load_recipe("demo", {"learning_rate": 2e-2, "epochs": 2})
    return sft.train(
        examples(), student, recipe, folder, pretrained=str(neox), seed=SEED, device="cpu"
    )


@pytest.fixture(scope="module")
def adapter(student: StudentCard, neox: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    counts = trained(student, neox, folder)
    assert counts["examples"] == 8 and counts["steps"] == 4
    assert counts["final_loss"] < counts["first_loss"]
    return folder / ADAPTER


@pytest.fixture(scope="module")
def plain(neox: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What lm-eval says, in a process of its own, of base and student at 0 and 5 shots."""
    import lm_eval.tasks

    folder = tmp_path_factory.mktemp("plain")
    there = Path(lm_eval.tasks.__file__).parent / "kobest"
    for path in [*there.glob("*.yaml"), there / "utils.py"]:
        text = path.read_text(encoding="utf-8").replace(
            "skt/kobest_v1", str(MIRROR / "skt/kobest_v1")
        )
        # each of these waits for the hub, for a script that multiple choice never calls
        (folder / path.name).write_text(text.replace("hf_evaluate: true", "hf_evaluate: false"))
    base = {"pretrained": str(neox), "dtype": "float32"}
    models = {"base": base, "student": {**base, "peft": str(adapter), "tokenizer": str(adapter)}}
    out = folder / "results.json"
    subprocess.run(
        [sys.executable, "-c", PLAIN, folder, out, str(SEED), json.dumps(models)],
        check=True, env={**os.environ, "HF_DATASETS_CACHE": str(folder / "cache")},
    )  # fmt: skip
    return json.loads(out.read_text())


@pytest.mark.parametrize("who", ["base", "student"])
def test_numbers_are_those_of_plain_lm_eval(
    who: str, student: StudentCard, adapter: Path, plain: Any, tmp_path: Path
) -> None:
    args = stages.base_args(student) if who == "base" else stages.trained_args(student, adapter)
    lm = load_lm("hf", args, batch_size="8", device="cpu")
    answers = []
    for shots in SHOTS:
        found = evaluate(lm, ["kobest"], "ko", tmp_path, limit=None, seed=SEED, num_fewshot=shots)
        ours = {m.name: m for m in found}
        theirs = plain[f"{who} {shots}"]
        items = read_items(tmp_path / ITEMS)
        assert sorted(items) == sorted(TASKS)
        for task in TASKS:
            results = theirs["results"][task]
            assert items[task] == theirs["items"][task], (task, shots)
            assert ours[task].value == pytest.approx(results["acc,none"], abs=1e-15)
            assert ours[f"{task}:f1"].value == results["f1,none"]
            assert ours[f"{task}:f1"].stderr is not None
            assert dict(ours[task].params)["num_fewshot"] == shots
        normed = ours["kobest_hellaswag:acc_norm"].value
        assert normed == pytest.approx(theirs["results"]["kobest_hellaswag"]["acc_norm,none"])
        answers.append(items)
    # the comparison says something: examples change answers, and not all are equal
    assert answers[0] != answers[1]
    assert all(len(set(answers[0][task].values())) == 2 for task in TASKS[:4])


def test_training_changes_the_answers(plain: Any) -> None:
    assert plain["base 0"]["items"] != plain["student 0"]["items"]


def test_the_adapter_is_on_the_modules_of_the_card(student: StudentCard, adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert set(config["target_modules"]) == set(student.target_modules)
    from transformers import AutoTokenizer

    chat = AutoTokenizer.from_pretrained(adapter).apply_chat_template(
        [{"role": "user", "content": "안녕?"}], tokenize=False, add_generation_prompt=True
    )
    assert chat == "### 질문:\n안녕?\n### 답변:\n"


def test_modules_that_are_not_there(student: StudentCard, neox: Path, tmp_path: Path) -> None:
    recipes_own = student.model_copy(update={"target_modules": ()})
    with pytest.raises(ConfigError, match="none of the modules q_proj, .*; name those of its arch"):
        trained(recipes_own, neox, tmp_path)


def test_the_command_of_the_documentation(cli: Any, neox: Path, plain: Any, tmp_path: Path) -> None:
    done = cli("evaluate", "--student", "polyglot-ko-1.3b", "--languages", "ko", "--tasks",
               "polyglot_kobest_ko", "--num_fewshot", "0,5", "--student_args", f"pretrained={neox}",
               "dtype=float32", "--seed", SEED, "--batch_size", "8", "--device", "cpu",
               "--output_path", tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [
        re.split(r"\s*│\s*", line.strip("│ ")) for line in done.stdout.splitlines() if "│" in line
    ]
    shown, name = {}, ""
    for _, task, metric, shots, value, *_ in rows:
        name = task if metric == "acc" else name  # the others stand below, without its name
        shown[name, metric, shots] = value
    for shots in SHOTS:
        for task in TASKS:
            results = plain[f"base {shots}"]["results"][task]
            assert shown[task, "acc", str(shots)] == f"{results['acc,none']:.3f}"
            assert shown[task, "f1", str(shots)] == f"{results['f1,none']:.3f}"
    assert len(list(tmp_path.glob("evaluate/*/record.json"))) == 2


def test_more_examples_than_there_are(neox: Path, tmp_path: Path) -> None:
    lm = load_lm("hf", {"pretrained": str(neox)}, batch_size="8", device="cpu")
    with pytest.raises(
        ConfigError, match="kobest_wic: 57 few-shot .* are 56; give --num_fewshot 56"
    ):
        evaluate(lm, ["kobest_wic"], "ko", tmp_path, limit=1, seed=0, num_fewshot=57)
    evaluate(lm, ["kobest_wic"], "ko", tmp_path, limit=1, seed=0, num_fewshot=50)
    assert len(read_items(tmp_path / ITEMS)["kobest_wic"]) == 1
