"""What the check of a stranger's definitions may use of the machine it runs on."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from reconciler.model.errors import CouldNot

_STATM_DATA = 5  # proc(5), /proc/pid/statm: data and stack, in pages


class bounded:  # noqa: N801 - used as `with bounded(...)`
    """Let the block use so much processor time and memory beyond what the process has used already; 0: any amount.

    Raises CouldNot for what needs more.  Only Linux has both bounds; elsewhere the block runs without.  No generator:
    Python may never come back from throwing into one while there is no memory left.
    """

    def __init__(self, *, cpu_seconds: int, memory_mb: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._memory_mb = memory_mb
        self._before: dict[int, tuple[int, int]] = {}
        self._handler: Any = None

    def __enter__(self) -> None:
        if sys.platform != "linux":
            return
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu, memory = self._cpu_seconds, self._memory_mb
        wanted = {
            resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + cpu if cpu else 0,
            resource.RLIMIT_DATA: _data_in_use(resource.getpagesize()) + (memory << 20) if memory else 0,
        }
        self._before = {kind: resource.getrlimit(kind) for kind in wanted}
        self._handler = signal.signal(signal.SIGXCPU, _out_of_time)
        for kind, limit in wanted.items():
            soft, hard = self._before[kind]
            known = [value for value in (limit, soft, hard) if value not in {0, resource.RLIM_INFINITY}]
            resource.setrlimit(kind, (min(known, default=soft), hard))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._before:
            import resource

            for limit, value in self._before.items():
                resource.setrlimit(limit, value)
            signal.signal(signal.SIGXCPU, self._handler)
        if kind is not None and issubclass(kind, _OutOfTimeError):
            raise _too_much(f"{self._cpu_seconds} s of processor time", "--cpu-seconds") from None
        if kind is not None and issubclass(kind, MemoryError):
            raise _too_much(f"{self._memory_mb} MiB of memory", "--memory-mb") from None


class _OutOfTimeError(BaseException):
    """Not an Exception: no boundary on the way may take it for a fault of one file."""


def _out_of_time(_signal: int, _frame: FrameType | None) -> None:
    raise _OutOfTimeError


def _too_much(what: str, option: str) -> CouldNot:
    return CouldNot(f"the check needs more than {what}", hint=f"If that is meant: {option} N, 0 for any amount.")


def _data_in_use(page_size: int) -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_STATM_DATA]) * page_size
