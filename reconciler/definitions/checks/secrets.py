"""Secrets in plain text. What is found is never shown."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.definitions.checks.parameters import key_step
from reconciler.model.provider import Finding
from reconciler.model.tokens import find_tokens

_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|(?:^|_)(?:token|secret|pwd|pass|api_?key|access_?key|secret_?key|private_?key"
    r"|auth_?key|credentials?|connection_?string|authorization))$"
)
_SECRET_WORDS = ("pass", "pwd", "token", "secret", "key", "credential", "connection", "authorization")
"""One of these is in each name that the expression matches."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Shapes that vendors gave their keys so that they can be recognised.
_SECRET_VALUE = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk_live_[A-Za-z0-9]{20,}"
    r"|(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)
_SECRET_BEGINNINGS = (
    *("-----BEGIN ", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "sk_live_", "eyJ"),
)
"""One of these is in each text that the expression matches; looking for them is quicker."""
_SECRET_ARGUMENT = re.compile(
    r"(?:^|[ \t])(?:--?|/)(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:[=:]|[ \t]+)(?P<value>[^\s-][^\s]*)"
)
_HINT = "Write {secret: NAME}, and give NAME its value in the operator's secrets file, outside Git."
_ENV_HINT = "Give it in env, as in env: {PASSWORD: {secret: NAME}}, and let the program read it from there."
_NO_REFERENCE = ("arguments", "script", "body", "url")
_LOGIN = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@{}$]*:(?P<password>[^\s/@{}$]+)@")


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True for names that secrets have, such as ``DB_PASSWORD`` or ``apiToken``; not for ``TOKEN_FILE``."""
    snake = _CAMEL.sub("_", name).replace("-", "_").lower()
    return _SECRET_NAME.search(snake) is not None


def holds_secret(text: str) -> bool:
    """True where ``text`` has the shape of a key."""
    return find_secret(text) is not None


def find_secret(text: str) -> int | None:
    """Return where in ``text`` something has the shape of a key."""
    if "://" in text and "@" in text and (login := _LOGIN.search(text)) is not None:
        return login.start()
    return _find_key(text)


def _find_key(text: str) -> int | None:
    if len(text) < 20 or not any(map(text.__contains__, _SECRET_BEGINNINGS)):
        return None
    match = _SECRET_VALUE.search(text)
    return match.start() if match is not None else None


def check_named_values(values: Mapping[str, Any], json_path: str) -> Iterator[Finding]:
    """Yield a finding for each value that by name or shape is a secret, and stands there for all to read."""
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            continue
        if (is_secret_name(name) and not _is_token(value)) or holds_secret(value):
            yield secret_finding(f"{json_path}{key_step(name)}")


def check_text(text: str, json_path: str) -> Iterator[Finding]:
    if holds_secret(text):
        yield secret_finding(json_path)


def check_argument_list(arguments: tuple[str, ...], json_path: str) -> Iterator[Finding]:
    """Yield a finding for each argument that gives a secret; they are seen by every user of a machine."""
    together = "\n".join(arguments)
    if not _may_name_secret(together) and not holds_secret(together):
        return
    for index, argument in enumerate(arguments):
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        path = f"{json_path}[{index}]"
        name, equals, value = argument.lstrip("-/").partition("=")
        is_option = argument.startswith(("-", "/"))
        if holds_secret(argument) or (is_option and equals and is_secret_name(name) and value and not _is_token(value)):
            yield secret_finding(path)
        elif is_option and not equals and is_secret_name(name) and _is_literal(following):
            yield secret_finding(f"{json_path}[{index + 1}]")


def _may_name_secret(text: str) -> bool:
    return any(map(text.lower().__contains__, _SECRET_WORDS))


def check_command_line(text: str, json_path: str) -> Iterator[Finding]:
    """The same for arguments in one text."""
    options = _SECRET_ARGUMENT.finditer(text)
    if holds_secret(text) or any(is_secret_name(m["name"]) and _is_literal(m["value"].strip("\"'")) for m in options):
        yield secret_finding(json_path)


def check_query(url: str, json_path: str) -> Iterator[Finding]:
    """Yield a finding where the query of an address gives a secret; addresses end up in logs."""
    query = url.partition("?")[2].partition("#")[0]
    pairs = (pair.partition("=") for pair in re.split("[&;]", query))
    has_key = _find_key(url) is not None  # a login is told of by check_url
    if has_key or any(is_secret_name(name) and _is_literal(value) for name, _, value in pairs):
        yield secret_finding(json_path)


def _is_literal(value: str) -> bool:
    return bool(value) and not value.startswith("-") and not _is_token(value)


def _is_token(value: str) -> bool:
    return any(True for _ in find_tokens(value))


def secret_finding(json_path: str) -> Finding:
    message = f"{json_path} looks like a secret; use a secret reference (value not shown)"
    steps = json_path.replace("[", ".").split(".")
    hint = _ENV_HINT if any(step in steps for step in _NO_REFERENCE) else _HINT
    return Finding(code="SEC001", json_path=json_path, message=message, hint=hint)
