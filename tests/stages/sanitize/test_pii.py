"""Personal data are found in every usual spelling; what only looks like them is left alone."""

import datetime
import random
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.sanitize.pii import NAMES, masked

EVERY = set(NAMES)

FOUND = [
    ("Write to ann.lee+shop@mail.example.co.uk!", "Write to [email]!"),
    ("postgres://admin:S3cr3tP4ss@db.example.com:5432/prod", "postgres://admin:[secret]@db.example.com:5432/prod"),
    ("scp a.txt ann@db.example.com:/tmp", "scp a.txt ann@db.example.com:/tmp"),
    ("müller@exämple.de, <bob@example.com>", "[email], <[email]>"),
    ("Call +33 6 12 34 56 78 or +1 (555) 123-4567.", "Call [phone] or [phone]."),
    ("+49 30 901820, +44 20 7946 0958", "[phone], [phone]"),
    ("Office: (555) 123-4567", "Office: [phone]"),
    ("Tel. 020 7946 0958", "Tel. [phone]"),
    ("0033 6 12 34 56 78 or 0049 30 901820", "[phone] or [phone]"),
    ("Ann, 415-555-2671, or 212.736.5000", "Ann, [phone], or [phone]"),
    ("1-800-275-2273", "[phone]"),
    ("Phone: 212-555-0123", "Phone: [phone]"),
    ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF", "IBAN [iban] BIC COBADEFF"),
    ("GB29NWBK60161331926819", "[iban]"),
    ("FR14 2004 1010 0505 0001 3M02 606.", "[iban]."),
    ("Card 4111 1111 1111 1111, exp 12/27", "Card [card], exp 12/27"),
    ("5500-0000-0000-0004; 378282246310005", "[card]; [card]"),
    ("from 203.0.114.7 and 81.2.69.142:8080", "from [ip] and [ip]:8080"),
    ("the server 8.8.4.4 answers", "the server [ip] answers"),
    ("2a00:1450:4007:80e::200e", "[ip]"),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("token ghp_" + "a1B2" * 9, "token [secret]"),
    ("token gho_" + "a1B2" * 9, "token [secret]"),
    ("github_pat_" + "a1B2" * 9, "[secret]"),
    ("xoxb-123456789012-abcdefABCDEF", "[secret]"),
    ("https://hooks.slack.com/services/T0000/B0000/a1B2c3D4e5", "https://[secret]"),
    ("rk_live_" + "a1B2" * 6 + " sk_test_" + "a1B2" * 6, "[secret] [secret]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "[secret]"),
    ('api_key = "f3Kq9Zx1Lm7Wv2Rt8Yp5"', 'api_key = "[secret]"'),
    ("API_KEY=f3Kq9Zx1Lm7Wv2Rt8Yp5 PASSWD: f3Kq9Zx1Lm7Wv2Rt8Yp5", "API_KEY=[secret] PASSWD: [secret]"),
    ("my_pwd => 'f3Kq9Zx1Lm7Wv2Rt8Yp5', ClientSecret:f3Kq9Zx1Lm7Wv2Rt8Yp5", "my_pwd => '[secret]', ClientSecret:[secret]"),
    ("Authorization: Bearer q8Zr5tY2uI0pL3kJ6hG9", "Authorization: Bearer [secret]"),
    ("x\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----\ny", "x\n[secret]\ny"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n", "[secret]"),
]
LEFT = [
    "Version 1.2.3.4 of OpenSSL 3.0.2, pip 24.0, kernel 5.15.0-91, v10.200.3.4",
    "see section 3.2.1.4 and RFC 2119, chapter 12.4.3.104",
    "127.0.0.1, 0.0.0.0, 192.168.1.17, 10.0.0.5, 172.16.3.4, 192.0.2.1, 2001:db8::1, ::1",
    "1.299,00 €, $1,234,567.89, 12 345 678 EUR, 4 x 250 g",
    "1200 x 800 x 2000 mm, 1920x1080, 210 × 297 mm",
    "2024-01-15 10:30:00, 15.01.2024, 01/15/2024, 20240115, 1700000000000",
    "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "git clone git@github.com:owner/name.git and logo@2x.png",
    "ISBN 978-3-16-148410-0, EAN 4006381333931, order 1234567890123456",
    "api_key = YOUR_API_KEY_GOES_HERE_1234, token: os.environ['TOKEN_NAME_2']",
    "password=changeme, secret_key = settings.SECRET",
    "std::vector<int>, a::b, 12:30:45, aa:bb:cc:dd:ee:ff",
    "postgres://user:${DB_PASSWORD}@host/db, https://user:password@host, http://[::1]:8080/@a",
    "@app.route('/a'), x@y, user@host",
    "0123456789 3.14159265358979323846 0x7fffffffffff 4294967296",
    "DE12 WORDS THAT ARE NONE, AB12CD34EF56GH78",
    "+10 °C, +5 V, -12 V, +/- 15 %",
    "parts 123-456-7890, 999-555-2671, 415-055-2671; batch 0000123456, 00-12-34-56-78",
    "550e8400-e29b-41d4-a716-446655440000",
]


@pytest.mark.parametrize(("text", "wanted"), FOUND)
def test_found(text: str, wanted: str) -> None:
    assert masked(text, EVERY, "en")[0] == wanted


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert masked(text, EVERY, "en") == (text, {})


def test_types_are_counted_and_only_those_asked_for_are_sought() -> None:
    text = "a@example.org b@example.org 81.2.69.142"
    assert masked(text, EVERY, "en")[1] == {"email": 2, "ip": 1}
    assert masked(text, {"ip"}, "en") == ("a@example.org b@example.org [ip]", {"ip": 1})


@pytest.mark.parametrize(("language", "found"), [("fr", True), ("en", False)])
def test_pairs_of_digits_are_a_phone_number_in_french(language: str, found: bool) -> None:
    assert (masked("Le magasin : 01 23 45 67 89", EVERY, language)[0] == "Le magasin : [phone]") is found


@given(st.text(alphabet="ab1 .@:+-/=€\n", max_size=80))
@example("1.1.1.1.1")
def test_masking_twice_is_masking_once(text: str) -> None:
    once, _ = masked(text, EVERY, "en")
    assert masked(once, EVERY, "en")[0] == once


@given(st.decimals(0, 10**7, places=2), st.sampled_from(["€", "$", "£", "EUR", "CHF", "kg", "mm", "%", "°C", "MB"]))
def test_prices_and_measures_stay(value: object, unit: str) -> None:
    for text in (f"{value} {unit}", f"{value:,} {unit}", f"{unit} {value}"):
        assert masked(text, EVERY, "en")[0] == text


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.sampled_from(["", "v", "version ", ">=", "=="]))
def test_versions_stay(parts: list[int], before: str) -> None:
    text = f"library {before}{'.'.join(map(str, parts))}"
    assert masked(text, EVERY, "en")[0] == text


@given(st.binary(min_size=16, max_size=64))
def test_hashes_stay(content: bytes) -> None:
    text = f"commit {content.hex()} of the tree"
    assert masked(text, EVERY, "en")[0] == text


@given(
    st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d %m %Y"]),
)
def test_dates_stay(date: datetime.date, form: str) -> None:
    text = f"Call us on {date:{form}} at 10:00"
    assert masked(text, EVERY, "en")[0] == text


@pytest.mark.parametrize(
    "unit", ["a", "1", "a.", "1 ", "@", "a@", "1.", "=", "key=", "-----BEGIN PRIVATE KEY-----", "AB12", "1:", " "]
)
def test_long_lines_take_linear_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    started = time.perf_counter()
    masked(text, EVERY, "en")
    assert time.perf_counter() - started < 5


def test_random_cards_and_ibans_need_their_check_digits() -> None:
    dice = random.Random(3)
    wrong = 0
    for _ in range(200):
        digits = "4" + "".join(dice.choices("0123456789", k=15))
        wrong += masked(digits, EVERY, "en")[0] == "[card]"
    assert wrong == pytest.approx(20, abs=12)
