"""Technical text: quantities, boilerplate and dead code; code and identifiers stay."""

import pytest

from stages.sanitize.technical import technical

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in it."


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5kg at 72°F", "5 kg at 22.2 °C (72 °F)"),
        ("1,5mm and 2,5kW", "1,5 mm and 2,5 kW"),
        ("10min, then 250ms.", "10 min, then 250 ms."),
        ("10 Kg, 3 KM, 5 hrs, 2 Mhz, 10 sqm, 4mm2, 80 kph", "10 kg, 3 km, 5 h, 2 MHz, 10 m², 4 mm², 80 km/h"),
        ("20 ° C, 20 degrees Celsius, 20℃", "20 °C, 20 °C, 20 °C"),
        ("5 lbs", "2.27 kg (5 lb)"),
        ("5 lbs. of nails; it weighs 5 lbs.", "2.27 kg (5 lb) of nails; it weighs 2.27 kg (5 lb)."),
        ("72 ° F, 72 degrees Fahrenheit", "22.2 °C (72 °F), 22.2 °C (72 °F)"),
        ("-40 °F, 450 °F", "-40 °C (-40 °F), 232 °C (450 °F)"),
        ("a 6-foot ladder", "a 1.83 m (6 ft) ladder"),
        ("6 ft 2 in tall", "1.88 m (6 ft 2 in) tall"),
        ("5-10 lbs, 50 to 70 °F", "2.27-4.54 kg (5-10 lb), 10 to 21.1 °C (50 to 70 °F)"),
        ("1/2 in thick, 2½ in. long", "1.27 cm (1/2 in) thick, 6.35 cm (2½ in) long"),
        ("between 10 and 20 miles", "between 16.1 and 32.2 km (10 and 20 mi)"),
        ("5, 10 and 20 lb bags", "2.27, 4.54 and 9.07 kg (5, 10 and 20 lb) bags"),
        ("In May, 20 lb, 3 and more", "In May, 9.07 kg (20 lb), 3 and more"),
        ("65mph (105 km/h), 25 ft-lb (34 N·m)", "65 mph (105 km/h), 25 ft·lb (34 N·m)"),
        ("| 8 in | 5in x 3in |", "| 20.3 cm (8 in) | 12.7 cm (5 in) x 7.62 cm (3 in) |"),
        ("1,500 lbs; 2.5 miles", "680 kg (1,500 lb); 4.02 km (2.5 mi)"),
        ("2,5 lbs ou 3,25 m", "1,13 kg (2,5 lb) ou 3,25 m"),
        ("30 psi", "207 kPa (30 psi)"),
        ("10 gallons", "37.9 l (10 gal)"),
    ],
)
def test_quantities_in_si(text: str, written: str) -> None:
    assert technical(text)[0] == written
    assert technical(written) == (written, [])


@pytest.mark.parametrize(
    "text",
    [
        "3 kg, 5 litres, two metres",
        "`5kg` and https://example.org/5kg",
        "```\n5kg at 72°F\n```\n",
        "Code:\n\n    x = 5kg\n",
        "<pre>\n5kg\n</pre>\n",
        "A4 10W-40 3D M8x20 5G 4K 1990s 16px",
        "v1.5m 5kg-bag part-5mm 3.5.2 m2 x=5mm #5m",
        "$5m and 5m users at 12:30m",
        "5 in the box, the first 3 in a row, 2 in 1",
        "2.27 kg (5 lb); 72 °F, or 22 °C; 30 psi (207 kPa)",
        "10 gallons of a colour",
        "5 pounds and 2 tons",
        "boards of 2 x 4 in",
    ],
)
def test_what_is_no_quantity_or_is_right_stays(text: str) -> None:
    assert technical(text) == (text, [])


def test_changes_are_noted_once_with_their_number() -> None:
    assert technical("5kg, 5kg and 72°F")[1] == ["5kg -> 5 kg (2 times)", "72°F -> 22.2 °C (72 °F)"]


def test_a_ledger_can_bear_the_notes() -> None:
    notes = technical(" ".join(f"{n}kg" for n in range(100)))[1]
    assert len(notes) == 37
    assert notes[-1] == "and 64 more"


@pytest.mark.parametrize(
    "line",
    [
        "© 2024 Morel. All rights reserved.",
        "Last updated: 5 May 2024",
        "**Dernière mise à jour : 5 mai 2024**",
        "[Edit this page on GitHub]",
        "Home > Docs > Install",
        "Accueil » Guides » Peinture",
        "Was this page helpful? Yes No",
        "Back to top",
        "Skip to content",
        "Powered by Sphinx",
        "<!-- a comment -->",
        f"{MIT}",
        'Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance.',
        "SPDX-License-Identifier: MIT",
    ],
)
def test_boilerplate_goes_with_a_note(line: str) -> None:
    text, notes = technical(f"# Drill\n\n{line}\n\nTurn it on.\n")
    assert text.split() == "# Drill Turn it on.".split()
    assert len(notes) == 1
    assert notes[0].startswith("removed ")


@pytest.mark.parametrize(
    "line",
    [
        "The licence is MIT, copyright stays with the authors.",
        "Last updated values win over older ones, as the table above shows for each of the four stores.",
        "If a > b > c then stop.",
        "Home is where the config lies.",
        "Press Back to top up the tank.",
    ],
)
def test_text_about_such_things_stays(line: str) -> None:
    assert technical(f"# Drill\n\n{line}\n")[0] == f"# Drill\n\n{line}\n"


def test_a_text_of_boilerplate_alone_stays() -> None:
    assert technical("All rights reserved\n") == ("All rights reserved\n", [])
