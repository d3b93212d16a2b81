"""How an HTTP task is told its request: the names of environment variables, shared by who writes and who reads them."""

PREFIX = "RECONCILER_HTTP_"

LATE = "\x1f{}\x1f"
"""Stands in the address for the value of an earlier task's output, which is percent-encoded when it is known."""

DEFAULT_SECONDS = 60
