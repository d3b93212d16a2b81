"""A problem: something wrong in a definition, told as a value."""

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class Problem(Struct, frozen=True, kw_only=True, rename="camel", order=False):
    """One mistake at one place.

    ``line`` and ``column`` count from 1, as an editor does; (``end_line``, ``end_column``) is the place just after the
    text in question.  0 means that the problem is about the file, not a place in it.  ``json_path`` is dotted:
    ``tasks[0].timeoutSeconds``, empty for the whole document.
    """

    code: str
    severity: Severity
    path: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    json_path: str = ""
    message: str
    hint: str = ""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        return (self.path, self.line, self.column, self.code, self.message)
