"""Names are data: what may stand in the vocabulary, whatever a device calls itself.

Source of the rule: friendly names are attacker-controlled text (OWASP LLM01), so only letters,
digits, space, apostrophe, hyphen and dot survive, in at most 64 characters.
"""

import re
import unicodedata

MAX_NAME = 64
_MAX_RAW = 4 * MAX_NAME
_SPACES = re.compile(r"[\s_/\\|,;:+&()\[\]{}<>]+")


def clean_name(raw: object) -> str:
    """A name fit for the vocabulary; empty where nothing speakable is left.

    Normalised by NFKC; control, bidirectional and zero-width characters are removed; separators
    become one space. Text beyond 64 characters is cut, so a huge name costs no more than a long
    one.
    """
    if not isinstance(raw, str):
        return ""
    text = unicodedata.normalize("NFKC", raw[:_MAX_RAW])
    text = "".join(" " if char in "\t\n\r" else char for char in text if _printable(char))
    text = _SPACES.sub(" ", text)
    text = "".join(char for char in text if char.isalnum() or char in " '-." or _is_mark(char))
    return re.sub(r" +", " ", text)[:MAX_NAME].strip(" '-.")


def fold(text: str) -> str:
    """The form in which names are compared: lower case, single spaces, no accents lost."""
    return " ".join(text.casefold().replace("-", " ").split())


def slug(text: str) -> str:
    """An id made from a name: `Living Room` -> `living_room`."""
    return re.sub(r"[^\w]+", "_", fold(text)).strip("_")


def _printable(char: str) -> bool:
    return char in "\t\n\r" or unicodedata.category(char)[0] != "C"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Mc"}
