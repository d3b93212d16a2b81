"""Variables of an account from commit to portal: planned, written once, adopted, deleted under guards, never shown."""

import json
from datetime import timedelta

import pytest
import yaml
from support.datto import datto_job
from support.datto_stage import VariableStage, killed_at

from reconciler.loop.apply import refuse_if_unsafe
from reconciler.loop.importing_variables import import_variables
from reconciler.loop.reconcile import apply_commit
from reconciler.loop.serve import Loop, Source
from reconciler.model.errors import GuardRefused, StalePlan
from reconciler.model.run import OutputRecord, RunStatus, Stream
from reconciler.runs.masking import mask_news
from reconciler.targets.protocol import Progress

DB = {"secret": "DB"}


@pytest.fixture
def here(tmp_path):
    stage = VariableStage(tmp_path)
    stage.cloud.add_site("Acme Corporation")
    stage.cloud.add_site("TechStart Inc")
    yield stage
    stage.close()


def item(name, value, **fields):
    return {"name": name, "value": value, **fields}


def test_what_is_declared_is_there_after_an_apply_and_the_next_plan_is_empty(here):
    here.commit(
        item("region", "eu", site="Acme Corporation"), item("key", DB, site="site-0002"), days=30, db=DB, on=True
    )
    assert here.apply() == []
    assert here.held() == {"days": ("30", False), "db": ("first-value", True), "on": ("true", False)}
    assert here.held("site-0001") == {"region": ("eu", False)}
    assert here.held("site-0002") == {"key": ("first-value", True)}
    assert here.planned() == []


def test_who_declares_no_variable_asks_for_none(here):
    here.plan()
    assert here.account.asked("GET", "variables") == 0


def test_planning_writes_nothing_anywhere(here):
    here.commit(region="eu")
    here.apply()
    here.commit(region="us", db=DB)
    written = here.writes()
    applied = here.stage.rig.store.inventory()
    here.plan()
    here.drift()
    assert (here.writes(), here.stage.rig.store.inventory()) == (written, applied)


def test_a_change_in_git_is_written(here):
    here.commit(region="eu")
    here.apply()
    here.commit(region="us")
    assert here.planned() == ["update account/region"]
    assert here.apply() == []
    assert here.held() == {"region": ("us", False)}


def test_another_value_of_a_secret_is_written_without_a_commit(here):
    here.commit(db=DB)
    here.apply()
    here.environment["DB"] = "rotated"
    assert here.planned() == ["update account/db"]
    assert here.apply() == []
    assert here.held() == {"db": ("rotated", True)}
    assert here.planned() == []


def test_masking_cannot_be_changed_in_place(here):
    here.commit(db="not-secret", other=DB)
    here.apply()
    here.commit(db=DB, other="plain")
    assert here.planned() == ["replace account/db", "replace account/other"]
    assert here.apply() == []
    assert here.held() == {"db": ("first-value", True), "other": ("plain", False)}


def test_only_what_is_ours_is_deleted(here):
    here.cloud.add_variable("by-hand", "1")
    here.commit(ours="1", more="2")
    here.apply()
    here.commit(more="2")
    assert here.planned() == ["delete account/ours"]
    assert here.apply() == []
    assert here.held() == {"by-hand": ("1", False), "more": ("2", False)}


def test_what_was_made_by_hand_is_taken_over_and_what_it_had_is_told(here):
    here.cloud.add_variable("region", "us")
    here.commit(region="eu")
    (change,) = here.plan().plan.changes
    assert (change.action.value, change.fields[0].live, change.fields[0].after) == ("adopt", "us", "eu")
    here.apply()
    assert here.held() == {"region": ("eu", False)}


def test_a_protected_one_stays(here):
    here.commit(item("region", "eu", protect=True))
    here.apply()
    here.commit()
    assert here.planned() == ["held account/region"]
    assert here.held() == {"region": ("eu", False)}


def test_a_guard_holds_many_deletions_back(here):
    here.commit(**{f"v{number}": "x" for number in range(10)})
    here.apply()
    here.commit(**{f"v{number}": "x" for number in range(6)})
    plan = here.plan().plan
    with pytest.raises(GuardRefused, match="deletes 4 of 10 variables"):
        refuse_if_unsafe(plan, allowed=())
    with pytest.raises(GuardRefused):
        here.apply()
    assert len(here.held()) == 10


def test_a_target_that_is_no_longer_declared_keeps_its_variables(here):
    here.commit(region="eu")
    here.apply()
    here.stage.repo.git("rm", "-q", "definitions/targets/acme.json")
    here.stage.commit_job("a")
    change = next(change for change in here.plan().plan.changes if change.id == "account/region")
    assert (change.action.value, "forgotten here, and stays there" in change.reason) == ("delete", True)


def test_a_file_with_a_mistake_holds_its_variables(here):
    here.commit(region="eu", days="1")
    here.apply()
    here.commit({"name": "two words", "value": "x"}, region="us")
    assert here.planned() == ["held account/days", "held account/region"]


def test_a_site_by_its_uid_where_it_was_by_its_name_is_the_same_variable(here):
    here.commit(item("region", "eu", site="Acme Corporation"))
    here.apply()
    here.commit(item("region", "eu", site="site-0001"))
    assert here.planned() == ["delete site/Acme Corporation/region", "adopt site/site-0001/region"]
    assert here.apply() == []
    assert here.held("site-0001") == {"region": ("eu", False)}
    assert here.account.asked("DELETE", "variable") == 0
    assert here.planned() == []


def test_a_site_that_is_not_there_holds_its_variables_alone(here):
    here.commit(item("region", "eu", site="Acme Corporatoin"), days="1")
    changes = {change.id: (change.action.value, change.reason) for change in here.plan().plan.changes}
    assert changes["account/days"] == ("create", "")
    action, reason = changes["site/Acme Corporatoin/region"]
    assert action == "held"
    assert "there is no site Acme Corporatoin; did you mean Acme Corporation?" in reason
    assert here.apply() == []
    assert here.held() == {"days": ("1", False)}


def test_variables_of_a_site_that_is_gone_are_forgotten(here):
    here.commit(item("region", "eu", site="TechStart Inc"))
    here.apply()
    here.cloud.sites.pop()
    here.commit()
    assert here.planned() == ["delete site/TechStart Inc/region"]
    assert here.apply() == []
    assert here.planned() == []


def test_two_sites_of_one_name_are_told_by_their_uids(here):
    here.cloud.add_site("Acme Corporation")
    here.commit(item("region", "eu", site="Acme Corporation"))
    (change,) = here.plan().plan.changes
    assert "several sites have the name Acme Corporation: site-0001, site-0003" in change.reason


def test_the_same_name_but_for_case_is_told_and_not_made_twice(here):
    here.cloud.add_variable("REGION", "us")
    here.commit(region="eu")
    (change,) = here.plan().plan.changes
    assert (change.action.value, "REGION is there, the same name but for" in change.reason) == ("held", True)


def test_a_new_case_of_a_name_of_ours_takes_two_applies(here):
    here.commit(region="eu")
    here.apply()
    here.commit(Region="eu")
    assert here.planned() == ["delete account/region", "held account/Region"]
    assert here.apply() == []
    assert here.apply() == []
    assert here.held() == {"Region": ("eu", False)}


@pytest.mark.parametrize("shown", ["*****", None, "", "first-value"])
def test_what_the_service_shows_of_a_masked_value_is_not_read(here, shown):
    here.cloud.masked_as = shown
    here.commit(db=DB)
    here.apply()
    assert here.planned() == []
    assert [item.items for item in here.drift()] == [()]


def test_drift_is_told(here):
    here.commit(region="eu", db=DB, gone="1")
    here.apply()
    here.account.advance(600)
    kept = {one.name: one for one in here.cloud.account_variables}
    kept["region"].value = "us"
    kept["db"].masked, kept["db"].value = False, "by-hand"
    here.cloud.account_variables.remove(kept["gone"])
    here.cloud.add_variable("theirs", "1")
    (drift,) = here.drift()
    assert [(one.id, one.state.value, [field.json_path for field in one.fields]) for one in drift.items] == [
        ("account/db", "changed", ["masked"]),
        ("account/gone", "missing", []),
        ("account/region", "changed", ["value"]),
    ]
    assert [id_ for _, id_ in drift.not_ours] == ["account/theirs"]
    assert here.planned() == ["drift account/db", "drift account/gone", "drift account/region"]
    assert here.apply() == []
    assert here.held() == {
        "region": ("eu", False),
        "db": ("first-value", True),
        "gone": ("1", False),
        "theirs": ("1", False),
    }


def test_a_key_that_may_only_run_jobs_holds_variables_and_applies_jobs(here):
    here.cloud.rights["api-key"] = {"run"}
    here.commit(region="eu", jobs=("a",))
    (why,) = here.apply()
    assert "permission denied" in why
    assert "a key that may only run jobs has no right to see them" in why
    assert here.writes() == 0
    assert [(item.kind.value, item.id) for item in here.stage.rig.store.inventory()] == [("job", "a")]


def test_without_its_secret_a_variable_waits(here):
    here.commit(none={"secret": "NONE"}, region="eu")
    assert here.planned() == ["create account/region", "held account/none"]
    assert here.apply() == []
    assert here.held() == {"region": ("eu", False)}
    (change,) = here.plan().plan.changes
    assert change.reason == "waits: secret NONE: the environment variable NONE is not set"


def test_no_value_of_a_secret_is_kept_or_sent_where_it_does_not_belong(here, tmp_path, capfd):
    here.environment["DB"] = canary = "c4n4ry-of-the-tests"
    here.commit(item("key", DB, site="Acme Corporation"), db=DB)
    here.account.fault("PUT .*site", "act-then-status", 1, value=400, body=json.dumps({"message": canary}).encode())
    failures = here.apply()
    here.apply()
    here.stage.rig.store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert canary.encode() not in kept
    assert canary not in "".join(failures)
    assert canary not in "".join(capfd.readouterr())
    told = [request for request in here.cloud.requests if canary.encode() in request.body]
    assert told
    assert all(request.method in {"PUT", "POST"} and "/variable" in request.path for request in told)
    assert all(canary not in request.path for request in here.cloud.requests)


def test_a_journal_that_was_cut_off_finds_what_it_made(here):
    """A kill between the answer of the service and our own note."""
    here.commit(region="eu", days="1")
    with killed_at("PUT .*variable", 1, is_done=True):
        here.apply()
    changes = {change.id: (change.action.value, change.reason) for change in here.plan().plan.changes}
    assert changes == {
        "account/days": ("create", "an earlier apply was cut off here"),
        "account/region": ("create", ""),
    }
    assert here.apply() == []
    assert here.held() == {"region": ("eu", False), "days": ("1", False)}


def test_what_is_there_becomes_lines_for_the_file_of_the_target(here):
    here.cloud.add_variable("region", "us")
    here.cloud.add_variable("two words", "x")
    here.cloud.add_variable("dbPassword", "hunter2")
    here.cloud.add_variable("key", "hidden", masked=True, site="site-0001")
    here.cloud.add_variable("note", 'it: is "so"\nyes', site="site-0002")
    here.commit(item("key2", DB, site="site-0001"), ours="1")
    here.apply()
    source = here.source()
    written = here.writes()
    found = import_variables(here.world(source), source, "acme")
    assert list(found.lines()) == [
        "settings:",
        "  variables:",
        '    - {name: "dbPassword", value: {secret: ACME_DBPASSWORD}}',
        '    - {name: "region", value: "us"}',
        '    - {name: "note", site: "TechStart Inc", value: "it: is \\"so\\"\\nyes"}',
        '    - {name: "key", site: "site-0001", value: {secret: ACME_SITE_0001_KEY}}',
    ]
    assert list(found.refused) == ["account/two words"]
    assert list(found.left) == ["account/ours", "site/site-0001/key2"]
    assert here.writes() == written
    listed = yaml.safe_load("\n".join(found.lines()))["settings"]["variables"]
    here.environment |= {"ACME_DBPASSWORD": "hunter2", "ACME_SITE_0001_KEY": "hidden"}
    here.commit(*listed, item("key2", DB, site="site-0001"), ours="1")
    assert [words.partition(" ")[0] for words in here.planned()] == ["adopt"] * 2 + ["held"] * 2


def test_what_a_run_writes_has_no_value_that_the_account_hides(here):
    here.commit(db=DB)
    world = here.world(here.source())
    text = "the password is first-value"
    records = (OutputRecord("component", Stream.STDOUT, here.stage.clock(), text.encode()),)
    news = Progress(status=RunStatus.COMPLETED)
    _, masked = mask_news(world.driver, world.targets["acme"], datto_job(), news, output=records)
    assert masked[0].data == b"the password is ***"
    here.environment.clear()
    _, masked = mask_news(world.driver, world.targets["acme"], datto_job(), news, output=records)
    assert masked == ()


def test_serve_brings_back_what_somebody_changed_and_follows_a_secret(here):
    here.commit(region="eu", db=DB)
    source = Source(
        tip=lambda: here.stage.repository.resolve("HEAD").sha,
        read=here.stage.read,
        open_world=here.world,
        poll_every=timedelta(seconds=30),
    )
    loop = Loop(source, here.world(here.source()), tell=here.stage.told.append)
    loop.turn()
    assert here.held() == {"region": ("eu", False), "db": ("first-value", True)}
    here.cloud.account_variables[1].value = "us"
    here.environment["DB"] = "rotated"
    here.stage.turn_until(loop, here.stage.clock() + timedelta(minutes=6))
    assert here.held() == {"region": ("eu", False), "db": ("rotated", True)}


def test_a_plan_that_was_looked_at_is_stale_once_a_secret_moved(here):
    here.commit(db=DB)
    digest = here.plan().plan.digest
    assert here.plan().plan.digest == digest
    here.environment["DB"] = "rotated"
    source = here.source()
    with pytest.raises(StalePlan):
        apply_commit(here.world(source), source, expected_digest=digest)
    assert here.held() == {}
