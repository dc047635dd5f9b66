"""German: word order in prepositional phrases, gender of articles, number of verbs."""

from __future__ import annotations

from collections.abc import Iterator

from .edits import Tokens, core, replace, swappable, tail

# Singular nouns of the sources whose singular differs from their plural.
FEMININE = frozenset(
    """Seite Frage Antwort Sammlung Berechtigung Website Zeit Aufgabe Kopie Punktzahl Datei
    Veröffentlichung Auswahl Aktion Version Auflistung Bewertung Bildung Zahl E-Mail-Adresse Gruppe
    Bearbeitung Wortanzahl Familie Liste Ganzzahl Verfügung Länge Überprüfung Vorschau Position
    Moderation Übersetzung Anzahl Bezeichnung Überschrift Sprache Formel Abgabe Person
    Diskriminierung Erklärung Handlung Ehe Persönlichkeit Art Gemeinschaft Adresse Beschreibung
    Revision Änderung Zukunft Eingabetaste Startseite Deaktivierung Wortzahl Weiterleitung
    Hervorhebung Spalte Quelle Größe Wahl Leerstelle Gesamtpunktzahl Option Variable Lösung Eingabe
    Benotung Standardabweichung Entscheidung Kategorie Sitzung Brüderlichkeit Folter Verfassung
    Strafe Wohnung Ehre Rasse Religion Eheschließung Gesellschaft Vereinigung Gestaltung Entfaltung
    Stärkung Achtung Tätigkeit Wahrung Wissenschaft Literatur Domain Zeitspanne Uhrzeit
    Seitennummer Installation Nachricht Sortierung Datenbank Webseite Dokumentation Reihe
    Bestätigung Öffentlichkeit Privatsphäre Verwaltung Aufzählung Stelle Validierung Entfernung
    Seitenvorschau Übereinstimmung Tabelle Zeile Zwischenablage Bildbeschreibung Identifizierung
    Rolle Freischaltung Zeitzone Anfrage Wiederverwendung Konsistenz Zuverlässigkeit Fähigkeit Form
    Ebene Formatierung Weile Umschalttaste Genauigkeit Berechnung Umfrage Beantwortung Neubewertung
    Textgröße Neubenotung Suche Anforderung Stellungnahme Verknüpfung Berichterstattung Unterseite
    IP-Adresse Grundlage Staatsangehörigkeit""".split()
)
MASCULINE = frozenset(
    """Pool Wert Leistungstest Link Versuch Textblock Alias Suchbegriff Titel Hotspot Ort Kommentar
    Bericht Anreiz Anspruch Pfad Zugang Workflow Objektpool Zugriffscode Fragetyp Mittelwert
    Zeitpunkt Schutz Grundschulunterricht Fortschritt Benutzername Inhalt Upload Export
    Elementpool Start Anteil Bearbeitungsmodus Fragenstamm Durchschnitt Geist Rechtsbehelf
    Hochschulunterricht Widerspruch Bug-Report Spam-Ordner Haken Schrägstrich Geometrie-Typ
    Netzwerkfehler Aufgabentyp Typ Kurztitel Hauptinhalt Serverfehler Texteditor Konflikt Vorschlag
    Linktext API-Key Seitentitel Block Sprachcode Zustand Eintrag Index Absatz Funktionsumfang
    Fokus Texteintrag Text-Editor Maximalwert Wechsel Mindestwert Quiztitel Löschungsmodus Pooltitel
    Kenncode Bildschirm Punkt Zielpool Quellpool Punktewert Antrag Wörterpool Beitrag
    Vorschaumodus Hotspot-Typ Bereich Anfang""".split()
) - {
    "Titel",
    "Netzwerkfehler",
    "Serverfehler",
    "Spam-Ordner",
    "Haken",
    "Kurztitel",
    "Seitentitel",
    "Quiztitel",
    "Pooltitel",
    "Alias",
}
NEUTER = frozenset(
    """Passwort Recht Quiz Dokument Problem Bild Feld Objekt Konto Gesetz Datum Element Ende
    Tastaturkürzel Item Maß Land Leben JSON-Objekt Management-Formular CSRF-Cookie
    Benutzerkonto Template System Model Basis-GIS-Feld JSON-Dictionary E-Mail-Postfach
    Ablaufdatum Veröffentlichungsdatum Suchergebnis Elternteil Mal Kind Ziel Dashboard Ergebnis
    Gesamtthema Format Duplikat Ereignis Unterkonto Set Gerät Wort Textfeld
    Aktivitätsprotokoll""".split()
) - {"Tastaturkürzel", "Elternteil"}
NOUNS = FEMININE | MASCULINE | NEUTER
# "ein" and "an" also end clauses as verb particles, "zu" goes with infinitives.
PREPOSITIONS = frozenset(
    "in aus bei mit nach von vor für durch gegen ohne über unter zwischen auf zu seit an".split()
)
CONTRACTIONS = frozenset("im am vom zum zur beim ins".split())
STRONG = frozenset(
    """dieser diese dieses diesen diesem einer eine einen einem eines jede jeder jedes jedem jeden
    keine keiner keinen keinem ihre ihrer ihren ihrem ihres seine seiner seinen seinem""".split()
)
ARTICLES = frozenset("der die das den dem".split())
# form -> wrong form, safe for every case of a singular noun of that gender
WRONG_FEMININE = {
    "die": "das",
    "der": "dem",
    "diese": "dies",
    "dieser": "diesem",
    "eine": "ein",
    "einer": "einem",
    "keine": "kein",
    "jede": "jedes",
    "jeder": "jedem",
    "ihre": "ihr",
    "ihrer": "ihrem",
    "zur": "zum",
}
WRONG_MASCULINE = {
    "der": "das",
    "den": "die",
    "dem": "die",
    "dieser": "diese",
    "diesen": "dieses",
    "diesem": "diese",
    "einen": "eine",
    "einem": "einer",
    "keinen": "keine",
    "jeder": "jedes",
    "jeden": "jede",
    "jedem": "jede",
    "ihren": "ihre",
    "ihrem": "ihre",
    "zum": "zur",
}
WRONG_NEUTER = {
    "das": "die",
    "dem": "die",
    "dieses": "diese",
    "diesem": "diese",
    "einem": "einer",
    "jedes": "jede",
    "jedem": "jede",
    "ihrem": "ihre",
    "zum": "zur",
}
WRONG_VERB = {
    "ist": "bin",
    "wird": "werden",
    "wurde": "wurden",
    "hat": "haben",
    "kann": "können",
    "muss": "müssen",
    "darf": "dürfen",
    "enthält": "enthalten",
    "war": "waren",
    "soll": "sollen",
}


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt.

    A determiner before its preposition ("der in Gruppe"), a noun before a contraction ("Kurs im"),
    and "zu" after its infinitive.
    """
    for i in range(1, len(tokens) - 1):
        if not swappable(tokens, i):
            continue
        first, second = core(tokens[i]), core(tokens[i + 1])
        if first in PREPOSITIONS and _determiner(tokens, i + 1):
            yield i
        elif first in CONTRACTIONS and second in NOUNS:
            yield i
        elif first == "zu" and second.endswith("en") and second.islower() and tail(tokens[i + 1]):
            yield i


def _determiner(tokens: Tokens, index: int) -> bool:
    """Whether a singular noun follows the determiner at ``index``, directly or after one word."""
    if core(tokens[index]).lower() not in STRONG | ARTICLES or tail(tokens[index]):
        return False
    return any(core(token) in NOUNS for token in tokens[index + 1 : index + 3])


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a verb of the wrong number."""
    for i in range(1, min(4, len(tokens) - 1)):
        verb = WRONG_VERB.get(tokens[i])
        opening = tokens[0].lower() in STRONG | ARTICLES | {"kein", "ihr", "ein"}
        if verb and opening and tokens[i - 1] in NOUNS:
            yield replace(tokens, i, verb)


def easy_mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences with a determiner of the wrong gender."""
    for i in range(len(tokens) - 1):
        noun = core(tokens[i + 1])
        for nouns, table in (
            (FEMININE, WRONG_FEMININE),
            (MASCULINE, WRONG_MASCULINE),
            (NEUTER, WRONG_NEUTER),
        ):
            wrong = table.get(tokens[i].lower()) if noun in nouns else None
            if wrong is not None:
                yield replace(tokens, i, _like(tokens[i], wrong))


def _like(model: str, word: str) -> str:
    """Give ``word`` the capital of the form it replaces (polite "Ihre")."""
    return word.capitalize() if model[:1].isupper() else word
