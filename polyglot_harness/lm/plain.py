"""``polyglot-lm-eval``: lm-eval's own command line, which then knows our model types too.

lm-eval finds model types in its own package only (it has no entry points for others), so something
must import ours before it parses ``--model openai-compatible``.
"""

from __future__ import annotations

from polyglot_harness.lm.load import model_types


def main() -> None:
    """Register our model types, then hand over to lm-eval."""
    model_types()
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()
