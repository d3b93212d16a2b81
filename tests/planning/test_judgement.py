"""What a reviewer is told of a change: one sentence a test."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.plans import BACKUP, NOW, judged, one_change, twenty_changes
from support.values import make_job

import reconciler.planning
from reconciler.model.change import Action, Change, FieldCause, FieldChange
from reconciler.model.forms import Component, Kind, OneOff
from reconciler.model.inventory import Hold
from reconciler.model.job import (
    ComponentLink,
    Devices,
    EventTrigger,
    ExecutionType,
    HttpRequest,
    Misfire,
    MisfirePolicy,
    OnLost,
    OnWarning,
    OsFilter,
    Overlap,
    Rollout,
    Schedule,
    Task,
)
from reconciler.model.secret import SecretRef
from reconciler.model.systems import ALL_SYSTEMS
from reconciler.planning.diff import diff_live
from reconciler.planning.judgement import judge
from reconciler.planning.judgement_catalogue import GUARDS, MARKS
from reconciler.planning.judgement_company import Timetable
from reconciler.planning.judgement_values import Known, Level, Matched
from reconciler.planning.renderings.details import fact_rows
from reconciler.planning.renderings.words import Judged, device_words, write
from reconciler.schedule.forecast import Scheduled

PLANNING = Path(reconciler.planning.__file__).parent
HALF_HOURLY = Schedule(interval_minutes=30)
NIGHTLY = Schedule(cron_expression="0 2 * * *", timezone="Europe/Paris")
SAFE = {"timeout_seconds": 60}


def facts_of(before, after, known=None):
    """Return the facts of the only change between two jobs, or of one that comes or goes."""
    plan, facts = judged([before] if before else [], [after] if after else [], known)
    (found,) = [facts[change.target, change.kind, change.id] for change in plan.changes]
    return found


def marks_of(before, after, known=None):
    return {mark.code: mark for mark in facts_of(before, after, known).marks}


def task(**fields):
    return (Task(**({"id": "only", "command": "true"} | fields)),)


@pytest.mark.parametrize(
    ("code", "level", "before", "after"),
    [
        pytest.param(
            "elevated", Level.DANGER, {}, {"tasks": task(execution_type=ExecutionType.USER_ELEVATED)}, id="type"
        ),
        pytest.param("elevated", Level.DANGER, {}, {"run_as": "root"}, id="root"),
        pytest.param("elevated", Level.DANGER, {}, {"run_as": "NT AUTHORITY\\SYSTEM"}, id="system"),
        pytest.param(
            "elevated",
            Level.CAUTION,
            {"run_as": "root"},
            {"run_as": "root", "tasks": task(command="x")},
            id="new script",
        ),
        pytest.param("account", Level.CAUTION, {}, {"run_as": "backup"}, id="account"),
        pytest.param("new-secret", Level.DANGER, {}, {"tasks": task(env={"A": SecretRef("KEY")})}, id="secret"),
        pytest.param("new-secret", Level.DANGER, {}, {"variables": {"A": SecretRef("KEY")}}, id="secret variable"),
        pytest.param(
            "secret-moved",
            Level.CAUTION,
            {"tasks": task(env={"A": SecretRef("KEY")})},
            {"tasks": task(env={"B": SecretRef("KEY")})},
            id="moved",
        ),
        pytest.param(
            "secret-used",
            Level.CAUTION,
            {"tasks": task(env={"A": SecretRef("KEY")})},
            {"tasks": task(command="x", env={"A": SecretRef("KEY")})},
            id="used",
        ),
        pytest.param("secret-removed", Level.NOTE, {"tasks": task(env={"A": SecretRef("KEY")})}, {}, id="removed"),
        pytest.param(
            "new-host",
            Level.CAUTION,
            {},
            {"tasks": task(command=None, http=HttpRequest(url="https://a.example/x"))},
            id="host",
        ),
        pytest.param("unprotected", Level.DANGER, {"protect": True}, {}, id="protect"),
        pytest.param("no-timeout", Level.CAUTION, SAFE, {"timeout_seconds": None}, id="timeout"),
        pytest.param("no-condition", Level.CAUTION, {"condition": "true"}, {}, id="condition"),
        pytest.param("more-systems", Level.CAUTION, {"os_filter": OsFilter(linux=True)}, {}, id="systems"),
        pytest.param("all-devices", Level.CAUTION, {}, {"devices": Devices(all=True)}, id="all"),
        pytest.param("stops", Level.CAUTION, {"schedule": NIGHTLY}, {}, id="stops"),
        pytest.param("stops", Level.CAUTION, {"events": (EventTrigger(event_type="Startup"),)}, {}, id="no event"),
        pytest.param("never", Level.CAUTION, {}, {"schedule": Schedule(run_at=NOW - timedelta(days=1))}, id="past"),
        pytest.param(
            "more-often",
            Level.CAUTION,
            {"schedule": HALF_HOURLY},
            {"schedule": Schedule(interval_minutes=6)},
            id="often",
        ),
        pytest.param("overlap", Level.CAUTION, {}, {"overlap": Overlap.ALLOW}, id="allow"),
        pytest.param("overlap", Level.CAUTION, {}, {"overlap": Overlap.REPLACE}, id="replace"),
        pytest.param(
            "catches-up",
            Level.CAUTION,
            {"schedule": NIGHTLY},
            {"schedule": replace(NIGHTLY, misfire=Misfire(policy=MisfirePolicy.RUN_ALL))},
            id="run-all",
        ),
        pytest.param("reruns", Level.CAUTION, {}, {"on_lost": OnLost.RERUN}, id="rerun"),
        pytest.param("laxer", Level.CAUTION, {"on_warning": OnWarning.FAIL}, {}, id="warning"),
        pytest.param("laxer", Level.CAUTION, {}, {"tasks": task(continue_on_failure=True)}, id="continue"),
        pytest.param("laxer", Level.CAUTION, {}, {"tasks": task(success_exit_codes=(0, 1))}, id="exit codes"),
        pytest.param("no-output", Level.CAUTION, {}, {"discard_output": True}, id="output"),
        pytest.param("no-rollout", Level.CAUTION, {"rollout": Rollout(batch_percent=10)}, {}, id="rollout"),
        pytest.param("runs-other", Level.NOTE, {}, {"tasks": task(command="false")}, id="other"),
        pytest.param(
            "clock-change",
            Level.NOTE,
            {"schedule": HALF_HOURLY},
            {"schedule": replace(NIGHTLY, cron_expression="30 2 * * *")},
            id="clock",
        ),
        pytest.param("unseen", Level.DANGER, {}, {"tasks": task(command=None, script="true # \u202e")}, id="bidi"),
        pytest.param("unseen", Level.CAUTION, {}, {"tasks": task(command=None, script="tr\u200bue")}, id="zero width"),
    ],
)
def test_what_a_change_is_marked_with(code, level, before, after):
    mark = marks_of(make_job(**(SAFE | before)), make_job(**(SAFE | after)))[code]
    assert mark.level is level
    assert mark.text


def test_a_change_of_words_alone_is_not_marked():
    before = make_job(schedule=Schedule(cron_expression="* * * * *"), timeout_seconds=60)
    assert marks_of(before, replace(before, description="new", name="A", labels={"team": "x"}, owner="me")) == {}


def test_a_deleted_job_tells_how_many_starts_end():
    mark = marks_of(make_job(schedule=HALF_HOURLY), None)["prune"]
    assert (mark.level, mark.text) == (Level.DANGER, "is deleted: Git no longer declares it; 48 starts a day end")


def test_a_start_within_five_minutes_of_the_merge_is_dangerous():
    soon = make_job(schedule=Schedule(cron_expression="32 1 * * *"))
    later = make_job(schedule=Schedule(cron_expression="33 1 * * *"))
    assert marks_of(None, soon)["soon"].text == "would start within 5 minutes of the merge, at 01:32 UTC"
    assert "soon" not in marks_of(None, later)
    assert "soon" in marks_of(soon, replace(soon, tasks=task(command="false")))


def test_a_one_off_starts_as_soon_as_it_is_applied_unless_it_says_otherwise():
    plan, facts = judged(
        [],
        [
            make_job("a"),
            OneOff(id="now", job="a"),
            OneOff(id="later", job="a", not_before=NOW + timedelta(days=1)),
            OneOff(id="over", job="a", not_after=NOW - timedelta(days=1)),
        ],
    )
    codes = {
        change.id: [mark.code for mark in facts["local", Kind.RUN, change.id].marks] for change in plan.changes[1:]
    }
    assert codes == {"now": ["soon"], "later": [], "over": ["never"]}


def test_before_and_after_are_the_instants_that_the_scheduler_names():
    facts = facts_of(make_job(schedule=HALF_HOURLY), make_job(schedule=NIGHTLY))
    assert facts.before.words == "every 30 minutes"
    assert facts.before.next_at[0] == datetime(2026, 3, 1, 1, 35, tzinfo=UTC)  # from its anchor, 00:05
    assert facts.after.words == "daily at 02:00 Europe/Paris"
    assert facts.after.next_at[0] == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert (facts.before.per_day, facts.after.per_day) == (48, 1)
    assert facts.after.clock_changes[0] == "29 March 2026 02:00 does not exist in Europe/Paris; runs at 03:00"


def test_a_new_interval_counts_from_the_apply():
    after = facts_of(make_job(schedule=HALF_HOURLY), make_job(schedule=Schedule(interval_minutes=60))).after
    assert after.is_from_apply
    assert after.next_at[0] == NOW + timedelta(hours=1)


def test_without_a_state_nobody_knows_when_an_interval_goes_on():
    before = make_job(schedule=HALF_HOURLY)
    facts = facts_of(before, replace(before, priority=7), Known())
    assert facts.before.is_vague
    assert facts.after.is_vague


def test_an_interval_that_stays_keeps_its_anchor():
    after = facts_of(make_job(schedule=HALF_HOURLY), make_job(schedule=replace(HALF_HOURLY, jitter_seconds=5))).after
    assert not after.is_from_apply
    assert after.next_at[0] == datetime(2026, 3, 1, 1, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "per_day"),
    [
        (Schedule(cron_expression="30 2 * * 0", timezone="Europe/Paris"), 1 / 7),  # over a clock change
        (Schedule(cron_expression="*/5 * * * *"), 288),
        (Schedule(interval_minutes=45), 32),
    ],
)
def test_starts_per_day_are_a_mean_of_four_weeks(schedule, per_day):
    assert facts_of(None, make_job(schedule=schedule)).after.per_day == pytest.approx(per_day, abs=0.01)


def test_a_disabled_job_starts_never_and_says_so():
    after = facts_of(None, make_job(schedule=NIGHTLY, enabled=False)).after
    assert (after.stopped, after.next_at, after.per_day) == ("disabled", (), 0)


@pytest.mark.parametrize(
    ("until", "stopped", "first"),
    [
        (None, "paused until it is resumed", None),
        (
            datetime(2026, 3, 3, 1, 0, tzinfo=UTC),
            "paused until 2026-03-03 01:00 UTC",
            datetime(2026, 3, 3, 1, 0, tzinfo=UTC),
        ),
    ],
)
def test_a_paused_job_starts_when_its_pause_ends(until, stopped, first):
    hold = Hold(root_id="a", job_id="a", at=NOW, until=until, reason="x", held_by="me")
    before = make_job(schedule=NIGHTLY)
    after = facts_of(before, replace(before, priority=7), Known(holds={"a": hold})).after
    assert after.stopped == stopped
    assert after.next_at[:1] == ((first,) if first else ())


def test_a_schedule_that_cannot_be_read_is_said_to_be_so():
    change = Change(
        action=Action.DRIFT,
        kind=Kind.JOB,
        id="a",
        root_id="a",
        target="keeper",
        live=make_job(schedule=Schedule(cron_expression="* * * * *", timezone="`Mars`"), enabled=False),
        after=make_job(schedule=NIGHTLY),
    )
    facts = judge(change, now=NOW, known=Known())
    assert facts.before.words == "a schedule that cannot be read"


DEVICES = Devices(sites=("ACME",))


@pytest.mark.parametrize(
    ("wider", "level"),
    [
        (Devices(sites=("ACME", "Initech")), Level.DANGER),
        (Devices(sites=("ACME",), max=5), None),
        (Devices(all=True), Level.DANGER),
        (Devices(hostnames=("x",), sites=("ACME",)), None),
    ],
)
def test_a_wider_selector_is_found_without_asking_anybody(wider, level):
    mark = marks_of(make_job(devices=DEVICES), make_job(devices=wider), Known()).get("wider-devices")
    assert (mark.level if mark else None) is level


def test_a_wider_device_set_is_counted_where_somebody_looked():
    wider = Devices(sites=("ACME", "Initech"))
    counts = {("local", DEVICES, ALL_SYSTEMS): Matched(count=12), ("local", wider, ALL_SYSTEMS): Matched(count=48)}
    mark = marks_of(make_job(devices=DEVICES), make_job(devices=wider), Known(devices=counts))["wider-devices"]
    assert (mark.level, mark.text) == (Level.DANGER, "wider device set: 12 before, 48 after")


def test_a_component_for_more_systems_than_before_is_told():
    link = ComponentLink(name="Clear", os_type="Windows")
    before, after = make_job(component_link=link), make_job(component_link=ComponentLink(name="Clear"))
    assert marks_of(before, after)["more-systems"].level is Level.CAUTION
    assert "more-systems" not in marks_of(after, before)


def test_the_devices_of_a_job_are_those_of_the_system_of_its_component():
    link = ComponentLink(name="Clear", os_type="Windows")
    job = make_job(devices=DEVICES, component_link=link)
    counts = {("local", DEVICES, frozenset({"windows"})): Matched(count=2, names=("A", "B"), kept_off=3)}
    facts = facts_of(None, job, Known(devices=counts)).devices_after
    words = write(device_words(facts), str)
    assert words == "2 devices: A, B; 3 more selected, of another operating system"


def test_fields_show_defaults_lengths_and_secrets_by_name():
    facts = facts_of(make_job(timeout_seconds=600), make_job(priority=9, tasks=task(env={"A": SecretRef("KEY")})))
    shown = {fact.json_path: (fact.before, fact.after) for fact in facts.fields}
    assert [side.note for side in shown["timeoutSeconds"]] == ["10 min", ""]
    assert [(side.text, side.note) for side in shown["priority"]] == [("5", "default"), ("9", "")]
    created = {
        fact.json_path: fact.after.text
        for fact in facts_of(None, make_job(tasks=task(env={"A": SecretRef("KEY")}))).fields
    }
    assert created["tasks[0].env.A"] == "secret KEY"


def test_a_changed_script_is_a_unified_diff():
    before = make_job(tasks=(Task(id="dump", script=BACKUP),))
    after = make_job(tasks=(Task(id="dump", script=BACKUP.replace("+14", "+7")),))
    (text,) = facts_of(before, after).texts
    assert (text.json_path, text.added, text.removed) == ("tasks[0].script", 1, 1)
    assert "-find /var/backups -name '*.dump' -mtime +14 -delete" in text.lines
    assert "+find /var/backups -name '*.dump' -mtime +7 -delete" in text.lines


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ("a\r\nb\r\n", "a\nb\n", "only its line ends change"),
        ("a\nb", "a\nb\nc\n", "the last line end changes"),
        (
            "\n".join("ab" * 1500),
            "\n".join("ba" * 1600),
            "too long to compare: 3,000 lines before, 3,200 after; all of the new ones follow",
        ),
    ],
)
def test_what_a_diff_does_not_tell_is_said(before, after, note):
    (text,) = facts_of(
        make_job(tasks=(Task(id="t", script=before),)), make_job(tasks=(Task(id="t", script=after),))
    ).texts
    assert text.note == note


def test_a_long_diff_loses_its_middle_and_says_so():
    script = "\n".join(f"echo {number}" for number in range(20_000))
    (text,) = facts_of(None, make_job(tasks=(Task(id="t", script=script),))).texts
    assert len(text.lines) == 5001
    assert (text.lines[1], text.lines[-1]) == ("+echo 0", "+echo 19999")
    assert "@@ 15,001 lines are not shown here @@" in text.lines
    assert text.added == 20_000


def test_jobs_that_start_in_the_same_minute_are_named():
    table = Timetable({"local": [Scheduled(id=name, schedule=NIGHTLY, anchor_at=NOW) for name in "abcdefg"]})
    mark = marks_of(None, make_job("a", schedule=NIGHTLY), Known(company=table.company))["together"]
    assert (mark.text, mark.names) == ("starts together with 6 other jobs at 01:00 UTC", ("b", "c", "d", "e"))


def test_drift_says_what_the_target_has_and_who_changed_it():
    change = Change(
        action=Action.DRIFT,
        kind=Kind.JOB,
        id="a",
        root_id="a",
        target="keeper",
        before=make_job(),
        after=make_job(priority=7),
        live=make_job(priority=9, description="mine"),
        fields=(
            FieldChange("priority", 5, 7, 9, FieldCause.BOTH),
            FieldChange("description", "", "", "mine", FieldCause.THEIRS),
        ),
    )
    facts = judge(change, now=NOW, known=Known())
    assert [(mark.code, mark.names) for mark in facts.marks[:2]] == [
        ("both-changed", ("priority",)),
        ("drift", ("description",)),
    ]
    assert facts.fields[0].live.text == "9"


def test_a_changed_component_says_that_what_it_runs_changes():
    change = Change(
        action=Action.UPDATE,
        kind=Kind.COMPONENT,
        id="c",
        root_id="c",
        target="local",
        before=Component(id="c", script="true"),
        after=Component(id="c", script="false"),
        fields=(FieldChange("script", "true", "false"),),
    )
    assert [mark.code for mark in judge(change, now=NOW, known=Known()).marks] == ["runs-other"]


@pytest.mark.parametrize("make", [one_change, twenty_changes])
def test_every_mark_is_in_the_catalogue_and_the_worst_come_first(make):
    _, facts = make()
    for judgement in facts.values():
        assert [mark.level.rank for mark in judgement.marks] == sorted(mark.level.rank for mark in judgement.marks)
        assert all(mark.level in MARKS[mark.code].levels for mark in judgement.marks)


def test_the_catalogue_has_every_mark_and_guard_of_the_source_and_no_other():
    source = "".join(path.read_text(encoding="utf-8") for path in PLANNING.glob("*.py") if "catalogue" not in path.name)
    marks = re.findall(r'(?:danger|caution|note)\(\s*"([a-z-]+)"|\bcode="([a-z-]+)"', source)
    assert {one or other for one, other in marks} == MARKS.keys()
    assert set(re.findall(r"GUARD[0-9]{3}", source)) == GUARDS.keys()


def test_the_page_of_plans_has_every_mark():
    page = (PLANNING.parents[1] / "docs" / "plan.md").read_text(encoding="utf-8")
    for code, entry in MARKS.items():
        levels = ", ".join(level.value for level in entry.levels)
        assert f"| `{code}` | {levels} | {entry.explanation} |" in page


def test_the_script_of_a_task_that_came_is_shown_whole():
    before = make_job(tasks=(Task(id="t", command="true"),))
    after = make_job(tasks=(Task(id="new", script="one\ntwo\n"), *before.tasks))
    facts = facts_of(before, after)
    (text,) = facts.texts
    assert (text.json_path, text.lines[1:]) == ("tasks[0].script", ("+one", "+two"))
    (field,) = facts.fields
    assert (field.json_path, field.before.text, field.after.text) == ("tasks[0]", "", '{"id":"new"}')


def facts_of_drift(action, before, after, live, *fields):
    change = Change(
        action=action,
        kind=Kind.JOB,
        id="a",
        root_id="a",
        target="t",
        before=before,
        after=after,
        live=live,
        fields=fields,
    )
    return judge(change, now=NOW, known=Known())


def test_what_the_target_has_is_what_a_drift_begins_with():
    job = make_job(tasks=(Task(id="t", script="one\n"),))
    live = replace(job, priority=9, tasks=(Task(id="t", script="two\n"),))
    fields = [
        *diff_live(job, live),
        FieldChange("x-vendor", None, None, "abc", FieldCause.UNMANAGED),
    ]
    facts = facts_of_drift(Action.DRIFT, job, job, live, *fields)
    told = [(fact.json_path, fact.before.text, fact.after.text) for fact in facts.fields]
    assert told == [("priority", "9", "5"), ("x-vendor", "abc", "abc")]
    (text,) = facts.texts
    assert (text.json_path, text.lines[1:]) == ("tasks[0].script", ("-two", "+one"))


def test_an_adoption_says_what_it_overwrites_and_nothing_of_drift():
    job, live = make_job(), make_job(priority=9)
    fields = [replace(field, before=None) for field in diff_live(job, live)]
    (mark,) = [m for m in facts_of_drift(Action.ADOPT, None, job, live, *fields).marks if m.code in {"adopt", "drift"}]
    assert (mark.code, mark.names) == ("adopt", ("priority",))
    (mark,) = [m for m in facts_of_drift(Action.ADOPT, None, job, job).marks if m.code == "adopt"]
    assert "it is as declared" in mark.text


def test_a_one_off_of_a_paused_job_does_not_start_at_once():
    change = Change(
        action=Action.ONE_OFF,
        kind=Kind.RUN,
        id="once",
        root_id="once",
        target="local",
        after=OneOff(id="once", job="a"),
    )
    hold = Hold(root_id="a", job_id="a", at=NOW, until=None, reason="disk", held_by="ada")
    facts = judge(change, now=NOW, known=Known(holds={"a": hold}))
    assert facts.after.words == "once, as soon as it can: its job is paused until it is resumed"
    assert facts.marks == ()
    assert [mark.code for mark in judge(change, now=NOW, known=Known()).marks] == ["soon"]


def test_what_is_disabled_has_no_next_start_though_nobody_knows_its_beginning():
    job = make_job(schedule=HALF_HOURLY)
    off = replace(job, enabled=False)
    change = Change(
        action=Action.RETIRE, kind=Kind.JOB, id="a", root_id="a", target="t", before=job, after=off, retires=True
    )
    facts = judge(change, now=NOW, known=Known())
    (row,) = [row for row in fact_rows(Judged(1, change, facts)) if row.label == "Next starts"]
    assert (row.before[0][0].partition(":")[0], row.after) == ("not known here", [["none"]])
    assert [mark.code for mark in facts.marks] == ["prune"]
