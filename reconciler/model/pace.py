"""How fast a target takes starts."""

from msgspec import Struct


class Pace(Struct, frozen=True):
    """At most ``starts`` in any ``seconds``, all jobs of the target together."""

    starts: int
    seconds: float = 60
