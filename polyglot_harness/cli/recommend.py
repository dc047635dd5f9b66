"""``recommend``: which teacher for a student in a language, from what the board knows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import Names, money, positive

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.advice import Advice, Known
    from polyglot_harness.leaderboard.records import StudentFacts

EPILOG = """\
examples:
  # from the results of record of this checkout
  polyglot-harness recommend --language id --student gemma-3-4b

  # from runs of your own, for 10,000 examples that may cost 50 dollars
  polyglot-harness recommend --language de --student smollm2-135m --results runs/one runs/two \\
      --budget 50

  # only what may be used and fits on the machine; the answer also as JSON
  polyglot-harness recommend --language cs --student olmo-3-7b --licence 'apache*,mit' \\
      --max_size 32 --json advice.json

A cell that was measured counts as itself; all others are predicted by a model of teachers,
languages and students, whose intervals are wide where little is known (docs/recommend.md). The
names of students may be cut short where what is left is unique. Exit status: 0 answered, also with
"nothing is known"; 2 wrong input; 5 a results file is damaged.
"""


def add_parser(actions: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "recommend",
        help="which teacher for a student in a language, how surely, and what to measure next",
        description="Rank teachers by what their student is expected to gain over its base, with "
        "intervals and cost,\nsay how sure that is, and which measurement would tell most next. "
        "Runs no model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--language", required=True, metavar="CODE",
        help="in which the student is to be taught (see: ls languages)",
    )  # fmt: skip
    parser.add_argument(
        "--student", required=True, metavar="NAME",
        help="whom (see: ls students), or a student of the results",
    )  # fmt: skip
    parser.add_argument(
        "--results", nargs="+", type=Path, default=None, metavar="PATH",
        help="folders of results files, run folders, or leaderboard.json files (default: "
        "leaderboard/results of this checkout or package)",
    )  # fmt: skip
    parser.add_argument(
        "--by", choices=("gain", "stable", "score"), default="gain",
        help="rank by the gain over the base in points, by the stable score, or by the Polyglot "
        "Score; scores are compared within one board only (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--top", type=positive, default=10, metavar="N",
                        help="teachers that are shown (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws (default: 0)")
    group = parser.add_argument_group("what it may cost, and what may be used")
    group.add_argument(
        "--examples", type=positive, default=10_000, metavar="N",
        help="accepted examples that the teacher is to write (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--budget", type=money, default=None, metavar="USD",
        help="leave out teachers that are expected to cost more for so many examples (default: "
        "none); unknown costs stay, marked",
    )  # fmt: skip
    group.add_argument(
        "--licence", nargs="+", action=Names, metavar="PATTERN", default=(),
        help="only these licences, e.g. 'apache*,mit' (default: all); an unknown licence goes",
    )  # fmt: skip
    group.add_argument(
        "--max_size", type=money, default=None, metavar="B",
        help="at most so many billions of parameters (default: any); unknown sizes stay, marked",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=None, metavar="FILE",
                        help="write the whole answer as JSON, too (default: no file)")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Advise and print."""
    from polyglot_harness.cli.recommend_output import show
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.leaderboard.advice import Filters, advise

    if args.json is not None and args.json.is_dir():
        raise ConfigError(f"--json {args.json}: is a folder; name a file")
    known, student, said = _question(args)
    advice = advise(
        known, args.language, student, by=args.by, examples=args.examples, seed=args.seed,
        filters=Filters(args.budget, args.licence, args.max_size),
    )  # fmt: skip
    advice = advice.model_copy(update={"notes": (*said, *advice.notes)})
    if not advice.n_cells:
        advice = advice.model_copy(update={"notes": (*advice.notes, _beginning(advice))})
    show(advice, args.top)
    if args.json is not None:
        _write(args.json, advice)
    return 0


def _question(args: argparse.Namespace) -> tuple[list[Known], StudentFacts, list[str]]:
    """Return what is known, who is asked for, and what is to be said of that."""
    from polyglot_harness.errors import unknown_name
    from polyglot_harness.languages import pack_folders
    from polyglot_harness.leaderboard.advice import read_known
    from polyglot_harness.leaderboard.records import StudentFacts
    from polyglot_harness.students import load_student, student_names

    paths = _paths(args.results)
    known = read_known(paths)
    languages = {cell.language for cell in known} | set(pack_folders())
    if args.language not in languages:
        raise unknown_name("language", args.language, languages)
    students = {cell.student.name: cell.student for cell in reversed(known)}
    name, said = _student(args.student, {*students, *student_names()})
    if name in students:
        student = students[name]
    else:
        card = load_student(name)
        student = StudentFacts(name=name, family=card.family, licence=card.licence, url=card.url)
    if args.by != "gain":
        known = read_known(paths, args.by, name)
    return known, student, said


def _paths(given: list[Path] | None) -> list[Path]:
    """Return what is to be read; a folder without any results yet says nothing."""
    from polyglot_harness.assets import assets_root

    paths = [assets_root() / "leaderboard" / "results"] if given is None else given
    return [path for path in paths if not path.is_dir() or any(path.glob("**/*.json"))]


def _student(asked: str, names: set[str]) -> tuple[str, list[str]]:
    """Return the name that is meant, and what is to be said if it is not the one that was given.

    Raises:
        ConfigError: If it is no name and not a part of exactly one.
    """
    from polyglot_harness.errors import ConfigError, unknown_name

    if asked in names:
        return asked, []
    short = asked.lower()
    for meant in (
        [name for name in sorted(names) if name.lower().startswith(short)],
        [name for name in sorted(names) if short in name.lower()],
    ):
        if len(meant) == 1 and short:
            return meant[0], [f"Student {asked} was read as {meant[0]}."]
        if len(meant) > 1 and short:
            raise ConfigError(f"student {asked!r} may be any of: {', '.join(meant)}")
    raise unknown_name("student", asked, names)


def _beginning(advice: Advice) -> str:
    from polyglot_harness.leaderboard.advice import run_command
    from polyglot_harness.teachers import load_teacher, teacher_names

    cards = {name: dict(load_teacher(name).model_args) for name in teacher_names()}
    # embedded weights have plain names
    embedded = [name for name, args in cards.items() if "/" not in str(args.get("pretrained", "/"))]
    command = run_command(",".join(embedded or [*cards][:2]), advice.language, advice.student)
    return f"To begin: {command} (see also: polyglot-harness ls teachers)"


def _write(path: Path, advice: Advice) -> None:
    from polyglot_harness.errors import StoreError
    from polyglot_harness.store import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"--json {path}: cannot be written: {error.strerror}") from None
    write_atomically(path, advice.model_dump_json(indent=1) + "\n")
