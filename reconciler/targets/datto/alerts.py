"""Open alerts of an account, as events; and resolving one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from reconciler.model.event import Event
from reconciler.model.instant import format_instant, parse_instant
from reconciler.targets.datto.api import Api
from reconciler.targets.datto.dialect import text_of
from reconciler.targets.datto.rules import ALERT_EVENT
from reconciler.targets.datto.times import read_time
from reconciler.targets.rest.client import path_of
from reconciler.targets.rest.errors import NotFound

ASK_EVERY = timedelta(seconds=60)
LOOK_BACK = timedelta(hours=1)
"""Alerts may be listed some time after they were raised: so far back they are still taken."""

MOST_CONTEXT = 16_384


class AlertReader:
    def __init__(self, api: Api, *, source: str) -> None:
        self._api = api
        self._source = source
        self._asked_at: datetime | None = None

    def events(self, cursor: str) -> tuple[Sequence[Event], str]:
        """Return the alerts that were raised since ``cursor``; those from before we first asked start nothing."""
        now = self._api.clock()
        if self._asked_at is not None and now - self._asked_at < ASK_EVERY:
            return (), cursor
        self._asked_at = now
        since = parse_instant(cursor) if cursor else now
        if not cursor:
            return (), format_instant(now)
        alerts = self._api.pages("/account/alerts/open", "alerts", {"muted": "false"}).items
        events = [event for alert in alerts if (event := self._event(alert, now)) is not None]
        fresh = [event for event in events if event.at > since - LOOK_BACK]
        return fresh, format_instant(max([since, *(event.at for event in fresh)]))

    def resolve(self, alert_uid: str) -> None:
        """Resolve the alert; one that is gone is resolved."""
        try:
            self._api.write("POST", path_of("/alert/{}/resolve", alert_uid), None, operation="alert-resolve")
        except NotFound:
            return

    def _event(self, alert: Mapping[str, Any], now: datetime) -> Event | None:
        uid = text_of(alert.get("alertUid"))
        if not uid:
            return None
        about = alert.get("alertSourceInfo")
        about = about if isinstance(about, dict) else {}
        context = alert.get("alertContext")
        context = context if isinstance(context, dict) else {}
        data: dict[str, Any] = {
            "priority": text_of(alert.get("priority")),
            "alertType": text_of(context.get("@class")),
            "site": text_of(about.get("siteName")),
            "hostname": text_of(about.get("deviceName")),
        }
        if len(msgspec.json.encode(context)) <= MOST_CONTEXT:
            data["context"] = context
        return Event(
            id=uid,
            type=ALERT_EVENT,
            source=self._source,
            at=min(read_time(alert.get("timestamp")) or now, now),
            device=text_of(about.get("deviceUid")),
            data=data,
        )
