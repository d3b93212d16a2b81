"""What the check of a stranger's definitions may use of the machine it runs on."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from reconciler.model.errors import CouldNot

_STATM_DATA = 5  # proc(5), /proc/pid/statm: data and stack, in pages


@contextmanager
def bounded(*, cpu_seconds: int, memory_mb: int) -> Iterator[None]:
    """Let the block use so much processor time and memory beyond what the process has used already; 0: any amount.

    Raises CouldNot for what needs more.  Only Linux has both bounds; elsewhere the block runs without.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = {
        resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds if cpu_seconds else 0,
        resource.RLIMIT_DATA: _data_in_use(resource.getpagesize()) + (memory_mb << 20) if memory_mb else 0,
    }
    before = {kind: resource.getrlimit(kind) for kind in wanted}
    handler = signal.signal(signal.SIGXCPU, _out_of_time)
    try:
        for kind, limit in wanted.items():
            soft, hard = before[kind]
            known = [value for value in (limit, soft, hard) if value not in {0, resource.RLIM_INFINITY}]
            resource.setrlimit(kind, (min(known, default=soft), hard))
        yield
    except _OutOfTimeError:
        raise _too_much(f"{cpu_seconds} s of processor time", "--cpu-seconds") from None
    except MemoryError:
        raise _too_much(f"{memory_mb} MiB of memory", "--memory-mb") from None
    finally:
        for kind, limits in before.items():
            resource.setrlimit(kind, limits)
        signal.signal(signal.SIGXCPU, handler)


class _OutOfTimeError(BaseException):
    """Not an Exception: no boundary on the way may take it for a fault of one file."""


def _out_of_time(_signal: int, _frame: FrameType | None) -> None:
    raise _OutOfTimeError


def _too_much(what: str, option: str) -> CouldNot:
    return CouldNot(f"the check needs more than {what}", hint=f"If that is meant: {option} N, 0 for any amount.")


def _data_in_use(page_size: int) -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_STATM_DATA]) * page_size
