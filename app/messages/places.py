"""Where a person may be: zones and the law's hours by address and by phone number. Pure; tables and look-ups only."""

from __future__ import annotations

from datetime import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import phonenumbers
from phonenumbers import timezone as phone_zones

from app.messages.quiet import ALL_DAY, Hours, Watch

if TYPE_CHECKING:
    from collections.abc import Collection


def _table(written: str) -> dict[str, tuple[str, ...]]:
    """`KEY=Zone` or `KEY=Zone,Zone`, parted by spaces."""
    return {key: tuple(zones.split(",")) for key, _, zones in (each.partition("=") for each in written.split())}


_EAST, _CENTRAL, _MOUNTAIN, _WEST = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"


def _states(written: str, *zones: str) -> dict[tuple[str, str], tuple[str, ...]]:
    return {("US", state): zones for state in written.split()}


# States and provinces that lie in one zone, or whose zones we name all of: the stricter then decides.
PROVINCES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    **_states("CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV", _EAST),
    **_states("FL IN KY MI TN", _EAST, _CENTRAL),
    **_states("AL AR IA IL LA MN MO MS OK WI", _CENTRAL),
    **_states("KS ND NE SD TX", _CENTRAL, _MOUNTAIN),
    **_states("CO MT NM UT WY", _MOUNTAIN),
    **_states("ID OR", _MOUNTAIN, _WEST),
    **_states("CA NV WA", _WEST),
    **_states("AZ", "America/Phoenix"),
    **_states("AK", "America/Anchorage"),
    **_states("HI", "Pacific/Honolulu"),
    **{
        (country, province): zones
        for country, written in {
            "CA": "BC=America/Vancouver AB=America/Edmonton SK=America/Regina MB=America/Winnipeg "
            "ON=America/Toronto,America/Winnipeg QC=America/Toronto NB=America/Moncton NS=America/Halifax "
            "PE=America/Halifax NL=America/St_Johns YT=America/Whitehorse",
            "AU": "NSW=Australia/Sydney ACT=Australia/Sydney VIC=Australia/Melbourne QLD=Australia/Brisbane "
            "SA=Australia/Adelaide NT=Australia/Darwin TAS=Australia/Hobart WA=Australia/Perth",
            "BR": "AC=America/Rio_Branco AM=America/Manaus RR=America/Boa_Vista RO=America/Porto_Velho "
            "MT=America/Cuiaba MS=America/Campo_Grande SP=America/Sao_Paulo RJ=America/Sao_Paulo",
            "MX": "BC=America/Tijuana SON=America/Hermosillo SIN=America/Mazatlan BCS=America/Mazatlan "
            "CHIH=America/Chihuahua DF=America/Mexico_City JAL=America/Mexico_City NL=America/Monterrey",
        }.items()
        for province, zones in _table(written).items()
    },
}

# Countries that lie in one zone, or nearly all of whose people do (the mainland of Spain, of Portugal, of Chile).
COUNTRIES: Final = _table("""
    AD=Europe/Andorra AE=Asia/Dubai AF=Asia/Kabul AG=America/Antigua AI=America/Anguilla AL=Europe/Tirane
    AM=Asia/Yerevan AO=Africa/Luanda AR=America/Argentina/Buenos_Aires AS=Pacific/Pago_Pago AT=Europe/Vienna
    AW=America/Aruba AX=Europe/Mariehamn AZ=Asia/Baku BA=Europe/Sarajevo BB=America/Barbados BD=Asia/Dhaka
    BE=Europe/Brussels BF=Africa/Ouagadougou BG=Europe/Sofia BH=Asia/Bahrain BI=Africa/Bujumbura
    BJ=Africa/Porto-Novo BL=America/St_Barthelemy BM=Atlantic/Bermuda BN=Asia/Brunei BO=America/La_Paz
    BQ=America/Kralendijk BS=America/Nassau BT=Asia/Thimphu BW=Africa/Gaborone BY=Europe/Minsk BZ=America/Belize
    CC=Indian/Cocos CF=Africa/Bangui CG=Africa/Brazzaville CH=Europe/Zurich CI=Africa/Abidjan CK=Pacific/Rarotonga
    CL=America/Santiago CM=Africa/Douala CN=Asia/Shanghai CO=America/Bogota CR=America/Costa_Rica CU=America/Havana
    CV=Atlantic/Cape_Verde CW=America/Curacao CX=Indian/Christmas CY=Asia/Nicosia CZ=Europe/Prague DE=Europe/Berlin
    DJ=Africa/Djibouti DK=Europe/Copenhagen DM=America/Dominica DO=America/Santo_Domingo DZ=Africa/Algiers
    EC=America/Guayaquil EE=Europe/Tallinn EG=Africa/Cairo EH=Africa/El_Aaiun ER=Africa/Asmara ES=Europe/Madrid
    ET=Africa/Addis_Ababa FI=Europe/Helsinki FJ=Pacific/Fiji FK=Atlantic/Stanley FO=Atlantic/Faroe FR=Europe/Paris
    GA=Africa/Libreville GB=Europe/London GD=America/Grenada GE=Asia/Tbilisi GF=America/Cayenne GG=Europe/Guernsey
    GH=Africa/Accra GI=Europe/Gibraltar GL=America/Nuuk GM=Africa/Banjul GN=Africa/Conakry GP=America/Guadeloupe
    GQ=Africa/Malabo GR=Europe/Athens GS=Atlantic/South_Georgia GT=America/Guatemala GU=Pacific/Guam
    GW=Africa/Bissau GY=America/Guyana HK=Asia/Hong_Kong HN=America/Tegucigalpa HR=Europe/Zagreb
    HT=America/Port-au-Prince HU=Europe/Budapest IE=Europe/Dublin IL=Asia/Jerusalem IM=Europe/Isle_of_Man
    IN=Asia/Kolkata IO=Indian/Chagos IQ=Asia/Baghdad IR=Asia/Tehran IS=Atlantic/Reykjavik IT=Europe/Rome
    JE=Europe/Jersey JM=America/Jamaica JO=Asia/Amman JP=Asia/Tokyo KE=Africa/Nairobi KG=Asia/Bishkek
    KH=Asia/Phnom_Penh KM=Indian/Comoro KN=America/St_Kitts KP=Asia/Pyongyang KR=Asia/Seoul KW=Asia/Kuwait
    KY=America/Cayman KZ=Asia/Almaty LA=Asia/Vientiane LB=Asia/Beirut LC=America/St_Lucia LI=Europe/Vaduz
    LK=Asia/Colombo LR=Africa/Monrovia LS=Africa/Maseru LT=Europe/Vilnius LU=Europe/Luxembourg LV=Europe/Riga
    LY=Africa/Tripoli MA=Africa/Casablanca MC=Europe/Monaco MD=Europe/Chisinau ME=Europe/Podgorica
    MF=America/Marigot MG=Indian/Antananarivo MK=Europe/Skopje ML=Africa/Bamako MM=Asia/Yangon MN=Asia/Ulaanbaatar
    MO=Asia/Macau MP=Pacific/Saipan MQ=America/Martinique MR=Africa/Nouakchott MS=America/Montserrat
    MT=Europe/Malta MU=Indian/Mauritius MV=Indian/Maldives MW=Africa/Blantyre MY=Asia/Kuala_Lumpur MZ=Africa/Maputo
    NA=Africa/Windhoek NC=Pacific/Noumea NE=Africa/Niamey NF=Pacific/Norfolk NG=Africa/Lagos NI=America/Managua
    NL=Europe/Amsterdam NO=Europe/Oslo NP=Asia/Kathmandu NR=Pacific/Nauru NU=Pacific/Niue NZ=Pacific/Auckland
    OM=Asia/Muscat PA=America/Panama PE=America/Lima PG=Pacific/Port_Moresby PH=Asia/Manila PK=Asia/Karachi
    PL=Europe/Warsaw PM=America/Miquelon PN=Pacific/Pitcairn PR=America/Puerto_Rico PS=Asia/Gaza PT=Europe/Lisbon
    PW=Pacific/Palau PY=America/Asuncion QA=Asia/Qatar RE=Indian/Reunion RO=Europe/Bucharest RS=Europe/Belgrade
    RW=Africa/Kigali SA=Asia/Riyadh SB=Pacific/Guadalcanal SC=Indian/Mahe SD=Africa/Khartoum SE=Europe/Stockholm
    SG=Asia/Singapore SH=Atlantic/St_Helena SI=Europe/Ljubljana SJ=Arctic/Longyearbyen SK=Europe/Bratislava
    SL=Africa/Freetown SM=Europe/San_Marino SN=Africa/Dakar SO=Africa/Mogadishu SR=America/Paramaribo
    SS=Africa/Juba ST=Africa/Sao_Tome SV=America/El_Salvador SX=America/Lower_Princes SY=Asia/Damascus
    SZ=Africa/Mbabane TC=America/Grand_Turk TD=Africa/Ndjamena TF=Indian/Kerguelen TG=Africa/Lome TH=Asia/Bangkok
    TJ=Asia/Dushanbe TK=Pacific/Fakaofo TL=Asia/Dili TM=Asia/Ashgabat TN=Africa/Tunis TO=Pacific/Tongatapu
    TR=Europe/Istanbul TT=America/Port_of_Spain TV=Pacific/Funafuti TW=Asia/Taipei TZ=Africa/Dar_es_Salaam
    UA=Europe/Kyiv UG=Africa/Kampala UY=America/Montevideo UZ=Asia/Tashkent VA=Europe/Vatican VC=America/St_Vincent
    VE=America/Caracas VG=America/Tortola VI=America/St_Thomas VN=Asia/Ho_Chi_Minh VU=Pacific/Efate
    WF=Pacific/Wallis WS=Pacific/Apia YE=Asia/Aden YT=Indian/Mayotte ZA=Africa/Johannesburg ZM=Africa/Lusaka
    ZW=Africa/Harare
""")  # fmt: skip

# The others, when neither the province nor the number tells: from one end to the other.
WIDE: Final = _table(
    f"US={_EAST},{_WEST} CA=America/St_Johns,America/Vancouver AU=Australia/Sydney,Australia/Perth "
    "BR=America/Sao_Paulo,America/Rio_Branco MX=America/Mexico_City,America/Tijuana "
    "ID=Asia/Jakarta,Asia/Jayapura RU=Europe/Moscow,Asia/Yekaterinburg,Asia/Vladivostok"
)

_STRICT_STATES = ("CA", "CT", "FL", "IL", "MA", "MD", "MI", "MN", "NJ", "NM", "NV", "OK", "OR", "WA", "WY")
_PLAIN, _STRICT = Hours(time(21), time(8)), Hours(time(20), time(9))
LAWS: Final[dict[str, Hours]] = {
    "US": _PLAIN,
    "CA": _PLAIN,
    **{f"US-{state}": _STRICT for state in _STRICT_STATES},
    "US-AL": Hours(time(20), time(9), ALL_DAY, "US"),
    "US-KY": Hours(time(20), time(10)),
    "US-LA": Hours(time(20), time(9), ALL_DAY, "US"),
    "US-MS": Hours(time(20), time(9), ALL_DAY),
    "US-RI": Hours(time(18), time(10), ALL_DAY, "US"),
    "US-SD": Hours(time(20), time(9), ALL_DAY),
    "US-TX": Hours(time(20), time(9), time(12)),
    "US-UT": Hours(time(20), time(9), ALL_DAY, "US"),
    "FR": Hours(time(22), time(8), ALL_DAY, "FR"),
}
"""Hours at which texts that advertise may not come, by the law or the trade's code where a person is.

The United States as such: 47 CFR 64.1200(c)(1), 21:00 to 08:00. Canada the same. A state that ends the day at 20:00 or
begins it at 09:00, by its own act, gets both: BEHAVIOUR "Quiet hours", 20:00 to 09:00. By their acts: Ala. Code 8-19A,
Cal. PUC 2872, Conn. 42-288a (SB 1058), Fla. 501.059, 815 ILCS 413, KRS 367.46955, La. R.S. 45:844, Mass. 201 CMR 12,
Md. Com. Law 14-45 (Stop the Spam Calls), MCL 750.540e, Minn. 325E.30, Miss. 77-3-701, N.J. 56:8-128, N.M. 57-12-22,
NRS 598.0918, Okla. 15-775C, Or. HB 3865 (2025), R.I. 5-61-3.6, SDCL 37-30A, Tex. Bus. & Com. 301.051 and SB 140,
Utah 13-25a, RCW 80.36.390, Wyo. 40-12-301. Some of them close Sundays and holidays too, Texas Sundays until noon.
Some spare those who said yes; we don't. France: not after 22:00, nor on Sundays and public holidays (the charter of
the carriers' association on advertising by text). Not legal advice: a table, to be kept.
"""

_FRENCH: Final = frozenset({"FR", "GP", "MQ", "GF", "RE", "YT"})
"""Departments with a country code of their own."""

# Area codes of the states above (a mobile number keeps its code when its owner moves: then both places count).
_AREA_CODES: Final = {
    code: state
    for state, codes in {
        "AL": "205 251 256 334 659 938",
        "CA": "209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 "
        "657 661 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951",
        "CT": "203 475 860 959",
        "FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
        "IL": "217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872",
        "KY": "270 364 502 606 859",
        "LA": "225 318 337 504 985",
        "MA": "339 351 413 508 617 774 781 857 978",
        "MD": "227 240 301 410 443 667",
        "MI": "231 248 269 313 517 586 616 679 734 810 906 947 989",
        "MN": "218 320 507 612 651 763 952",
        "MS": "228 471 601 662 769",
        "NJ": "201 551 609 640 732 848 856 862 908 973",
        "NM": "505 575",
        "NV": "702 725 775",
        "OK": "405 539 572 580 918",
        "OR": "458 503 541 971",
        "RI": "401",
        "SD": "605",
        "TX": "210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 "
        "726 737 806 817 830 832 903 915 936 940 945 956 972 979",
        "UT": "385 435 801",
        "WA": "206 253 360 425 509 564",
        "WY": "307",
    }.items()
    for code in codes.split()
}


class Place(NamedTuple):
    """Somewhere a person may be: an IANA zone, and the law's hours there, if it has any."""

    zone: str
    law: Hours | None = None


def places_of(country: str | None, province: str | None, phone: str | None, shop_zone: str) -> tuple[Place, ...]:
    """All places a person may be, by address (ISO codes) and by number (E.164); the shop's own when neither tells."""
    found = {Place(zone, _law(country, province)) for zone in _zones_of_address(country, province)}
    if phone:
        found |= set(_places_of_number(phone))
    if not found and country in WIDE:
        found = {Place(zone, _law(country, None)) for zone in WIDE[country]}
    return tuple(sorted(found, key=lambda place: place.zone)) or (Place(shop_zone),)


def zones_of(country: str | None, province: str | None, phone: str | None, shop_zone: str) -> tuple[str, ...]:
    """The zones of these places."""
    return tuple(sorted({place.zone for place in places_of(country, province, phone, shop_zone)}))


def watches(places: Collection[Place], own: Hours | None, *, usual: bool, lawful: bool) -> tuple[Watch, ...]:
    """All hours that hold for a person who may be in these places.

    `own`: the shop's; None when it keeps none. `usual`: they are as they come, so a law of the place replaces them.
    `lawful`: whether the law's hours count at all (for texts they do).
    """
    found: set[Watch] = set()
    for place in places:
        law = place.law if lawful else None
        if law is not None:
            found.add(Watch(place.zone, law))
        if own is not None and not (usual and law is not None):
            found.add(Watch(place.zone, own))
    return tuple(found)


def _zones_of_address(country: str | None, province: str | None) -> tuple[str, ...]:
    if country and province and (country, province) in PROVINCES:
        return PROVINCES[country, province]
    return COUNTRIES.get(country or "", ())


def _law(country: str | None, province: str | None) -> Hours | None:
    if country in _FRENCH:
        return LAWS["FR"]
    return LAWS.get(f"{country}-{province}") or LAWS.get(country or "")


@lru_cache(maxsize=10_000)
def _places_of_number(phone: str) -> tuple[Place, ...]:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ()
    country = phonenumbers.region_code_for_number(number)
    law = _law(country, _AREA_CODES.get(str(number.national_number)[:3]) if country == "US" else None)
    zones = phone_zones.time_zones_for_number(number)
    # A mobile number of a wide country may live anywhere in it: too many zones tell nothing.
    return tuple(Place(z, law) for z in zones if z != "Etc/Unknown") if len(zones) <= 3 else ()  # noqa: PLR2004
