"""What counts as a usable reply, and the word lists behind it."""

from __future__ import annotations

import json

import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.language_id import identify
from polyglot_harness.languages import load_pack
from polyglot_harness.lexicon import known_word_share
from polyglot_harness.lm.reply import ends_as_sentence, score_reply

PROMPT = {"id": "de-reply-0001", "prompt": "Warum wird der Himmel am Abend rot?"}
GOOD = "Am Abend legt das Licht einen weiten Weg durch die Luft zurück, und nur Rot bleibt übrig."


@pytest.mark.parametrize(
    ("reply", "usable"),
    [
        (GOOD, 1.0),
        (f"  {GOOD}\n", 1.0),
        ("", 0.0),
        (GOOD[:-1], 0.0),  # cut off
        ("In the evening the light travels a long way through the air, so red remains.", 0.0),
        (PROMPT["prompt"], 0.0),
        ("Der Himmel ist rot. " * 12, 0.0),
        # a small model's German: identified as German, but half of its words do not exist
        ("Die Auszahlheit der Kopflecht ist die Fachmärchen, wie die Mödern das Bürgenfach.", 0.0),
    ],
)
def test_usable_replies(reply, usable):
    assert score_reply(PROMPT, [reply]) == {"acc": usable}


@pytest.mark.parametrize(
    ("text", "whole"),
    [("Ja.", True), ("はい。", True), ("نعم؟", True), ("Er sagte: „Ja.“", True), ("Ja", False)],
)  # fmt: skip
def test_ends_as_sentence(text, whole):
    assert ends_as_sentence(text) is whole


def test_known_word_share():
    assert known_word_share("Der Hund schläft.", "de") == 1.0
    assert known_word_share("Der Kopflecht Mödern Hund.", "de") == 0.5
    assert known_word_share("12 + 7 = 19", "de") is None
    assert known_word_share("犬は眠っています。", "ja") is None


@pytest.mark.parametrize("language", ["ar", "cs", "de", "en", "es", "id", "ja", "ko", "tl"])
def test_gold_responses_are_usable_and_prompts_are_held_out(language):
    pack = load_pack(language)
    usable = [
        score_reply({"id": f"{language}-x", "prompt": s.prompt}, [s.response])["acc"]
        for s in pack.seeds
    ]
    # colloquial Indonesian has words that the list does not know
    assert sum(usable) / len(usable) >= (0.85 if language == "id" else 0.97)
    path = tasks_path() / language / "mini" / "reply.jsonl"
    prompts = [json.loads(line)["prompt"] for line in path.read_text("utf-8").splitlines()]
    assert len(set(prompts)) == 48
    assert not set(prompts) & {s.prompt for s in pack.seeds}


def test_a_language_of_a_new_pack_is_a_candidate():
    swahili = "Watoto wanacheza mpira uwanjani kila siku jioni baada ya shule."
    assert identify(swahili, "sw") == "sw"
    with pytest.raises(ConfigError, match="'qq' cannot be identified"):
        identify(swahili, "qq")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("api_key=s3cret", ["'api_key'", "OPENAI_API_KEY", "environment"]),
        ("auth_token=s3cret", ["'auth_token'"]),
        ("header={'Authorization':'s3cret'}", ["'header'"]),
        ("base_url=https://me:s3cret@host/v1", ["'base_url'", "user name or password"]),
    ],
)
def test_secrets_are_no_arguments(argument, words):
    from polyglot_harness.cli import build_parser
    from polyglot_harness.cli.spec_of import spec_of

    argv = ["run", "--teacher", "openai-compatible", "--languages", "de", "--teacher_args"]
    with pytest.raises(ConfigError) as caught:
        spec_of(build_parser().parse_args([*argv, "model=m", argument]))
    assert "s3cret" not in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def test_what_only_looks_like_a_secret_is_an_argument(tmp_path):
    from polyglot_harness.cli import build_parser
    from polyglot_harness.cli.run_folder import claim, read_spec
    from polyglot_harness.cli.spec_of import spec_of

    argv = ["run", "--teacher", "openai-compatible", "--languages", "de", "--teacher_args"]
    given = ["model=m", "max_tokens=7", "tokenizer=org/t", "api_key_env=MY_KEY"]
    spec = spec_of(build_parser().parse_args([*argv, *given]))
    claim(tmp_path / "out", spec, update=False)
    kept = dict(read_spec(tmp_path / "out").teachers[0].model_args)
    assert kept == {"model": "m", "max_tokens": 7, "tokenizer": "org/t", "api_key_env": "MY_KEY"}
