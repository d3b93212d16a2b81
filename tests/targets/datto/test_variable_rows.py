"""RELIABILITY rows for variables: whatever becomes of a request, none is made twice, and none is lost."""

import pytest
from fakes.datto.faults import Fault
from support.datto_stage import VariableStage, killed_at

DB = {"secret": "DB"}
WANTED = {"region": ("eu", False), "db": ("first-value", True), "new": ("1", False), "turned": ("first-value", True)}
WRITES = ["PUT .*account/variable", "POST .*account/variable", "DELETE .*account/variable"]


@pytest.fixture
def here(tmp_path):
    """An account whose next apply makes, changes, replaces and deletes: `gone` goes, `turned` gets a mask."""
    stage = VariableStage(tmp_path)
    stage.cloud.add_site("Acme Corporation")
    stage.commit(region="us", db=DB, gone="1", turned="open")
    assert stage.apply() == []
    stage.account.advance(1000)
    stage.commit(region="eu", db=DB, new="1", turned=DB)
    yield stage
    stage.close()


def settled(stage, *, passes=3):
    """Let passes go by until nothing is left to do; return what each said."""
    said = []
    for _ in range(passes):
        stage.account.advance(400)
        said.append(stage.apply())
        if stage.planned() == []:
            break
    assert stage.planned() == []
    assert stage.held() == WANTED
    return said


def test_without_faults_one_apply_does(here):
    assert here.apply() == []
    assert here.held() == WANTED
    assert here.planned() == []


@pytest.mark.parametrize("route", WRITES)
@pytest.mark.parametrize("number", [1, 2])
def test_r3_an_answer_that_is_lost_after_the_act_makes_nothing_twice(here, route, number):
    here.account.fault(route, "act-then-drop", number)
    assert here.apply() == []
    assert here.held() == WANTED
    assert here.planned() == []


@pytest.mark.parametrize("route", WRITES)
@pytest.mark.parametrize("fault", ["drop", "truncate", "status"])
def test_r2_a_write_that_fails_is_done_by_a_later_pass(here, route, fault):
    here.account.fault(route, fault, 1, value=502 if fault == "status" else 0)
    settled(here)


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("number", range(1, 16))
def test_g11_an_apply_that_is_killed_at_any_request_is_finished_by_the_next(here, number, is_done):
    with killed_at(".", number, is_done=is_done):
        here.apply()
    settled(here)


def test_r1_a_limit_is_kept_and_the_rest_is_done_later(here):
    here.account.fault("PUT .*variable", "status", 1, value=429, headers={"Retry-After": "60"})
    asked = len(here.cloud.requests)
    failures = here.apply()
    assert failures
    assert all("too many requests" in failure for failure in failures)
    assert sum(request.method == "PUT" for request in here.cloud.requests[asked:]) == 1
    settled(here)
    assert here.cloud.rates.refused == 0


def test_r1_the_limit_of_creates_is_never_exceeded(tmp_path):
    stage = VariableStage(tmp_path)
    stage.commit(**{f"v{number:03d}": "x" for number in range(230)})
    for _ in range(3):
        stage.apply()
        stage.account.advance(61)
    assert len(stage.held()) == 230
    assert stage.planned() == []
    assert stage.cloud.rates.operations["account-variable-create"].most <= 100
    assert stage.cloud.rates.blocked_until is None
    stage.close()


def test_r4_a_list_that_drips_or_has_no_end_deletes_nothing(here):
    here.account.fault("GET .*account/variables", "drip", value=1)
    (why,) = here.apply()
    assert "its variables" in why
    assert here.held()["gone"] == ("1", False)
    here.cloud.faults.clear()
    settled(here)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"variables": 1}', b"", b'{"variables": [{"na'])
def test_r5_a_list_that_makes_no_sense_deletes_nothing(here, body):
    here.account.fault("GET .*account/variables", "replace", body=body)
    (why,) = here.apply()
    assert "its variables" in why
    assert here.held() == {
        "region": ("us", False),
        "db": ("first-value", True),
        "gone": ("1", False),
        "turned": ("open", False),
    }


@pytest.mark.parametrize("body", [b"<html>done</html>", b"{}", b'"text"'])
def test_r5_an_odd_answer_to_a_write_is_looked_behind(here, body):
    here.account.fault("(PUT|POST|DELETE) .*variable", "replace", body=body)
    here.apply()  # of a masked one that was changed nobody can see whether it was
    assert here.held() == WANTED
    here.cloud.faults.clear()
    settled(here)


def test_r6_a_list_that_lacks_a_page_makes_and_deletes_nothing(here):
    here.cloud.page_size = 2
    page = b'{"pageDetails": {"count": 0, "totalCount": 4, "nextPageUrl": null}, "variables": []}'
    here.account.fault("GET .*account/variables", "replace", 2, 4, 6, body=page)
    plan = {change.id: (change.action.value, change.reason) for change in here.plan().plan.changes}
    assert plan["account/gone"][0] == plan["account/new"][0] == "held"
    assert "incomplete" in plan["account/gone"][1]
    here.apply()
    assert "gone" in here.held()
    assert "new" not in here.held()
    here.cloud.faults.clear()
    settled(here)


def test_r6_pages_that_lead_to_themselves_end(here):
    here.cloud.page_size = 2
    page = b'{"pageDetails": {"count": 1, "totalCount": 4, "nextPageUrl": "x"}, "variables": [{"id": 1, "name": "a"}]}'
    here.account.fault("GET .*account/variables", "replace", body=page)
    assert "account/gone" in {change.id for change in here.plan().plan.changes if change.action.value == "held"}


def test_r7_two_of_one_name_are_told_and_neither_is_touched(here):
    twin = here.cloud.add_variable("region", "twin")
    other = here.cloud.add_variable("gone", "twin")
    plan = {change.id: (change.action.value, change.reason) for change in here.plan().plan.changes}
    assert "2 variables have the name region" in plan["account/region"][1]
    assert plan["account/gone"][0] == plan["account/region"][0] == "held"
    assert here.apply() == []
    values = [one.value for one in here.cloud.account_variables if one.name in {"region", "gone"}]
    assert sorted(values) == ["1", "twin", "twin", "us"]
    here.cloud.account_variables.remove(twin)
    here.cloud.account_variables.remove(other)
    settled(here)


def test_r8_a_token_that_ends_in_the_middle_is_renewed(here):
    here.account.fault("(PUT|POST|DELETE) .*variable", "expire-token", 1, 3)
    assert here.apply() == []
    assert here.held() == WANTED


def test_r8_what_one_site_refuses_holds_that_site_alone(here):
    here.commit({"name": "region", "value": "eu", "site": "Acme Corporation"}, region="eu", db=DB, new="1", turned=DB)
    here.account.fault("GET .*site-0001/variables", "status", value=403, body=b'{"errorMessage": "no access"}')
    held = {change.id: change.reason for change in here.plan().plan.changes if change.action.value == "held"}
    assert list(held) == ["site/Acme Corporation/region"]
    assert "permission denied" in held["site/Acme Corporation/region"]
    assert here.apply() == []
    assert here.held() == WANTED


def test_r10_what_goes_between_plan_and_apply_is_made_again_or_is_gone(here):
    def vanish(request):
        here.cloud.account_variables[:] = [
            one for one in here.cloud.account_variables if one.name not in {"gone", "region"}
        ]

    here.cloud.faults.append(_Then("DELETE .*variable", vanish))
    assert here.apply() == []
    assert here.held() == WANTED


class _Then(Fault):
    """Something happens when a request arrives, before it is answered."""

    def __init__(self, route, what):
        super().__init__(route, "nothing", frozenset({1}))
        self._what = what

    def strikes(self, request):
        found = super().strikes(request)
        if found:
            self._what(request)
        return found


def test_r10_what_somebody_else_makes_meanwhile_is_not_overwritten(here):
    here.cloud.faults.append(_Then("PUT .*variable", lambda request: here.cloud.add_variable("new", "theirs")))
    (failure,) = here.apply()
    assert "account/new is there by now, and was not made from here" in failure
    assert here.held()["new"] == ("theirs", False)
    assert here.planned() == ["adopt account/new"]


@pytest.mark.parametrize("seconds", [0.5, 5, 30, 300])
def test_r11_what_is_not_listed_yet_is_not_made_twice(here, seconds):
    here.cloud.variable_delay_seconds = seconds
    here.account.fault("PUT .*variable", "act-then-drop")
    here.apply()
    here.cloud.faults.clear()
    here.cloud.variable_delay_seconds = 0
    settled(here)


def test_r11_what_was_made_just_now_may_be_unknown_for_a_while(here):
    here.cloud.variable_delay_seconds = 120
    assert here.apply() == []
    assert here.apply() == []
    here.account.advance(130)
    assert here.planned() == []
    assert here.held() == WANTED


def test_r9_a_write_that_meets_another_is_sent_again(here):
    here.account.fault("(PUT|POST|DELETE) .*variable", "status", 1, 3, 5, value=409, body=b'{"errorMessage": "busy"}')
    assert here.apply() == []
    assert here.held() == WANTED


def test_r16_a_redirect_is_not_followed(here):
    here.account.fault(
        "(PUT|POST|DELETE) .*variable", "status", value=302, headers={"Location": "https://evil.example"}
    )
    failures = here.apply()
    assert failures
    assert all("that is not followed" in failure for failure in failures)
    here.cloud.faults.clear()
    settled(here)


def test_r18_an_account_that_is_down_holds_its_variables_and_nothing_else(here):
    here.account.fault(".", "drop")
    here.stage.commit_job("a")
    (why,) = here.apply()
    assert why.startswith("its variables: ")
    assert [item.id for item in here.stage.rig.store.inventory("local")] == ["a"]
    assert {change.id for change in here.plan().plan.changes if change.action.value == "held"} >= {"account/gone"}
    here.cloud.faults.clear()
    settled(here)


def test_r15_no_message_quotes_a_secret(here):
    """Whatever went wrong, the value of a secret is in no message."""
    here.account.fault(".*variable", "act-then-status", value=500, body=b'{"errorMessage": "first-value"}')
    assert all("first-value" not in failure for failure in here.apply())
