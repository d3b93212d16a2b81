from datetime import UTC, datetime, timedelta

from support.repo import START

A, B = "definitions/jobs/a.yaml", "definitions/jobs/b.yaml"


def test_each_path_has_the_commit_that_changed_it_last(repo, opened):
    repo.write(A, "1")
    repo.write(B, "1")
    both = repo.commit()
    repo.write(A, "2")
    only_a = repo.commit()
    head = repo.commit("Nothing")
    assert opened.last_changed(head, [A, B]) == {A: only_a, B: both}
    assert opened.last_changed(both, [A]) == {A: both}


def test_a_path_that_is_not_there_is_left_out(repo, opened):
    repo.write(A, "1")
    repo.commit()
    repo.git("rm", "-q", A)
    assert opened.last_changed(repo.commit(), [A, "definitions/jobs/never.yaml"]) == {}
    assert opened.last_changed(repo.git("rev-parse", "HEAD"), []) == {}


def test_a_change_on_a_branch_is_named_by_its_own_commit(repo, opened):
    repo.write(A, "1")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write(A, "2")
    side = repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("README.md", "x")
    repo.commit()
    repo.git("merge", "-q", "--no-edit", "side")
    assert opened.last_changed(repo.git("rev-parse", "HEAD"), [A]) == {A: side}


def test_what_a_merge_decided_is_named_by_the_merge(repo, opened):
    diverge(repo)
    repo.git("merge", "-q", "--no-edit", "side", check=False)
    repo.write(A, "both")
    merge = repo.commit("Merge")
    assert opened.last_changed(merge, [A]) == {A: merge}


def test_a_change_that_a_merge_threw_away_is_not_named(repo, opened):
    ours = diverge(repo)
    repo.git("merge", "-q", "--no-edit", "--strategy=ours", "side")
    assert opened.last_changed(repo.git("rev-parse", "HEAD"), [A]) == {A: ours}


def diverge(repo):
    """Leave A changed on main, and later changed otherwise on side; return main's commit."""
    repo.write(A, "1")
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.git("checkout", "-q", "main")
    repo.write(A, "ours")
    ours = repo.commit()
    repo.git("checkout", "-q", "side")
    repo.write(A, "theirs")
    repo.commit()
    repo.git("checkout", "-q", "main")
    return ours


def test_a_file_is_added_when_it_comes_onto_the_branch(repo, opened):
    repo.git("checkout", "-q", "-b", "side")
    repo.write(A, "1")
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo._next_commit_at = START + timedelta(days=30)
    repo.git("merge", "-q", "--no-ff", "--no-edit", "side")
    repo.write(A, "2")
    assert opened.first_added(repo.commit(), [A]) == {A: START + timedelta(days=30)}


def test_a_file_that_was_removed_counts_from_when_it_came_back(repo, opened):
    repo.write(A, "1")
    repo.commit()
    repo.git("rm", "-q", A)
    repo.commit()
    repo.write(A, "1")
    back = datetime(2026, 5, 1, tzinfo=UTC)
    repo.commit(at=back)
    repo.write(A, "2")
    assert opened.first_added(repo.commit(), [A, B]) == {A: back}


def test_many_paths_are_found_in_one_walk(repo, opened):
    paths = [f"definitions/jobs/{number:03}.yaml" for number in range(300)]
    for path in paths:
        repo.write(path, path)
    added = repo.commit()
    repo.write(paths[7], "changed")
    head = repo.commit()
    assert opened.last_changed(head, paths) == dict.fromkeys(paths, added) | {paths[7]: head}
    assert len(opened.first_added(head, paths)) == 300


def test_paths_with_odd_names_are_found_or_left_out(repo, opened):
    names = [
        "definitions/a b.yaml",
        "definitions/[x]*.yaml",
        "definitions/ü\n.yaml",
        "definitions/-x",
        "definitions/:(top)",
    ]
    for name in names:
        repo.write(name, name)
    sha = repo.commit()
    assert opened.last_changed(sha, [*names, "definitions/\\xff"]) == dict.fromkeys(names, sha)
