"""The distribution of rewards within prompts, by language, as an SVG: same numbers, same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polyglot_harness.errors import MissingDependency
from polyglot_harness.preference.statistics import Found

BINS = 40
_OWN, _OTHER = "#0072B2", "#D55E00"
"""Okabe and Ito's, which the colour-blind can tell apart."""
_STYLE = {
    "svg.hashsalt": "polyglot-harness",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plot(found: Mapping[str, Found], path: Path, reward: str) -> None:
    """Draw a panel a language: rewards less their prompt's mean, by language of the response.

    Args:
        found: Language -> what its candidates say.
        path: Of the SVG.
        reward: Name of what scored them.

    Raises:
        MissingDependency: If matplotlib is not there.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency("matplotlib", "analysis") from error
    drawn = {language: of for language, of in found.items() if of.centred}
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6, 0.6 + 1.5 * max(len(drawn), 1)), layout="constrained")
        panels = figure.subplots(max(len(drawn), 1), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (language, of) in zip(panels, drawn.items(), strict=False):
            _panel(panel, language, of)
        name = reward.rstrip("/").rsplit("/", 1)[-1]  # of a path the end: the axis is short
        panels[-1].set_xlabel(f"reward by {name}, less the mean of the prompt's responses")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _panel(panel: Any, language: str, of: Found) -> None:
    rewards, own = np.concatenate(of.centred), np.concatenate(of.fluent)
    edges = np.histogram_bin_edges(rewards, bins=BINS)
    for part, colour, word in ((own, _OWN, "in"), (~own, _OTHER, "not in")):
        label = f"{word} {language}: {int(part.sum())}"
        panel.hist(rewards[part], bins=edges, color=colour, alpha=0.6, label=label)
    panel.set_ylabel("responses")
    panel.legend(frameon=False, loc="upper left")
