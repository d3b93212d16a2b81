"""Which accounts tasks may have on a local target, and what their environment has."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest
from support.engine import until

from reconciler.model.errors import TargetRefused
from reconciler.model.job import ExecutionType
from reconciler.targets.local.accounts import account_environment

ME = pwd.getpwuid(os.geteuid())


def test_ones_own_account_needs_no_change():
    account, environment = account_environment(ME.pw_name, ExecutionType.SERVICE, allowed=[ME.pw_name])
    assert account is None
    assert (environment["HOME"], environment["USER"]) == (ME.pw_dir, ME.pw_name)


@pytest.mark.parametrize(
    ("name", "allowed", "reason"),
    [
        pytest.param(ME.pw_name, [], "do not list this account", id="not-listed"),
        pytest.param("no-such-account", ["no-such-account"], "no such account", id="unknown"),
    ],
)
def test_what_cannot_be_is_refused(name, allowed, reason):
    with pytest.raises(TargetRefused, match=reason):
        account_environment(name, ExecutionType.USER, allowed=allowed)


def test_only_root_may_use_another_account(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(TargetRefused, match="only root may use another account"):
        account_environment("nobody", ExecutionType.SERVICE, allowed=["nobody"])


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change accounts")
def test_a_desktop_is_that_of_a_program_of_the_user():
    with pytest.raises(TargetRefused, match="nobody is logged in to a desktop as nobody"):
        account_environment("nobody", ExecutionType.USER_DESKTOP, allowed=["nobody"])
    with subprocess.Popen(["sleep", "60"], env={"DISPLAY": ":7", "PATH": os.environ["PATH"]}, user="nobody") as shown:
        until(lambda: b"DISPLAY" in Path(f"/proc/{shown.pid}/environ").read_bytes())
        account, environment = account_environment("nobody", ExecutionType.USER_DESKTOP, allowed=["nobody"])
        shown.kill()
    assert (account, environment["DISPLAY"], environment["USER"]) == ("nobody", ":7", "nobody")
