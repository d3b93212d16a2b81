"""Variables of an account and its sites, written so that a repetition does no harm.

A create has no key that would make it harmless, and its answer names nothing: after one without an answer the list is
looked at, and nothing is made a second time on a guess.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from reconciler.model.change import Action, Change
from reconciler.model.errors import CouldNot, TargetRefused, TargetUnavailable
from reconciler.model.forms import Variable
from reconciler.model.secret import Secret, SecretRef
from reconciler.targets.datto.api import Api
from reconciler.targets.datto.sites import NoSuchSite, SiteFinder
from reconciler.targets.datto.variable_lister import LiveVariable, VariableLister
from reconciler.targets.rest.client import path_of
from reconciler.targets.rest.errors import AnswerLost, NotCarriedOut, NotFound, Rejected

LOOK_AFTER = (1.0, 3.0, 6.0)
"""Pauses before the looks for what may have been made."""

TRIES = 3
LONGEST_WAIT = timedelta(seconds=15)
_CONCURRENT = 409


class VariableKeeper:
    """``declared`` are those of the target's file; ``reveal`` gives the secret of a masked one, and raises CouldNot."""

    def __init__(self, api: Api, *, declared: Sequence[Variable], reveal: Callable[[str], Secret]) -> None:
        self._api = api
        self._declared = tuple(declared)
        self._reveal = reveal
        self._named = {one.value.secret for one in declared if isinstance(one.value, SecretRef)}
        self._hidden: set[str] = set()
        self._sites = SiteFinder(api)
        self.lister = VariableLister(api, self._sites, declared=declared)

    def secrets(self) -> list[Secret]:
        """Return the values that nobody may see. Raises CouldNot where one is not there."""
        return [self._reveal(name) for name in sorted(self._named)]

    @property
    def _name(self) -> str:
        return self._api.client.name

    def apply(self, change: Change) -> None:
        """Carry out ``change``; doing it twice is the same as once."""
        variable = change.form
        assert isinstance(variable, Variable)
        self._hide()
        if change.action is Action.DELETE:
            try:
                if not self._is_declared_elsewhere(variable):
                    self._remove(variable)
            except NoSuchSite:
                pass  # it went with its site
            return
        value = self._value_of(variable)
        live = self.lister.find(variable)
        if live is None:
            self._create(variable, value)
        elif live.masked != variable.masked:
            self._remove(variable)  # what is masked stays masked: an update cannot say
            self._create(variable, value)
        elif variable.masked or live.value != value:
            self._update(variable, live, value)

    def _hide(self) -> None:
        """See to it that no message shows what a masked variable has, whichever one an answer is about."""
        for name in self._named - self._hidden:
            try:
                self._api.client.hide(self._reveal(name))
            except CouldNot:
                continue  # said where it is needed
            self._hidden.add(name)

    def _value_of(self, variable: Variable) -> str:
        if not isinstance(variable.value, SecretRef):
            return variable.value
        try:
            secret = self._reveal(variable.value.secret)
        except CouldNot as error:
            raise TargetUnavailable(str(error), hint=error.hint) from None
        self._api.client.hide(secret)
        return secret.reveal()

    def _is_declared_elsewhere(self, variable: Variable) -> bool:
        """Return whether another id stands for the same variable: the site by its uid where it was by its name."""
        others = [one.site for one in self._declared if one.name == variable.name and one.site and variable.site]
        return bool(others) and self._sites.uid_of(variable.site) in set(self._sites.uids_of(others))

    def _create(self, variable: Variable, value: str) -> None:
        body = {"name": variable.name, "value": value, "masked": variable.masked}
        try:
            self._send("PUT", self._path(variable), body, "create", variable)
        except AnswerLost:
            self._look_for(variable, value)
        except Rejected:
            if self.lister.find(variable, anew=True) is None:
                raise
            raise TargetRefused(f"{self._name}: {variable.id} is there by now, and was not made from here") from None
        made = LiveVariable(name=variable.name, value=value, masked=variable.masked, number="")
        self.lister.keep(variable, made)

    def _look_for(self, variable: Variable, value: str) -> None:
        """See whether a create without an answer made the variable. Raises TargetUnavailable where it is not listed."""
        for seconds in LOOK_AFTER:
            self._api.pause(seconds)
            live = self.lister.find(variable, anew=True)
            if live is None:
                continue
            if live.masked != variable.masked or (not live.masked and live.value != value):
                raise TargetRefused(f"{self._name}: {variable.id} is there by now, and was not made from here")
            if live.masked:
                self._update(variable, live, value)  # nobody can see whether the value is ours
            return
        raise TargetUnavailable(
            f"{self._name}: {variable.id} may have been made: there was no answer, and it is not listed yet",
            hint="The next apply looks for it first.",
        )

    def _update(self, variable: Variable, live: LiveVariable, value: str) -> None:
        body = {"name": variable.name, "value": value}
        for _ in range(TRIES):
            try:
                self._send("POST", f"{self._path(variable)}/{live.number}", body, "update", variable)
            except AnswerLost:
                found = self.lister.find(variable, anew=True)
                if found is not None and not found.masked and found.value == value:
                    return
                # The same value once more does no harm.
            except NotFound:
                found = self.lister.find(variable, anew=True)
                if found is None:
                    self._create(variable, value)
                    return
                live = found
            else:
                self.lister.keep(variable, replace(live, value=value))
                return
        raise TargetUnavailable(f"{self._name}: {variable.id}: it is not known whether it was changed")

    def _remove(self, variable: Variable) -> None:
        live = self.lister.find(variable)
        for _ in range(TRIES):
            if live is None:
                break
            try:
                self._send("DELETE", f"{self._path(variable)}/{live.number}", None, "delete", variable)
            except AnswerLost:
                live = self.lister.find(variable, anew=True)
            except NotFound:
                live = None
            else:
                live = None
        if live is not None:
            raise TargetUnavailable(f"{self._name}: {variable.id}: it is there after {TRIES} deletions")
        self.lister.keep(variable, None)

    def _path(self, variable: Variable) -> str:
        if not variable.site:
            return "/account/variable"
        return path_of("/site/{}/variable", self._sites.uid_of(variable.site))

    def _send(self, method: str, path: str, body: Any, what: str, variable: Variable) -> None:
        """Send a change; what was surely not carried out is sent again after a short while."""
        operation = f"{'site' if variable.site else 'account'}-variable-{what}"
        for seconds in (*LOOK_AFTER, None):
            try:
                self._api.write(method, path, body, operation=operation)
            except Rejected as error:
                if error.status != _CONCURRENT:
                    raise
                if seconds is None:
                    raise TargetUnavailable(f"{error}: somebody else writes to it all the time") from None
                self._api.pause(seconds)
            except NotCarriedOut as error:
                wait = error.retry_at - self._api.clock() if error.retry_at is not None else timedelta()
                if error.retry_at is None or wait > LONGEST_WAIT or seconds is None:
                    raise
                self._api.pause(max(wait.total_seconds(), 0.01))
            else:
                return
