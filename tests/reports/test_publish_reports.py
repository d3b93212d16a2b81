import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from support.repo import make_repo
from support.store import MIDNIGHT, finished, occurrence_of, open_at, run_of, uid_of

from reconciler.git.repository import Repository
from reconciler.model.run import OutputRecord, Stream, StreamSummary
from reconciler.model.settings import ReportOutput, ReportSettings
from reconciler.reports import publish
from reconciler.reports.build import build_report, encode_report
from reconciler.reports.publish import last_bytes, publish_reports, report_path

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BRANCH = "reconciler-reports"
SETTINGS = ReportSettings()


@pytest.fixture
def repo(tmp_path):
    repo = make_repo(tmp_path / "repo")
    repo.write("definitions/jobs/clean.yaml", "x")
    repo.commit()
    return repo


@pytest.fixture
def repository(repo):
    with Repository.open(repo.path) as repository:
        yield repository


@pytest.fixture
def store(tmp_path):
    with closing(open_at(tmp_path / "state")) as store:
        yield store


@pytest.fixture
def end_run(store, repo, make_task):
    """End a run of a job of the repository's commit, as a driver does; return its uid."""

    def end(number, *, output=b"", tail="", data=None):
        at = MIDNIGHT + timedelta(minutes=number)
        occurrence = occurrence_of("clean", number, at=at, commit=repo.git("rev-parse", "HEAD"))
        run = run_of(occurrence, number)
        store.add_occurrence(occurrence, [run])
        end = finished(run, at=at)
        task = make_task("task", stdout=StreamSummary(len(output), "", tail))
        ended = replace(run, status=end.status, started_at=at - timedelta(seconds=2), ended_at=at)
        report = encode_report(build_report(ended, [task], parameters={}, host="runner", tzdata="2026.1"))
        records = (OutputRecord("task", Stream.STDOUT, at, output),)
        store.finish_runs([replace(end, report=data or report, output=records)])
        return run.uid

    return end


def document(repo, number):
    path = report_path(uid_of(number), MIDNIGHT + timedelta(minutes=number))
    return json.loads(repo.git("show", f"{BRANCH}:{path}"))


def note(repo):
    return repo.git("log", "-1", "--notes=reconciler", "--format=%N", "main").split("\n")


def test_reports_reach_the_branch_and_the_notes_of_their_commit(store, repository, repo, end_run):
    uids = [end_run(1), end_run(2)]
    published = publish_reports(store, repository, settings=SETTINGS, now=NOW)
    assert (published.count, published.pushed, published.problem) == (2, False, "")
    assert published.commit == repo.git("rev-parse", BRANCH)
    assert document(repo, 2)["source"]["commit"] == repo.git("rev-parse", "main")
    assert note(repo)[:2] == [f"completed clean on here 2.0s exit 0 {uid}" for uid in uids]
    assert repo.git("log", "-1", "--format=%s", BRANCH) == "Report 2 runs"


def test_each_report_is_published_once(store, repository, repo, end_run):
    end_run(1)
    publish_reports(store, repository, settings=SETTINGS, now=NOW)
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 0
    end_run(2)
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 1
    assert repo.git("rev-list", "--count", BRANCH) == "2"


def test_many_reports_go_in_batches(store, repository, repo, end_run, monkeypatch):
    monkeypatch.setattr(publish, "BATCH", 3)
    for number in range(1, 8):
        end_run(number)
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 7
    assert repo.git("rev-list", "--count", BRANCH) == "3"
    assert len([line for line in note(repo) if line]) == 7


def test_a_kill_between_git_and_the_store_repeats_no_line(store, repository, repo, end_run, monkeypatch):
    end_run(1)
    monkeypatch.setattr(type(store), "mark_published", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish_reports(store, repository, settings=SETTINGS, now=NOW)
    monkeypatch.undo()
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 1
    assert len([line for line in note(repo) if line]) == 1


@pytest.mark.parametrize(
    "case",
    [(ReportOutput.NONE, ""), (ReportOutput.TAIL, "xt"), (ReportOutput.FULL, "whole\\xff text")],
)
def test_how_much_output_goes_into_git_is_a_setting(store, repository, repo, end_run, case):
    output, shown = case
    end_run(1, output=b"whole\xff text", tail="text")
    publish_reports(store, repository, settings=ReportSettings(output=output, tail_bytes=2), now=NOW)
    assert document(repo, 1)["tasks"][0]["stdout"]["tail"] == shown


def test_the_end_of_a_text_begins_with_a_whole_character():
    assert [last_bytes("aüö", count) for count in range(6)] == ["", "", "ö", "ö", "üö", "aüö"]


def test_a_row_that_cannot_be_read_holds_no_other_back(store, repository, repo, end_run):
    end_run(1, data=b'{"run": 7}')
    uid = end_run(2)
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 2
    assert document(repo, 1) == {"run": 7}
    assert note(repo)[:2] == [f"completed clean {uid_of(1)}", f"completed clean on here 2.0s exit 0 {uid}"]


def test_what_git_refuses_is_told_and_waits(store, repository, repo, end_run):
    end_run(1)
    repo.git("checkout", "-q", "--orphan", BRANCH)
    published = publish_reports(store, repository, settings=SETTINGS, now=NOW)
    assert (published.count, published.commit) == (0, "")
    assert f"branch {BRANCH} is checked out in {repo.path}" in published.problem
    assert "Switch to another branch" in published.problem
    repo.git("checkout", "-q", "-f", "main")
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 1


def test_a_push_that_failed_is_made_up_for_though_nothing_is_new(store, repository, repo, end_run, tmp_path):
    settings = ReportSettings(push="origin")
    end_run(1)
    published = publish_reports(store, repository, settings=settings, now=NOW)
    assert (published.count, published.pushed) == (1, False)
    assert "there is no remote 'origin'" in published.problem
    origin = repo.clone(tmp_path / "origin.git", "--bare")
    repo.git("remote", "add", "origin", str(origin.path))
    published = publish_reports(store, repository, settings=settings, now=NOW)
    assert (published.count, published.pushed, published.problem) == (0, True, "")
    assert origin.git("rev-parse", BRANCH) == repo.git("rev-parse", BRANCH)
    assert publish_reports(store, repository, settings=settings, now=NOW).pushed is False


def test_a_run_without_a_commit_is_published_without_a_note(store, repository, repo, end_run, monkeypatch):
    end_run(1)
    items = [replace(item, commit="") for item in store.unpublished_reports(10)]
    monkeypatch.setattr(type(store), "unpublished_reports", lambda self, limit: [items.pop()] if items else [])
    assert publish_reports(store, repository, settings=SETTINGS, now=NOW).count == 1
    assert repo.git("for-each-ref", "refs/notes") == ""
