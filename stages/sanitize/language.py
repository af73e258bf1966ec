"""The language of a text, told by langdetect from a sample of its prose.

A sample is enough: three trials on 600 characters, where langdetect itself makes seven on 10,000, are right for 333 of 333
documents in 53 languages (benchmarks/README.md).
"""

import re
from functools import cache

from langdetect import DetectorFactory, LangDetectException
from langdetect.detector_factory import PROFILES_DIRECTORY

UNKNOWN = "und"
SCANNED = 60_000  # characters that are searched for prose
WINDOW = 200  # characters of each of three places
TRIALS = 3  # of langdetect, whose own default is 7
SEED = 0  # langdetect draws its n-grams at random
NO_PROSE = re.compile(
    r"^(`{3,}|~{3,}).*?(?:^\1|\Z)|`[^`\n]{1,200}`|!?\[([^\]\n]{0,200})\]\([^)\s]{0,500}\)|\b(?:https?|ftp)://\S{1,500}|<[^<>\n]{1,300}>",
    re.MULTILINE | re.DOTALL,
)
HAN = re.compile("[\u4e00-\u9fff]")
KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")


@cache
def load() -> DetectorFactory:
    """Read langdetect's profiles (0.3 s, once): processes that are forked afterwards have them."""
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(SEED)
    return factory


def language_of(text: str, min_characters: int) -> tuple[str, float | None]:
    """ISO 639-1 code and probability of the language of a text.

    Returns:
        `und` and None where there is less prose than `min_characters`: langdetect guesses there (right for .42 of single
        words, .99 of sentences).
    """
    prose = sample(text)
    if len(prose) < min_characters:
        return UNKNOWN, None
    han = len(HAN.findall(prose))
    if han > 0.3 * len(prose) and len(KANA_OR_HANGUL.findall(prose)) < 0.05 * han:
        return "zh", 1.0  # langdetect takes traditional Chinese for Korean
    detector = load().create()
    detector.n_trial = TRIALS
    detector.append(prose)
    try:
        best = detector.get_probabilities()[0]
    except (LangDetectException, IndexError):
        return UNKNOWN, None
    return str(best.lang).split("-")[0], round(float(best.prob), 2)


def sample(text: str) -> str:
    """Prose from the beginning, the middle and the end: no code, no addresses, no tags."""
    prose = NO_PROSE.sub(r"\2 ", text[:SCANNED]).strip()
    if len(prose) <= 3 * WINDOW:
        return prose
    starts = (0, (len(prose) - WINDOW) // 2, len(prose) - WINDOW)
    return "\n".join(prose[start : start + WINDOW] for start in starts)
