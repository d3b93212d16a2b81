"""The file that a check leaves: of any other shape or size it is refused, and nothing of it is written anywhere."""

import io
import zipfile

import msgspec
import pytest
from support.forge import OLD, encoded, review

from reconciler.reports.forge.review import LARGEST_FILE, UnfitReview, decode_review, unpack_review


def archive(*files, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as made:
        for name, data in files:
            made.writestr(name, data)
    return packed.getvalue()


def test_what_is_packed_is_read_back():
    assert decode_review(unpack_review(archive(("review.json", encoded())))) == review()


def lying_archive():
    """An archive that tells a small size of a large file."""
    data = bytearray(archive(("review.json", b"x" * (LARGEST_FILE * 2))))
    size = (LARGEST_FILE * 2).to_bytes(4, "little")
    return bytes(data).replace(size, (10).to_bytes(4, "little"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"x" * 1000,
        archive(),
        archive(("other.json", b"{}")),
        archive(("../review.json", b"{}")),
        archive(("/etc/passwd", b"{}")),
        archive(("review.json", b"{}"), ("sitecustomize.py", b"")),
        archive(("review.json", b"x" * (LARGEST_FILE + 1))),
        lying_archive(),
        archive(("review.json", encoded()))[:-30],
    ],
    ids=["empty", "head", "noise", "none", "name", "up", "root", "two", "large", "lying", "cut"],
)
def test_another_archive_is_refused(data):
    with pytest.raises(UnfitReview):
        unpack_review(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"{" + b" " * LARGEST_FILE + b"}",
        encoded(schema_version=2),
        encoded(head="main"),
        encoded(OLD.upper()),
        encoded(base=""),
        encoded(digest="../.."),
        encoded(digest="f" * 64 + "\n"),
        encoded(pull_request=0),
        encoded(pull_request=-1),
        encoded(create=-1),
        encoded(delete=10**12),
        encoded(words="x" * 60_001),
        encoded()[:-1] + b',"surprise":1}',
        msgspec.json.encode({**msgspec.json.decode(encoded()), "outcome": "fine"}),
        msgspec.json.encode({**msgspec.json.decode(encoded()), "create": "many"}),
    ],
)
def test_another_document_is_refused(data):
    with pytest.raises(UnfitReview):
        decode_review(data)
