"""Translation to and from English: FLORES+ sentence pairs, chrF++ and spBLEU by sacrebleu.

FLORES+ (openlanguagedata/flores_plus, after arXiv 2207.04672) keeps each language as a data set
configuration of its own; sentences of one split belong together by ``id``. An item's score is its
sentence chrF++ on the scale 0-1, so that it can stand beside accuracies; corpus chrF++ (Popović
2017, ACL W17-4770) and corpus spBLEU are on sacrebleu's scale 0-100. Scores are those of
``intrinsic.translation_overlap``, from the n-gram counts of each pair: a bootstrap over items
counts them once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from polyglot_harness.errors import ConfigError

if TYPE_CHECKING:
    import datasets

FLORES = "openlanguagedata/flores_plus"
SPLITS = ("dev", "devtest")
TOKENIZERS = {"corpus_chrf": None, "spbleu": "flores200"}
"""Corpus metric -> sacrebleu's tokenizer of its BLEU; None for chrF++."""
Pair = tuple[str, str]
"""Reference, translation."""


def load_pairs(
    *,
    source: str,
    target: str,
    source_language: str,
    target_language: str,
    revision: str | None = None,
    path: str = FLORES,
    **_metadata: object,
) -> dict[str, datasets.Dataset]:
    """Load both sides of FLORES+ as lm-eval's ``custom_dataset`` (``dataset_kwargs`` of the YAML).

    Args:
        source: Configuration of the source language, e.g. ``eng_Latn``.
        target: That of the target language.
        source_language: Its name, as the prompt says it.
        target_language: Likewise.
        revision: Commit of the data set; None for the pin of the harness, else the newest.
        path: The data set.
        _metadata: All else that lm-eval passes on (the version, the model's arguments).

    Returns:
        The splits ``dev`` and ``devtest`` with columns ``id``, ``source``, ``target``,
        ``source_language`` and ``target_language``, in the order of the source.

    Raises:
        ConfigError: If a sentence has no partner: figures would be of fewer items than they say.
    """
    import datasets

    def side(config: str, split: str) -> dict[Any, str]:
        # an attribute of the module: `lm.hub_data` puts mirror and pins there
        rows = datasets.load_dataset(path, config, split=split, revision=revision)
        return dict(zip(rows["id"], rows["text"], strict=True))

    pairs = {}
    for split in SPLITS:
        texts, translations = side(source, split), side(target, split)
        if alone := texts.keys() ^ translations.keys():
            raise ConfigError(
                f"{path}, split {split}: {len(alone)} sentences are in only one of {source} and "
                f"{target}, the first id {min(alone, key=str)}; name a revision that has both"
            )
        pairs[split] = datasets.Dataset.from_list(
            [
                {
                    "id": number,
                    "source": text.strip(),
                    "target": translations[number].strip(),
                    "source_language": source_language,
                    "target_language": target_language,
                }
                for number, text in texts.items()
            ]
        )
    return pairs


def score_translation(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Score one translation: chrF++ (0-1), and the pair for each corpus metric."""
    pair = (_line(doc["target"]), _line(results[0]))
    return {
        "chrf": _score("corpus_chrf", _counts("corpus_chrf", *pair)) / 100,
        **dict.fromkeys(TOKENIZERS, pair),
    }


def corpus_chrf(pairs: Sequence[Pair]) -> float:
    """Return corpus chrF++, 0-100."""
    return _corpus("corpus_chrf", pairs)


def spbleu(pairs: Sequence[Pair]) -> float:
    """Return corpus spBLEU, 0-100; NaN, and a warning, where its tokenizer cannot be had."""
    return _corpus("spbleu", pairs)


def signature(metric: str) -> str | None:
    """Return sacrebleu's signature of a corpus metric, or None where it cannot be had.

    Args:
        metric: ``corpus_chrf`` or ``spbleu``.
    """
    scorer = _scorer(metric)
    if isinstance(scorer, str):
        return None
    # sacrebleu knows the number of references only once it has seen one
    scorer.corpus_score(["a"], [["a"]])
    return str(scorer.get_signature())


# for whoever holds the task's aggregation alone
for _metric, _aggregation in (("corpus_chrf", corpus_chrf), ("spbleu", spbleu)):
    _aggregation.__dict__["signature"] = partial(signature, _metric)


def _line(text: str) -> str:
    return " ".join(text.split())


def _corpus(metric: str, pairs: Sequence[Pair]) -> float:
    scorer = _scorer(metric)
    if isinstance(scorer, str):
        logging.getLogger(__name__).warning("%s is not measured: %s", metric, scorer)
        return float("nan")
    columns = zip(*(_counts(metric, *pair) for pair in pairs), strict=True)
    return _score(metric, [sum(column) for column in columns])


@lru_cache(maxsize=1 << 16)
def _counts(metric: str, reference: str, translation: str) -> tuple[float, ...]:
    """Return the n-gram counts that sacrebleu would sum over a corpus."""
    scorer = _scorer(metric)
    # as in sacrebleu's own significance tests
    return tuple(scorer._extract_corpus_statistics([translation], [[reference]])[0])


def _score(metric: str, counts: Sequence[float]) -> float:
    return float(_scorer(metric)._compute_score_from_stats(list(counts)).score)


@cache
def _scorer(metric: str) -> Any:
    """Return sacrebleu's metric, or why it cannot be had."""
    from polyglot_harness.intrinsic.translation_overlap import scorers

    found = scorers(TOKENIZERS[metric])
    return found if isinstance(found, str) else found[0]
