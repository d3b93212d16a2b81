"""B5, G21: no secret in the output, however it is written and wherever it is cut."""

import base64
import json
import textwrap
import urllib.parse
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.engine.masks import Masker, mask_forms

SECRET = "p4$$w/rd+ü \"quoted\" 'x' & more?"


def masked(data, *secrets, cuts=()):
    masker = Masker(mask_forms(secrets))
    edges = [0, *sorted(cuts), len(data)]
    return b"".join(masker.feed(data[a:b]) for a, b in pairwise(edges)) + masker.flush()


def in_base64(text, before=""):
    return base64.b64encode((before + text + "after").encode()).decode()


FORMS = {
    "plain": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64-url": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "url": urllib.parse.quote(SECRET),
    "url-all": urllib.parse.quote(SECRET, safe=""),
    "url-plus": urllib.parse.quote_plus(SECRET),
    "url-small": urllib.parse.quote(SECRET).replace("%C3", "%c3").replace("%BC", "%bc").replace("%2B", "%2b")
    .replace("%3F", "%3f"),
    "json": json.dumps(SECRET)[1:-1],
    "json-utf8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "json-slash": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "hex": SECRET.encode().hex(),
    "hex-big": SECRET.encode().hex().upper(),
    "wrapped": "\n".join(textwrap.wrap(base64.b64encode(SECRET.encode()).decode(), 7)),
    "terminal": SECRET[:10] + "\r\n" + SECRET[10:],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=list(FORMS))
def test_b5_a_secret_is_masked_in_every_form(form):
    data = f"before {FORMS[form]} after".encode()
    assert masked(data, SECRET) == b"before *** after"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_b5_a_secret_is_masked_in_utf_16(encoding):
    assert b"***" in masked(f"x{SECRET}y".encode(encoding), SECRET)


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user"])
def test_b5_base64_of_a_longer_text_is_masked_at_every_alignment(before):
    encoded = in_base64(SECRET, before)
    shown = masked(encoded.encode(), SECRET).decode()
    assert "***" in shown
    assert len(shown) <= len(in_base64("", before)) + 3 + 8


def test_b5_each_line_of_a_key_is_masked_alone_too():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhk\nG9w0BAQEFAASCBK\n-----END KEY-----\n"
    assert b"MIIEvQ" not in masked(b"line two:   MIIEvQIBADANBgkqhk   \n", key)
    assert masked(key.encode(), key) == b"***\n"


def test_b5_the_longest_of_overlapping_secrets_wins():
    assert masked(b"abcdefgh abcd", "abcd", "abcdefgh") == b"*** ***"


def test_b5_a_short_secret_is_masked_too():
    assert masked(b"the pin is 123", "123") == b"the pin is ***"


def test_an_empty_value_masks_nothing():
    assert masked(b"plain", "") == b"plain"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["secret-1", "cret-2", "aaab", SECRET]), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(["secret-1", "secr", "cret-2", "a", "aaab", SECRET, "\n", "x", "b"]), max_size=12),
    st.lists(st.integers(0, 150), max_size=8),
)
def test_b5_where_the_output_is_cut_makes_no_difference(secrets, pieces, cuts):
    data = "".join(pieces).encode()
    whole = masked(data, *secrets)
    assert masked(data, *secrets, cuts=[min(cut, len(data)) for cut in cuts]) == whole
    assert not any(form in whole.replace(b"\n", b"") for form in map(str.encode, secrets) if b"*" not in form)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_without_a_secret_in_it_output_passes_unharmed(data, cuts):
    assert masked(data, "not-in-there-at-all", cuts=[min(cut, len(data)) for cut in cuts]) == data


def test_what_is_held_back_has_a_bound():
    masker = Masker(mask_forms(["begin-end"]))
    shown = sum(len(masker.feed(b"begin" + b"\n" * 50_000)) for _ in range(20))
    assert shown > 900_000
