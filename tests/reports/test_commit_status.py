"""Statuses of commits: sent when they change, kept until they are sent, and never the end of a pass."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fakes.github import TOKEN, serve_github
from fakes.gitlab import serve_gitlab
from fakes.http import Fault
from msgspec.structs import replace
from support.forge import NEW, OLD

from reconciler.model.errors import UsageError
from reconciler.model.secret import Secret
from reconciler.model.settings import StatusProvider, StatusSettings
from reconciler.reports.commit_status import MOST_WAITING, Statuses
from reconciler.reports.forge.opening import open_status_forge
from reconciler.reports.forge.values import CommitStatus, StatusState

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
GOOD = CommitStatus(commit=OLD, context="reconciler/local", state=StatusState.SUCCESS, description="Applied: 3 jobs")
BAD = replace(GOOD, state=StatusState.FAILURE, description="1 change failed: a: offline")
SETTINGS = StatusSettings(provider=StatusProvider.GITHUB, repository="acme/ops")


class Notes(dict):
    def recall(self, name):
        return self.get(name, "")

    def remember(self, name, value):
        self[name] = value


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def fake():
    with serve_github() as made:
        yield made


@pytest.fixture
def statuses(fake, notes):
    environment = {"GITHUB_API_URL": fake.url, "GITHUB_TOKEN": TOKEN}
    return Statuses(notes, lambda: open_status_forge(SETTINGS, Secret, environment=environment))


def sent(fake):
    return [(item["sha"][0], item["context"], item["state"]) for item in fake.statuses]


def test_a_status_is_sent_once(statuses, fake):
    for _ in range(3):
        statuses.note([GOOD], now=NOW)
        assert statuses.send(now=NOW) == ""
    assert sent(fake) == [("a", "reconciler/local", "success")]


def test_nothing_to_send_opens_nothing(notes):
    def refuse():
        raise AssertionError

    assert Statuses(notes, refuse).send(now=NOW) == ""


def test_a_change_is_sent_for_failures_as_for_successes(statuses, fake):
    for status in (GOOD, BAD, GOOD, replace(GOOD, commit=NEW)):
        statuses.note([status], now=NOW)
        statuses.send(now=NOW)
    assert [item[2] for item in sent(fake)] == ["success", "failure", "success", "success"]


def test_what_is_overtaken_before_it_is_sent_is_not_sent(statuses, fake):
    statuses.note([BAD], now=NOW)
    statuses.note([GOOD], now=NOW)
    statuses.send(now=NOW)
    assert sent(fake) == [("a", "reconciler/local", "success")]


def test_what_goes_back_to_what_was_sent_is_not_sent_again(statuses, fake):
    statuses.note([GOOD], now=NOW)
    statuses.send(now=NOW)
    statuses.note([BAD], now=NOW)
    statuses.note([GOOD], now=NOW)
    statuses.send(now=NOW)
    assert sent(fake) == [("a", "reconciler/local", "success")]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault("POST", 403, value={"message": "Resource not accessible by integration"}),
            "403 Resource not accessible",
        ),
        (Fault("POST", 422, value={"message": "No commit found for SHA"}), "422 No commit found"),
        (Fault("POST", 404), "404"),
        (Fault("POST", 429), "asks us to wait"),
        (Fault("POST", 500), "has a failure of its own"),
        (Fault("POST", None), "does not answer"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Fault) else "",
)
def test_what_could_not_be_sent_is_told_and_tried_at_the_next_pass(statuses, fake, fault, words):
    statuses.note([GOOD], now=NOW)
    fake.faults.append(fault)
    problem = statuses.send(now=NOW)
    assert words in problem
    assert "1 to be sent at the next pass" in problem
    statuses.note([replace(GOOD, commit=NEW)], now=NOW)
    assert statuses.send(now=NOW) == ""
    assert [item[0] for item in sent(fake)] == ["a", "c"]


def test_a_wait_that_is_asked_for_is_kept(statuses, fake):
    statuses.note([GOOD], now=NOW)
    fake.faults.append(Fault("POST", 429, headers={"Retry-After": "300"}))
    statuses.send(now=NOW)
    assert "1 to be sent after 2026-01-05T08:05" in statuses.send(now=NOW + timedelta(minutes=4))
    assert len(fake.requests) == 1
    statuses.send(now=NOW + timedelta(minutes=5))
    assert len(fake.statuses) == 1


def test_a_loop_leaves_a_pause_after_a_failure(statuses, fake):
    statuses.note([GOOD], now=NOW)
    fake.faults.append(Fault("POST", 500))
    minute = timedelta(minutes=1)
    assert statuses.send(now=NOW, again_after=minute)
    assert statuses.send(now=NOW + minute / 2, again_after=minute) == ""
    assert fake.statuses == []
    statuses.send(now=NOW + minute, again_after=minute)
    assert len(fake.statuses) == 1


def test_one_commit_that_is_refused_keeps_no_other_back(statuses, fake):
    statuses.note([GOOD, replace(GOOD, commit=NEW)], now=NOW)
    fake.faults.append(Fault(f"statuses/{OLD}", 422))
    statuses.send(now=NOW)
    assert [item[0] for item in sent(fake)] == ["c"]


def test_what_waits_is_bounded_in_number_and_age(statuses, fake, notes):
    fake.faults.append(Fault("POST", 500))
    statuses.note([replace(GOOD, context=f"reconciler/{number}") for number in range(MOST_WAITING + 5)], now=NOW)
    assert f"{MOST_WAITING} to be sent" in statuses.send(now=NOW)
    assert statuses.send(now=NOW + timedelta(days=8)) == ""
    assert fake.statuses == []


def test_what_another_process_notes_meanwhile_is_kept(statuses, fake):
    statuses.note([GOOD], now=NOW)
    other = replace(GOOD, commit=NEW)
    fake.before.append(("POST", lambda: statuses.note([other], now=NOW)))
    statuses.send(now=NOW)
    statuses.send(now=NOW)
    assert [item[0] for item in sent(fake)] == ["a", "c"]


def test_a_note_of_another_version_is_no_trouble(statuses, fake, notes):
    notes["commit-statuses"] = '{"sent": 7}'
    statuses.note([GOOD], now=NOW)
    assert statuses.send(now=NOW) == ""


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, repository="")])
def test_what_is_missing_is_told_and_ends_nothing(notes, settings):
    statuses = Statuses(notes, lambda: open_status_forge(settings, Secret, environment={}))
    statuses.note([GOOD], now=NOW)
    problem = statuses.send(now=NOW)
    assert "Set GITHUB_" in problem or "GITHUB_REPOSITORY" in problem


def test_gitlab_is_told_in_its_own_words(notes):
    with serve_gitlab() as fake:
        environment = {"CI_API_V4_URL": fake.url, "RECONCILER_GITLAB_TOKEN": next(iter(fake.users))}
        settings = StatusSettings(provider=StatusProvider.GITLAB, repository="7")
        statuses = Statuses(notes, lambda: open_status_forge(settings, Secret, environment=environment))
        for status in (BAD, GOOD, replace(GOOD, description="Applied: 4 jobs")):
            statuses.note([status], now=NOW)
            assert statuses.send(now=NOW) == ""
        assert [item["status"] for item in fake.statuses] == ["failed", "success"]


def app_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *form).decode()
    return pem, key.public_key()


def test_a_github_app_gets_a_token_for_statuses_alone(notes, fake):
    import jwt

    pem, public = app_key()
    settings = replace(SETTINGS, token="APP_KEY", app="4711")
    environment = {"GITHUB_API_URL": fake.url}
    fake.apps["4711"] = lambda assertion: jwt.decode(
        assertion, public, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    statuses = Statuses(
        notes, lambda: open_status_forge(settings, {"APP_KEY": Secret(pem)}.__getitem__, environment=environment)
    )
    statuses.note([GOOD], now=NOW)
    assert statuses.send(now=NOW) == ""
    assert sent(fake) == [("a", "reconciler/local", "success")]
    [asked] = [item.json for item in fake.requests if item.path.endswith("access_tokens")]
    assert asked == {"repositories": ["ops"], "permissions": {"statuses": "write"}}


def test_a_key_that_is_none_is_told_without_it(notes, fake):
    settings = replace(SETTINGS, token="APP_KEY", app="4711")
    environment = {"GITHUB_API_URL": fake.url}
    statuses = Statuses(
        notes, lambda: open_status_forge(settings, lambda name: Secret("hunter2"), environment=environment)
    )
    statuses.note([GOOD], now=NOW)
    problem = statuses.send(now=NOW)
    assert "no private key in PEM" in problem
    assert "hunter2" not in problem


def test_an_open_that_is_our_bug_is_not_hidden(notes):
    @contextmanager
    def broken():
        raise ZeroDivisionError
        yield

    statuses = Statuses(notes, broken)
    statuses.note([GOOD], now=NOW)
    with pytest.raises(ZeroDivisionError):
        statuses.send(now=NOW)


def test_a_repository_that_is_none_is_wrong_usage():
    with (
        pytest.raises(UsageError, match="OWNER/NAME"),
        open_status_forge(replace(SETTINGS, repository="acme"), Secret, environment={}),
    ):
        pass
