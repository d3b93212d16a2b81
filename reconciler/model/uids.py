"""Ids of runs (UUIDv7) and keys, from the operating system's randomness."""

import secrets

import uuid_utils


def new_uid() -> str:
    return str(uuid_utils.uuid7())


def new_key() -> str:
    """Return a secret of 32 bytes, in hex."""
    return secrets.token_hex(32)
