"""Ids of runs: UUIDv7, from the operating system's randomness."""

import uuid_utils


def new_uid() -> str:
    return str(uuid_utils.uuid7())
