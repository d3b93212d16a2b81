"""What an account holds: devices, components, jobs, variables, alerts, as the service writes them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


def millis(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


@dataclass
class Site:
    uid: str
    name: str
    id: int = 1


@dataclass
class Device:
    uid: str
    hostname: str
    site: Site
    id: int = 1
    online: bool = True
    os: str = "Microsoft Windows Server 2022 Standard 10.0.20348"
    last_seen: datetime | None = None
    device_class: str = "device"
    suspended: bool = False
    deleted: bool = False
    udf: dict[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "uid": self.uid,
            "siteId": self.site.id,
            "siteUid": self.site.uid,
            "siteName": self.site.name,
            "deviceType": {"category": "Server", "type": "Main System Chassis"},
            "hostname": self.hostname,
            "operatingSystem": self.os,
            "online": self.online,
            "suspended": self.suspended,
            "deleted": self.deleted,
            "lastSeen": millis(self.last_seen),
            "lastReboot": None,
            "deviceClass": self.device_class,
            "udf": {f"udf{number}": self.udf.get(f"udf{number}") for number in range(1, 31)},
            "portalUrl": None,
        }


@dataclass
class Component:
    uid: str
    name: str
    id: int = 1
    description: str | None = None
    category: str = "scripts"
    variables: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "uid": self.uid,
            "name": self.name,
            "description": self.description,
            "categoryCode": self.category,
            "credentialsRequired": None,
            "variables": self.variables,
        }


def variable(
    name: str, type_: str = "string", default: str = "", description: str = "", index: int = 0
) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "defaultVal": default,
        "description": description,
        "direction": False,
        "variablesIdx": index,
    }


@dataclass
class Behaviour:
    """What a component does on a device: when it is picked up, how long it takes, what it writes, how it ends."""

    status: str = "Success"
    stdout: str = "done\n"
    stderr: str = ""
    warnings: int = 0
    pickup_seconds: float = 5
    run_seconds: float = 10
    hidden_seconds: float = 0
    """How long results are not found after the job was made."""

    words: tuple[str, ...] = ()
    """Statuses that are answered one after the other instead, the last for ever."""


@dataclass
class Job:
    uid: str
    id: int
    name: str
    device: Device
    component: Component
    variables: dict[str, str]
    created_at: datetime
    behaviour: Behaviour
    asked: int = 0

    def status(self, now: datetime) -> str:
        if self.behaviour.words:
            word = self.behaviour.words[min(self.asked, len(self.behaviour.words) - 1)]
            self.asked += 1
            return word
        picked_up_at = self.created_at + timedelta(seconds=self.behaviour.pickup_seconds)
        if not self.device.online or now < picked_up_at:
            return "Pending"
        if now < picked_up_at + timedelta(seconds=self.behaviour.run_seconds):
            return "Running"
        return self.behaviour.status

    @property
    def ran_on(self) -> datetime:
        return self.created_at + timedelta(seconds=self.behaviour.pickup_seconds)

    def document(self, status: str) -> dict[str, Any]:
        is_open = status in {"Pending", "Running"}
        return {
            "id": self.id,
            "uid": self.uid,
            "name": self.name,
            "dateCreated": millis(self.created_at),
            "status": "active" if is_open else "completed",
        }

    def component_document(self) -> dict[str, Any]:
        variables = [{"name": name, "value": value} for name, value in self.variables.items()]
        return {"uid": self.component.uid, "name": self.component.name, "variables": variables}

    def result(self, status: str) -> dict[str, Any]:
        has_ended = status not in {"Pending", "Running"}
        part = {
            "componentUid": self.component.uid,
            "componentName": self.component.name,
            "componentStatus": "Success" if status in {"Success", "Warning"} else "Failure",
            "numberOfWarnings": self.behaviour.warnings,
            "hasStdOut": bool(self.behaviour.stdout),
            "hasStdErr": bool(self.behaviour.stderr),
        }
        return {
            "jobUid": self.uid,
            "deviceUid": self.device.uid,
            "ranOn": None if status == "Pending" else millis(self.ran_on),
            "jobDeploymentStatus": status,
            "componentResults": [part] if has_ended else None,
        }

    def output(self, text: str) -> list[dict[str, Any]]:
        return [{"componentUid": self.component.uid, "componentName": self.component.name, "stdData": text}]


@dataclass
class Variable:
    id: int
    name: str
    value: str
    masked: bool = False
    made_at: datetime | None = None

    def document(self, *, masked_as: str | None = "*****") -> dict[str, Any]:
        """What is answered for the value of a masked one is not known of the service."""
        return {
            "id": self.id,
            "name": self.name,
            "value": masked_as if self.masked else self.value,
            "masked": self.masked,
        }


@dataclass
class Alert:
    uid: str
    device: Device
    at: datetime
    priority: str = "High"
    context: dict[str, Any] = field(default_factory=lambda: {"@class": "comp_script_ctx", "samples": {"free": "2 %"}})
    muted: bool = False
    resolved: bool = False

    def document(self) -> dict[str, Any]:
        return {
            "alertUid": self.uid,
            "priority": self.priority,
            "diagnostics": None,
            "resolved": self.resolved,
            "resolvedBy": None,
            "resolvedOn": None,
            "muted": self.muted,
            "ticketNumber": None,
            "timestamp": millis(self.at),
            "alertMonitorInfo": {"sendsEmails": False, "createsTicket": False},
            "alertContext": self.context,
            "alertSourceInfo": {
                "deviceUid": self.device.uid,
                "deviceName": self.device.hostname,
                "siteUid": self.device.site.uid,
                "siteName": self.device.site.name,
            },
            "responseActions": [],
            "autoresolveMins": None,
        }
