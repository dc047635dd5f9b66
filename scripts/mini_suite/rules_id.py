"""Indonesian: stranded prepositions, aspect after the verb; voice."""

from __future__ import annotations

from collections.abc import Iterator

from .edits import Tokens, at_boundary, core, replace, swappable, tail

PREPOSITIONS = frozenset("di ke dari pada oleh dengan untuk tentang atas sebagai".split())
OPENERS = frozenset(
    """dan atau untuk dengan di ke dari pada oleh akan telah sudah adalah harus jika saat karena
    agar bahwa tetapi serta""".split()
)
# Parts of compound prepositions, and words that may stand alone after their head.
NOT_NOUNS = frozenset(
    "sama dalam atas bawah luar mana sini atasnya bawahnya yang apa antara".split()
)
ASPECT = frozenset("akan telah sudah sedang belum tidak".split())
VERBAL = ("di", "me", "ter", "ber")
PASSIVE = {
    "mengirim": "dikirim",
    "mengirimkan": "dikirimkan",
    "mengirimi": "dikirimi",
    "mengklon": "diklon",
    "mengetik": "diketik",
    "mengetikkan": "diketikkan",
    "mengelola": "dikelola",
    "mengunjungi": "dikunjungi",
    "memilih": "dipilih",
    "memuat": "dimuat",
    "memiliki": "dimiliki",
    "mempunyai": "dipunyai",
    "memulai": "dimulai",
    "memasukkan": "dimasukkan",
    "memasuki": "dimasuki",
    "memastikan": "dipastikan",
    "memperbarui": "diperbarui",
    "memperoleh": "diperoleh",
    "memindah": "dipindah",
    "memasang": "dipasang",
    "memelihara": "dipelihara",
    "memerlukan": "diperlukan",
    "mempublikasi": "dipublikasi",
    "mempublikasikan": "dipublikasikan",
    "mempelajari": "dipelajari",
    "memetakan": "dipetakan",
    "menemukan": "ditemukan",
    "menutup": "ditutup",
    "menetapkan": "ditetapkan",
    "menerima": "diterima",
    "menerapkan": "diterapkan",
    "menentukan": "ditentukan",
    "menempatkan": "ditempatkan",
    "menarik": "ditarik",
    "menangani": "ditangani",
    "menandakan": "ditandakan",
    "menampilkan": "ditampilkan",
    "menambahkan": "ditambahkan",
    "menambah": "ditambah",
    "menonaktifkan": "dinonaktifkan",
    "menilai": "dinilai",
    "menikmati": "dinikmati",
    "meninggalkan": "ditinggalkan",
    "menyimpan": "disimpan",
    "menyalin": "disalin",
    "menyerahkan": "diserahkan",
    "menyunting": "disunting",
    "menyetel": "disetel",
    "menyaring": "disaring",
    "menyatakan": "dinyatakan",
}
# verbs whose passive only needs the prefix replaced
for _verb in (
    """mengubah mengakses mengunggah menghapus menggunakan mengedit mengatur menghilangkan
    menghasilkan mengganti mengambil mengaktifkan mengunduh mengizinkan mengisi mengimpor
    menghitung menggambar mengalihkan mengikuti mengembangkan mengunci"""
).split():
    PASSIVE[_verb] = "di" + _verb.removeprefix("meng")
for _verb in "mencari mencoba mencegah mencabut menjawab menjalankan mendefinisikan".split():
    PASSIVE[_verb] = "di" + _verb.removeprefix("men")
for _verb in "membuat membuka memberi memberikan membentuk membutuhkan membedakan".split():
    PASSIVE[_verb] = "di" + _verb.removeprefix("mem")
for _verb in "melihat melakukan melanjutkan melindungi melewati meluangkan merubah".split():
    PASSIVE[_verb] = "di" + _verb.removeprefix("me")
PASSIVE["mengunci"] = "dikunci"
PASSIVE["mengembangkan"] = "dikembangkan"
ACTIVE = {passive: active for active, passive in PASSIVE.items()}
AUXILIARIES = frozenset("dapat harus perlu bisa boleh akan telah sudah berhak".split())
# Only people cannot be what the passive verb happens to, so only they make it wrong.
PEOPLE = frozenset("anda siswa kami guru instruktur administrator pengguna orang".split())
# Somebody or an order to somebody must be the subject of "untuk" and "dengan".
ORDERS = PEOPLE | frozenset("tekan klik gunakan navigasikan masukkan ketikkan seorang".split())
# with these the person may be the goal of the passive ("kami akan dikirimkan petunjuk")
DITRANSITIVE = frozenset("mengirim mengirimkan mengirimi memberi memberikan menyerahkan".split())
SINGULAR = frozenset("setiap sebuah suatu sesuatu satu tiap seorang".split())
_CLAUSE_WORDS = OPENERS | frozenset(
    """yang tidak ulang kembali dapat lagi ada secara saja sebelum setelah hanya lebih apakah
    semua""".split()
) - {"semua"}


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt."""
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        if first in PREPOSITIONS and second not in NOT_NOUNS | OPENERS:
            if at_boundary(tokens, i + 1, OPENERS):
                yield i
        elif first in ASPECT and second.startswith(VERBAL) and len(second) > 5:
            if core(tokens[i - 1]) != "yang" and not tail(tokens[i - 1]):
                yield i
        elif first == "yang" and second.startswith(VERBAL) and tail(tokens[i + 1]):
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences whose verb has the wrong voice for its arguments, or the wrong negation."""
    yield from _passive_with_object(tokens)
    yield from _active_with_agent(tokens)
    yield from _plural_after_one(tokens)
    for i in range(len(tokens) - 1):
        following = core(tokens[i + 1])
        if tokens[i] == "bukan" and i and not tail(tokens[i - 1]) and following != "merupakan":
            yield replace(tokens, i, "tidak")
        if tokens[i].lower() == "tidak" and following == "ada" and not tail(tokens[i + 1]):
            yield replace(tokens, i + 1, "adalah")


def _passive_with_object(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(1, len(tokens) - 1):
        verb, before, after = tokens[i], tokens[i - 1].lower(), core(tokens[i + 1])
        if verb not in PASSIVE or after.lower() in _CLAUSE_WORDS or not after.isalpha():
            continue
        if after.endswith("nya") or verb in DITRANSITIVE:
            continue
        earlier = {core(token).lower() for token in tokens[: i - 1]}
        subject = core(tokens[i - 2]).lower() if i > 1 else ""
        person = before == "anda" or (before in AUXILIARIES and subject in PEOPLE)
        ordered = before in ("untuk", "dengan") and bool(earlier & ORDERS)
        if person or ordered:
            yield replace(tokens, i, PASSIVE[verb])


def _active_with_agent(tokens: Tokens) -> Iterator[Tokens]:
    for i in range(len(tokens) - 2):
        if tokens[i] in ACTIVE and tokens[i + 1] == "oleh":
            yield replace(tokens, i, ACTIVE[tokens[i]])


def _plural_after_one(tokens: Tokens) -> Iterator[Tokens]:
    """A reduplicated noun after a word that asks for one."""
    for i in range(len(tokens) - 1):
        noun = core(tokens[i + 1])
        if tokens[i].lower() not in SINGULAR or noun in OPENERS | NOT_NOUNS | _CLAUSE_WORDS:
            continue
        if noun == "orang":  # dozens of articles of the Declaration begin with "Setiap orang"
            continue
        verbal = noun.startswith(("me", "di", "ber", "ter"))
        if noun.isalpha() and noun.islower() and not verbal and len(noun) > 3:
            yield replace(tokens, i + 1, f"{noun}-{noun}")
