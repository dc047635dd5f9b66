"""Global-MMLU-Lite (arXiv 2412.03304): 400 questions a language, half of them culturally sensitive.

Languages that Lite lacks, or lacked when arXiv 2604.11290 evaluated on it, get the same questions
out of their full set, by Lite's ids.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from polyglot_harness.errors import ConfigError

if TYPE_CHECKING:
    import datasets

FULL = "CohereLabs/Global-MMLU"
LITE, LITE_CONFIG = "CohereLabs/Global-MMLU-Lite", "en"
"""Where Lite's ids are read; one language does, they are the same in all."""
MISSING = 0.01
"""Share of Lite's questions that a full set may lack."""
LETTERS = "ABCD"
KINDS = {"CS": "acc_sensitive", "CA": "acc_agnostic"}
"""Label of a question -> metric of those that have it."""
LogLikelihood = tuple[float, bool]


def load_by_lite_ids(
    *, config: str, revision: str, lite_revision: str, **_metadata: object
) -> dict[str, datasets.Dataset]:
    """Load Lite's questions out of a full set, as lm-eval's ``custom_dataset``.

    Args:
        config: Configuration of the full set (``dataset_kwargs`` of the YAML).
        revision: Commit of the full set.
        lite_revision: Commit of Lite.
        _metadata: All else that lm-eval passes on (the version, the model's arguments).

    Returns:
        The one split ``test``, in Lite's order.

    Raises:
        ConfigError: If more than 1 % of Lite's questions are not in the full set.
    """
    import datasets

    # an attribute of the module: `lm.hub_data` puts mirror and pins there
    lite = datasets.load_dataset(LITE, LITE_CONFIG, split="test", revision=lite_revision)
    full = datasets.load_dataset(FULL, config, split="test", revision=revision)
    places = {sample: place for place, sample in enumerate(full["sample_id"])}
    wanted = list(lite["sample_id"])
    found = [sample for sample in wanted if sample in places]
    if missing := sorted(set(wanted) - places.keys()):
        text = (
            f"{len(missing)} of the {len(wanted)} questions of {LITE} are not in {FULL}, {config}: "
            + ", ".join(missing[:5])
        )
        if len(missing) > MISSING * len(wanted):
            raise ConfigError(f"{text}; at most {MISSING:.0%} may be: do the revisions fit?")
        logging.getLogger(__name__).warning(text)
    return {"test": full.select([places[sample] for sample in found])}


def documents(rows: datasets.Dataset) -> datasets.Dataset:
    """Return Lite's rows with ``id`` and the subject's ``category``; lm-eval's ``process_docs``."""
    import datasets

    return datasets.Dataset.from_list(
        [{**row, "id": row["sample_id"], "category": row["subject_category"]} for row in rows]
    )


def score(doc: Mapping[str, Any], results: Sequence[LogLikelihood]) -> dict[str, float]:
    """Score the letter of the highest log-likelihood.

    Returns:
        ``acc``, and the same as ``acc_sensitive`` for a question that is labelled culturally
        sensitive (CS), as ``acc_agnostic`` for one that is labelled agnostic (CA).
    """
    values = [value for value, _ in results]
    acc = float(LETTERS[values.index(max(values))] == doc["answer"])
    kind = KINDS.get(doc["cultural_sensitivity_label"])
    return {"acc": acc} | ({kind: acc} if kind else {})
