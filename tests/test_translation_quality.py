"""chrF++, spBLEU and MeCab's BLEU: sacrebleu's numbers, from counts instead of from texts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from measuring import given, measured, sample
from sacrebleu.metrics import CHRF
from sacrebleu.tokenizers import tokenizer_spm

from polyglot_harness import intrinsic
from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic.samples import BLOCK, Sample
from polyglot_harness.intrinsic.translation_overlap import depends_on
from polyglot_harness.languages import english_prompts, load_pack
from polyglot_harness.stages.teaching import stage_data
from polyglot_harness.strategies.given import Given, read_given

DE = (
    (
        "Der alte Mann liest jeden Morgen die Zeitung im Garten.",
        "Der alte Mann liest jeden Morgen im Garten die Zeitung.",
    ),
    (
        "Wie viele Äpfel hat Anna, wenn sie drei verschenkt?",
        "Wie viele Äpfel bleiben Anna, wenn sie drei davon verschenkt?",
    ),
    (
        "Bitte schreib einen kurzen Brief!",
        "Schreiben Sie bitte einen kurzen Brief an die Nachbarn.",
    ),
    ("Nein", "Ja"),
)
JA = (
    (
        "昨日は雨が降ったので、家で本を読みました。",
        "昨日は雨だったので、家で本を読んでいました。",
    ),
    ("この文を三つの言葉で要約してください。", "次の文を三語で要約しなさい。"),
)
CHRF_SIGNATURE = "nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:"
# one text a line in REFERENCES and TRANSLATIONS; sentences with --sentence-level
GOLDEN = [
    # sacrebleu REFERENCES -i TRANSLATIONS -m chrf --chrf-word-order 2 -w 6      (2.6.0)
    (
        "de", DE, "translate_chrf", 67.332947, (88.561448, 69.845306, 42.593682, 0.0),
        CHRF_SIGNATURE,
    ),
    ("ja", JA, "translate_chrf", 38.847952, (46.661909, 26.517365), CHRF_SIGNATURE),
    # sacrebleu REFERENCES -i TRANSLATIONS -m bleu -tok ja-mecab -w 6            (2.6.0)
    (
        "ja", JA, "translate_bleu", 38.356547, (50.473252, 17.242221),
        "nrefs:1|case:mixed|eff:no|tok:ja-mecab-0.996-IPA|smooth:exp|version:",
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_flores200(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of sacrebleu: its tokenizer is to be downloaded, and nothing can be."""
    cache = tmp_path / "sacrebleu"
    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(cache))
    monkeypatch.setitem(
        tokenizer_spm.SPM_MODELS["flores200"], "url", "file:///nowhere/flores200sacrebleuspm"
    )
    return cache / "models" / "flores200sacrebleuspm"


def pairs(*rows: tuple[str, str]) -> list[Sample]:
    return [
        sample(i, text, "", "translate", source="x", reference=reference)
        for i, (text, reference) in enumerate(rows)
    ]


@pytest.mark.parametrize(("language", "rows", "name", "corpus", "sentences", "signature"), GOLDEN)
def test_scores_are_those_of_the_sacrebleu_command(
    language: str, rows, name: str, corpus: float, sentences, signature: str, tmp_path: Path
) -> None:
    found, values = measured(
        "translation_overlap", given(pairs(*rows), language=language), tmp_path
    )
    assert found[name].value == pytest.approx(corpus, abs=1e-6)
    assert values.array(name) == pytest.approx(sentences, abs=1e-6)
    assert found[name].n == len(rows)
    assert dict(found[name].params)["signature"].startswith(signature)
    assert found[name].low <= found[name].value <= found[name].high
    assert found[name].stderr > 0


def test_spbleu_is_that_of_the_sacrebleu_command(no_flores200: Path, tmp_path: Path) -> None:
    """By a tokenizer of our own: where sacrebleu looks for that of FLORES-200."""
    import sentencepiece

    no_flores200.parent.mkdir(parents=True)
    seeds = load_pack("de").seeds
    with no_flores200.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([seed.prompt for seed in seeds]),
            model_writer=file,
            vocab_size=500,
            num_threads=1,
            minloglevel=2,
        )
    found, values = measured("translation_overlap", given(pairs(*DE)), tmp_path / "values")
    for name, column in (("t", 0), ("r", 1)):
        (tmp_path / name).write_text("".join(row[column] + "\n" for row in DE), encoding="utf-8")

    def command(*more: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "sacrebleu", "r", "-i", "t", "-m", "bleu", "-w", "6",
             "-tok", "flores200", *more],
            cwd=tmp_path, env={**os.environ, "SACREBLEU": str(no_flores200.parent.parent)},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    said = json.loads(command())
    assert found["translate_spbleu"].value == pytest.approx(said["score"], abs=1e-6)
    assert 0 < said["score"] < 100
    assert dict(found["translate_spbleu"].params)["signature"] == said["signature"]
    sentences = [float(line) for line in command("-b", "-sl").split()]
    assert values.array("translate_spbleu") == pytest.approx(sentences, abs=1e-6)


def test_without_its_tokenizer_spbleu_alone_is_missing(no_flores200: Path, tmp_path: Path) -> None:
    found, values = measured("translation_overlap", given(pairs(*DE)), tmp_path / "values")
    assert found["translate_chrf"].value is not None
    spbleu = found["translate_spbleu"]
    assert (spbleu.value, spbleu.stderr, spbleu.n) == (None, None, 0)
    reason = dict(spbleu.params)["reason"]
    assert reason.startswith("the tokenizer flores200 cannot be had: ")
    assert reason.endswith(f"sacrebleu looks for {no_flores200}")
    assert "\n" not in reason
    assert values.columns == ("translate_chrf", "translate_spbleu")


def test_a_torn_download_of_the_tokenizer_is_named(no_flores200: Path, tmp_path: Path) -> None:
    no_flores200.parent.mkdir(parents=True)
    no_flores200.touch()
    found, _ = measured("translation_overlap", given(pairs(*DE)), tmp_path / "values")
    assert str(no_flores200) in dict(found["translate_spbleu"].params)["reason"]


def test_a_tokenizer_that_has_come_is_another_version(no_flores200: Path) -> None:
    data = given()
    before = depends_on(data.spec, data.pack)
    no_flores200.parent.mkdir(parents=True)
    no_flores200.touch()
    assert depends_on(data.spec, data.pack) != before
    assert intrinsic.depends_on("translation_overlap", data.spec, data.pack)["versions"]


@pytest.mark.parametrize(
    ("rows", "n", "value", "column"),
    [
        ([], 0, None, []),
        ([sample(0, "a", "b"), sample(1, "a", "b", "translate", source="c")], 0, None, [None] * 2),
        (pairs(("Das ist gut so.", "Das ist gut so.")), 1, 100.0, [100.0]),
        (pairs(*[("Das ist\n gut so.", "Das ist gut so.")] * 3), 3, 100.0, [100.0] * 3),
        (pairs(("", "Das ist gut so.")), 1, 0.0, [0.0]),
        (pairs(("Das ist gut so.", " \n")), 0, None, [None]),
        (pairs(("\u202e\u0301\U0001f600", "Das ist gut so.")), 1, 0.0, [0.0]),
    ],
    ids=["no samples", "no reference", "one", "line breaks", "empty", "blank reference", "odd"],
)
def test_few_samples_and_odd_ones(rows, n: int, value, column, tmp_path: Path) -> None:
    found, values = measured("translation_overlap", given(rows), tmp_path)
    chrf = found["translate_chrf"]
    assert (chrf.value, chrf.n) == (value and pytest.approx(value), n)
    if n == 1:
        assert (chrf.stderr, chrf.low, chrf.high) == (None, None, None)
    if n == 3:
        assert chrf.stderr == pytest.approx(0.0) and chrf.low == pytest.approx(100.0)
    expected = [float("nan") if v is None else v for v in column]
    assert values.array("translate_chrf") == pytest.approx(expected, nan_ok=True)


def shortened(n: int) -> list[tuple[str, str]]:
    """Prompts of the seeds, some words left out."""
    seeds, draw = load_pack("de").seeds, random.Random(7)
    texts = [seeds[i % len(seeds)].prompt for i in range(n)]
    return [(" ".join(w for w in t.split() if draw.random() > 0.2), t) for t in texts]


def test_the_interval_is_about_as_wide_as_sacrebleus_own(tmp_path: Path) -> None:
    rows = shortened(132)
    chrf = measured("translation_overlap", given(pairs(*rows)), tmp_path)[0]["translate_chrf"]
    theirs = CHRF(word_order=2).corpus_score(
        [text for text, _ in rows], [[reference for _, reference in rows]], n_bootstrap=1000
    )
    assert chrf.value == pytest.approx(theirs.score)
    assert (chrf.high - chrf.low) / 2 == pytest.approx(theirs._ci, rel=0.15)
    assert chrf.stderr == pytest.approx(theirs._ci / 1.96, rel=0.15)


def test_an_interrupted_run_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    rows = pairs(*shortened(BLOCK + 3))
    whole, values = measured("translation_overlap", given(rows), tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured("translation_overlap", given(rows, progress=stop), tmp_path / "torn")
    resumed, again = measured("translation_overlap", given(rows), tmp_path / "torn")
    assert resumed == whole
    assert again.rows == len(rows)
    assert (again.array("translate_chrf") == values.array("translate_chrf")).all()


# --- where references come from ----------------------------------------------------------------


def test_references_of_a_given_file_reach_the_samples(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "I."}]
    rows = [
        {"id": "a", "prompt": "Why?", "reference": " Warum? "},
        {"id": "b", "prompt": "How?"},
        {"id": "c", "messages": turns, "reference": "Wer?"},
    ]
    file = tmp_path / "english.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_given(file, "translate") == (
        Given("a", "Why?", reference="Warum?"),
        Given("b", "How?"),
        Given("c", "Who?", reference="Wer?"),
    )
    example = {
        "id": "x", "language": "de", "strategy": "translate", "seed_id": "a",
        "prompt": "Wieso?", "response": "Darum.", "finish_reason": "stop",
    }  # fmt: skip
    examples = tmp_path / "examples.jsonl"
    examples.write_text(json.dumps(example), encoding="utf-8")
    spec = given().spec.model_copy(update={"given": (("translate", str(file)),)})
    (found,) = stage_data(spec, "de", [(examples, None)]).samples()
    assert (found.source, found.reference) == ("Why?", "Warum?")


def test_shared_english_prompts_have_no_reference() -> None:
    sources = stage_data(given().spec, "de", []).sources
    assert sources == {p.id: (p.prompt, "") for p in english_prompts()}


def test_a_reference_is_text(tmp_path: Path) -> None:
    file = tmp_path / "given.jsonl"
    file.write_text('{"prompt": "a", "reference": ["b"]}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r":1: field 'reference' must be a text, got \['b'\]"):
        read_given(file, "translate")
    assert read_given(file, "respond") == (Given("given-000001", "a"),)
