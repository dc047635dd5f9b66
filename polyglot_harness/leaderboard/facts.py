"""Who taught and who was taught, as results files say it: from cards, without secrets or paths."""

from __future__ import annotations

from pathlib import PurePath

from polyglot_harness.analysis.sizes import size_in_name
from polyglot_harness.leaderboard.records import StudentFacts, TeacherFacts
from polyglot_harness.spec import StudentCard, TeacherCard, digest, pairs
from polyglot_harness.stages.workshop import identity
from polyglot_harness.teachers import shaping_args

DIGITS = 12
"""Of a digest that stands for a revision."""


def teacher_facts(card: TeacherCard) -> TeacherFacts:
    """Return what a card says of a teacher."""
    source = _source(card)
    return TeacherFacts(
        name=card.name,
        revision=revision(card),
        model=f"{card.model}:{source}" if source else card.model,
        family=card.family,
        licence=card.licence,
        url=card.url,
        notes=card.notes,
        size_b=_size(card.name, source),
        price_in=card.price_in,
        price_out=card.price_out,
    )


def revision(card: TeacherCard) -> str:
    """Return the commit that a card pins, else a digest of all in it that shapes replies.

    What a run adds (generation settings, system instruction) is in the signature, and versions of
    libraries are in the provenance.
    """
    args = dict(card.model_args)
    if args.get("revision"):
        return str(args["revision"])
    shaping = {k: identity(v) if k == "pretrained" else v for k, v in shaping_args(card)}
    said = [card.model, pairs(shaping), card.form, card.reply_format, card.gen_kwargs]
    return digest(said)[:DIGITS]


def student_facts(card: StudentCard) -> StudentFacts:
    """Return what a card says of a student."""
    return StudentFacts(
        name=card.name,
        revision=card.revision,
        family=card.family,
        licence=card.licence,
        url=card.url,
        size_b=_size(card.name, card.pretrained),
    )


def _source(card: TeacherCard) -> str:
    """Return the model that is asked for; of a local path its last part."""
    args = dict(card.model_args)
    name = str(args.get("pretrained") or args.get("model") or "")
    return PurePath(name).name if PurePath(name).is_absolute() else name


def _size(*names: str) -> float | None:
    return next((size for name in names if (size := size_in_name(name)) is not None), None)
