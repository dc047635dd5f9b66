"""Natural replies that depend on nothing but prompt and seed, for `fault_server`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SENTENCES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "data" / "sentences.json").read_text(encoding="utf-8")
)
LANGUAGES = {
    "ar": ("Arabic", "العربية", "السؤال", "الجواب"),
    "cs": ("Czech", "čeština", "Úkol", "Odpověď"),
    "de": ("German", "Deutsch", "Aufgabe", "Antwort"),
    "es": ("Spanish", "español", "Tarea", "Respuesta"),
    "id": ("Indonesian", "Bahasa Indonesia", "Tugas", "Jawaban"),
    "ja": ("Japanese", "日本語", "質問", "回答"),
}
"""English name, own name, and the labels of prompt and response."""


def identity(prompt: str, seed: Any) -> str:
    return hashlib.sha256(f"{prompt}\x1f{seed}".encode()).hexdigest()[:16]


def prompt_of(body: dict[str, Any]) -> str:
    messages = body.get("messages")
    return body.get("prompt", "") if messages is None else json.dumps(messages, ensure_ascii=False)


def text_of(body: dict[str, Any]) -> str:
    """Return what is asked, as text."""
    messages = body.get("messages")
    return body.get("prompt", "") if messages is None else str(messages[-1]["content"])


def reply_to(body: dict[str, Any]) -> str:
    """Return a natural reply that only depends on prompt and seed, in the form asked for."""
    asked = text_of(body)
    language = language_of(asked)
    english, own, prompt_label, response_label = LANGUAGES[language]
    draw = int.from_bytes(hashlib.sha256(identity(prompt_of(body), body.get("seed")).encode())
                          .digest(), "big")  # fmt: skip
    gap = "" if language == "ja" else " "
    pool = list(SENTENCES[language])
    texts = []
    for _ in range(2):
        words = []
        for _ in range(3):
            draw, at = divmod(draw, len(pool))
            words.append(pool.pop(at))
        texts.append(gap.join(words))
    prompt, response = texts
    if "response_format" in body or "JSON" in asked:
        return json.dumps({"prompt": prompt, "response": response}, ensure_ascii=False)
    if asked.rstrip().endswith(f"{response_label}:"):
        return f" {response}"
    labelled = f"{prompt}\n{response_label}: {response}"
    if asked.rstrip().endswith(f"{prompt_label}:"):
        return f" {labelled}"
    if f"{prompt_label}:" in asked and f"{response_label}:" in asked:
        return f"{prompt_label}: {labelled}"
    return response


def language_of(text: str) -> str:
    """Return the language whose labels or names the text holds, else that it is written in."""
    for wanted in (lambda names: [f"{label}:" for label in names[2:]], lambda names: names[:2]):
        for code, names in LANGUAGES.items():
            if any(word in text for word in wanted(names)):
                return code
    from polyglot_harness.language_id import identify

    found = identify(text)
    return found if found in LANGUAGES else "de"
