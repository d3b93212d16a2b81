"""What every target promises, asked of the fake and of the real one alike."""

import os
from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from support.datto import Account, datto_job
from support.engine import kill_all_with, until
from support.targets import follow_to_the_end, order
from support.values import MIDNIGHT, ManualClock, make_job

from reconciler.model.change import Action, Change
from reconciler.model.errors import TargetRefused
from reconciler.model.forms import Kind, digest_form
from reconciler.model.instant import utc_now
from reconciler.model.job import Devices, Task
from reconciler.model.run import OutputRecord, Question, RunStatus, Stream
from reconciler.model.secret import Secret
from reconciler.model.settings import EngineSettings
from reconciler.targets.fake import FakeTarget
from reconciler.targets.keeper.target import KeeperTarget
from reconciler.targets.local.target import LocalTarget
from reconciler.targets.protocol import Call, Refused, Settlement, Started, StartOrder, TakesCalls

RUNNING = ["fake", "local"]
HOLDING = ["keeper"]
REMOTE = ["datto"]


def open_account():
    account = Account(name="target")
    account.world.add_device("ACME-DC01")
    account.world.add_component("Clear Temp Files")
    return account.target


@contextmanager
def open_target(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    made = {
        "fake": lambda: FakeTarget("target", clock=ManualClock()),
        "local": lambda: LocalTarget(
            "target", folder=folder, settings=EngineSettings(), environment=os.environ, host="here", clock=utc_now
        ),
        "keeper": lambda: KeeperTarget("target", path=str(folder)),
        "datto": open_account,
    }[name]()
    yield made
    made.close()
    kill_all_with(str(folder))


@pytest.fixture(params=RUNNING)
def target(request, tmp_path):
    """A target that runs jobs when it is asked to."""
    with open_target(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=[*RUNNING, *HOLDING, *REMOTE])
def any_target(request, tmp_path):
    """Any target; some only hold jobs, and start them by themselves."""
    with open_target(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=HOLDING)
def holder(request, tmp_path):
    """A target that holds jobs and cannot be asked to run one."""
    with open_target(request.param, tmp_path) as made:
        yield made


def start(target, job, **fields):
    made = order(target, job, **fields)
    answer = target.start([made])[made.run.uid]
    assert isinstance(answer, Started)
    return made.run, answer.handle


def test_it_says_what_it_is_and_how_much_it_takes(any_target):
    assert any_target.name == "target"
    assert any_target.max_runs >= 1


def test_what_cannot_be_asked_refuses_each_start_and_knows_no_run(holder):
    run = order(FakeTarget("target", clock=ManualClock()), make_job()).run
    answer = holder.start([StartOrder(run=run, job=make_job())])[run.uid]
    assert isinstance(answer, Refused)
    assert answer.reason
    assert holder.find(run) is None
    assert holder.follow({run.uid: run.uid}) == {}
    assert not holder.output(run.uid)
    for call in (
        holder.cancel,
        lambda handle: holder.wait([handle], timeout_seconds=0),
        lambda it: holder.forget([it]),
    ):
        call(run.uid)


def test_it_lists_its_devices_and_a_selector_narrows_them(target):
    everything = target.devices(Devices(all=True))
    assert everything.complete
    assert len(everything.devices) == 1
    assert target.devices(Devices(hostnames=("no-such-*",))).devices == ()


def test_reading_twice_gives_the_same(any_target):
    assert any_target.read() == any_target.read()
    assert any_target.read().complete


def test_a_change_applied_twice_is_the_same_as_once(any_target):
    job = make_job(targets=("target",))
    change = Change(
        action=Action.CREATE, kind=Kind.JOB, id="a", root_id="a", target="target", after=job, digest=digest_form(job)
    )
    any_target.apply(change)
    once = any_target.read()
    any_target.apply(change)
    assert any_target.read() == once
    any_target.apply(replace(change, action=Action.DELETE, before=job, after=None))
    any_target.apply(replace(change, action=Action.DELETE, before=job, after=None))
    assert any_target.read().objects == {}


def test_a_run_is_followed_to_its_end_with_an_exit_code_for_each_task(target):
    run, handle = start(target, make_job())
    progress = follow_to_the_end(target, run, handle)
    assert progress.status is RunStatus.COMPLETED
    assert progress.started_at is not None
    assert progress.ended_at >= progress.started_at
    assert [(task.id, task.exit_code) for task in progress.tasks] == [("only", 0)]


def test_a_start_that_is_repeated_starts_nothing_twice(target, tmp_path):
    evidence = tmp_path / "evidence"
    job = make_job(tasks=(Task(id="only", script=f"echo started >> {evidence}\n"),))
    run, handle = start(target, job)
    start(target, job)
    follow_to_the_end(target, run, handle)
    start(target, job)
    assert follow_to_the_end(target, run, handle).status is RunStatus.COMPLETED
    if isinstance(target, LocalTarget):
        assert evidence.read_text() == "started\n"


def test_a_run_is_found_by_its_uid_and_an_unknown_one_is_not(target):
    run, handle = start(target, make_job())
    assert target.find(run) == handle
    assert target.find(replace(run, uid="0198a1c2-0000-7000-8000-00000000dead")) is None
    assert target.follow({"0198a1c2-0000-7000-8000-00000000dead": "0198a1c2-0000-7000-8000-00000000dead"}) == {}


def test_cancelling_ends_a_run_and_cancelling_it_again_changes_nothing(target):
    if isinstance(target, FakeTarget):
        target.ends = None
    run, handle = start(target, make_job(tasks=(Task(id="only", command="sleep", arguments=("600",)),)))
    target.cancel(handle)
    progress = follow_to_the_end(target, run, handle)
    assert progress.status is RunStatus.CANCELLED
    target.cancel(handle)
    assert target.follow({run.uid: handle})[run.uid] == progress


def test_output_comes_as_records_and_goes_when_it_is_forgotten(target):
    run, handle = start(target, make_job(tasks=(Task(id="only", script="echo out; echo err >&2"),)))
    follow_to_the_end(target, run, handle)
    if isinstance(target, FakeTarget):
        target.write(handle, OutputRecord("only", Stream.STDOUT, MIDNIGHT, b"out\n"))
        target.write(handle, OutputRecord("only", Stream.STDERR, MIDNIGHT, b"err\n"))
    records = {(record.task_id, record.stream): record.data for record in target.output(handle)}
    assert records == {("only", Stream.STDOUT): b"out\n", ("only", Stream.STDERR): b"err\n"}
    target.forget([handle])
    assert list(target.output(handle)) == []


def test_each_attempt_of_a_run_is_started_for_itself_and_only_once(target):
    job = make_job(tasks=(Task(id="only", script='test "$RECONCILER_ATTEMPT" = 2\n'),))
    made = order(target, job)
    handles = []
    for attempt in (1, 1, 2, 2):
        run = replace(made.run, attempt=attempt)
        answer = target.start([replace(made, run=run)])[run.uid]
        assert isinstance(answer, Started)
        follow_to_the_end(target, run, answer.handle)
        assert target.find(run) == answer.handle
        handles.append(answer.handle)
    first, again, second, second_again = handles
    assert first == again != second == second_again
    if isinstance(target, LocalTarget):
        assert target.follow({"1": first, "2": second})["1"].status is RunStatus.FAILED
        assert target.follow({"1": first, "2": second})["2"].status is RunStatus.COMPLETED


def test_what_is_read_back_is_the_normal_form_of_what_was_applied(any_target):
    job = make_job(targets=("target",), name="A job", description="What it does")
    change = Change(
        action=Action.CREATE, kind=Kind.JOB, id="a", root_id="a", target="target", after=job, digest=digest_form(job)
    )
    any_target.apply(change)
    assert any_target.normalise(any_target.normalise(job)) == any_target.normalise(job)
    held = [item.form for item in any_target.read().objects.values()]
    assert held in ([], [any_target.normalise(job)])


def test_a_run_that_asks_waits_for_its_answer_and_takes_it_once(target):
    if not target.capabilities.feedback:
        return
    if isinstance(target, FakeTarget):
        target.ends = None
    run, handle = start(
        target, make_job(tasks=(Task(id="only", script="reconciler ask Which? --choice a --choice b"),))
    )
    if isinstance(target, FakeTarget):
        target.ask(handle, Question(key="1", text="Which?", choices=("a", "b"), asked_at=MIDNIGHT))
    progress = follow_until(target, run, handle, lambda progress: progress.question is not None)
    assert (progress.status, progress.reason, progress.question.text) == (RunStatus.WAITING, "question", "Which?")
    key = progress.question.key
    for wrong in ({"text": "c", "question": key}, {"text": "a", "question": "another"}):
        with pytest.raises(TargetRefused):
            target.answer(handle, **wrong)
    target.answer(handle, Secret("b"), question=key, by="me")
    with pytest.raises(TargetRefused):
        target.answer(handle, "a", question=key)
    if isinstance(target, FakeTarget):
        target.finish(handle, RunStatus.COMPLETED)
    (task,) = follow_to_the_end(target, run, handle).tasks
    assert [(each.outcome, each.answer, each.answered_by) for each in task.questions] == [("answered", "b", "me")]


def test_a_run_is_told_what_its_calls_came_to(target):
    if not isinstance(target, TakesCalls):
        return
    if isinstance(target, FakeTarget):
        target.ends = None
    run, handle = start(target, make_job(tasks=(Task(id="only", script="reconciler run child --wait"),)))
    if isinstance(target, FakeTarget):
        target.call(handle, Call(key="1", job="child", wait=True))
    (call,) = follow_until(target, run, handle, lambda progress: progress.calls).calls
    assert (call.job, call.wait, call.waits, call.children) == ("child", True, False, ())
    for _ in range(2):
        target.settle(handle, call.key, Settlement(children=("c1",)))
    progress = follow_until(target, run, handle, lambda progress: progress.status is RunStatus.WAITING)
    assert (progress.reason, progress.calls[0].waits, progress.calls[0].children) == ("child", True, ("c1",))
    target.settle(handle, call.key, Settlement(children=("c1",), is_final=True))
    follow_until(target, run, handle, lambda progress: not progress.calls)


def follow_until(target, run, handle, condition):
    def look():
        progress = target.follow({run.uid: handle})[run.uid]
        if condition(progress):
            return progress
        target.wait([handle], timeout_seconds=1)
        return None

    return until(look)


@pytest.fixture
def remote(tmp_path):
    """A target that starts jobs when it is asked to, on devices that are elsewhere."""
    with open_target("datto", tmp_path) as made:
        yield made


def test_elsewhere_a_run_is_queued_first_and_then_followed_to_its_end(remote):
    made = order(remote, datto_job())
    answer = remote.start([made])[made.run.uid]
    assert isinstance(answer, Started)
    assert answer.is_queued
    assert remote.follow({made.run.uid: answer.handle})[made.run.uid].status is RunStatus.QUEUED
    for _ in range(60):
        progress = remote.follow({made.run.uid: answer.handle})[made.run.uid]
        remote.wait([answer.handle], timeout_seconds=1)
    assert progress.status is RunStatus.COMPLETED
    assert b"".join(record.data for record in remote.output(answer.handle)) == b"done\n"


def test_elsewhere_a_run_is_found_again_by_what_it_was_started_for(remote):
    made = order(remote, datto_job())
    run = replace(made.run, queued_at=MIDNIGHT)
    assert remote.find(run) is None
    remote.start([replace(made, run=run)])
    remote.wait([], timeout_seconds=10)
    assert remote.find(run) is not None


def test_elsewhere_what_cannot_be_done_is_refused(remote):
    handle = "job-1/device-1/1772323200"
    with pytest.raises(TargetRefused):
        remote.cancel(handle)
    with pytest.raises(TargetRefused):
        remote.answer(handle, "yes", question="1")
