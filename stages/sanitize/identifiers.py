"""Second opinions on what looks like personal data: check digits, an address registry, numbering plans, entropy, context.

    "4111 1111 1111 1111" is a card number, "4111 1111 1111 1112" is not; "1.2.3.4" is a version, "IP 1.2.3.4" an address

Each takes a match, and the language of its text, and answers with the place of what is to be replaced, or None.
"""

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable

import phonenumbers

Found = re.Match[str]
Span = tuple[int, int]

FILE_ENDINGS = {"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "py", "html", "json", "md", "txt", "pdf"}

# Length of an IBAN by country: SWIFT, IBAN registry.
IBAN_LENGTH = {
    code[:2]: int(code[2:])
    for code in """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
    ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22
    RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30""".split()
}
ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"  # American Express, Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"  # Discover, JCB, UnionPay
)
REGIONS = {"en": ("US", "GB", "IN", "AU"), "fr": ("FR", "BE", "CH", "CA"), "de": ("DE", "AT", "CH"), "es": ("ES", "MX", "AR"),
           "it": ("IT", "CH"), "nl": ("NL", "BE"), "pt": ("PT", "BR"), "pl": ("PL",), "sv": ("SE",), "da": ("DK",),
           "no": ("NO",), "fi": ("FI",), "cs": ("CZ",), "ru": ("RU",), "ja": ("JP",), "zh": ("CN", "TW")}  # fmt: skip
ANNOUNCED = re.compile(
    r"(?:phone|\btel|\bfax|mobil|\bcell|\bcall|whatsapp|\bsms|hotline|tél|portable|appele|handy|rufnummer|☎|📞)[^\d\n]{0,24}$",
    re.IGNORECASE)  # fmt: skip
NORTH_AMERICAN = re.compile(r"\(\d{3}\) ?\d{3}[-. ]\d{4}")
NORTH_AMERICAN_BARE = re.compile(r"(?:1[-.])?[2-9]\d\d([-.])[2-9]\d\d\1\d{4}")
FRENCH = re.compile(r"0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}")
DATE = re.compile(r"(?:19|20)\d\d([-/. ]?)\d\d\1\d\d|\d\d([-/. ])\d\d\2(?:19|20)\d\d(?:\D.*)?")
ADDRESS_WORD = r"ip|ipv4|address|addr|host|server|dns|resolver|ping|gateway|client|peer"
ADDRESS_BEFORE = re.compile(rf"\b(?:{ADDRESS_WORD})\b\W{{0,3}}(?:is |at )?$", re.IGNORECASE)
VERSION_BEFORE = re.compile(
    r"(?:version|release|build|rev|section|chapter|clause|figure|table|§|[<>=~^@]=?|\bv)\.?\s*$", re.IGNORECASE
)
PLACEHOLDER = re.compile(r"your|example|placeholder|change.?me|dummy|xxx|_here", re.IGNORECASE)
MIN_ENTROPY = 3.2  # bits a character (Shannon); English words joined by underscores stay below, random keys of 16 above


def whole(is_one: Callable[[str], bool]) -> Callable[[Found, str], Span | None]:
    """A validator of the whole match."""
    return lambda found, language: found.span() if is_one(found.group()) else None


def is_email(address: str) -> bool:
    """Not an image for two screens (logo@2x.png), and not an SSH address (git@github.com)."""
    name, _, domain = address.rpartition("@")
    return domain.rsplit(".", 1)[-1].lower() not in FILE_ENDINGS and name.lower() != "git"


def iban(found: Found, language: str) -> Span | None:
    """The IBAN at the beginning of a match: as long as its country's are, and 1 modulo 97 when rearranged (ISO 13616)."""
    text = found.group()
    places = [place for place, character in enumerate(text) if character != " "][: IBAN_LENGTH.get(text[:2], 0)]
    if len(places) < IBAN_LENGTH.get(text[:2], 99):
        return None
    compact = "".join(text[place] for place in places)
    number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return (found.start(), found.start() + places[-1] + 1) if int(number) % 97 == 1 else None


def is_card(number: str) -> bool:
    """A known issuer and length, and the Luhn check digit (ISO/IEC 7812-1)."""
    digits = re.sub(r"\D", "", number)
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    luhn = sum(value - 9 * (value > 9) for value in doubled) % 10 == 0
    return luhn and bool(ISSUER.fullmatch(digits))


def phone(found: Found, language: str) -> Span | None:
    """A possible international number; a national one in an unmistakable form, or announced by a word such as `Tel.`.

    Serial numbers are written with hyphens too, and with leading zeros: there the number must be in use.
    """
    number = found.group()
    if not 7 <= sum(map(str.isdigit, number)) <= 16 or DATE.fullmatch(number):
        return None
    if number.startswith("+"):
        known = _numbered(number, None, valid=False)
    elif number.startswith("00"):
        known = _numbered(f"+{number[2:]}", None, valid=True)
    elif NORTH_AMERICAN_BARE.fullmatch(number):
        known = _numbered(number, "US", valid=True)
    elif NORTH_AMERICAN.fullmatch(number) or (FRENCH.fullmatch(number) and language == "fr"):
        known = True
    else:
        regions = REGIONS.get(language, ("US", "GB", "FR", "DE"))
        announced = ANNOUNCED.search(found.string[max(0, found.start() - 40) : found.start()])
        known = bool(announced) and any(_numbered(number, region, valid=region != "US") for region in regions)
    return found.span() if known else None


def _numbered(number: str, region: str | None, valid: bool) -> bool:
    """Whether the numbering plans of the world (libphonenumber) know such a number; the 555 of films is possible only."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed) if valid else phonenumbers.is_possible_number(parsed)


def ip(found: Found, language: str) -> Span | None:
    """An address of the public internet: those of a loopback, a private network or documentation are nobody's.

    Four numbers below 100 are rather a version or a section than an address, unless a word says address.
    """
    try:
        address = ipaddress.ip_address(found.group())
    except ValueError:
        return None
    if not address.is_global or address.is_multicast:
        return None
    before = found.string[max(0, found.start() - 30) : found.start()]
    small = address.version == 4 and all(int(part) < 100 for part in found.group().split("."))
    public = bool(ADDRESS_BEFORE.search(before)) if small else not VERSION_BEFORE.search(before)
    return found.span() if public else None


def password(found: Found, language: str) -> Span | None:
    """The password of an address such as postgres://user:password@host, where it is no placeholder or variable."""
    value = found.group(1)
    return None if PLACEHOLDER.search(value) or value[0] in "<{$%" or value.lower().startswith("pass") else found.span(1)


def assigned(found: Found, language: str) -> Span | None:
    """The value of `api_key = …`, where it is random enough and no placeholder."""
    value = found.group(1)
    if PLACEHOLDER.search(value) or sum(map(str.isdigit, value)) < 2 or not re.search(r"[A-Za-z]", value):
        return None
    shares = [count / len(value) for count in Counter(value).values()]
    return found.span(1) if -sum(share * math.log2(share) for share in shares) >= MIN_ENTROPY else None
