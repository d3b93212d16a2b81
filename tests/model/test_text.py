import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.markup import code_fence, code_span
from reconciler.model.text import cut_middle, escape_text, reorders_text, safe_line, safe_word, unseen_characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\x1b[2J", "a\\x1b[2J", id="terminal"),
        pytest.param("a\u202eb", "a\\u202eb", id="bidi"),
        pytest.param("a\u200bb\ufeff", "a\\u200bb\\ufeff", id="zero width"),
        pytest.param("a\u00a0\u3000b", "a\\xa0\\u3000b", id="other spaces"),
        pytest.param("a\u3164\u2800", "a\\u3164\\u2800", id="blank letters"),
        pytest.param("a\ufe0f", "a\\ufe0f", id="selector after a letter"),
        pytest.param("\u26a0\ufe0f", "\u26a0\ufe0f", id="selector after a symbol"),
        pytest.param("e\u0301 \u65e5\u672c \u0627", "e\u0301 \u65e5\u672c \u0627", id="writing of people"),
        pytest.param("a" + "\u0301" * 5, "a" + "\u0301" * 3 + "\\u0301" * 2, id="marks that grow over other lines"),
        pytest.param("a\nb\r\u2028c", "a\\nb\\r\\u2028c", id="line ends"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert escape_text(text) == shown


@given(st.text(max_size=60))
def test_escaped_text_is_one_line_of_visible_characters(text):
    shown = escape_text(text)
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


def test_the_middle_of_a_long_text_is_cut_and_counted():
    assert cut_middle("a" * 60 + "z" * 30, 30) == "a" * 20 + " ... (60 characters) ... " + "z" * 10
    assert cut_middle("short", 30) == "short"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::set-output name=a::b", "\\x3a:set-output name=a::b"),
        ("  ::add-mask::x", "  \\x3a:add-mask::x"),
        ("a ##[error]b ##vso[c] ##teamcity[d]", "a \\x23#[error]b \\x23#vso[c] \\x23#teamcity[d]"),
        ("\ta\r", "    a\\r"),
        ("std::string ## heading", "std::string ## heading"),
    ],
)
def test_a_line_commands_no_build_service(line, shown):
    assert safe_line(line) == shown
    assert "##[" not in safe_word(line)


def test_unseen_characters_are_named():
    assert unseen_characters("\ufeffa\tb\r\n\u202e\u200b\u200b") == ("U+200B", "U+202E")
    assert unseen_characters("plain\n") == ()
    assert reorders_text("a\u202e")
    assert not reorders_text("a\u200b")


@pytest.mark.parametrize(
    ("text", "span", "cell"),
    [
        ("a", "`a`", "`a`"),
        ("", "`-`", "`-`"),
        ("a|b", "`a|b`", "`a\\|b`"),
        ("a\\|b", "`a\\|b`", "`a\\\\x7cb`"),
        ("a`b", "`` a`b ``", "`` a`b ``"),
        ("`", "`` ` ``", "`` ` ``"),
        ("a\nb", "`a\\nb`", "`a\\nb`"),
        (" a", "`  a `", "`  a `"),
    ],
)
def test_a_code_span_holds_whatever_is_in_it(text, span, cell):
    assert code_span(text) == span
    assert code_span(text, in_table=True) == cell


def test_a_fence_is_longer_than_any_in_it():
    assert code_fence("a") == "```"
    assert code_fence("a", "x ```` y") == "`````"
