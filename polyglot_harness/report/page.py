"""The page itself: one HTML file out of a template, a style and a script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from polyglot_harness.files import storable
from polyglot_harness.report import charts
from polyglot_harness.report.columns import column
from polyglot_harness.report.texts import REPLY_CHARACTERS, Reason, cut
from polyglot_harness.report.view import View, colour
from polyglot_harness.spec import LanguagePack, Measurement, canonical_json

FOLDER = Path(__file__).parent / "page"


def render(
    title: str,
    pack: LanguagePack,
    view: View,
    measurements: Sequence[Measurement],
    reasons: Sequence[Reason],
    generated: Mapping[str, str],
) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_read(name) for name in ("report.css", "report.js"))
    rejected = sum(reason.total for reason in reasons)
    html = environment.get_template("report.html.jinja").render(
        title=title,
        pack=pack,
        view=view,
        charts=charts,
        zip=zip,
        colour=lambda strategy: colour(strategy, view.strategies),
        measurements=[_measurement(m, pack) for m in measurements],
        histograms=[
            (m, charts.histogram(m.distribution, view.strategies))
            for m in view.metrics
            if m.distribution and m.distribution.same is None
        ],
        reasons=reasons,
        rejected=rejected,
        replies=view.n + rejected,
        most=max((reason.total for reason in reasons), default=1),
        reply=lambda text: cut(text, REPLY_CHARACTERS),
        generated=generated,
        style=style,
        script=script,
        data=script_json(view.script),
        policy=policy(style, script),
    )
    return storable(html)


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """Return the content security policy: this style and this script, and no request at all."""

    def named(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; style-src {named(style)}; script-src {named(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def script_json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _measurement(found: Measurement, pack: LanguagePack) -> dict[str, Any]:
    of = column(found.name, pack)

    def text(value: float | None) -> str:
        return "" if value is None else charts.with_error(value, found.stderr)

    return {
        "name": found.name,
        "label": of.label,
        "unit": of.unit,
        "better": of.better,
        "params": [(key, _plain(value)) for key, value in found.params if value != of.unit],
        "value": text(found.value),
        "stderr": text(found.stderr),
        "low": text(found.low),
        "high": text(found.high),
        "n": found.n,
        "interval": charts.interval(found, of),
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
