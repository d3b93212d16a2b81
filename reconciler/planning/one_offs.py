"""What is wrong with a one-off that was started before: said, and never a reason to start it again."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import OneOff, digest_form
from reconciler.model.inventory import Receipt
from reconciler.model.problem import Problem, Severity


def check_receipts(desired: DesiredState, receipts: Iterable[Receipt]) -> list[Problem]:
    """Return a problem for each one-off that was edited after its start, or repeats one under another id."""
    digests: dict[str, set[str]] = defaultdict(set)
    for receipt in receipts:
        digests[receipt.one_off_id].add(receipt.digest)
    problems = []
    contents: dict[str, str] = {}
    for one_off_id, declared in sorted(desired.one_offs.items()):
        if one_off_id in digests and declared.digest not in digests[one_off_id]:
            message = f"one-off `{one_off_id}` was edited after it was started; it does not run again"
            problems.append(_warn("RUN001", declared, message, "To run it again, give it a new id: a new file name."))
        first = contents.setdefault(digest_form(replace(declared.form, id="")), one_off_id)
        if first != one_off_id:
            message = f"one-off `{one_off_id}` asks for the same as `{first}`; the job runs for each of them"
            problems.append(
                _warn("RUN002", declared, message, "Say in `reason` what it is for, or delete one of the files.")
            )
    return problems


def _warn(code: str, declared: Declared[OneOff], message: str, hint: str) -> Problem:
    return Problem(
        code=code, severity=Severity.WARNING, path=declared.path, line=declared.line, message=message, hint=hint
    )
