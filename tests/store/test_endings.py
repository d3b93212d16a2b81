from msgspec.structs import replace
from support.store import COMMIT, HERE, MIDNIGHT, MINUTE, add_run, finished, occurrence_of, run_of, uid_of

from reconciler.model.run import Device, Disposition, RunStatus
from reconciler.store.records import LateResult, UnpublishedReport

END = MIDNIGHT + MINUTE
THERE = Device(uid="there", hostname="there")


def disposition_of(store):
    [occurrence] = store.occurrences(limit=2)
    return occurrence.disposition, occurrence.reason


def test_a_run_ends_with_tasks_output_report_and_the_disposition_of_its_occurrence(store):
    run = add_run(store, "a", 1)
    end = finished(run)
    assert store.finish_runs([end]) == {run.uid}
    assert store.run(run.uid) == replace(run, status=RunStatus.COMPLETED, started_at=MIDNIGHT, ended_at=END)
    assert store.tasks(run.uid) == end.tasks
    assert store.output(run.uid) == list(end.output)
    assert store.report(run.uid) == end.report
    assert disposition_of(store) == (Disposition.RUN, "")


def test_an_ended_run_never_changes_and_the_later_ending_is_kept_beside_it(store):
    run = add_run(store, "a", 1)
    lost = replace(finished(run, status=RunStatus.LOST), reason="restart", output=(), report=b"lost")
    store.finish_runs([lost])
    before = store.run(run.uid)
    late = finished(run, at=END + MINUTE)
    assert store.finish_runs([late]) == set()
    assert store.run(run.uid) == before
    assert (store.report(run.uid), store.output(run.uid)) == (b"lost", [])
    assert store.late_results(run.uid) == [
        LateResult(
            run_uid=run.uid,
            status=RunStatus.COMPLETED,
            reason="",
            started_at=MIDNIGHT,
            ended_at=END + MINUTE,
            tasks=late.tasks,
            report=late.report,
        )
    ]


def test_the_same_ending_twice_is_one_ending(store):
    run = add_run(store, "a", 1)
    store.finish_runs([finished(run)])
    assert store.finish_runs([finished(run)]) == set()
    assert store.late_results(run.uid) == []
    other = replace(finished(run), status=RunStatus.FAILED)
    store.finish_runs([other])
    store.finish_runs([other])
    assert len(store.late_results(run.uid)) == 1


def test_a_batch_ends_those_that_can_end_and_passes_over_what_is_unknown(store):
    first, second = add_run(store, "a", 1), add_run(store, "b", 3)
    store.finish_runs([finished(first)])
    unknown = replace(finished(first), uid=uid_of(99))
    assert store.finish_runs([finished(first), finished(second), unknown]) == {second.uid}


def test_an_end_without_a_start_keeps_the_start_that_was_recorded(store):
    run = add_run(store, "a", 1)
    store.record_started(run.uid, at=MIDNIGHT, handle=None)
    store.finish_runs([replace(finished(run), started_at=None)])
    assert store.run(run.uid).started_at == MIDNIGHT


def test_an_occurrence_ran_if_any_of_its_runs_did(store):
    occurrence = occurrence_of("a", 1)
    runs = [run_of(occurrence, 2, device=HERE), run_of(occurrence, 3, device=THERE)]
    store.add_occurrence(occurrence, runs)
    offline = replace(finished(runs[0], status=RunStatus.EXPIRED), disposition=Disposition.EXPIRED, reason="offline")
    store.finish_runs([offline])
    assert disposition_of(store) == (Disposition.EXPIRED, "offline")
    store.finish_runs([finished(runs[1])])
    assert disposition_of(store) == (Disposition.RUN, "")


def test_an_occurrence_that_ran_is_not_taken_back_by_a_run_that_expired(store):
    occurrence = occurrence_of("a", 1)
    runs = [run_of(occurrence, 2, device=HERE), run_of(occurrence, 3, device=THERE)]
    store.add_occurrence(occurrence, runs)
    store.finish_runs([finished(runs[0])])
    store.finish_runs([replace(finished(runs[1], status=RunStatus.EXPIRED), disposition=Disposition.EXPIRED)])
    assert disposition_of(store) == (Disposition.RUN, "")


def test_reports_wait_until_they_are_published_oldest_run_first(store):
    first, second, third = add_run(store, "a", 1), add_run(store, "b", 3), add_run(store, "c", 5)
    store.finish_runs([finished(third), finished(first)])
    store.finish_runs([finished(second)])
    assert [report.uid for report in store.unpublished_reports(9)] == [first.uid, second.uid, third.uid]
    assert store.unpublished_reports(1) == [
        UnpublishedReport(
            uid=first.uid,
            ended_at=END,
            commit=COMMIT,
            status=RunStatus.COMPLETED,
            job_id="a",
            data=finished(first).report,
        )
    ]
    store.mark_published([first.uid, third.uid], commit="r" * 40)
    assert [report.uid for report in store.unpublished_reports(9)] == [second.uid]


def test_nothing_is_known_of_a_run_that_is_not_there(store):
    assert store.tasks("x") == ()
    assert store.output("x") == store.late_results("x") == []
    assert store.report("x") is None
    assert store.finish_runs([]) == set()
