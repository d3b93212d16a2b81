"""A pass tells the forge how each target took the commit; what the forge says ends no pass."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from fakes.github import REPOSITORY, TOKEN, serve_github
from fakes.http import Fault
from msgspec.structs import replace

from reconciler.model.errors import TargetUnavailable
from reconciler.reports.commit_status import Statuses

SETTINGS = '[reports.status]\nprovider = "github"\nrepository = "acme/ops"\n'


@pytest.fixture
def fake(monkeypatch):
    with serve_github() as made:
        monkeypatch.setenv("GITHUB_API_URL", made.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield made


@pytest.fixture
def told(project, fake):
    """A repository whose passes are told; the job is applied and nothing is due."""
    project.repo.write("reconciler.toml", SETTINGS)
    project.commit_job()
    return project


def sent(fake):
    return [(item["sha"], item["context"], item["state"], item["description"]) for item in fake.statuses]


@pytest.mark.parametrize("verb", ["reconcile", "apply"])
def test_a_pass_tells_its_commit_and_target_once(told, fake, verb):
    head = told.repo.git("rev-parse", "HEAD")
    for _ in range(2):
        assert told.call(verb).code == 0
    assert sent(fake) == [(head, "reconciler/local", "success", "Applied: 1 job")]


def test_invalid_definitions_are_a_failure_until_they_are_mended(told, fake):
    told.call("apply")
    told.commit_job("broken", schedule={"cronExpression": "0 25 * * *"})
    told.call("apply")
    told.commit_job("broken")
    told.call("apply")
    words = "Applied in part: 1 problem in the definitions; what is invalid keeps its applied form"
    assert [item[2:] for item in sent(fake)] == [
        ("success", "Applied: 1 job"),
        ("failure", words),
        ("success", "Applied: 2 jobs"),
    ]


def test_a_guard_is_a_failure(told, fake):
    for number in range(12):
        told.commit_job(f"job-{number}")
    told.call("apply")
    told.repo.git("rm", "--quiet", "-r", "definitions/jobs")
    told.commit_job("only")
    answer = told.call("apply")
    assert answer.code == 4
    assert sent(fake)[-1][2] == "failure"
    assert sent(fake)[-1][3].startswith("Not applied: ")


def test_a_commit_that_cannot_be_read_at_all_is_a_failure(told, fake):
    told.call("apply")
    told.repo.write("reconciler.toml", "nonsense = 1\n")
    head = told.repo.commit()
    answer = told.call("reconcile")
    assert answer.code == 3
    assert sent(fake)[-1] == (head, "reconciler/local", "failure", "Not applied: reconciler.toml is invalid")


def test_an_api_that_refuses_ends_no_pass_and_is_told(told, fake):
    fake.faults.append(Fault("POST", 403, value={"message": "Resource not\x1b[31m accessible"}))
    answer = told.call("reconcile", "--format", "json")
    assert answer.code == 0
    assert "403 Resource not\\x1b[31m accessible" in answer.json["statuses"]["problem"]
    assert "statuses: GitHub refused" in answer.err
    assert told.call("reconcile", "--format", "json").json["statuses"] == {"problem": ""}
    assert len(sent(fake)) == 1


def test_an_api_that_is_not_there_ends_no_pass(told, fake, monkeypatch):
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    answer = told.call("apply")
    assert answer.code == 0
    assert "statuses: GitHub does not answer" in answer.err


def test_no_token_is_told_and_ends_no_pass(told, fake, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    answer = told.call("apply")
    assert answer.code == 0
    assert "Set GITHUB_TOKEN in the environment" in answer.err


def test_a_secret_is_used_only_where_the_operator_says_so(told, fake, monkeypatch, tmp_path):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    told.repo.write("reconciler.toml", SETTINGS + 'token = "BOT"\n')
    told.repo.commit()
    secrets = tmp_path / "secrets.toml"
    secrets.write_text('[BOT]\nenv = "MY_TOKEN"\n')
    answer = told.call("apply", "--secrets", str(secrets))
    assert "reports = true below [BOT]" in answer.err
    secrets.write_text('[BOT]\nenv = "MY_TOKEN"\nreports = true\n')
    assert told.call("apply", "--secrets", str(secrets)).err.count("statuses") == 0
    assert len(sent(fake)) == 1
    assert TOKEN not in answer.out + answer.err


def test_serving_tells_of_each_commit_and_tries_again(stage, fake):
    answers = [TargetUnavailable("GitHub does not answer")]
    sent = []

    class Forge:
        def set_status(self, status):
            if answers:
                raise answers.pop()
            sent.append(status.description)

    stage.world = replace(stage.world, statuses=Statuses(stage.world.store, lambda: nullcontext(Forge())))
    stage.commit_job()
    loop = stage.serve()
    loop.turn()
    loop.publish()
    assert "statuses: GitHub does not answer (1 to be sent at the next pass)" in stage.told
    stage.turn_until(loop, stage.clock() + timedelta(minutes=2))
    assert sent == ["Applied: 1 job"]


def test_without_settings_nothing_is_asked(project, fake):
    project.commit_job()
    project.call("apply")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('provider = "gitea"', "expected one of github, gitlab"),
        ("provider = 1", "provider"),
        ('url = "https://evil.example"', "unknown setting `url`"),
        ('repository = ["a"]', "expected text"),
    ],
)
def test_wrong_settings_are_problems_with_their_place(project, line, words):
    project.commit_job()
    project.repo.write("reconciler.toml", f"[reports.status]\n{line}\n")
    answer = project.call("validate")
    assert answer.code == 3
    assert "reconciler.toml:2:1: SET00" in answer.out
    assert words in answer.out


def test_the_repository_is_the_pipelines_unless_it_is_named(told, fake, monkeypatch):
    told.repo.write("reconciler.toml", SETTINGS.replace('repository = "acme/ops"\n', ""))
    told.repo.commit()
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    told.call("apply")
    assert len(sent(fake)) == 1
