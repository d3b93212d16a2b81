"""Is this Markdown no more than what our plans are made of? For comments that a pull request's code may have made.

Its words may still lie (then the pull request changed its workflow, and the writer says that), but it loads nothing,
links nowhere, calls nobody, and hides nothing.
"""

import re
from collections.abc import Iterable, Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model.text import escape_text
from reconciler.reports.forge.sticky import MARKER

_BLOCKS = frozenset(
    f"{name}_{end}"
    for name in (
        *("paragraph", "heading", "table", "thead", "tbody", "tr", "th", "td"),
        *("bullet_list", "ordered_list", "list_item", "blockquote"),
    )
    for end in ("open", "close")
) | {"fence", "code_block", "hr", "inline"}
_INLINE = frozenset(
    {"text", "code_inline", "softbreak", "hardbreak", "text_special"}
    | {f"{name}_{end}" for name in ("em", "strong", "s") for end in ("open", "close")}
)
_TAG = re.compile(r"</?(?:details|summary|sub|sup|br|b|strong|em|i|code|kbd|pre|del|ins)(?: open)? ?/?>")
_COMMENT = "<!--"
# What GitHub or GitLab makes a link, a mention or a cross-reference of, where it is not code.
_LIVE = re.compile(
    r"://|\bwww\.|\bmailto:|(?<![\w])@[A-Za-z0-9_]|(?<![\w&])#\d|(?<![\w])[!$%~&][0-9A-Za-z\"]|\bGH-\d", re.IGNORECASE
)
_CODE_TAGS = re.compile(r"<(code|pre)>.*?</\1>", re.DOTALL)

# The head of a box, which GitHub colours.
_ALERT = re.compile(r"^\[!(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]$")


def vet_markdown(text: str) -> str:
    """Return what in ``text`` our plans do not have, in a few words; empty when there is nothing."""
    if not text.startswith(MARKER + "\n"):
        return "it does not begin with our marker"
    rest = text[len(MARKER) :]
    if escape_text(rest, keep_lines=True) != rest:
        return "it holds characters that cannot be seen"
    return next(_faults(rest), "")


def _faults(text: str) -> Iterator[str]:
    if _COMMENT in _outside_code(text):
        yield "it holds a hidden comment"
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text):
        if token.type == "html_block":
            yield from _html_faults(token.content)
        elif token.type not in _BLOCKS:
            yield f"it holds {_name(token)}"
        yield from _inline_faults(token.children or ())


def _inline_faults(tokens: Iterable[Token]) -> Iterator[str]:
    in_code = 0
    for token in tokens:
        if token.type == "html_inline":
            if not _TAG.fullmatch(token.content):
                yield "it holds HTML that our plans do not have"
            in_code += {"<code>": 1, "<pre>": 1, "</code>": -1, "</pre>": -1}.get(token.content, 0)
        elif token.type not in _INLINE:
            yield f"it holds {_name(token)}"
        elif token.type == "text" and in_code <= 0 and _is_live(token.content):
            yield "it holds a link, a mention or a reference"


def _is_live(text: str) -> bool:
    return _ALERT.match(text) is None and _LIVE.search(text) is not None


def _html_faults(html: str) -> Iterator[str]:
    """A block of HTML is text for the forge, too: between its tags nothing may be live, nor may it be another tag."""
    plain = _CODE_TAGS.sub("", html)
    if "<" in _TAG.sub("", html):
        yield "it holds HTML that our plans do not have"
    if _LIVE.search(_TAG.sub(" ", plain)):
        yield "it holds a link, a mention or a reference"


def _outside_code(text: str) -> str:
    parts = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        if token.type == "html_block":
            parts.append(token.content)
        parts += [child.content for child in token.children or () if child.type == "html_inline"]
    return "\n".join(parts)


def _name(token: Token) -> str:
    return {"link_open": "a link", "image": "an image"}.get(token.type, "Markdown that our plans do not have")
