"""`pr comment` as workflows and pipelines call it."""

import pytest
from fakes import github, gitlab
from support.forge import NEW, OLD, encoded

from reconciler.reports.forge.sticky import MARKER


@pytest.fixture
def hub(project, monkeypatch):
    with github.serve_github() as fake:
        monkeypatch.setenv("GITHUB_API_URL", fake.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", github.REPOSITORY)
        monkeypatch.setenv("GITHUB_TOKEN", github.TOKEN)
        fake.open_pull(1, OLD)
        yield fake


@pytest.fixture
def lab(project, monkeypatch):
    with gitlab.serve_gitlab() as fake:
        monkeypatch.setenv("GITLAB_CI", "true")
        monkeypatch.setenv("CI_API_V4_URL", fake.url)
        monkeypatch.setenv("CI_PROJECT_ID", gitlab.PROJECT)
        monkeypatch.setenv("RECONCILER_GITLAB_TOKEN", gitlab.TOKEN)
        fake.open_request(1, OLD)
        yield fake


def test_a_run_becomes_a_comment_whose_place_is_told(project, hub):
    run = hub.add_run(OLD)
    hub.add_artifact(run, encoded())
    answer = project.call("pr", "comment", "--run", str(run))
    assert answer.code == 0
    assert answer.out.splitlines()[0] == "#1 aaaaaaaaaaaa: 1 to create, 0 to change, 0 to delete, 0 to run"
    assert f"#issuecomment-{hub.comments[1][0]['id']}" in answer.out


@pytest.mark.parametrize("data", [b"{}", encoded(words="![x](https://evil.example/x.png)"), encoded(pull_request=5)])
def test_an_unfit_review_is_told_in_the_comment_and_not_shown(project, hub, data):
    run = hub.add_run(OLD)
    hub.add_artifact(run, data)
    assert project.call("pr", "comment", "--run", str(run)).code == 0
    [body] = hub.bodies(1)
    assert "**No plan:** what the check left" in body
    assert "evil" not in body
    assert hub.status_of(OLD)[0] == "error"


def test_an_archive_that_is_too_large_is_not_read(project, hub):
    run = hub.add_run(OLD)
    hub.add_archive(run, b"x" * 300_000)
    project.call("pr", "comment", "--run", str(run))
    assert "it is larger than 262,144 bytes" in hub.bodies(1)[0]
    assert not [item for item in hub.requests if item.path.startswith("/store/")]


def test_nothing_to_say_is_said(project, hub):
    answer = project.call("pr", "comment", "--run", str(hub.add_run(NEW)))
    assert (answer.code, answer.out) == (0, "")
    assert "Nothing to say" in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give either --run or --review"),
        (("--run", "1", "--review", "x"), "Give either --run or --review"),
        (("--review", "nowhere.json"), "nowhere.json: there is no such file"),
        (("--run", "99"), "404 Not Found"),
        (("--run", "1", "--repository", "acme"), "OWNER/NAME"),
        (("--run", "1", "--repository", "acme/.."), "OWNER/NAME"),
    ],
)
def test_a_wrong_call_says_what_to_do(project, hub, arguments, words):
    answer = project.call("pr", "comment", *arguments)
    assert answer.code in {1, 64}
    assert words in answer.err


def test_a_missing_token_is_told(project, hub, monkeypatch):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    answer = project.call("pr", "comment", "--run", "1")
    assert answer.code == 64
    assert "Set GITHUB_TOKEN" in answer.err


def test_a_token_goes_to_no_plain_http(project, hub, monkeypatch):
    monkeypatch.setenv("GITHUB_API_URL", "http://github.example")
    assert "https" in project.call("pr", "comment", "--run", "1").err


def test_a_merge_request_gets_one_note(project, lab):
    lab.add_note(1, gitlab.BOT, f"{MARKER}\nearlier")
    lab.add_note(1, "mallory", f"{MARKER}\nNo changes.")
    project.repo.write("review.json", encoded())
    answer = project.call("pr", "comment", "--review", "review.json")
    assert answer.code == 0
    [body] = lab.bodies(1)
    assert body.endswith("the plan\n")
    assert lab.bodies(1, "mallory") == [f"{MARKER}\nNo changes."]


def test_a_merge_request_that_moved_on_is_left_to_its_next_pipeline(project, lab):
    lab.open_request(1, NEW)
    project.repo.write("review.json", encoded())
    assert "Nothing to say" in project.call("pr", "comment", "--review", "review.json").err
    assert lab.bodies(1) == []


def test_a_token_is_never_shown(project, hub, lab):
    for value in (github.TOKEN, gitlab.TOKEN):
        answer = project.call("pr", "comment", "--run", "1", "--provider", "github")
        assert value not in answer.out + answer.err
