"""Cards of students, named chat templates, and the words that they make of a conversation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from polyglot_harness.errors import ConfigError
from polyglot_harness.export.licences import hub_licence
from polyglot_harness.models import resolve
from polyglot_harness.students import (
    chat_template,
    chat_template_names,
    check_trainable,
    load_recipe,
    load_student,
    student_names,
)
from polyglot_harness.teachers import load_teacher, teacher_names

TALK = [
    {"role": "user", "content": " Kdo jsi? "},
    {"role": "assistant", "content": "Model.\n"},
]
FAMILIES = {
    "gemma-3-270m": "gemma", "gemma-3-4b-pt": "gemma", "llama-3.1-8b": "llama",
    "olmo-3-7b": "olmo", "polyglot-ko-1.3b": "polyglot-ko", "polyglot-ko-3.8b": "polyglot-ko",
    "polyglot-ko-5.8b": "polyglot-ko", "polyglot-ko-12.8b": "polyglot-ko",
    "qwen3-8b-base": "qwen", "smollm2-135m": "smollm",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_card(name: str) -> None:
    card = load_student(name)
    assert (card.name, card.family) == (name, FAMILIES[name])
    assert card.licence and card.url and card.notes
    check_trainable(card)
    of_the_hub = "/" in card.pretrained
    assert bool(re.fullmatch("[0-9a-f]{40}", card.revision)) is of_the_hub
    assert (card.dtype == "bfloat16") is of_the_hub
    # an official reference is another model of the same house
    if card.reference != "gold":
        assert card.reference != card.pretrained
        assert card.reference.split("/")[0] == card.pretrained.split("/")[0]
    assert "{" in card.chat_template and "eos_token" in card.chat_template or name == "smollm2-135m"


def test_all_students_have_a_family_and_teachers_use_the_same_words() -> None:
    assert student_names() == sorted(FAMILIES)
    taught = {load_teacher(name).family for name in teacher_names()}
    assert taught - {""} <= set(FAMILIES.values())
    for student in student_names():
        # one family has one house on the hub
        houses = {load_student(s).url.split("/")[3] for s in FAMILIES if FAMILIES[s] ==
                  FAMILIES[student]}  # fmt: skip
        assert len(houses) == 1


def test_terms_to_be_accepted_are_said() -> None:
    for name in ("gemma-3-4b-pt", "llama-3.1-8b"):
        assert "Gated" in load_student(name).notes
    assert hub_licence([load_student("olmo-3-7b").licence]) == "apache-2.0"


# --- chat templates ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("plain", "{{ bos_token }}{% for m in messages %}"),
        ("chatml", "{% for m in messages %}"),
        ("plain-ko", "{% for m in messages %}"),
        ("", ""),
        ("{{ messages[0].content }}", "{{ messages[0].content }}"),
    ],
)
def test_a_name_stands_for_its_text(text: str, begins: str) -> None:
    found = chat_template(text)
    assert found.startswith(begins) and not found.endswith("\n")
    card = load_student(None, {"pretrained": "org/base", "chat_template": text})
    assert card.chat_template == found


@pytest.mark.parametrize("text", ["plane", "../students/gemma-3-270m", "plain.jinja"])
def test_a_name_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="unknown chat template .*valid: chatml, plain, plain-ko"):
        load_student("olmo-3-7b", {"chat_template": text})


@pytest.mark.parametrize(
    ("name", "model", "text"),
    [
        ("plain", "gemma-3-270m",
         "<bos>### User:\nKdo jsi?\n### Assistant:\nModel.<eos>\n### Assistant:\n"),
        ("plain-ko", "gemma-3-270m",
         "### 질문:\nKdo jsi?\n### 답변:\nModel.<eos>\n### 답변:\n"),
        ("chatml", "smollm2-135m-instruct",
         "<|im_start|>user\nKdo jsi?<|im_end|>\n<|im_start|>assistant\nModel.<|im_end|>\n"
         "<|im_start|>assistant\n"),
        # of a model whose eos is another one
        ("chatml", "gemma-3-270m",
         "<|im_start|>user\nKdo jsi?<|im_end|>\n<|im_start|>assistant\nModel.<|im_end|><eos>\n"
         "<|im_start|>assistant\n"),
    ],
)  # fmt: skip
def test_what_a_template_writes(name: str, model: str, text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(resolve(model))
    tokenizer.chat_template = chat_template(name)
    found = tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
    assert found == text
    # an answer begins where the prompt with its opening ends: what is learnt is the response
    prompt = tokenizer.apply_chat_template(TALK[:1], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(TALK, tokenize=False)
    assert whole.startswith(prompt) and whole[len(prompt) :].startswith("Model.")
    assert tokenizer.eos_token in whole[len(prompt) :]


def test_all_templates_are_tried_here() -> None:
    assert chat_template_names() == ["chatml", "plain", "plain-ko"]


# --- recipes -------------------------------------------------------------------------------------


def test_an_unknown_field_of_a_recipe_names_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"demo.toml: unknown field 'epoch' \(did you mean 'epoc"):
        load_recipe("demo", {"epoch": 3})
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nlora_rank = 3\n')
    with pytest.raises(ConfigError, match=r"mine.toml: unknown field 'lora_rank'.*valid: .*lora_r"):
        load_recipe(str(path))
