"""What the subcommands of single stages share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyglot_harness.stages import Workshop


def default_root() -> Path:
    """Return the folder of single stages."""
    return Path("runs") / "stages"


def workshop(args: argparse.Namespace) -> Workshop:
    """Build the shared parts of a stage from flags."""
    from polyglot_harness.cli.progress import Terminal
    from polyglot_harness.cli.spec_of import spec_of, spending_of
    from polyglot_harness.lm.pool import ModelPool
    from polyglot_harness.stages import Workshop

    spec = spec_of(args)
    root: Path = args.output_path or default_root()
    args.output_path = root
    return Workshop(root, spec, ModelPool(), Terminal(), spending=spending_of(args, spec))


def one_language(args: argparse.Namespace) -> str:
    """Return the one language that a stage is given.

    Raises:
        ConfigError: If there is none, or more than one.
    """
    from polyglot_harness.errors import ConfigError

    if not args.languages or len(args.languages) != 1:
        raise ConfigError("--languages needs exactly one code here, e.g. --languages de")
    return str(args.languages[0])
