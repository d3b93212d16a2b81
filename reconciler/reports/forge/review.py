"""What the check of a pull request found: the file that goes from where its code ran to where the comment is written.

Whoever reads it trusts nothing in it: a pull request can change the workflow that makes it.
"""

import io
import re
import zipfile
import zlib
from enum import StrEnum

import msgspec
from msgspec import Struct

from reconciler.model.errors import CouldNot

ARTIFACT_NAME = "reconciler-plan"
FILE_NAME = "review.json"
LARGEST_FILE = 512 * 1024
LARGEST_ARCHIVE = 256 * 1024
LONGEST_COMMENT = 60_000
"""So that what the writer adds fits with it into the 65,536 characters that GitHub takes."""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_DIGEST = re.compile(r"[0-9a-f]{0,64}\Z")
_MOST = 10**9


class Outcome(StrEnum):
    PLANNED = "planned"
    INVALID = "invalid"
    FAILED = "failed"


class Review(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """``head`` and ``base`` are commits; ``comment`` begins with the marker; ``held`` counts the guards."""

    schema_version: int = 1
    pull_request: int
    head: str
    base: str
    outcome: Outcome
    errors: int = 0
    warnings: int = 0
    create: int = 0
    change: int = 0
    delete: int = 0
    run: int = 0
    held: int = 0
    digest: str = ""
    comment: str

    @property
    def changes(self) -> int:
        return self.create + self.change + self.delete + self.run

    def sentence(self) -> str:
        """Return how it stands in a line, for the status of the commit."""
        plan = (
            f"{self.create} to create, {self.change} to change, {self.delete} to delete, {self.run} to run"
            if self.changes
            else "No changes"
        )
        if self.outcome is Outcome.FAILED:
            return "No plan could be made"
        if self.outcome is Outcome.INVALID:
            return f"Definitions are invalid: {self.errors} {'error' if self.errors == 1 else 'errors'}"
        return f"Held back by a guard. {plan}" if self.held else plan


class UnfitReview(CouldNot):
    """The file is not one that we write."""


def encode_review(review: Review) -> bytes:
    return msgspec.json.encode(review)


def decode_review(data: bytes) -> Review:
    """Return the review in ``data``. Raises UnfitReview; the comment in it is looked at by vetting.py."""
    if len(data) > LARGEST_FILE:
        raise UnfitReview(f"it is larger than {LARGEST_FILE:,} bytes")
    try:
        review = msgspec.json.decode(data, type=Review)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        # What the decoder says may repeat words of the file.
        raise UnfitReview("it is not a review in our format") from None
    numbers = (review.errors, review.warnings, review.create, review.change, review.delete, review.run, review.held)
    if review.schema_version != 1:
        raise UnfitReview("it has a version that we do not know")
    if not (_SHA.match(review.head) and _SHA.match(review.base) and _DIGEST.match(review.digest)):
        raise UnfitReview("its commits or its digest are none")
    if not 0 < review.pull_request < _MOST or not all(0 <= number < _MOST for number in numbers):
        raise UnfitReview("its numbers are out of range")
    if len(review.comment) > LONGEST_COMMENT:
        raise UnfitReview(f"its comment is longer than {LONGEST_COMMENT:,} characters")
    return review


def unpack_review(archive: bytes) -> bytes:
    """Return the only file of an artefact's archive; nothing of it is written anywhere. Raises UnfitReview."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if [entry.filename for entry in entries] != [FILE_NAME]:
                raise UnfitReview(f"its archive holds something else than {FILE_NAME}")
            if entries[0].file_size > LARGEST_FILE:
                raise UnfitReview(f"it is larger than {LARGEST_FILE:,} bytes")
            with opened.open(entries[0]) as file:
                # The size that an archive tells may be a lie.
                data = file.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        raise UnfitReview("its archive cannot be read") from None
    if len(data) > LARGEST_FILE:
        raise UnfitReview(f"it is larger than {LARGEST_FILE:,} bytes")
    return data
