"""Settings of a repository: ``reconciler.toml`` at its root, read by definitions/settings.py."""

from enum import StrEnum

from msgspec import Struct


class ReportOutput(StrEnum):
    """How much of a run's output goes into the published report."""

    NONE = "none"
    TAIL = "tail"
    FULL = "full"


class _Table(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class StatusProvider(StrEnum):
    """Where the statuses of commits are shown."""

    GITHUB = "github"
    GITLAB = "gitlab"


class StatusSettings(_Table, frozen=True, kw_only=True):
    """``[reports.status]``: no provider, no statuses. ``token`` names a secret; ``app`` is the id of a GitHub App,
    of which the secret is then the key.
    """

    provider: StatusProvider | None = None
    repository: str = ""
    token: str = ""
    app: str = ""


class ReportSettings(_Table, frozen=True, kw_only=True):
    """``[reports]``. ``push`` names the remote that gets branch and notes, or is empty."""

    output: ReportOutput = ReportOutput.TAIL
    tail_bytes: int = 4096
    branch: str = "reconciler-reports"
    push: str = ""
    status: StatusSettings = StatusSettings()


class EngineSettings(_Table, frozen=True, kw_only=True):
    """``[engine]``, the local target. ``output_bytes`` is the cap per run; ``grace_seconds`` between TERM and KILL.

    ``memory_mb`` (MiB), ``open_files`` and ``processes`` limit a run; None: nothing does (``engine/order.py``).
    """

    max_runs: int = 8
    output_bytes: int = 1 << 20
    grace_seconds: int = 5
    max_depth: int = 8
    memory_mb: int | None = None
    open_files: int | None = None
    processes: int | None = None


class MqttSettings(_Table, frozen=True, kw_only=True):
    """``[events.mqtt]``: no host, no broker. ``password`` names a secret; ``port`` None is the usual one.

    ``client_id`` names the session at the broker, so no two may share it; empty: one that is this state's own.
    """

    host: str = ""
    port: int | None = None
    tls: bool = False
    ca_file: str = ""
    topics: tuple[str, ...] = ()
    username: str = ""
    password: str = ""
    client_id: str = ""

    @property
    def used_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)


class EventSettings(_Table, frozen=True, kw_only=True):
    """``[events]``: who tells of events, beside the command line and the targets."""

    mqtt: MqttSettings = MqttSettings()


class RetentionSettings(_Table, frozen=True, kw_only=True):
    """``[retention]``: how many runs of a job are kept, and how long, where the job itself says nothing; None: all."""

    max_runs: int | None = None
    max_days: int | None = None


class PruneSettings(_Table, frozen=True, kw_only=True):
    """``[prune]``: a job that is no longer declared is disabled for so many hours before it is removed.

    None: 24 on targets that hold jobs themselves, 0 elsewhere.
    """

    grace_hours: int | None = None


class LimitSettings(_Table, frozen=True, kw_only=True):
    """``[limits]``."""

    files: int = 200_000


class Settings(_Table, frozen=True, kw_only=True):
    definitions: str = "definitions"
    default_targets: tuple[str, ...] = ("local",)
    reports: ReportSettings = ReportSettings()
    engine: EngineSettings = EngineSettings()
    events: EventSettings = EventSettings()
    retention: RetentionSettings = RetentionSettings()
    prune: PruneSettings = PruneSettings()
    limits: LimitSettings = LimitSettings()
