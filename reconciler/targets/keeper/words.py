"""The vendor's own words: how Keeper's job files spell their fields, and the jobs that come with the agent.

Source: Keeper "Job: Definition & Format", the six published job files, and its page of default jobs.
"""

JOB_FIELDS = (
    "id",
    "name",
    "description",
    "enabled",
    "priority",
    "schedule",
    "events",
    "eventTopic",
    "osFilter",
    "mqttTopics",
    "parameters",
    "tasks",
    "condition",
    "alternateJobId",
)
SCHEDULE_FIELDS = ("intervalMinutes", "cronExpression", "runAt", "calendar")
ENTRY_FIELDS = ("daysOfWeek", "time")
EVENT_FIELDS = ("eventType",)
PARAMETER_FIELDS = ("name", "type", "default", "defaultValue", "required")
TASK_FIELDS = (
    "id",
    "name",
    "ExecutionType",
    "command",
    "executablePath",
    "arguments",
    "timeoutSeconds",
    "continueOnFailure",
    "scriptType",
    "MergeStdoutJsonIntoContext",
    "SkipWhenPluginSettingFalse",
)
SYSTEMS = ("windows", "linux", "macOS")
TOPIC_FIELDS = ("allowedPublications", "allowedSubscriptions")

API_BASE_URL = "KeeperApiBaseUrl"
"""The one built-in token that the vendor documents."""

SHIPPED = frozenset(
    {
        "privilege-elevation-policy-controls",
        "privilege-elevation-policy-controls-macos",
        "file-access-policy-controls",
        "file-access-policy-controls-headless",
        "default-policy-controls",
        "executiongrantstartupcleanup",
        "fileaccessstartupcleanup",
        "locale-cache-cleanup",
        "log-version-info",
        "ephemeral-account-cleanup-if-unused",
        "ephemeral-orphan-profile-folders-cleanup",
        "68112ce4-a2a8-4243-83c9-90bf8d2188a0",
        "3a124c4d-2d41-4174-9a13-998d1683dadc",
    }
)
"""Ids of jobs that come with the agent, without regard to case. The vendor's list is not complete."""

_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{word}{n}" for word in ("com", "lpt") for n in range(1, 10))})


def is_shipped(job_id: str) -> bool:
    return job_id.casefold() in SHIPPED


def is_device_name(job_id: str) -> bool:
    """Return whether Windows takes a file of this name for a device, whatever its ending."""
    return job_id.partition(".")[0].casefold() in _DEVICES


def program_name(path: str) -> str:
    """Return what `command` is for an `executablePath`: the file's name without its ending."""
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return stem if dot and stem and ending.isalnum() else name
