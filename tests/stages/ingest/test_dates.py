"""Dates in the forms that documents hold."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.dates import iso_date


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T23:59:59Z", "2024-05-01"),
        ("2024", "2024"),
        ("2024-05", "2024-05"),
        ("D:20240131120000+01'00'", "2024-01-31"),
        ("2024:01:31 12:00:00", "2024-01-31"),
        ("2024/5/6", "2024-05-06"),
        ("01.02.2024", "2024-02-01"),
        ("31/12/2024", "2024-12-31"),
        ("12/31/2024", "2024-12-31"),
        ("12 mai 2024", "2024-05-12"),
        ("1er août 2023", "2023-08-01"),
        ("May 12, 2024", "2024-05-12"),
        ("3 sept. 2020", "2020-09-03"),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01"),
    ],
)
def test_one_day_is_written_one_way(text: str, iso: str) -> None:
    assert iso_date(text) == iso


@pytest.mark.parametrize(
    "text", ["05/06/2024", "2024-13-45", "0000-00-00", "12 pommes 2024", "juillet 2020", "", "yesterday", "D:"]
)
def test_what_names_no_day_or_two_stays(text: str) -> None:
    assert iso_date(text) == text


@given(st.text(alphabet="0123456789-/.: DTmayjuné", max_size=30))
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(iso_date(text), str)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_survives(day: date) -> None:
    assert iso_date(str(day)) == str(day)
