"""What an exit code usually means. Sources: seed 000, "Job Status Interpretation"; signal(7), Linux numbers."""

_MEANINGS = {
    0: "Success",
    1: "General error",
    2: "Misuse of command",
    126: "Permission denied, or not a program",
    127: "Command not found",
    130: "Script terminated (Ctrl+C, SIGINT)",
    137: "Killed (SIGKILL), perhaps out of memory",
    143: "Terminated (SIGTERM)",
}
_SIGNALS = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1"),
    *("SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP"),
    *("SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR"),
    "SIGSYS",
)
_LAST_SIGNAL = 64
_CAUSES = {
    "SIGHUP": "its session ended",
    "SIGINT": "Ctrl+C",
    "SIGILL": "an instruction the processor does not know",
    "SIGABRT": "it gave up on itself",
    "SIGBUS": "memory that is not there",
    "SIGFPE": "an arithmetic error",
    "SIGKILL": "perhaps out of memory",
    "SIGSEGV": "memory that is not its own",
    "SIGPIPE": "nobody read its output any more",
    "SIGXCPU": "CPU time limit",
    "SIGXFSZ": "file size limit",
}


def explain_exit_code(code: int | None) -> str:
    """Return what ``code`` usually means, in a few words.

    A negative code is the signal that killed the process; a shell says 128 more than the signal.  Above 255 it is a
    code of Windows.
    """
    if code is None:
        return "No exit code"
    if code in _MEANINGS:
        return _MEANINGS[code]
    if -_LAST_SIGNAL <= code < 0:
        return f"Killed by {_signal(-code)}"
    if 128 < code <= 128 + _LAST_SIGNAL:
        return f"Ended by {_signal(code - 128)}, as a shell tells it"
    if code < 0 or code > 255:
        return f"Error of Windows 0x{code & 0xFFFFFFFF:08X}"
    return "Error of the program's own"


def explain_end(status: str, code: int) -> str:
    """Return what the exit code of a task means that ended with ``status``: what we ended nobody else has killed."""
    if status in {"timeout", "cancelled"} and -_LAST_SIGNAL <= code < 0:
        return f"Ended by reconciler ({_name(-code)})"
    return explain_exit_code(code)


def _signal(number: int) -> str:
    name = _name(number)
    cause = _CAUSES.get(name)
    return f"{name} ({cause})" if cause else name


def _name(number: int) -> str:
    return _SIGNALS[number - 1] if number <= len(_SIGNALS) else f"signal {number}"
