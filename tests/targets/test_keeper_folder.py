"""The agents' folder: whole files or none, nobody else's touched, and nothing outside of it."""

import errno
import fcntl
import json
import os

import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.model.change import Action, Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Kind, digest_form
from reconciler.model.job import Schedule, Task
from reconciler.targets.keeper import folder as folder_module
from reconciler.targets.keeper.target import KeeperTarget

JOB = make_job("scan", schedule=Schedule(interval_minutes=30))
CHANGED = replace(JOB, description="new")
BY_HAND = {"id": "scan", "name": "scan", "enabled": True, "tasks": [{"id": "by-hand", "command": "x"}]}
MARKS = ".reconciler-owned"


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "Jobs"
    path.mkdir()
    return path


@pytest.fixture
def target(jobs):
    return KeeperTarget("agents", path=str(jobs))


def change(action, before=None, after=None, *, version=""):
    form = after or before
    return Change(
        action=action,
        kind=Kind.JOB,
        id=form.id,
        root_id=form.id,
        target="agents",
        before=before,
        after=after,
        digest=digest_form(form),
        live_version=version,
    )


def create(target, job=JOB):
    target.apply(change(Action.CREATE, after=job))
    return target.read().objects[Kind.JOB, job.id]


def by_hand(jobs, raw=BY_HAND, name="scan.json"):
    (jobs / name).write_text(json.dumps(raw))
    return jobs / name


def files(jobs):
    return sorted(path.name for path in jobs.iterdir() if path.name != MARKS)


def test_a_job_becomes_a_file_that_any_agent_may_read(target, jobs):
    live = create(target)
    assert json.loads((jobs / "scan.json").read_text())["schedule"] == {"intervalMinutes": 30}
    assert (jobs / "scan.json").stat().st_mode & 0o777 == 0o644
    assert files(jobs) == ["scan.json"]
    assert live.form == target.normalise(JOB)


def test_the_version_is_that_of_the_content(target, jobs):
    first = create(target).version
    (jobs / "scan.json").write_text((jobs / "scan.json").read_text() + "\n")
    assert target.read().objects[Kind.JOB, "scan"].version != first


def test_a_change_and_a_deletion(target, jobs):
    version = create(target).version
    target.apply(change(Action.UPDATE, JOB, CHANGED, version=version))
    live = target.read().objects[Kind.JOB, "scan"]
    assert live.form.description == "new"
    target.apply(change(Action.DELETE, CHANGED, version=live.version))
    assert files(jobs) == []
    assert json.loads((jobs / MARKS).read_text())["files"] == {}


def test_what_is_as_it_should_be_is_not_written_again(target, jobs):
    version = create(target).version
    was = (jobs / "scan.json").stat()
    target.apply(change(Action.UPDATE, JOB, replace(JOB, owner="team"), version=version))
    assert (jobs / "scan.json").stat() == was


def test_a_renamed_job_takes_its_file_along(target, jobs):
    version = create(target).version
    renamed = replace(JOB, id="scan-all", previous_id="scan")
    for _ in range(2):
        target.apply(change(Action.MOVE, JOB, renamed, version=version))
    assert files(jobs) == ["scan-all.json"]
    assert list(json.loads((jobs / MARKS).read_text())["files"]) == ["scan-all"]


def test_a_job_that_takes_the_id_of_another_takes_its_file(target, jobs):
    create(target)
    version = create(target, replace(JOB, id="old", description="goes")).version
    took = replace(JOB, id="old", previous_id="scan")
    for _ in range(2):
        target.apply(change(Action.REPLACE, JOB, took, version=version))
    assert files(jobs) == ["old.json"]
    assert target.read().objects[Kind.JOB, "old"].form == target.normalise(took)


def test_a_file_made_by_hand_is_adopted_with_what_it_has_besides(target, jobs):
    by_hand(jobs, BY_HAND | {"category": "x"})
    live = target.read().objects[Kind.JOB, "scan"]
    assert live.unmanaged == {"category": "x"}
    target.apply(change(Action.ADOPT, after=JOB, version=live.version))
    adopted = target.read().objects[Kind.JOB, "scan"]
    assert (adopted.form, adopted.unmanaged) == (target.normalise(JOB), {"category": "x"})


def test_what_only_the_vendor_knows_is_ours_once_it_is_declared(target):
    job = replace(JOB, keeper={"category": "x"})
    live = create(target, job)
    assert (live.form.keeper, live.unmanaged) == ({"category": "x"}, {})
    target.apply(change(Action.UPDATE, job, JOB, version=live.version))
    assert target.read().objects[Kind.JOB, "scan"].form.keeper == {}


def test_a_field_that_is_there_as_it_is_declared_is_taken_over_without_a_write(target, jobs):
    job = replace(JOB, keeper={"category": "x"}, tasks=(Task(id="by-hand", command="x"),), schedule=None)
    was = by_hand(jobs, BY_HAND | {"category": "x"}).stat()
    version = target.read().objects[Kind.JOB, "scan"].version
    target.apply(change(Action.ADOPT, after=job, version=version))
    live = target.read().objects[Kind.JOB, "scan"]
    assert (live.form, live.unmanaged) == (target.normalise(job), {})
    assert (jobs / "scan.json").stat() == was


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    target = KeeperTarget("agents", path=str(tmp_path / "none"))
    for call in (target.read, lambda: create(target)):
        with pytest.raises(TargetUnavailable, match="there is no folder"):
            call()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path, jobs, kind):
    path = tmp_path / "other"
    path.symlink_to(jobs) if kind == "link" else path.write_text("")
    with pytest.raises(TargetUnavailable, match="is a link" if kind == "link" else "is no folder"):
        KeeperTarget("agents", path=str(path)).read()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(lambda path: path.write_text("{"), "it is not JSON", id="broken"),
        pytest.param(lambda path: path.symlink_to("/etc/hostname"), "it is a link", id="link"),
        pytest.param(lambda path: path.mkdir(), "it is no regular file", id="folder"),
        pytest.param(os.mkfifo, "it is no regular file", id="pipe"),
        pytest.param(lambda path: path.write_bytes(b" " * ((1 << 20) + 1)), "it is larger than", id="huge"),
        pytest.param(lambda path: path.write_text(json.dumps(BY_HAND | {"id": "b"})), "id in it", id="other-id"),
    ],
)
def test_what_cannot_be_read_is_shown_and_never_touched(target, jobs, make, why):
    path = jobs / "scan.json"
    make(path)
    state = target.read()
    assert (state.objects, state.complete) == ({}, True)
    assert why in state.foreign[Kind.JOB, "scan"]
    was = path.lstat()
    for action, before, after in (
        (Action.CREATE, None, JOB),
        (Action.UPDATE, JOB, CHANGED),
        (Action.DELETE, JOB, None),
    ):
        with pytest.raises(TargetRefused, match="it was left alone"):
            target.apply(change(action, before, after))
    assert path.lstat() == was


def test_what_comes_with_the_agent_is_never_touched(target, jobs):
    by_hand(jobs, BY_HAND | {"id": "locale-cache-cleanup"}, "locale-cache-cleanup.json")
    assert target.read().foreign == {
        (Kind.JOB, "locale-cache-cleanup"): "locale-cache-cleanup.json: it comes with the agent"
    }
    with pytest.raises(TargetRefused, match="comes with the agent"):
        target.apply(change(Action.ADOPT, after=make_job("locale-cache-cleanup")))


def test_two_files_that_are_one_on_windows_are_shown_and_never_touched(target, jobs):
    by_hand(jobs)
    by_hand(jobs, BY_HAND | {"id": "Scan"}, "Scan.json")
    assert sorted(id_ for _, id_ in target.read().foreign) == ["Scan", "scan"]
    (jobs / "scan.json").unlink()
    with pytest.raises(TargetRefused, match=r"the same file as Scan\.json"):
        create(target)
    assert files(jobs) == ["Scan.json"]


def test_other_files_are_not_looked_at(target, jobs):
    (jobs / "bin").mkdir()
    (jobs / "readme.txt").write_text("{")
    (jobs / ".hidden.json").write_text("{")
    state = target.read()
    assert (state.objects, state.foreign) == ({}, {})


@pytest.mark.parametrize("action", [Action.UPDATE, Action.DRIFT, Action.DELETE])
def test_a_file_that_was_changed_since_it_was_read_is_refused(target, jobs, action):
    version = create(target).version
    by_hand(jobs)
    was = (jobs / "scan.json").read_bytes()
    with pytest.raises(TargetRefused, match="was changed since the plan was made"):
        target.apply(change(action, JOB, None if action is Action.DELETE else CHANGED, version=version))
    assert (jobs / "scan.json").read_bytes() == was


def test_a_file_that_went_since_it_was_read_is_not_made_again(target, jobs):
    version = create(target).version
    (jobs / "scan.json").unlink()
    with pytest.raises(TargetRefused, match="is gone since"):
        target.apply(change(Action.UPDATE, JOB, CHANGED, version=version))
    assert files(jobs) == []


def test_a_file_that_was_not_there_when_it_was_looked_is_not_overwritten(target, jobs):
    by_hand(jobs)
    with pytest.raises(TargetRefused, match="is there, and not as reconciler wrote it"):
        create(target)


def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(target, jobs, monkeypatch):
    stage = folder_module.Folder.stage

    def stage_and_lose(self, data, name):
        staged = stage(self, data, name)
        if name == "scan.json":
            by_hand(jobs)
        return staged

    monkeypatch.setattr(folder_module.Folder, "stage", stage_and_lose)
    with pytest.raises(TargetRefused, match="appeared while it was to be written"):
        create(target)
    assert json.loads((jobs / "scan.json").read_text()) == BY_HAND
    assert files(jobs) == ["scan.json"]


def test_a_file_of_somebody_else_is_not_deleted(target, jobs):
    by_hand(jobs)
    with pytest.raises(TargetRefused, match="is not one that reconciler wrote"):
        target.apply(change(Action.DELETE, JOB))
    assert files(jobs) == ["scan.json"]


@pytest.mark.parametrize("damage", ["gone", "broken", "link"])
def test_a_lost_or_damaged_list_of_ours_makes_nothing_worse(target, jobs, damage):
    create(target)
    (jobs / MARKS).unlink()
    if damage == "broken":
        (jobs / MARKS).write_text("{")
    if damage == "link":
        (jobs / MARKS).symlink_to("/etc/hostname")
    version = target.read().objects[Kind.JOB, "scan"].version
    target.apply(change(Action.UPDATE, JOB, CHANGED, version=version))
    assert target.read().objects[Kind.JOB, "scan"].form.description == "new"
    assert list(json.loads((jobs / MARKS).read_text())["files"]) == ["scan"]


def test_a_full_disk_leaves_the_old_file_and_nothing_half(target, jobs, monkeypatch):
    version = create(target).version
    was = (jobs / "scan.json").read_bytes()

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TargetUnavailable, match="No space left on device"):
        target.apply(change(Action.UPDATE, JOB, CHANGED, version=version))
    monkeypatch.undo()
    assert (jobs / "scan.json").read_bytes() == was
    assert files(jobs) == ["scan.json"]


def test_a_folder_that_cannot_be_written_says_so(target, jobs, monkeypatch):
    def refused(*args, **kwargs):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(TargetUnavailable, match=r"cannot write .* Permission denied"):
        create(target)
    assert files(jobs) == []


@pytest.mark.parametrize("step", ["fsync", "link", "rename", "unlink"])
def test_killed_at_any_step_and_applied_again_the_end_is_the_same(target, jobs, monkeypatch, step):
    version = create(target).version
    renamed = replace(CHANGED, id="scan-all", previous_id="scan")
    real = getattr(os, step)
    for survived in range(6):
        calls = iter(range(survived))

        def die(*args, calls=calls, **kwargs):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        monkeypatch.setattr(os, step, die)
        try:
            target.apply(change(Action.MOVE, JOB, renamed, version=version))
        except KeyboardInterrupt:
            monkeypatch.undo()
        else:
            break
        live = target.read().objects
        assert len(live) <= 1  # never twice, and never half
        version = next((item.version for item in live.values()), "")
    monkeypatch.undo()
    live = target.read().objects
    target.apply(change(Action.MOVE, JOB, renamed, version=next((item.version for item in live.values()), "")))
    assert files(jobs) == ["scan-all.json"]
    assert target.read().objects[Kind.JOB, "scan-all"].form == target.normalise(renamed)


def test_what_a_kill_left_behind_is_swept_away_at_the_next_apply(target, jobs):
    (jobs / ".reconciler-scan.json.tmp").write_text("half")
    create(target)
    assert files(jobs) == ["scan.json"]


def test_only_one_process_writes_at_a_time(target, jobs):
    fd = os.open(jobs, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(TargetUnavailable, match="another process is writing"):
            create(target)
    finally:
        os.close(fd)
    create(target)


def test_a_file_system_without_links_is_written_all_the_same(target, jobs, monkeypatch):
    def refused(*args, **kwargs):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    create(target)
    (jobs / MARKS).unlink()
    with pytest.raises(TargetRefused):
        target.apply(change(Action.CREATE, after=CHANGED))


def test_a_listing_beyond_the_limit_is_incomplete(target, jobs, monkeypatch):
    monkeypatch.setattr("reconciler.targets.keeper.target.MAX_FILES", 1)
    create(target)
    create(target, replace(JOB, id="scan-all"))
    assert not target.read().complete


def test_a_folder_cannot_be_asked_for_anything_but_files(target):
    assert not target.capabilities.runs_now
    assert target.devices(None).devices == ()


def test_a_folder_that_is_another_targets_by_a_link_is_neither_read_nor_written(tmp_path, jobs):
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (jobs, tmp_path, tmp_path / "link" / "Jobs", tmp_path / "link" / "Jobs" / "deep"):
        target = KeeperTarget("agents", path=str(jobs), folders_of_others={"more": str(path)})
        with pytest.raises(TargetUnavailable, match="the folder of target more, are one"):
            target.read()
        with pytest.raises(TargetUnavailable):
            create(target)
    assert list(jobs.iterdir()) == []


def test_folders_side_by_side_are_two(tmp_path, jobs):
    others = {"more": str(tmp_path / "Jobs2"), "gone": str(tmp_path / "nowhere")}
    assert KeeperTarget("agents", path=str(jobs), folders_of_others=others).read().complete


def numbered(count):
    return [change(Action.CREATE, after=make_job(f"job-{number}")) for number in range(count)]


def test_many_files_wait_for_the_disk_together(target, jobs, monkeypatch):
    calls, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append(fd) or fsync(fd))
    assert target.apply_many(numbered(30)) == [None] * 30
    assert len(files(jobs)) == 30
    assert len(calls) == 31  # each file, and the folder once
    assert len(json.loads((jobs / MARKS).read_text())["files"]) == 30


def test_of_many_only_those_fail_that_cannot_be_carried_out(target, jobs):
    by_hand(jobs, BY_HAND | {"id": "job-1"}, "job-1.json")
    errors = target.apply_many(numbered(3))
    assert [error is None for error in errors] == [True, False, True]
    assert isinstance(errors[1], TargetRefused)
    assert files(jobs) == ["job-0.json", "job-1.json", "job-2.json"]
    assert list(json.loads((jobs / MARKS).read_text())["files"]) == ["job-0", "job-2"]


def test_what_touches_one_file_twice_is_done_one_after_the_other(target, jobs):
    version = create(target).version
    renamed = replace(JOB, id="other", previous_id="scan")
    errors = target.apply_many(
        [
            change(Action.MOVE, JOB, renamed, version=version),
            change(Action.CREATE, after=replace(JOB, description="anew")),
        ]
    )
    assert errors == [None, None]
    assert files(jobs) == ["other.json", "scan.json"]
    assert target.read().objects[Kind.JOB, "scan"].form.description == "anew"


def test_a_name_that_differs_in_case_is_free_once_the_other_went(target, jobs):
    version = create(target).version
    errors = target.apply_many(
        [change(Action.DELETE, JOB, version=version), change(Action.CREATE, after=replace(JOB, id="Scan"))]
    )
    assert errors == [None, None]
    assert files(jobs) == ["Scan.json"]
