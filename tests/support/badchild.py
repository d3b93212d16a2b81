"""Children that misbehave, one way per call: ``badchild.py WAY [ARGUMENT ...]``. Standard library only."""

import contextlib
import os
import signal
import sys
import time

FOR_EVER = 600


def ignore_term() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("ready")
    time.sleep(FOR_EVER)


def hold_pipe(seconds: str = str(FOR_EVER)) -> None:
    """Leave a child that holds the pipe, and end."""
    say("parent")
    if os.fork() == 0:
        time.sleep(float(seconds))
        say("grandchild")


def double_fork(hide: str = "", code: str = "0") -> None:
    """Leave a daemon in a session of its own, with no pipe of ours; ``hide``: and no environment of ours, too."""
    report = os.dup(1)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.write(report, f"{os.getpid()}\n".encode())
            os.close(report)
            if hide:
                os.execve("/bin/sleep", ["sleep", str(FOR_EVER)], {})
            time.sleep(FOR_EVER)
        os._exit(0)
    os.wait()
    os._exit(int(code))


def linger(hide: str = "") -> None:
    """As double_fork, but go on."""
    if os.fork() == 0:
        double_fork(hide)
    os.wait()
    time.sleep(FOR_EVER)


def much(megabytes: str, line: str = "") -> None:
    """Write so much at full speed, with or without line ends, and a last word."""
    piece = (b"x" * 65535 + (b"\n" if line else b"x")) * 16
    for _ in range(int(megabytes)):
        write_all(piece)
    write_all(b"THE END")


def endless() -> None:
    while True:
        write_all(b"y\n" * 32768)


def zombies(count: str) -> None:
    """Leave children unreaped, then end."""
    for _ in range(int(count)):
        if os.fork() == 0:
            os._exit(0)
    say("made")


def fork_bomb(limit: str) -> None:
    """Every process makes two more, down to a bounded depth, and all of them stay."""
    for _ in range(int(limit)):
        with contextlib.suppress(OSError):
            os.fork()
    time.sleep(FOR_EVER)


def leak_files() -> None:
    """Open files until none can be opened."""
    with contextlib.suppress(OSError):
        while True:
            os.open(os.devnull, os.O_RDONLY)
    say("no more files")


def kill_self(number: str) -> None:
    signal.signal(int(number), signal.SIG_DFL) if int(number) != signal.SIGKILL else None
    os.kill(os.getpid(), int(number))
    time.sleep(FOR_EVER)


def split(first: str, second: str) -> None:
    """Write a word in two reads."""
    say(first, end="")
    time.sleep(0.1)
    say(second, end="")


def say(text: str, end: str = "\n") -> None:
    write_all((text + end).encode())


def write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
