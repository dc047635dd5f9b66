"""Tables of our own: labels of the prompts, shots, and capitals that name a time zone."""

from __future__ import annotations

LANGUAGE_NAME = {
    "ar": "Arabic",
    "cs": "Czech",
    "de": "German",
    "es": "Spanish",
    "id": "Indonesian",
    "ja": "Japanese",
    "ko": "Korean",
    "tl": "Tagalog",
}
# "country" and "capital" in the language
COUNTRY_LABELS = {
    "ar": ("البلد", "العاصمة"),
    "cs": ("Země", "Hlavní město"),
    "de": ("Land", "Hauptstadt"),
    "en": ("Country", "Capital"),
    "es": ("País", "Capital"),
    "id": ("Negara", "Ibu kota"),
    "ja": ("国", "首都"),
    "ko": ("나라", "수도"),
}
# what CLDR calls a language, where it is not its code
CLDR_LOCALE = {"tl": "fil"}
# the three shots of every prompt; they are never items nor choices
WORD_SHOTS = ("dog", "house", "fish")
CAPITAL_SHOTS = ("FR", "JP", "EG")

# Country -> time zone of CLDR whose exemplar city is its capital. Left out: countries whose zone
# bears another name (Brasília, Canberra, ...) and capitals that are disputed, moved or
# renamed lately.
_CAPITALS = """
DZ Africa/Algiers       AO Africa/Luanda        BJ Africa/Porto-Novo   BW Africa/Gaborone
BF Africa/Ouagadougou   CF Africa/Bangui        TD Africa/Ndjamena     CG Africa/Brazzaville
CD Africa/Kinshasa      EG Africa/Cairo         GQ Africa/Malabo
ER Africa/Asmera        SZ Africa/Mbabane       ET Africa/Addis_Ababa  GA Africa/Libreville
GM Africa/Banjul        GH Africa/Accra         GN Africa/Conakry      GW Africa/Bissau
KE Africa/Nairobi       LS Africa/Maseru        LR Africa/Monrovia     LY Africa/Tripoli
MG Indian/Antananarivo  ML Africa/Bamako        MR Africa/Nouakchott   MZ Africa/Maputo
NA Africa/Windhoek      NE Africa/Niamey        RW Africa/Kigali       ST Africa/Sao_Tome
SN Africa/Dakar         SL Africa/Freetown      SO Africa/Mogadishu    SS Africa/Juba
SD Africa/Khartoum      TG Africa/Lome          TN Africa/Tunis        UG Africa/Kampala
ZM Africa/Lusaka        ZW Africa/Harare
AR America/Buenos_Aires BS America/Nassau       CL America/Santiago    CO America/Bogota
CU America/Havana       DO America/Santo_Domingo GT America/Guatemala  HT America/Port-au-Prince
HN America/Tegucigalpa  NI America/Managua      PA America/Panama
PY America/Asuncion     PE America/Lima         SR America/Paramaribo  TT America/Port_of_Spain
UY America/Montevideo   VE America/Caracas
AF Asia/Kabul           AM Asia/Yerevan         AZ Asia/Baku           BD Asia/Dhaka
BT Asia/Thimphu         KH Asia/Phnom_Penh      CY Asia/Nicosia        GE Asia/Tbilisi
IR Asia/Tehran          IQ Asia/Baghdad         JP Asia/Tokyo          JO Asia/Amman
KW Asia/Kuwait          KG Asia/Bishkek         LA Asia/Vientiane      LB Asia/Beirut
MY Asia/Kuala_Lumpur    MN Asia/Ulaanbaatar     NP Asia/Katmandu       KP Asia/Pyongyang
OM Asia/Muscat          PH Asia/Manila          SA Asia/Riyadh         SG Asia/Singapore
KR Asia/Seoul           SY Asia/Damascus        TJ Asia/Dushanbe       TH Asia/Bangkok
TL Asia/Dili            TM Asia/Ashgabat        UZ Asia/Tashkent
AL Europe/Tirane        AT Europe/Vienna        BY Europe/Minsk        BE Europe/Brussels
BA Europe/Sarajevo      BG Europe/Sofia         HR Europe/Zagreb       CZ Europe/Prague
DK Europe/Copenhagen    EE Europe/Tallinn       FI Europe/Helsinki     FR Europe/Paris
DE Europe/Berlin        GR Europe/Athens        HU Europe/Budapest     IS Atlantic/Reykjavik
IE Europe/Dublin        IT Europe/Rome          LV Europe/Riga         LI Europe/Vaduz
LT Europe/Vilnius       LU Europe/Luxembourg    MD Europe/Chisinau     MC Europe/Monaco
ME Europe/Podgorica     NL Europe/Amsterdam     MK Europe/Skopje       NO Europe/Oslo
PL Europe/Warsaw        PT Europe/Lisbon        RO Europe/Bucharest    RU Europe/Moscow
SM Europe/San_Marino    RS Europe/Belgrade      SK Europe/Bratislava   SI Europe/Ljubljana
ES Europe/Madrid        SE Europe/Stockholm     UA Europe/Kiev         GB Europe/London
MH Pacific/Majuro       PG Pacific/Port_Moresby WS Pacific/Apia        TV Pacific/Funafuti
"""
_FIELDS = _CAPITALS.split()
CAPITALS = dict(zip(_FIELDS[::2], _FIELDS[1::2], strict=True))
