"""What is wrong with an id, character by character."""

import unicodedata

from reconciler.model.text import escape_text

ALLOWED = "A-Z a-z 0-9 - _ . and must start with a letter or digit"
# Letters of other scripts that nobody can tell from these Latin ones (a part of Unicode's confusables).
_CYRILLIC = (
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0408\u0405"
)
_GREEK = (
    "\u03bf\u03b1\u03b9\u03c1\u03c4\u03c5\u03bd"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
)
_LOOKALIKES = {
    **dict(zip(_CYRILLIC, "aceopxyijshdqwABEKMHOPCTXYIJS", strict=True)),
    **dict(zip(_GREEK, "oaiptuvABEZHIKMNOPTYX", strict=True)),
}


def explain_id(text: str, name: str = "id") -> tuple[str, str, str]:
    """Return code, message and hint for an id of a wrong form."""
    if not text.strip():
        return "ID001", f"{name} is empty", ""
    for index, char in enumerate(text):
        if not char.isascii():
            return "ID003", f"character {index + 1} is {_character(char)}", f"{name} may use {ALLOWED}."
    shown = escape_text(text, limit=60)
    return "ID002", f"{name} may use {ALLOWED}, found `{shown}`", ""


def _character(char: str) -> str:
    name = unicodedata.name(char, "")
    words = name.split()
    twin = _LOOKALIKES.get(char)
    code = f"U+{ord(char):04X}"
    if twin:
        return f"{code} ({words[0].capitalize()} {twin}), it looks like Latin {twin}"
    return f"{code} ({name})" if name else code


def skeleton(text: str) -> str:
    """Return what ``text`` looks like: equal for ids that a reader cannot tell apart."""
    composed = unicodedata.normalize("NFKC", text).casefold()
    return "".join(_LOOKALIKES.get(char, char) for char in composed)
