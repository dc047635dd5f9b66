"""Templates of tasks are rendered in a sandbox: lm-eval's plain Jinja can run any code."""

from __future__ import annotations

from functools import lru_cache


def sandbox_templates() -> None:
    """Replace lm-eval's Jinja environment by a sandboxed, bounded one with the same settings.

    A template that reaches for what is private, changes a list, or loops or writes without end
    raises ``jinja2.exceptions.SecurityError``. All of lm-eval finds the environment in
    `lm_eval.utils`: for tasks' texts, and for chat templates that a server sends. A second call
    does nothing.
    """
    from lm_eval import utils

    from polyglot_harness.safety.bounded import BoundedEnvironment

    plain = utils.env
    if isinstance(plain, BoundedEnvironment):
        return
    sandbox = BoundedEnvironment(
        loader=plain.loader,
        undefined=plain.undefined,
        keep_trailing_newline=plain.keep_trailing_newline,
    )
    sandbox.filters.update(plain.filters)
    # lm-eval compiles a template anew for each document, at fifty times the cost of rendering it
    sandbox.from_string = lru_cache(maxsize=1024)(sandbox.from_string)  # type: ignore[assignment]
    utils.env = sandbox
