"""What a reader struck out: sources with errors and pairs whose wrong half is acceptable."""

from __future__ import annotations

# Sentences of the sources that are wrong or unclear themselves; a part is enough.
BAD_SENTENCES = (
    # ar
    "يصح بحال من الأحوال",
    "الصحفة",
    "رمز لغة هذه اللغة الحالي",
    "حتي يتم",
    # cs
    "žádná přesměrování",
    "se nezmocnila třetí strana",
    "Všichni lidé rodí se",
    "Tato není k dispozici",
    "použijí tento postup",
    "úžívat",
    "Nevyplňuje",
    "Objekt záznam",
    # de
    "bezeichnet der Anteil",
    "es es",
    "das das",
    "Sie Sie sicher",
    "Geben Sie einen Stellungnahme",
    "weiterlzuleiten",
    " mind.",
    "Eingabe beginnen um",
    # es
    "La páginas",
    "Las siguiente",
    "Cada modelo tienen",
    "administradores tiene ",
    "no puedo ser",
    "esta soportado",
    "una alias",
    "esta protegida",
    "gaurdado",
    "Arrastrar y soltar",
    "Esta seguro",
    "ingresadosno",
    # id
    "suber",
    "Apakan",
    "dibutuhan",
    "aktfikan",
    "merubah",
    # ja
    "アクセスコードを必要があります",
    "向こうでした",
    "バタグ",
    "ネームスペースのよる",
    "引き上げられもの",
    "下へ下へ",
)

# Parts of generated sentences that a strict reader would accept.
REJECTED = (
    "untuk dibuat laporan",
    "dengan diterima upah",
    "dapat dibutuhkan waktu",
    "どちらかが選択して",
)


def is_bad_source(text: str) -> bool:
    """Whether a sentence of a source is struck out."""
    return any(part in text for part in BAD_SENTENCES)


def is_rejected(text: str) -> bool:
    """Whether a generated wrong sentence is struck out because it is not wrong enough."""
    return any(part in text for part in REJECTED)


# Contexts (continuation) that more than one choice continues well.
BAD_CONTINUATIONS = frozenset(
    {"Menentukan apakah pengguna berhak", "لا يمكن تعيين", "يجب أن تكون المجموعات"}
)

# English names of emoji that are ambiguous, or whose local name is no translation of the word.
BAD_WORDS = frozenset(
    """construction sake fog foggy bald link pick custard clamp flat sharp original radioactive
    biohazard dizzy increment prohibited wireless joystick ice houses cinema person splatter rosette
    merperson goggles locked unlocked ewe dumpling information recycling ribbon label sparkle mill
    customs camping collision hole mechanic interrobang mage cityscape divide multiply plus minus
    ledger bullseye bug mushroom moai books cyclone sauropod briefs judge comet hyacinth oden
    seedling skier eye memo tram train snowman castle wood goblin cooking trumpet locomotive bikini
    technologist hamsa khanda snowflake mate blossom merman mouse shortcake cook sparkler
    placard""".split()
)
