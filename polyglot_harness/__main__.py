"""``python -m polyglot_harness`` is ``polyglot-harness``."""

from polyglot_harness.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
