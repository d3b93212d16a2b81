"""From the end of a check to the one comment and the status of its pull request, with a GitHub that fails at will."""

import pytest
from fakes.github import BOT
from fakes.http import Fault
from support.forge import BASE, NEW, OLD, connected, encoded, review

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.reports.forge.posting import post_for_run
from reconciler.reports.forge.review import Outcome
from reconciler.reports.forge.sticky import MARKER


@pytest.fixture
def post(fake, sleep):
    with connected(fake, sleep) as github:
        yield lambda run: post_for_run(github, run, sleep=sleep)


def checked(fake, head=OLD, *, number=1, **fields):
    """Open or move the pull request to ``head``, and let its check have run."""
    fake.open_pull(number, head)
    run = fake.add_run(head)
    fake.add_artifact(run, encoded(head, pull_request=number, **fields))
    return run


def test_the_first_check_writes_a_comment_that_names_its_head_and_a_status(fake, post):
    [posted] = post(checked(fake))
    [body] = fake.bodies(1)
    assert body.startswith(MARKER + "\n")
    assert f"For `{OLD[:12]}` onto `{BASE[:12]}`" in body
    assert body.endswith("the plan\n")
    assert fake.status_of(OLD) == ("success", "1 to create, 0 to change, 0 to delete, 0 to run")
    assert (posted.number, posted.head) == (1, OLD)


def test_the_next_push_edits_the_same_comment(fake, post):
    post(checked(fake, words="first"))
    post(checked(fake, NEW, words="second"))
    [body] = fake.bodies(1)
    assert "second" in body
    assert f"For `{NEW[:12]}`" in body


def test_a_call_that_is_repeated_writes_nothing(fake, post):
    run = checked(fake)
    post(run)
    before = fake.writes()
    post(run)
    assert fake.writes() == before


def test_a_rerun_counts_from_its_newest_artefact(fake, post):
    run = checked(fake, words="first")
    fake.add_artifact(run, encoded(words="second"))
    post(run)
    assert "second" in fake.bodies(1)[0]


def test_an_older_head_never_writes_over_a_newer_one(fake, post):
    old = checked(fake, words="old")
    new = checked(fake, NEW, words="new")
    post(new)
    post(old)
    [body] = fake.bodies(1)
    assert "new" in body
    assert fake.status_of(OLD) is None


def test_a_push_while_the_comment_is_written_is_seen(fake, post):
    def push():
        fake.open_pull(1, NEW)
        fake.add_artifact(fake.add_run(NEW), encoded(NEW, words="new"))

    run = checked(fake, words="old")
    fake.before.append(("POST /repos/acme/ops/issues/1/comments", push))
    post(run)
    [body] = fake.bodies(1)
    assert "new" in body


def test_a_newer_check_that_is_under_way_is_waited_for_by_its_own_end(fake, post):
    run = checked(fake)
    fake.open_pull(1, NEW)
    fake.add_run(NEW, status="in_progress", conclusion=None)
    assert post(run) == []
    assert fake.writes() == []


def test_two_that_write_at_once_leave_one_comment(fake, post):
    run = checked(fake)
    fake.before.append(
        ("POST /repos/acme/ops/issues/1/comments", lambda: fake.add_comment(1, BOT, f"{MARKER}\nthe other's"))
    )
    post(run)
    [body] = fake.bodies(1)
    assert "the plan" in body


def test_a_marker_that_somebody_else_copied_is_left_alone(fake, post):
    run = checked(fake)
    fake.add_comment(1, "mallory", f"{MARKER}\nNo changes.")
    post(run)
    assert fake.bodies(1, "mallory") == [f"{MARKER}\nNo changes."]
    assert len(fake.bodies(1)) == 1


def test_another_comment_of_the_same_author_is_left_alone(fake, post):
    run = checked(fake)
    fake.add_comment(1, BOT, f"quoting {MARKER}")
    post(run)
    assert len(fake.bodies(1)) == 2


def test_the_comment_is_found_on_the_second_page(fake, post):
    run = checked(fake)
    for number in range(150):
        fake.add_comment(1, "ada", f"talk {number}")
    fake.add_comment(1, BOT, f"{MARKER}\nearlier")
    post(run)
    assert len(fake.bodies(1)) == 1


def test_invalid_definitions_are_a_failure(fake, post):
    post(checked(fake, outcome=Outcome.INVALID, errors=3))
    assert fake.status_of(OLD) == ("failure", "Definitions are invalid: 3 errors")


def test_an_empty_plan_is_told_too(fake, post):
    post(checked(fake, create=0, words="No changes."))
    assert "No changes." in fake.bodies(1)[0]
    assert fake.status_of(OLD) == ("success", "No changes")


def test_a_check_that_left_nothing_takes_the_place_of_the_old_plan(fake, post):
    post(checked(fake, words="old"))
    fake.open_pull(1, NEW)
    post(fake.add_run(NEW, conclusion="failure"))
    [body] = fake.bodies(1)
    assert "old" not in body
    assert "**No plan:** the check ended as `failure`" in body
    assert fake.status_of(NEW)[0] == "error"


def test_a_first_time_contributor_is_waited_for(fake, post):
    fake.open_pull(1, OLD)
    post(fake.add_run(OLD, conclusion="action_required"))
    assert "until a maintainer approves" in fake.bodies(1)[0]


def test_an_expired_artefact_is_none(fake, post):
    run = checked(fake)
    fake.artifacts[run][0]["expired"] = True
    post(run)
    assert "No plan" in fake.bodies(1)[0]


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "pull_request_target"])
def test_runs_for_other_events_are_left_alone(fake, post, event):
    fake.open_pull(1, OLD)
    assert post(fake.add_run(OLD, event=event)) == []


def test_a_closed_pull_request_is_left_alone(fake, post):
    run = checked(fake)
    fake.pulls[1]["state"] = "closed"
    assert post(run) == []


def test_a_fork_is_found_by_its_branch(fake, post):
    fake.open_pull(1, OLD, repository="mallory/ops")
    run = fake.add_run(OLD, head_repository={"full_name": "mallory/ops"})
    fake.add_artifact(run, encoded())
    post(run)
    assert fake.status_of(OLD)[0] == "success"


def test_two_pull_requests_of_one_branch_get_each_their_own(fake, post):
    for number in (1, 2):
        fake.open_pull(number, OLD)
        run = fake.add_run(OLD)
        fake.add_artifact(run, encoded(pull_request=number, words=f"plan of {number}"))
    post(run)
    assert [fake.bodies(number)[0].splitlines()[-1] for number in (1, 2)] == ["plan of 1", "plan of 2"]


def test_a_check_cannot_speak_for_another_pull_request(fake, post):
    fake.open_pull(9, NEW, branch="other")
    run = checked(fake)
    fake.add_artifact(run, encoded(pull_request=9))
    post(run)
    assert fake.bodies(9) == []
    assert "about another pull request" in fake.bodies(1)[0]


@pytest.mark.parametrize("path", [".github/workflows/plan.yml", ".github/CODEOWNERS"])
def test_a_pull_request_that_may_have_changed_its_check_says_so_first(fake, post, path):
    run = checked(fake)
    fake.files[1] += [{"filename": f"docs/{number}.md"} for number in range(150)]
    fake.files[1].append({"filename": "docs/moved.yml", "previous_filename": path})
    post(run)
    assert fake.bodies(1)[0].splitlines()[1] == "> [!CAUTION]"


def test_a_fork_that_may_have_changed_its_check_is_never_green(fake, post):
    fake.open_pull(1, OLD, repository="mallory/ops")
    fake.files[1].append({"filename": ".github/workflows/plan.yml"})
    run = fake.add_run(OLD, head_repository={"full_name": "mallory/ops"})
    fake.add_artifact(run, encoded())
    post(run)
    assert fake.status_of(OLD) == ("error", "A fork that may have changed its own check: read .github/ first")


def test_more_files_than_github_lists_are_a_doubt(fake, post):
    run = checked(fake)
    fake.files[1] = [{"filename": f"docs/{number}"} for number in range(3001)]
    post(run)
    assert "more files than GitHub lists" in fake.bodies(1)[0]


# What the API answers.


@pytest.mark.parametrize(
    "fault",
    [
        Fault("issues", 500, times=2),
        Fault("POST", 502),
        Fault("POST", 429, headers={"Retry-After": "7"}),
        Fault("GET", 429, headers={"Retry-After": "7"}),
        Fault("GET", 403, headers={"Retry-After": "1"}),
        Fault("POST", 403, headers={"x-ratelimit-remaining": "0"}),
        Fault("GET"),
        Fault("POST"),
        Fault("POST", is_done=True),
        Fault("POST", 502, is_done=True),
        Fault("zip", 503),
        Fault("GET", 200, value={"surprise": []}),
    ],
    ids=lambda fault: f"{fault.where}-{fault.status}-{fault.is_done}",
)
def test_a_failure_that_passes_leaves_one_comment_and_the_right_status(fake, post, sleep, fault):
    run = checked(fake)
    fake.faults.append(fault)
    if fault.value == {"surprise": []}:
        fake.faults[0].where = "GET /repos/acme/ops/issues"
    post(run)
    assert len(fake.bodies(1)) == 1
    assert fake.status_of(OLD)[0] == "success"
    assert sleep.slept


def test_a_wait_that_is_asked_for_is_kept(fake, post, sleep):
    run = checked(fake)
    fake.faults.append(Fault("POST", 429, headers={"Retry-After": "42"}))
    post(run)
    assert sleep.slept == [42]


def test_a_wait_of_an_hour_is_not_waited_for(fake, post, sleep):
    run = checked(fake)
    fake.faults.append(Fault("GET", 429, times=9, headers={"Retry-After": "3600"}))
    with pytest.raises(TargetUnavailable, match="asks us to wait"):
        post(run)
    assert sleep.slept == []


def test_a_comment_that_is_forbidden_shows_in_the_status(fake, post):
    run = checked(fake)
    fake.faults.append(Fault("POST /repos/acme/ops/issues", 403, times=9, value={"message": "Resource not accessible"}))
    with pytest.raises(TargetRefused, match="403 Resource not accessible"):
        post(run)
    state, words = fake.status_of(OLD)
    assert state == "error"
    assert words.startswith("The comment could not be written: GitHub refused")


def test_a_comment_that_is_not_taken_is_written_in_short(fake, post):
    run = checked(fake)
    fake.faults.append(Fault("POST /repos/acme/ops/issues", 422))
    post(run)
    assert "the check's summary has it" in fake.bodies(1)[0]
    assert fake.status_of(OLD)[0] == "success"


def test_an_api_that_never_answers_ends_in_an_error(fake, post, sleep):
    run = checked(fake)
    fake.faults.append(Fault("issues", None, times=999))
    with pytest.raises(TargetUnavailable, match="GitHub does not answer"):
        post(run)
    assert fake.status_of(OLD)[0] == "error"


def test_a_status_that_is_refused_is_an_error(fake, post):
    run = checked(fake)
    fake.faults.append(Fault("POST /repos/acme/ops/statuses", 403, times=9))
    with pytest.raises(TargetRefused, match="statuses"):
        post(run)
    assert len(fake.bodies(1)) == 1


def test_a_wrong_token_says_so(fake, sleep):
    with connected(fake, sleep, token="other") as github, pytest.raises(TargetRefused, match="401 Bad credentials"):
        post_for_run(github, checked(fake), sleep=sleep)


def test_the_longest_comment_is_taken(fake, post):
    run = checked(fake, words="x" * 59_900)
    post(run)
    assert "x" * 59_900 in fake.bodies(1)[0]


def test_sentences_of_reviews():
    assert review(held=1).sentence().startswith("Held back by a guard. 1 to create")
    assert review(outcome=Outcome.FAILED).sentence() == "No plan could be made"
