from datetime import UTC, datetime

import pytest

from reconciler.git.commits import parse_commit
from reconciler.git.repository import Repository
from reconciler.model.errors import CouldNot, UsageError


def test_a_commit_is_read_with_its_trailers(repo, opened):
    sha = repo.commit(
        "Remove old jobs\n\nThey are done.\n\nReconciler-Allow: 3f9a02c1\nReviewed-by: Bo <bo@example.com>",
        at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
    )
    commit = opened.resolve("main")
    assert (commit.sha, commit.subject, commit.author_name) == (sha, "Remove old jobs", "Ada Example")
    assert commit.committed_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert commit.trailer_values("reconciler-allow") == ("3f9a02c1",)


@pytest.mark.parametrize(
    ("message", "trailers"),
    [
        pytest.param("Subject: x", [], id="the subject is none"),
        pytest.param("S\n\nKey: a\n b", [("Key", "a b")], id="a value may go on in the next line"),
        pytest.param("S\n\nNot one\nKey: a", [], id="a paragraph of text has none"),
        pytest.param("S\n\nKey: a\n\nEnd.", [], id="only the last paragraph counts"),
        pytest.param("S\n\nKey: a\n(cherry picked from commit 12)", [("Key", "a")], id="a cherry-pick is fine"),
        pytest.param("S\nKey: a", [], id="a subject of two lines has none"),
        pytest.param("S\n\nKey: a\nKey: b\n\n\n", [("Key", "a"), ("Key", "b")], id="a key may come twice"),
    ],
)
def test_trailers(repo, opened, message, trailers):
    repo.commit(message)
    assert list(opened.resolve("HEAD").trailers) == trailers


def test_names_that_stand_for_a_commit(repo, opened):
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit("Two")
    repo.git("tag", "--annotate", "--message=one", "v1", first)
    assert [opened.resolve(ref).sha for ref in ("HEAD~1", "v1", first[:8], "refs/tags/v1")] == [first] * 4
    assert opened.resolve("refs/heads/main").sha == second


def test_a_new_commit_is_seen_by_a_repository_that_is_already_open(repo, opened):
    opened.resolve("main")
    sha = repo.commit("Later")
    assert opened.resolve("main").sha == sha
    repo.git("gc", "--quiet")
    assert opened.resolve("main").sha == sha


def test_a_ref_that_is_not_there_brings_a_proposal(opened):
    with pytest.raises(CouldNot, match="there is no commit 'mian'") as caught:
        opened.resolve("mian")
    assert caught.value.hint == "Did you mean main?"


def test_a_tree_is_not_a_commit(repo, opened):
    with pytest.raises(CouldNot, match="there is no commit"):
        opened.resolve(repo.git("rev-parse", "HEAD^{tree}"))


def test_git_is_not_asked_for_a_name_that_is_refused(repo, monkeypatch):
    with Repository.open(repo.path) as repository:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(UsageError):
            repository.resolve("--output=x")


def test_a_commit_that_no_git_would_write_is_read_all_the_same():
    commit = parse_commit(
        "0" * 40, b"tree 1\nauthor \xff\xfe\ncommitter X <y> 99999999999999 +0000\nencoding no-such\n\n\xff\n"
    )
    assert (commit.subject, commit.author_name, commit.committed_at.year) == ("\\xff", "\\xff\\xfe", 1970)


def test_an_old_encoding_is_read():
    person = "J\xfcrgen <j@x> 1700000000 +0000"
    raw = f"tree 1\nauthor {person}\ncommitter {person}\nencoding ISO-8859-1\n\nGr\xfc\xdfe"
    commit = parse_commit("0" * 40, raw.encode("latin-1"))
    assert (commit.author_name, commit.subject) == ("Jürgen", "Grüße")
