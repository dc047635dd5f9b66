"""MGSM (arXiv 2210.03057): documents with bare questions, and the score of a reply's number.

The exemplars of the data set carry the question word of their language, the test questions do not;
here none does, and the task's YAML adds it to both alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.student_tasks.numbers import answer_number

if TYPE_CHECKING:
    import datasets

QUESTION_WORDS = ("Frage:", "Question:", "Pregunta:", "問題：", "問題:")


def documents(rows: datasets.Dataset) -> datasets.Dataset:
    """Return a split as documents; lm-eval's ``process_docs``, for test items and shots.

    Args:
        rows: Columns ``question`` and ``answer_number`` of one language's configuration.

    Returns:
        Columns ``id`` (the row's number, equal in all languages), ``language``, ``question``,
        ``answer_number``.

    Raises:
        ConfigError: If the configuration, which names the language, is not known, or a row lacks
            its question or its number.
    """
    import datasets

    language = rows.info.config_name
    if not language or len(language) != 2:
        raise ConfigError(
            f"MGSM: the data set's configuration is {language!r}; expected a language code, which "
            "says how numbers are written (dataset_name of the task's YAML)"
        )
    for number, row in enumerate(rows):
        if row["question"] is None or row["answer_number"] is None:
            raise ConfigError(f"MGSM, {language}, row {number}: no question or no answer_number")
    return datasets.Dataset.from_list(
        [
            {
                "id": str(number),
                "language": language,
                "question": _bare(row["question"]),
                "answer_number": str(row["answer_number"]),
            }
            for number, row in enumerate(rows)
        ]
    )


def score(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Return ``acc``, 1 if the reply's number is the right one, and ``unparsed``, 1 if it has none.

    Numbers are compared exactly: 18, 18.0 and 18,00 are one, 18.01 is another.
    """
    number = answer_number(results[0], doc["language"])
    right = number == Fraction(doc["answer_number"])
    return {"acc": float(right), "unparsed": float(number is None)}


def _bare(question: str) -> str:
    question = question.strip()
    for word in QUESTION_WORDS:
        question = question.removeprefix(word)
    return question.strip()
