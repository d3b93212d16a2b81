"""Starts programs from threads of its own, with the C library's posix_spawn.

A start keeps its caller waiting until the new process has become the program; on a busy machine that is longer than
all our own work for a run.  Python's posix_spawn holds the interpreter's lock meanwhile, a foreign call does not: so a
few starts go on at once, while the supervisor does other things.
"""

import ctypes
import fcntl
import json
import math
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
_THREADS = min(max(os.cpu_count() or 1, 2), 4)
"""More than there are processors would only keep one another, and the supervisor, from running."""

_SETSIGDEF, _SETSIGMASK = 0x04, 0x08
_SETSID = 0x400 if sys.platform == "darwin" else 0x80
# The structs of the C library differ by system and version; none is anywhere near as large.
_STRUCT_BYTES = 1024
_FOUND_SECONDS = 1.0
"""Many short runs in a row are of the same few programs, and a PATH may have ten folders to look into."""

_MOST_FOUND = 1000
_FIRST_OWN_FILE = 10
"""Above those that a program is given, so that none takes the place of another before its turn."""

_NO_SUCH_FILE, _BAD_FORMAT, _TEXT_BUSY = 2, 8, 26


class CannotStart(Exception):
    """A program could not be started: the text says what and why."""


class Program(NamedTuple):
    """What to start: ``path`` as found, and the three files it gets. Built by ``prepare_program``.

    ``request``, where there is one, is what it reads at file 3; it then becomes another program, or says at file 4
    why not (``become.py``).
    """

    path: str
    argv: list[bytes]
    env: list[bytes]
    cwd: str
    stdio: tuple[int, int, int]
    request: bytes = b""
    extra: tuple[int, ...] = ()


class Start(NamedTuple):
    """A program to start, in a session of its own.

    ``before`` is called just before, and returns why it must not be started, or nothing; ``after`` gets the pid just
    after; both are called in another thread.  ``done`` gets the pid, or why there is none, in ``run_callbacks``.
    """

    program: Program
    before: Callable[[], str]
    after: Callable[[int], None]
    done: Callable[[int | CannotStart], None]


def prepare_program(
    argv: Sequence[str], env: Mapping[str, str], *, cwd: str, stdio: tuple[int, int, int], checks_cwd: bool = True
) -> Program:
    """Look the program up and check what the system would not name a reason for. Raises CannotStart."""
    path = find_program(argv[0] if argv else "", env)
    if checks_cwd:
        _check_folder(cwd)
    plain_argv = _encode_all(argv, lambda _: "an argument")
    variables = [f"{name}={value}" for name, value in env.items()]
    plain_env = _encode_all(variables, lambda variable: f"the environment ({variable.partition('=')[0]!r})")
    if "" in env or "=" in "".join(env):
        raise CannotStart("a name in the environment is empty or holds '='")
    return Program(path, plain_argv, plain_env, cwd, stdio)


def find_program(name: str, env: Mapping[str, str]) -> str:
    """Return the path to run for ``argv[0]``: as it is with a slash, else looked up in the PATH of ``env``."""
    if not name:
        raise CannotStart("no program is named")
    if "\0" in name:
        raise CannotStart(f"{name!r}: a NUL character in the program's name")
    if "/" in name:
        return name
    search = env.get("PATH", _DEFAULT_PATH)
    at, known = _found.get((name, search), (-math.inf, ""))
    if time.monotonic() - at < _FOUND_SECONDS:
        return known
    refused = ""
    for folder in search.split(":"):
        path = f"{folder}/{name}"
        # A relative entry would run what happens to lie in the working directory.
        if not folder.startswith("/") or "\0" in path or not os.path.isfile(path):
            continue
        if os.access(path, os.X_OK):
            _remember(name, search, path)
            return path
        refused = refused or path
    if refused:
        raise CannotStart(f"{refused}: Permission denied (not executable)")
    raise CannotStart(f"{name}: No such file or directory (not found in PATH)")


_found: dict[tuple[str, str], tuple[float, str]] = {}
"""When and where a program was found last, by its name and PATH."""


def _remember(name: str, search: str, path: str) -> None:
    if len(_found) >= _MOST_FOUND:
        _found.clear()
    _found[name, search] = (time.monotonic(), path)


def _check_folder(cwd: str) -> None:
    if cwd == "/":
        return
    try:
        mode = os.stat(cwd).st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotStart(f"working directory {cwd!r}: {reason}") from error
    if not stat.S_ISDIR(mode):
        raise CannotStart(f"working directory {cwd!r}: Not a directory")
    if not os.access(cwd, os.X_OK):
        raise CannotStart(f"working directory {cwd!r}: Permission denied")


def _encode_all(texts: Sequence[str], what: Callable[[str], str]) -> list[bytes]:
    """Encode all in one go, which takes a fifth of the time; where that cannot be, one by one, to say which it is."""
    try:
        encoded = os.fsencode("\0".join(texts)).split(b"\0")
    except UnicodeEncodeError:
        encoded = []
    return encoded if len(encoded) == len(texts) else [_encode(text, what(text)) for text in texts]


def _encode(text: str, what: str) -> bytes:
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError as error:
        raise CannotStart(f"{what} cannot be encoded: {error.reason}") from error
    if b"\0" in data:
        raise CannotStart(f"a NUL character in {what}")
    return data


class Spawner:
    """``wake`` is called, from another thread, when ``run_callbacks`` has something to do."""

    def __init__(self, *, wake: Callable[[], None]) -> None:
        self._wake = wake
        # Only the start itself takes long: every other call that lets go of the interpreter would have to wait for it.
        self._libc = ctypes.PyDLL(None, use_errno=False)
        self._posix_spawn = ctypes.CDLL(None, use_errno=False).posix_spawn
        self._add_chdir = getattr(self._libc, "posix_spawn_file_actions_addchdir_np", None)
        self._attributes = self._make_attributes()
        self._wanted: SimpleQueue[Start] = SimpleQueue()
        self._started: SimpleQueue[tuple[Start, int | CannotStart]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.in_flight = 0

    def start(self, start: Start) -> None:
        self.in_flight += 1
        if self._add_chdir is None:
            # An old C library: the folder is that of the whole process, so no other start may be under way.
            self._serve_one(start, self._start_from_folder)
            return
        if len(self._threads) < min(_THREADS, self.in_flight):
            thread = threading.Thread(target=self._serve, name="spawner", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._wanted.put(start)

    def run_callbacks(self) -> None:
        while not self._started.empty():
            start, outcome = self._started.get()
            self.in_flight -= 1
            start.done(outcome)

    def _serve(self) -> None:
        while True:
            self._serve_one(self._wanted.get(), self._start)

    def _serve_one(self, start: Start, spawn: Callable[[Program], int | CannotStart]) -> None:
        obstacle = start.before()
        outcome = CannotStart(obstacle) if obstacle else self._spawn(start, spawn)
        self._started.put((start, outcome))
        self._wake()

    def _spawn(self, start: Start, spawn: Callable[[Program], int | CannotStart]) -> int | CannotStart:
        program = start.program
        if not program.request:
            outcome = spawn(program)
            if isinstance(outcome, int):
                start.after(outcome)
            return outcome
        try:
            request, theirs, ours = _open_request(program.request)
        except OSError as error:
            return CannotStart(f"{program.path}: {error.strerror}")
        try:
            outcome = spawn(program._replace(extra=(request, theirs)))
        finally:
            os.close(request)
            os.close(theirs)
        if isinstance(outcome, int):
            start.after(outcome)
            outcome = _complaint(ours) or outcome
        os.close(ours)
        return outcome

    def _start_from_folder(self, program: Program) -> int | CannotStart:
        try:
            os.chdir(program.cwd)
            return self._start(program)
        except OSError as error:
            return CannotStart(f"working directory {program.cwd!r}: {error.strerror}")
        finally:
            os.chdir("/")

    def _start(self, program: Program) -> int | CannotStart:
        actions = ctypes.create_string_buffer(_STRUCT_BYTES)
        self._libc.posix_spawn_file_actions_init(actions)
        for number, fd in enumerate((*program.stdio, *program.extra)):
            self._libc.posix_spawn_file_actions_adddup2(actions, fd, number)
        if self._add_chdir is not None:
            self._add_chdir(actions, os.fsencode(program.cwd))
        pid = ctypes.c_int()
        call = (
            ctypes.byref(pid),
            os.fsencode(program.path),
            actions,
            self._attributes,
            (ctypes.c_char_p * (len(program.argv) + 1))(*program.argv, None),
            (ctypes.c_char_p * (len(program.env) + 1))(*program.env, None),
        )
        code = self._posix_spawn(*call)
        # A process that another thread is starting may hold a script of ours open for a moment, as it was written.
        for _ in range(100):
            if code != _TEXT_BUSY:
                break
            time.sleep(0.01)
            code = self._posix_spawn(*call)
        self._libc.posix_spawn_file_actions_destroy(actions)
        return CannotStart(f"{program.path}: {os.strerror(code)}{_explain(program.path, code)}") if code else pid.value

    def _make_attributes(self) -> Any:
        """Return attributes that give the child a session of its own and every signal its usual meaning."""
        attributes = ctypes.create_string_buffer(_STRUCT_BYTES)
        none, ours = ctypes.create_string_buffer(_STRUCT_BYTES), ctypes.create_string_buffer(_STRUCT_BYTES)
        self._libc.sigemptyset(none)
        self._libc.sigemptyset(ours)
        # What is ignored stays so over exec: SIGPIPE and SIGXFSZ by Python, SIGQUIT and others by who started us.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            self._libc.sigaddset(ours, int(number))
        self._libc.posix_spawnattr_init(attributes)
        self._libc.posix_spawnattr_setsigmask(attributes, none)
        self._libc.posix_spawnattr_setsigdefault(attributes, ours)
        self._libc.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGDEF | _SETSIGMASK | _SETSID))
        return attributes


def _open_request(content: bytes) -> tuple[int, int, int]:
    """Return files that are not among the first ones: the request, and both ends of the report's pipe, ours last."""
    opened = [os.memfd_create("request"), *reversed(os.pipe())]
    try:
        os.write(opened[0], content)
        os.lseek(opened[0], 0, os.SEEK_SET)
        request, theirs, ours = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN_FILE) for fd in opened)
        return request, theirs, ours
    finally:
        for fd in opened:
            os.close(fd)


def _complaint(fd: int) -> CannotStart | None:
    """Wait until the program has been reached, or return why it has not."""
    data = b""
    while piece := os.read(fd, 4096):
        data += piece
    if not data:
        return None
    what, words, code = json.loads(data)
    return CannotStart(f"{what}: {words}{_explain(what, code)}")


def _explain(path: str, code: int) -> str:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return ""
    if stat.S_ISDIR(mode):
        return " (is a directory)"
    if code == _BAD_FORMAT:
        return " (no #! line, or built for another machine)"
    if code == _NO_SUCH_FILE:
        return " (the interpreter it names is missing)"
    return ""
