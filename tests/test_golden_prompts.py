"""The first request of every student task, as files that a reader of the language can check."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import LM
from sacrebleu.tokenizers import tokenizer_spm
from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS

from polyglot_harness.language_id import identify
from polyglot_harness.languages import pack_folders, target_codes
from polyglot_harness.lm.evaluate import evaluate
from polyglot_harness.lm.hub_data import hub_data
from polyglot_harness.lm.index import pack_names, task_configs, task_manager
from polyglot_harness.lm.student_tasks import translation
from polyglot_harness.lm.yaml_config import read_config

ROOT = Path(__file__).parents[1]
LANGUAGES = sorted(pack_folders())
LONG_ENOUGH = 40  # bytes, to tell a language by
LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|\bundefined\b|\bnan\b|<function|Undefined")

languages = pytest.mark.parametrize("language", LANGUAGES)
Rendered = dict[str, tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The script, over the mirror of the tests."""
    import datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYGLOT_DATA", str(ROOT / "tests" / "data" / "hub"))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        patch.setitem(SPM_MODELS["flores200"], "url", "file:///nowhere/flores200sacrebleuspm")
        patch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(tmp_path_factory.mktemp("sacrebleu")))
        patch.syspath_prepend(str(ROOT / "scripts"))
        import golden_prompts

        translation._scorer.cache_clear()
        yield golden_prompts
        translation._scorer.cache_clear()
        del sys.modules["golden_prompts"]


@pytest.fixture(scope="module")
def tasks(script: Any) -> dict[str, list[str]]:
    """Language -> tasks that have a file."""
    return script.golden_tasks()


@pytest.fixture(scope="module")
def rendered(script: Any, tasks: dict[str, list[str]]) -> Callable[[str], Rendered]:
    """Language -> what its files should be."""
    return cache(lambda language: script.render(tasks[language]))


@languages
def test_files_are_what_is_asked_today(
    language: str, script: Any, rendered: Callable[[str], Rendered]
) -> None:
    """If a change is meant: ``python scripts/golden_prompts.py``, and read what it wrote."""
    for name, (text, _) in rendered(language).items():
        path = script.PROMPTS / language / f"{name}.txt"
        assert path.is_file(), name
        assert path.read_text(encoding="utf-8") == text, name


def test_no_file_is_left_over(script: Any, tasks: dict[str, list[str]]) -> None:
    wanted = {f"{language}/{name}.txt" for language, names in tasks.items() for name in names}
    there = {path.relative_to(script.PROMPTS).as_posix() for path in script.PROMPTS.rglob("*.*")}
    assert there == wanted


def test_every_student_task_of_a_pack_has_one(tasks: dict[str, list[str]]) -> None:
    found = {name for names in tasks.values() for name in names}
    own = {name for name, of in pack_names().items() if of.kind == "task"}
    assert {name for name in own - found if not name.startswith("polyglot_teach_")} == set()
    assert sorted(tasks) == LANGUAGES
    # of what their groups name, at least one task
    manager = task_manager(())
    for name, of in pack_names().items():
        if of.kind == "group" and not name.startswith("polyglot_teach_"):
            members = read_config(Path(str(of.path)), {})["task"]
            for member in members:
                assert found & set(task_configs(manager, [member])), member


@languages
def test_nothing_is_left_of_the_templates(
    language: str, rendered: Callable[[str], Rendered]
) -> None:
    for name, (text, doc) in rendered(language).items():
        body = text.split("=== request ===", 1)[1]
        assert LEFT_OVER.findall(body) == [], name
        # continuations that are told apart, one of them the right one
        marks = re.findall(r'^([* ]) (".*")$', body, re.M)
        if "output:    multiple_choice" in text:
            assert [mark for mark, _ in marks].count("*") == 1, name
            requests = body.count("=== request ===") + 1
            assert len({quoted for _, quoted in marks}) == len(marks) or requests > 1, name
        assert doc, name


@languages
def test_documents_are_in_the_language(language: str, rendered: Callable[[str], Rendered]) -> None:
    checked = 0
    for name, (text, doc) in rendered(language).items():
        if name.endswith("_word_translation"):
            continue  # half English
        # a translation from English shows the language in its target
        asked, _, target = text.partition("=== target ===")
        shown = " ".join(part for part in _strings(doc) if len(part) > 8 and part in asked)
        texts = [part for part in (shown, target) if len(part.encode()) >= LONG_ENOUGH]
        if texts:
            found = {identify(part, language) for part in texts}
            assert language in found, (name, found, texts)
            checked += 1
    assert checked >= 5


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


class Brief(LM):  # type: ignore[misc]
    """Prefers short continuations and says nothing."""

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
        return [(-float(len(request.args[1])), False) for request in requests]

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        return ["" for _ in requests]

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        raise NotImplementedError


@pytest.mark.parametrize("language", target_codes())
@pytest.mark.usefixtures("script")
def test_all_tasks_of_the_wider_group_are_measured(language: str, tmp_path: Path) -> None:
    group = [f"polyglot_wider_{language}"]
    wanted = list(task_configs(task_manager(group), group))
    # forty subjects of one kind, here with the same documents
    subjects = [name for name in wanted if name.startswith("arabicmmlu_")]
    wanted = [name for name in wanted if name not in subjects[2:]]
    with hub_data() as loaded:
        found = evaluate(Brief(), wanted, language, tmp_path, limit=3, seed=0)
    # from the mirror, not by chance from elsewhere
    assert {what.split()[0] for _, _, what in loaded.rows()} == {"files"}
    measured = {m.name: m for m in found}
    assert set(wanted) <= set(measured)
    lacking = [name for name, m in measured.items() if m.value is None]
    assert all(name.endswith(":spbleu") for name in lacking)
    assert all(1 <= measured[name].n <= 3 for name in wanted)
    names = ("belebele", "global_piqa", "polyglot_translate_en", "polyglot_translate_")
    assert all(any(name.startswith(start) for name in wanted) for start in names)
