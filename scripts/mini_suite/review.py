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
    # en
    "on these page.",
    "Question at Time",
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
    # ko
    "비밀번호을",
    "인 지 ",
    "있는 지 ",
    "페이지로에서",
    "형식이여야",
    "존 사이트",
    "텍스크",
    "응답 업음",
    "에일리언스",
    "당신을 이 페이지",
    "작성니다",
    "저정하지",
    "문제를 응답하지",
    "학생은 응답은",
    "문항을 문제 은행 추가",
    "문제를 수를",
    "권한을 다시 사용자가",
    "테그",
    "컬랙션",
    "엑션",
    "다를 장치",
    "단어 한 미만",
    "불가한 워크",
    "에 의해 마지막",
    "최소 한 정답",
    "최소 한 해답",
    "활성 학생이 이 질문",
    "응답하기를 시작",
    "다음으로 정확한",
    "제거 및 모든 첨부된",
    "워그테일",
    "웨그테일",
    "완료되지 않음 IP",
    "유형에 변경은",
    "라이브를 위한",
)

# Parts of generated sentences that a strict reader would accept.
REJECTED = (
    "untuk dibuat laporan",
    "dengan diterima upah",
    "dapat dibutuhkan waktu",
    "どちらかが選択して",
    "대표에 통하여",
)


def is_bad_source(text: str) -> bool:
    """Whether a sentence of a source is struck out."""
    return any(part in text for part in BAD_SENTENCES)


def is_rejected(text: str) -> bool:
    """Whether a generated wrong sentence is struck out because it is not wrong enough."""
    return any(part in text for part in REJECTED)


# Contexts (continuation) that more than one choice continues well.
BAD_CONTINUATIONS = frozenset(
    {
        "Menentukan apakah pengguna berhak",
        "لا يمكن تعيين",
        "يجب أن تكون المجموعات",
        "Kinuha ng kartero ang",
        "Proceeding will overwrite the",
        "You may go",
        "Use the arrow keys to move the",
        "This object doesn’t",
        "Leave blank to redirect to",
        "Note that both fields",
        "Edits made here will appear on any",
    }
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

# The same of one language, and words that it took from English, where its script hides them.
LOCAL_BAD_WORDS = {
    "ko": frozenset(
        """ferry lime cookie popcorn poodle dvd paperclip videocassette crayon bus trolleybus shower
        wheel canoe selfie drum softball croissant bacon coconut skunk beaver cupcake waffle butter
        elf scarf coat sponge microphone mammoth laptop screwdriver genie supervillain superhero
        dango ogre jeans sparkles scroll eyes backpack hibiscus guard jar leg foot warning
        pilot""".split()
    ),
    "tl": frozenset(
        """metro motorway sunglasses coat kiss leg ogre sparkles jeans eyes elf detective
        scarf""".split()
    ),
}
