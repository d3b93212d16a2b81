"""RELIABILITY rows R1-R18: what the network and the service may do to us, and what comes of it."""

import json
import ssl
from datetime import timedelta

import httpx
import pytest
import trustme
from fakes.datto.server import serving
from fakes.datto.things import Behaviour
from support.datto import SECRET, datto_job
from support.values import MIDNIGHT, make_job

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.job import Devices, OnOffline, Parameter
from reconciler.model.secret import Secret, SecretRef
from reconciler.runs.secrets import read_secrets
from reconciler.targets.datto.settings import DattoSettings
from reconciler.targets.datto.target import DattoTarget
from reconciler.targets.fake import FakeTarget
from reconciler.targets.rest.gate import retry_after

EVERYTHING = Devices(all=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param("0", 1, id="at-once"),
        pytest.param("Sun, 01 Mar 2020 00:00:30 GMT", 1, id="past"),
        pytest.param("Sun, 01 Mar 2026 00:00:30 GMT", 30, id="date"),
        pytest.param("999999999999", 300, id="absurd"),
        pytest.param("-5", 60, id="negative"),
        pytest.param("soon", 60, id="words"),
        pytest.param(None, 60, id="absent"),
    ],
)
def test_r1_retry_after_is_honoured_and_capped(header, seconds):
    assert retry_after(header, MIDNIGHT) == timedelta(seconds=seconds)


def test_r1_a_limit_closes_one_gate_for_all_requests_and_the_run_starts_afterwards(rig):
    rig.account.fault("PUT .*quickjob", "status", 1, value=429, headers={"Retry-After": "30"})
    [run] = rig.request(datto_job())
    rig.turn()
    asked = len(rig.world.requests)
    rig.turns(20)
    assert len(rig.world.requests) == asked
    rig.turns(60)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def test_r1_the_block_after_a_limit_is_waited_out(rig):
    rig.account.fault("GET .*devices", "status", 1, value=429)
    rig.account.fault("GET .*devices", "status", 1, value=403, body=b"<html>blocked</html>")
    for _ in range(2):
        with pytest.raises(TargetUnavailable):
            rig.target.devices(EVERYTHING)
        rig.account.advance(61)
    with pytest.raises(TargetUnavailable, match="blocked"):
        rig.target.devices(EVERYTHING)
    rig.account.advance(301)
    assert rig.target.devices(EVERYTHING).devices


@pytest.mark.parametrize("status", [500, 502, 503])
def test_r2_a_read_is_repeated_and_a_write_is_looked_for(rig, status):
    rig.account.fault("GET .*devices", "status", 1, value=status)
    rig.account.fault("PUT .*quickjob", "act-then-status", value=status)
    [run] = rig.request(datto_job())
    rig.turns(60)
    assert rig.status(run) == "completed"
    assert rig.account.asked("PUT", "quickjob") == 1


@pytest.mark.parametrize(("kind", "value"), [("act-then-drop", 0), ("delay", 120)])
def test_r3_a_time_out_after_the_service_acted_is_looked_up_and_adopted(rig, kind, value):
    rig.account.fault("PUT .*quickjob", kind, value=value)
    [run] = rig.request(datto_job())
    rig.turns(90)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def test_r4_a_slow_drip_ends_at_the_deadline(rig):
    rig.account.fault("GET .*devices", "drip", value=1)
    began = rig.clock()
    with pytest.raises(TargetUnavailable, match="longer than"):
        rig.target.devices(EVERYTHING)
    assert rig.clock() - began < timedelta(minutes=4)


def test_r4_a_body_without_end_is_cut(rig):
    rig.account.fault("GET .*devices", "replace", body=b"[" * (17 << 20))
    with pytest.raises(TargetRefused, match="larger than"):
        rig.target.devices(EVERYTHING)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("truncate", b"", id="truncated"),
        pytest.param("replace", b"<html>Sign in\x1b[31m</html>", id="html"),
        pytest.param("replace", b"", id="empty"),
        pytest.param("replace", b'["not", "a", "page"]', id="another-shape"),
        pytest.param("replace", b"[" * 100_000, id="deep"),
    ],
)
def test_r5_an_answer_that_is_none_is_an_error_and_changes_nothing(rig, kind, body):
    rig.account.fault("GET .*devices", kind, body=body)
    with pytest.raises((TargetUnavailable, TargetRefused)) as caught:
        rig.target.devices(EVERYTHING)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("body", [b"", b"<html>200</html>", b"{}"])
def test_r5_an_answer_to_a_start_that_is_none_is_looked_up(rig, body):
    rig.account.fault("PUT .*quickjob", "replace", body=body)
    [run] = rig.request(datto_job())
    rig.turns(60)
    assert rig.status(run) == "completed"
    assert len(rig.world.jobs) == 1


def page(devices, total, following):
    details = {"count": len(devices), "totalCount": total, "nextPageUrl": following}
    items = [{"uid": uid, "hostname": uid, "online": True} for uid in devices]
    return json.dumps({"pageDetails": details, "devices": items}).encode()


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([(["a"], 3, "http://x?page=1"), (["b"], 3, None)], id="part-missing"),
        pytest.param([(["a"], 2, "http://x?page=0")] * 3, id="leads-to-itself"),
        pytest.param([(["a", "b"], 4, "http://x?page=1"), (["b"], 3, None)], id="shrinks"),
    ],
)
def test_r6_a_list_that_is_not_whole_starts_nothing(rig, pages):
    for one in pages:
        rig.account.fault("GET .*account/devices", "replace", 1, body=page(*one))
    listing = rig.target.devices(EVERYTHING)
    assert not listing.complete
    with pytest.raises(TargetUnavailable, match="incomplete"):
        rig.request(datto_job())


def test_r6_pages_that_lead_to_each_other_for_ever_are_soon_left(rig):
    rig.account.fault("GET .*account/devices", "replace", body=page(["a"], 2, "http://x?page=0"))
    before = len(rig.world.requests)
    assert not rig.target.devices(EVERYTHING).complete
    assert len(rig.world.requests) - before < 5


def test_r6_a_component_that_half_a_list_lacks_is_not_said_to_be_missing(rig):
    details = {"count": 0, "totalCount": 1, "nextPageUrl": None}
    half = json.dumps({"pageDetails": details, "components": []}).encode()
    rig.account.fault("GET .*components", "replace", 1, body=half)
    [run] = rig.request(datto_job())
    rig.turn()
    assert rig.status(run) == "created"
    rig.turns(60)
    assert rig.status(run) == "completed"


def test_r7_two_jobs_with_our_mark_are_a_conflict_that_is_told(rig):
    [run] = rig.request(datto_job())
    rig.account.fault("PUT .*quickjob", "act-then-drop")
    rig.account.fault("GET .*activity", "status", 1, value=503)
    world = rig.world
    original = world.create_job
    world._routes = [
        (method, pattern, (lambda *a: (original(*a), original(*a))[1]) if route == original else route)
        for method, pattern, route in world._routes
    ]
    rig.turns(30)
    assert rig.status(run) == "unknown start_unconfirmed"
    assert "2 jobs carry the mark" in rig.store.tasks(run.uid)[0].meaning


def test_r8_a_token_that_ends_is_renewed_once(rig):
    [run] = rig.request(datto_job())
    rig.turn()
    rig.world.expire_tokens()
    rig.turns(60)
    assert rig.status(run) == "completed"
    assert rig.account.asked("POST", "token") == 2


def test_r8_when_nobody_lets_us_in_runs_wait_and_none_fails(rig):
    [run] = rig.request(datto_job())
    rig.world.keys.clear()
    rig.world.expire_tokens()
    rig.turns(30)
    assert rig.status(run) == "created"
    assert rig.account.asked("POST", "token") < 4
    rig.world.keys["api-key"] = SECRET
    rig.turns(180)
    assert rig.status(run) == "completed"


def test_r8_one_device_that_we_may_not_use_fails_alone(rig):
    rig.world.add_device("ACME-DC02")
    rig.account.fault("PUT .*device-0001/quickjob", "status", value=403, body=b'{"errorMessage": "Access denied"}')
    first, second = rig.request(datto_job())
    rig.turns(60)
    assert rig.status(first) == "failed failed_to_start"
    assert rig.store.tasks(first.uid)[0].meaning.startswith("Permission denied")
    assert rig.status(second) == "completed"


def test_r10_a_device_that_is_deleted_before_its_start_fails_alone(rig):
    rig.world.add_device("ACME-DC02")
    first, second = rig.request(datto_job())
    del rig.world.devices[0]
    rig.turns(60)
    assert rig.status(first) == "failed failed_to_start"
    assert "ACME-DC01 or the component is not there" in rig.store.tasks(first.uid)[0].meaning
    assert rig.status(second) == "completed"
    assert rig.target.devices(Devices(uids=(first.device.uid,))).devices == ()


def test_r10_a_component_that_is_deleted_before_its_start_is_told_with_those_that_are_there(rig):
    [run] = rig.request(datto_job())
    rig.world.components.clear()
    rig.world.add_component("Clear Temp Files 2")
    rig.turns(60)
    assert rig.status(run) == "failed failed_to_start"
    said = rig.store.tasks(run.uid)[0].meaning
    assert said.startswith('Component not found: "Clear Temp Files"\n')
    assert "- Clear Temp Files 2 (UID: " in said
    assert rig.account.asked("PUT", "quickjob") == 0


def test_r10_an_alert_that_is_gone_when_it_is_resolved_counts_as_resolved(rig):
    rig.target.resolve_alert("gone")
    assert rig.account.asked("POST", "resolve") == 1


def test_r11_a_job_that_is_not_found_yet_is_waited_for(rig):
    rig.world.behaviours["component-0001"].hidden_seconds = 40
    [run] = rig.request(datto_job())
    rig.turns(20)
    assert rig.status(run) == "queued"
    rig.turns(100)
    assert rig.status(run) == "completed"


def test_r11_a_job_that_is_never_found_is_unknown_also_in_another_process(rig):
    rig.account.fault("GET .*results", "status", value=404)
    [run] = rig.request(datto_job())
    rig.turns(300, each=5)
    rig.use(rig.account.open(), owner="test:2")
    rig.turns(420, each=5)
    assert rig.status(run) == "unknown not_found"


def words(rig, *statuses, **fields):
    rig.world.behaviours["component-0001"] = Behaviour(words=statuses, **fields)
    [run] = rig.request(datto_job())
    return run


def test_r12_a_status_that_goes_backwards_does_not(rig):
    run = words(rig, "Running", "Pending", "Pending", "Success")
    rig.turns(22)
    assert rig.status(run) == "running"
    rig.turns(120)
    assert rig.status(run) == "completed"


def test_r12_a_word_that_is_not_known_is_an_unknown_outcome_with_the_word_kept(rig):
    run = words(rig, "Teleported")
    rig.turns(600, each=10)
    assert rig.status(run) == "queued"
    rig.turns(3600, each=30)
    assert rig.status(run) == "unknown unknown_status"
    assert "Teleported" in rig.store.tasks(run.uid)[0].meaning


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Success", "completed"),
        ("Warning", "completed"),
        ("Failure", "failed"),
        ("Expired", "expired"),
        ("Retired", "cancelled retired"),
    ],
)
def test_r12_each_status_of_the_service_has_its_own(rig, word, expected):
    run = words(rig, word)
    rig.turns(20)
    assert rig.status(run) == expected
    assert bool(rig.store.tasks(run.uid)[0].warnings) == (word == "Warning")


def test_r12_a_component_that_prints_its_exit_code_is_judged_by_it(rig):
    run = words(rig, "Success", stdout="half done\nreconciler-exit-code: 3\n")
    rig.turns(20)
    assert rig.status(run) == "failed exit_code"
    assert rig.store.tasks(run.uid)[0].exit_code == 3


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(OnOffline.SKIP, "skipped offline"), (OnOffline.FAIL, "failed offline"), (OnOffline.QUEUE, "queued")],
)
def test_r13_an_offline_device_is_waited_for_or_not_as_the_job_says(rig, policy, expected):
    rig.world.devices[0].online = False
    [run] = rig.request(datto_job(on_offline=policy))
    rig.turns(20)
    assert rig.status(run) == expected
    if policy is not OnOffline.QUEUE:
        assert "last seen: 2026-02-28 23:59:00 UTC (1 min ago)" in rig.store.tasks(run.uid)[0].meaning
        assert rig.world.jobs == []


def test_r13_a_device_that_does_not_come_back_is_an_expired_run(rig):
    rig.world.devices[0].online = False
    [run] = rig.request(datto_job(expire_after_minutes=30))
    rig.turns(1900, each=20)
    assert rig.status(run) == "expired not_picked_up"


def test_r13_a_device_that_comes_back_runs_it(rig):
    rig.world.devices[0].online = False
    [run] = rig.request(datto_job())
    rig.turns(600, each=10)
    rig.world.devices[0].online = True
    rig.turns(120, each=5)
    assert rig.status(run) == "completed"


def test_r14_a_job_that_does_not_end_is_not_waited_for_for_ever(rig):
    rig.world.behaviours["component-0001"].run_seconds = 1e9
    [run] = rig.request(datto_job(timeout_seconds=600))
    rig.turns(640, each=10)
    assert rig.status(run) == "running"
    rig.turns(100, each=10)
    assert rig.status(run) == "timeout deadline"


def test_r14_a_job_that_waits_for_input_has_its_deadline_also_in_another_process(rig):
    rig.world.behaviours["component-0001"].run_seconds = 1e9
    [run] = rig.request(datto_job(timeout_seconds=600))
    rig.turns(300, each=10)
    rig.use(rig.account.open(), owner="test:2")
    rig.turns(450, each=10)
    assert rig.status(run) == "timeout deadline"
    assert "may still be running" in rig.store.tasks(run.uid)[0].meaning


def test_r14_without_a_time_limit_its_outcome_is_unknown_after_a_day(rig):
    rig.world.behaviours["component-0001"].run_seconds = 1e9
    [run] = rig.request(datto_job())
    rig.turns(86_000, each=600)
    assert rig.status(run) == "running"
    rig.turns(2400, each=600)
    assert rig.status(run).startswith("unknown")


def test_r15_output_is_cut_and_binary_is_kept_as_it_is(rig):
    run = words(rig, "Success", stdout="\x00\x1b[31m" + "x" * (3 << 20), stderr="err")
    rig.turns(20)
    records = rig.store.output(run.uid)
    assert sum(len(record.data) for record in records) < 1.1 * (1 << 20)
    assert rig.store.tasks(run.uid)[0].stdout.bytes > 3 << 20


def test_r15_output_beyond_all_measure_is_left_out_and_said(rig):
    run = words(rig, "Success", stdout="x" * (9 << 20))
    rig.turns(20)
    assert rig.status(run) == "completed"
    assert b"not kept" in b"".join(record.data for record in rig.store.output(run.uid))


def test_r16_a_redirect_is_not_followed(rig):
    rig.account.fault("GET .*devices", "status", value=302, headers={"Location": "http://evil.example/"})
    with pytest.raises(TargetRefused, match="leads elsewhere"):
        rig.target.devices(EVERYTHING)


class Elsewhere(httpx.BaseTransport):
    """Hands requests to the fake, and keeps to which host and with what each was sent."""

    def __init__(self, inner):
        self.inner, self.seen = inner, []

    def handle_request(self, request):
        self.seen.append((request.url.scheme, request.url.host, "authorization" in request.headers))
        return self.inner.handle_request(request)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("location", ["https://evil.example/take", "http://fake.example/api/v2/plain"])
def test_r16_nothing_of_ours_goes_where_an_answer_leads(rig, status, location):
    watched = rig.target._client._client._transport = Elsewhere(rig.target._client._client._transport)
    rig.account.fault("PUT .*quickjob", "status", value=status, headers={"Location": location})
    [run] = rig.request(datto_job())
    rig.turns(30)
    assert rig.status(run) == "failed failed_to_start"
    assert "is not followed" in rig.store.tasks(run.uid)[0].meaning
    assert {(scheme, host) for scheme, host, _ in watched.seen} == {("https", "fake.example")}
    assert rig.account.asked("PUT", "quickjob") == 1


def open_at(rig, url):
    return DattoTarget(
        "acme",
        base_url=url,
        settings=DattoSettings(),
        read_credentials=lambda: ("api-key", Secret(SECRET)),
        run_credentials=lambda: ("api-key", Secret(SECRET)),
        clock=rig.clock,
        pause=rig.account.advance,
    )


@pytest.mark.parametrize(
    ("is_known", "host"),
    [pytest.param(False, "127.0.0.1", id="authority"), pytest.param(True, "other.example", id="host")],
)
def test_r17_with_a_wrong_certificate_nothing_is_sent_and_runs_wait(rig, monkeypatch, tmp_path, is_known, host):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(tls)
    [run] = rig.request(datto_job())
    before = len(rig.world.requests)
    with serving(rig.world, tls=tls) as url:
        target = open_at(rig, url)
        if is_known:
            authority.configure_trust(target._client._client._transport._pool._ssl_context)
        rig.use(target)
        with pytest.raises(TargetUnavailable, match=r"(?i)certificate"):
            target.devices(EVERYTHING)
        rig.turns(20)
        assert rig.status(run) == "created"
        assert len(rig.world.requests) == before
        target.close()


def test_r17_a_proxy_that_somebody_set_is_not_used(rig, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serving(rig.world) as url:
        target = open_at(rig, url)
        assert [device.hostname for device in target.devices(EVERYTHING).devices] == ["ACME-DC01"]
        target.close()


def test_r17_no_proxy_and_no_certificate_store_of_the_environment_is_used(rig, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    target = DattoTarget(
        "acme",
        base_url="https://localhost:1",
        settings=DattoSettings(),
        read_credentials=lambda: pytest.fail("no credentials are needed to open it"),
        run_credentials=lambda: pytest.fail("no credentials are needed to open it"),
        clock=rig.clock,
        pause=rig.account.advance,
    )
    client = target._client._client
    assert not client.trust_env
    assert client._transport._pool._ssl_context.verify_mode.name == "CERT_REQUIRED"
    assert client._mounts == {}
    target.close()


def test_r18_a_provider_that_is_down_for_a_day_is_asked_seldom_and_its_runs_wait(rig):
    [run] = rig.request(datto_job(expire_after_minutes=3000))
    rig.account.fault(".", "drop")
    before = len(rig.world.requests)
    rig.turns(86_400, each=120)
    assert rig.status(run) == "created"
    assert len(rig.world.requests) - before < 3 * 24 * 15
    assert list(rig.driver.troubles) in ([], ["acme"])
    rig.world.faults.clear()
    rig.turns(900, each=10)
    assert rig.status(run) == "completed"


def test_r18_while_one_provider_is_down_the_runs_of_others_go_on(rig):
    other = FakeTarget("other", clock=rig.clock)
    fields = {name: getattr(rig.driver, name) for name in rig.driver.__struct_fields__}
    rig.driver = type(rig.driver)(**fields | {"targets": {**rig.driver.targets, "other": other}})
    [waiting] = rig.request(datto_job())
    rig.account.fault(".", "drop")
    rig.target, datto = other, rig.target
    [run] = rig.request(make_job("here", targets=("other",)))
    rig.target = datto
    rig.turns(20)
    assert rig.status(run) == "completed"
    assert rig.status(waiting) == "created"


def test_secrets_of_the_account_are_in_no_error(rig):
    """Canary: the service says back what it was sent."""
    body = f"<html>{SECRET} token-000001</html>".encode()
    rig.account.fault("POST .*token", "status", 1, value=400, body=body)
    said = []
    with pytest.raises(TargetUnavailable) as caught:
        rig.target.devices(EVERYTHING)
    said.append(f"{caught.value} {caught.value.hint}")
    rig.account.advance(120)
    rig.account.fault("GET .*devices", "status", value=400, body=body)
    with pytest.raises(TargetRefused) as refused:
        rig.target.devices(EVERYTHING)
    said.append(str(refused.value))
    assert all(SECRET not in text for text in said)
    assert "token-000001" not in said[1]
    assert "***" in said[0]


def test_r15_secrets_that_a_component_prints_are_taken_out_of_what_is_kept(rig, tmp_path):
    path = tmp_path / "secrets.toml"
    path.write_text('[TOKEN]\nenv = "TOKEN"\n')
    fields = {name: getattr(rig.driver, name) for name in rig.driver.__struct_fields__}
    rig.driver = type(rig.driver)(**fields | {"secrets": read_secrets(path, environment={"TOKEN": "hunter2-hunter2"})})
    stdout = "token is hunter2-hunter2\n" + "x" * 100
    rig.world.behaviours["component-0001"] = Behaviour(stdout=stdout, pickup_seconds=0, run_seconds=0)
    [run] = rig.request(datto_job(parameters=(Parameter(name="token"),), variables={"token": SecretRef("TOKEN")}))
    rig.turns(20)
    assert rig.status(run) == "completed"
    assert rig.world.jobs[0].variables == {"token": "hunter2-hunter2"}
    kept = b"".join(record.data for record in rig.store.output(run.uid)) + (tmp_path / "state.db").read_bytes()
    assert b"hunter2" not in kept
    assert "token is ***" in rig.store.tasks(run.uid)[0].stdout.tail


def test_r15_without_its_secrets_a_job_is_not_started(rig):
    job = datto_job(parameters=(Parameter(name="token"),), variables={"token": SecretRef("TOKEN")})
    rig.world.add_device("never")
    [run, _] = rig.request(job)
    rig.turns(20)
    assert rig.status(run) == "failed failed_to_start"
    assert rig.world.jobs == []


def test_a_transport_that_cannot_connect_is_not_an_ambiguous_start(rig, monkeypatch):
    [run] = rig.request(datto_job())
    real = rig.target._client._exchange

    def broken(call):
        if call.acts:
            raise httpx.ConnectError("refused")
        return real(call)

    monkeypatch.setattr(rig.target._client, "_exchange", broken)
    rig.turns(10)
    assert rig.status(run) == "created"
