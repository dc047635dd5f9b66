"""The corpus report: one page a teacher and language, to look at the data.

One HTML file that needs nothing else: no network, no other file. Its policy (CSP) lets no request
leave and no script run but its own, so that no text of a teacher can do anything but be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic.samples import Data
from polyglot_harness.report.texts import read_rejections
from polyglot_harness.report.values import Table
from polyglot_harness.spec import LanguagePack, Measurement
from polyglot_harness.store import write_atomically

Vectors = Callable[[Literal["prompt", "response"]], NDArray[np.float32]]


def write_report(
    path: Path,
    *,
    title: str,
    pack: LanguagePack,
    data: Data,
    values: Path,
    measurements: Sequence[Measurement],
    vectors: Vectors | None,
    generated: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the page. The same input gives the same bytes.

    All examples are counted; texts are shown of a bounded sample of them and of the ends of each
    metric, so that the page stays a few megabytes and memory some columns of numbers.

    Args:
        path: The HTML file; its folder must be there.
        title: E.g. teacher and language.
        pack: The language.
        data: The examples and rejections.
        values: ``values.parquet`` of the same data.
        measurements: Of the same data.
        vectors: Unit vectors, [n, d], of the prompts, for the map; None for no map. The map is
            left out, with the reason, also where a HarnessError is raised.
        generated: Facts for the head of the page, e.g. when and by what it was made.

    Raises:
        StoreError: If the values are not those of the data, or the file cannot be written.
    """
    from polyglot_harness.report.page import render
    from polyglot_harness.report.view import make_view

    table = Table(values, len(data))
    view = make_view(pack, data, table, vectors, str(values))
    html = render(title, pack, view, measurements, read_rejections(data), generated)
    write_atomically(path, html)
