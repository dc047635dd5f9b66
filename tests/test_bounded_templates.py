"""Templates of strangers: what they may not reach, and what they may not write without end."""

from __future__ import annotations

import pytest
from jinja2 import Environment, StrictUndefined, UndefinedError
from jinja2.exceptions import SecurityError

from polyglot_harness.safety.bounded import CHARACTERS, ROUNDS, BoundedEnvironment

NAMES = {"text": "x" * 20_000, "rows": list(range(ROUNDS)), "pairs": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for a in text %}{{ text }}{% endfor %}", f"more than {ROUNDS} rounds"),
        ("{% for a in range(50000) %}{% endfor %}", f"more than {ROUNDS} rounds"),
        ("{% for a in rows %}{{ text }}{% endfor %}", f"more than {CHARACTERS} characters"),
        (
            "{% for a in rows %}{% for b in rows %}{{ text }}{% endfor %}{% endfor %}",
            f"more than {CHARACTERS} characters",
        ),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ rows.append(1) }}", "not safely callable|unsafe"),
    ],
)
def test_what_is_refused(template: str, why: str) -> None:
    with pytest.raises(SecurityError, match=why):
        BoundedEnvironment().from_string(template).render(**NAMES)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in [1, 2] %}{{ loop.index }}{{ a }}{{ loop.last }}{% else %}none{% endfor %}",
        "{% for a in [] %}{{ a }}{% else %}none{% endfor %}",
        "{% for key, value in pairs.items() %}{{ key }}={{ value }};{% endfor %}",
        "{% for a in rows if a is divisibleby 400 %}{{ a }} {% endfor %}",
        "{% for a in rows[:3] %}{% for b in rows[:a] %}{{ b }}{% endfor %}|{% endfor %}",
        "{{ text | length }}{{ pairs | tojson }}",
    ],
)
def test_what_is_rendered_is_as_in_plain_jinja(template: str) -> None:
    plain = Environment(autoescape=False).from_string(template)  # noqa: S701 - no HTML
    assert BoundedEnvironment().from_string(template).render(**NAMES) == plain.render(**NAMES)


def test_a_loop_over_nothing_is_as_strict_as_before() -> None:
    template = BoundedEnvironment(undefined=StrictUndefined).from_string(
        "{% for a in nowhere %}{% endfor %}"
    )
    with pytest.raises(UndefinedError, match="'nowhere' is undefined"):
        template.render()
