"""Questions and answers in one form, whatever marked them."""

import pytest

from stages.sanitize.faq import faq


@pytest.mark.parametrize(
    ("text", "uniform"),
    [
        ("Q: Open on Sunday?\nA: No.", "## Open on Sunday?\n\nNo."),
        ("Q : Ouvert le dimanche ?\n\nR : Non.", "## Ouvert le dimanche ?\n\nNon."),
        ("Question : Ouvert ?\nRéponse : Non.", "## Ouvert ?\n\nNon."),
        ("Question 1: Open?\nAnswer: No.", "## Open?\n\nNo."),
        ("F: Offen?\nA: Nein.", "## Offen?\n\nNein."),
        ("Frage 2: Offen?\nAntwort: Nein.", "## Offen?\n\nNein."),
        ("P: ¿Abierto?\nR: No.", "## ¿Abierto?\n\nNo."),
        ("Pregunta: ¿Abierto?\nRespuesta: No.", "## ¿Abierto?\n\nNo."),
        ("D: Aperto?\nR: No.", "## Aperto?\n\nNo."),
        ("Domanda: Aperto?\nRisposta: No.", "## Aperto?\n\nNo."),
        ("Q1: Open?\nA1: No.", "## Open?\n\nNo."),
        ("**Q. Open?**\n\nA. No.", "## Open?\n\nNo."),
        ("Q1. Open? A1. No.\nQ2. Paid? A2. Yes.\nQ3. Old?\nA3. No.", "## Open?\n\nNo.\n\n## Paid?\n\nYes.\n\n## Old?\n\nNo."),
        ("Q: Which key?\nA) red\nB) blue", "## Which key?\n\nA) red\nB) blue"),
        ("Q: Open?\nA: No.\n\nQ: Warranty A: two years", "## Open?\n\nNo.\n\n## Warranty\n\ntwo years"),
        ("Q: Open? A: No.\nQ: Paid? A: Yes.", "## Open?\n\nNo.\n\n## Paid?\n\nYes."),
        ("**Q: Open?**\n\n**A:** No.", "## Open?\n\nNo."),
        ("1. Q: Open?\nA: No.", "## Open?\n\nNo."),
        ("### 3. Ouvert ?\nOui.", "## Ouvert ?\n\nOui."),
        ("### ❓ Open? ¶\n\nNo.", "## Open?\n\nNo."),
        ("#### ➡ **Open?** +\n\nNo.", "## Open?\n\nNo."),
        ("Open?\n-----\n\nNo.", "## Open?\n\nNo."),
        ("**1. Open?** No.\n\n**2. Paid?**\nYes.", "## Open?\n\nNo.\n\n## Paid?\n\nYes."),
        ("1. Open?\n\n   No, it\n   is not.\n\n2. Paid?\n\n   Yes.", "## Open?\n\nNo, it\nis not.\n\n## Paid?\n\nYes."),
        ("- **Open?** No.", "## Open?\n\nNo."),
        ("Is it open?\n\nNo.\n\nIs it paid?\n\nYes.", "## Is it open?\n\nNo.\n\n## Is it paid?\n\nYes."),
        ("<details><summary><b>Open?</b></summary>\n\nNo.\n\n</details>", "## Open?\n\nNo."),
        ("<dl>\n<dt>Open?</dt>\n<dd>No.</dd>\n</dl>", "## Open?\n\nNo."),
        ("## Open on Sunday?\n\nNo.", "## Open on Sunday?\n\nNo."),
        ("# Questions\n\nQ: a?\nA: b\nc\n\nQ: d?\nA: e", "# Questions\n\n## a?\n\nb\nc\n\n## d?\n\ne"),
        (
            "# T\n\nIntro.\n\n## Prices\n\n### Paid?\n\nYes.\n\n#### How\n\nCash.",
            "# T\n\nIntro.\n\n## Paid?\n\nYes.\n\n### How\n\nCash.",
        ),
        ("Q: Which?\nA: One of\na) the first\nA. Smith's", "## Which?\n\nOne of\na) the first\nA. Smith's"),
        ("- Open?\n- Paid?\n\n## Open?\n\nNo.\n\n## Paid?\n\nYes.", "## Open?\n\nNo.\n\n## Paid?\n\nYes."),
        ("## Open?\n\nNo.\n\nBack to top\n\n## Open?\n\nNo.", "## Open?\n\nNo."),
        ("## Open?\n\nNo.\n\nWas this helpful? Yes No", "## Open?\n\nNo."),
        ("## Open?\n\nRun:\n\n```\n# Q: x?\n```", "## Open?\n\nRun:\n\n```\n# Q: x?\n```"),
    ],
)
def test_one_form(text: str, uniform: str) -> None:
    assert faq(text)[0] == uniform + "\n"
    assert faq(uniform + "\n")[0] == uniform + "\n"


@pytest.mark.parametrize(
    "text",
    ["Quality: good\nAre you?\nQuiz night?", "# Keys\n\nWhy? Because.\n", "P: one\nD: two\n", "# What we cut\n\n- Keys\n", ""],
)
def test_texts_without_questions_stay(text: str) -> None:
    assert faq(text) == (text, [])


def test_what_changed_is_noted() -> None:
    assert faq("Q: Open?\nA: No.\n\nBack to top")[1] == ["Q: Open? -> ## Open?", "removed decoration: Back to top"]
