from datetime import UTC, datetime

from reconciler.git.report_branch import publish

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_report_and_its_note_can_be_read_with_git_alone(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    tip = publish(
        opened,
        [("runs/2026/03/01/12/a.json", b"{}\n")],
        branch="reconciler-reports",
        message="Report clean: completed",
        notes={sha: "completed clean on web-1 0.4s exit 0 a"},
        now=NOW,
    )
    assert repo.git("rev-parse", "reconciler-reports") == tip
    assert repo.git("show", "reconciler-reports:runs/2026/03/01/12/a.json") == "{}"
    assert (
        repo.git("log", "-1", "--notes=reconciler", "--format=%N").strip() == "completed clean on web-1 0.4s exit 0 a"
    )
    assert (
        repo.git("log", "-1", "--format=%an <%ae> %cI", tip)
        == "reconciler <reconciler@localhost> 2026-03-01T12:00:00+00:00"
    )


def test_notes_of_earlier_runs_stay(repo, opened):
    sha = repo.git("rev-parse", "HEAD")
    for uid in ("a", "b", "b"):
        publish(opened, [(f"runs/{uid}.json", b"{}")], branch="rr", message="m", notes={sha: f"line {uid}"}, now=NOW)
    assert repo.git("log", "-1", "--notes=reconciler", "--format=%N").split("\n")[:2] == ["line a", "line b"]
    assert repo.git("ls-tree", "-r", "--name-only", "rr").split() == ["runs/a.json", "runs/b.json"]
