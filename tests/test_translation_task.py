"""Translation to and from English: the pairs, the prompts, and sacrebleu's own numbers."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from lm_eval.api.model import LM
from sacrebleu.tokenizers import tokenizer_spm

from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import load_pack, target_codes
from polyglot_harness.lm.evaluate import evaluate
from polyglot_harness.lm.hub_data import data_sources, hub_data
from polyglot_harness.lm.hub_pins import pin
from polyglot_harness.lm.index import load_tasks, task_configs, task_manager
from polyglot_harness.lm.student_tasks import translation
from polyglot_harness.lm.student_tasks.translation import (
    FLORES,
    corpus_chrf,
    load_pairs,
    score_translation,
    spbleu,
)

HUB = Path(__file__).parent / "data" / "hub"
LANGUAGES = target_codes()
PAIRS = [
    (
        "Der alte Mann liest jeden Morgen im Garten die Zeitung.",
        "Der alte Mann liest die Zeitung.",
    ),
    ("Wie viele Äpfel bleiben Anna, wenn sie drei verschenkt?", "Wie viele Äpfel hat Anna?"),
    ("Nein", ""),
    ("島の小さな灯台は1884年に建てられました。", "その小さい灯台は1884年に作られた。"),
    ("بُنيت المنارة الصغيرة على الجزيرة عام 1884.", "بنيت المنارة على الجزيرة في 1884."),
    ("그 도서관은 책을 무료로 빌려줍니다.", "그 도서관은 책을 무료로 빌려줍니다."),
]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The mirror of the tests; an empty cache of sacrebleu; what is kept in memory forgotten."""
    import datasets

    monkeypatch.setenv("POLYGLOT_DATA", str(HUB))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(tmp_path / "sacrebleu"))
    url = "file:///nowhere/flores200sacrebleuspm"
    monkeypatch.setitem(tokenizer_spm.SPM_MODELS["flores200"], "url", url)

    def forget() -> None:
        translation._scorer.cache_clear()
        translation._counts.cache_clear()

    forget()
    yield tmp_path / "sacrebleu" / "models" / "flores200sacrebleuspm"
    forget()


@pytest.fixture
def tokenizer(places: Path) -> None:
    """Sentence pieces of our own, where sacrebleu looks for those of FLORES-200."""
    import sentencepiece

    places.parent.mkdir(parents=True)
    texts = [seed.prompt for code in ("ar", "de", "ja") for seed in load_pack(code).seeds]
    with places.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=file, vocab_size=1800, num_threads=1,
            minloglevel=2,
        )  # fmt: skip


# --- the pairs


def test_sides_are_joined_by_id_not_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(HUB / FLORES, tmp_path / "hub" / FLORES))
    monkeypatch.setenv("POLYGLOT_DATA", str(tmp_path / "hub"))
    german = folder / "devtest" / "deu_Latn.jsonl"
    rows = german.read_text(encoding="utf-8").splitlines()
    german.write_text("\n".join(reversed(rows)) + "\n", encoding="utf-8")
    names = {"source_language": "English", "target_language": "German"}
    with hub_data():
        pairs = load_pairs(source="eng_Latn", target="deu_Latn", **names)
    assert pairs["devtest"][3] == {
        "id": 3,
        "source": "The train to the coast leaves every hour from platform three.",
        "target": "Der Zug an die Küste fährt jede Stunde von Gleis drei ab.",
        **names,
    }
    assert (len(pairs["dev"]), len(pairs["devtest"])) == (5, 4)
    german.write_text("\n".join(rows[1:]) + "\n", encoding="utf-8")
    with (
        hub_data(),
        pytest.raises(ConfigError, match=r"split devtest: 1 sentences .* the first id 0;"),
    ):
        load_pairs(source="eng_Latn", target="deu_Latn", **names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pack_translates_both_ways(language: str) -> None:
    names = [f"polyglot_translate_en_{language}", f"polyglot_translate_{language}_en"]
    manager = task_manager(names)
    configs = task_configs(manager, names)
    there, back = (configs[name]["dataset_kwargs"] for name in names)
    assert (there["source"], there["source_language"]) == ("eng_Latn", "English")
    assert (there["source"], there["target"]) == (back["target"], back["source"])
    pack = load_pack(language)
    assert there["target"].split("_")[1] in (pack.script, {"Kore": "Hang"}.get(pack.script))
    for config in configs.values():
        assert config["dataset_path"] == FLORES
        # plain lm-eval knows of no pins
        assert config["dataset_kwargs"]["revision"] == pin(FLORES).revision != ""
        sources = [(source.path, source.config) for source in data_sources({"x": config})]
        sides = [config["dataset_kwargs"][side] for side in ("source", "target")]
        assert sources == [(FLORES, side) for side in sides]


# --- the scores


@pytest.mark.parametrize(("reference", "reply"), PAIRS)
def test_an_item_is_sacrebleus_sentence_chrf(reference: str, reply: str) -> None:
    wanted = sacrebleu.sentence_chrf(reply, [reference], word_order=2).score / 100
    found = score_translation({"target": reference}, [reply])
    assert found == {
        "chrf": pytest.approx(wanted, abs=1e-12),
        "corpus_chrf": (reference, reply),
        "spbleu": (reference, reply),
    }
    assert 0 <= found["chrf"] <= 1


def test_a_reply_is_one_line() -> None:
    doc = {"target": "Der Zug fährt ab."}
    wanted = ("Der Zug fährt ab.", "Der Zug fährt ab.")
    assert score_translation(doc, ["  Der Zug\tfährt  ab.\r\n"])["spbleu"] == wanted


@pytest.mark.usefixtures("tokenizer")
@pytest.mark.parametrize("rows", [PAIRS, PAIRS[:1], PAIRS[2:3], PAIRS[3:], PAIRS * 3])
def test_a_corpus_scores_as_sacrebleus(rows: list[tuple[str, str]]) -> None:
    references, replies = ([row[i] for row in rows] for i in (0, 1))
    chrf = sacrebleu.corpus_chrf(replies, [references], word_order=2)
    assert corpus_chrf(rows) == pytest.approx(chrf.score, abs=1e-9)
    bleu = sacrebleu.corpus_bleu(replies, [references], tokenize="flores200")
    assert spbleu(rows) == pytest.approx(bleu.score, abs=1e-9)


@pytest.mark.usefixtures("tokenizer")
def test_signatures_are_sacrebleus() -> None:
    version = sacrebleu.__version__
    assert corpus_chrf.signature() == translation.signature("corpus_chrf")  # type: ignore[attr-defined]
    assert translation.signature("corpus_chrf") == (
        f"nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:{version}"
    )
    assert translation.signature("spbleu") == (
        f"nrefs:1|case:mixed|eff:no|tok:flores200|smooth:exp|version:{version}"
    )


def test_without_the_tokenizer_spbleu_alone_is_missing(
    places: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, translation.__name__):
        assert math.isnan(spbleu(PAIRS))
    said = [r.getMessage() for r in caplog.records if r.name == translation.__name__]
    assert len(said) == 1
    assert said[0].startswith("spbleu is not measured: the tokenizer flores200 cannot be had: ")
    assert said[0].endswith(str(places))
    assert translation.signature("spbleu") is None
    assert corpus_chrf(PAIRS) > 0


# --- a run


class Parrot(LM):  # type: ignore[misc]
    """Says what it is told to, in the order of the requests."""

    def __init__(self, replies: list[str]) -> None:
        super().__init__()
        self.replies, self.asked = replies, []

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        self.asked += [request.args for request in requests]
        return self.replies[: len(requests)]

    def loglikelihood(self, requests: list[Any], **_: Any) -> Any:
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


def test_a_run_of_ours_and_one_of_plain_lm_eval(tmp_path: Path) -> None:
    import lm_eval

    task = "polyglot_translate_en_de"
    rows = (HUB / FLORES / "devtest" / "deu_Latn.jsonl").read_text(encoding="utf-8").splitlines()
    references = [json.loads(row)["text"] for row in rows]
    replies = [" " + references[0], "Falsch.", references[2].upper(), ""]
    with hub_data():
        lm = Parrot(replies)
        ours = {m.name: m for m in evaluate(lm, [task], "de", tmp_path, limit=None, seed=0)}
        plain = lm_eval.simple_evaluate(
            model=Parrot(replies), tasks=[task], task_manager=task_manager([task])
        )["results"][task]
    wanted = [
        sacrebleu.sentence_chrf(reply.strip(), [reference], word_order=2).score / 100
        for reply, reference in zip(replies, references, strict=True)
    ]
    assert wanted[0] == pytest.approx(1)
    assert ours[task].value == pytest.approx(sum(wanted) / 4, abs=1e-12)
    assert plain["chrf,none"] == pytest.approx(sum(wanted) / 4, abs=1e-12)
    corpus = sacrebleu.corpus_chrf([r.strip() for r in replies], [references], word_order=2).score
    assert ours[f"{task}:corpus_chrf"].value == pytest.approx(corpus, abs=1e-9)
    assert plain["corpus_chrf,none"] == pytest.approx(corpus, abs=1e-9)
    assert ours[f"{task}:corpus_chrf"].stderr > 0
    missing = ours[f"{task}:spbleu"]
    assert (missing.value, missing.n) == (None, 4)
    assert dict(missing.params)["note"].startswith("spbleu is not measured: the tokenizer")
    assert math.isnan(plain["spbleu,none"])
    prompt, settings = lm.asked[0]
    assert settings == {"until": ["\n"], "do_sample": False, "max_gen_toks": 256}
    assert prompt.count("\nGerman: ") == 5
    assert prompt.endswith("built in 1884.\nGerman:")


# --- Japanese tasks whose own YAML reads a script that datasets >= 4 does not run


@pytest.mark.parametrize("name", ["jcommonsenseqa", "jnli", "jsquad"])
def test_a_japanese_task_asks_as_lm_evals_own_does(name: str) -> None:
    from lm_eval.tasks.japanese_leaderboard import ja_leaderboard_jcommonsenseqa as with_choices
    from lm_eval.utils import apply_template

    own, theirs = f"polyglot_{name}_ja", f"ja_leaderboard_{name}"
    manager = task_manager([own, theirs])
    config = task_configs(manager, [theirs])[theirs]
    with hub_data():
        task = load_tasks(manager, [own])["tasks"][own]
    if name == "jcommonsenseqa":
        task.dataset = with_choices.process_docs(task.dataset)
        config["doc_to_choice"] = list(task.dataset["validation"][0]["choices"])
    doc = dict(task.dataset["validation"][0])
    assert task.doc_to_text(doc) == apply_template(config["doc_to_text"], doc)
    if name == "jsquad":
        assert task.doc_to_target(doc) == apply_template(config["doc_to_target"], doc)
    else:
        assert task.doc_to_choice(doc) == config["doc_to_choice"]
    same = ("description", "target_delimiter", "num_fewshot", "output_type", "fewshot_split")
    assert [task.get_config(key) for key in same] == [config[key] for key in same]
    ours = task_configs(manager, [own])[own]
    for key in ("metric_list", "filter_list", "generation_kwargs"):
        assert ours.get(key) == config.get(key)
