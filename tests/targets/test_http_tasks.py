"""HTTP tasks on the local target: from the definition to what a server sees."""

import json
import os
import ssl
from contextlib import ExitStack

import pytest
import trustme
from support.engine import kill_all_with
from support.http import serve
from support.targets import follow_to_the_end, order
from support.values import make_job

from reconciler.engine.order import late_token
from reconciler.model.forms import Target
from reconciler.model.instant import utc_now
from reconciler.model.job import HttpRequest, Parameter, Task
from reconciler.model.run import RunStatus
from reconciler.model.secret import Secret, SecretRef
from reconciler.model.settings import EngineSettings
from reconciler.targets.local.http_order import HttpSettings
from reconciler.targets.local.order import make_order
from reconciler.targets.local.rules import LOCAL_RULES, check_job, http_settings
from reconciler.targets.local.target import LocalTarget

SECRET = "hunter2-hunter2"


@pytest.fixture
def server():
    with serve() as made:
        yield made


@pytest.fixture
def local(tmp_path, server):
    folder = tmp_path / "engine"
    target = LocalTarget(
        "local",
        folder=folder,
        settings=EngineSettings(),
        environment=os.environ,
        host="here",
        clock=utc_now,
        http=HttpSettings(allow=(server.url,)),
    )
    yield target
    target.close()
    kill_all_with(str(folder))


def request_task(url, **fields):
    return Task(id="call", http=HttpRequest(url=url, **fields))


def run_it(target, job, **fields):
    made = order(target, job)
    made = type(made)(run=made.run, job=job, **fields)
    answer = target.start([made])[made.run.uid]
    return made.run, answer, follow_to_the_end(target, made.run, answer.handle)


def test_a_request_is_made_and_its_response_handed_on(local, server):
    show = Task(
        id="show", command="echo", arguments=("{tasks.call.outputs.version}", "{tasks.call.outputs.httpStatus}")
    )
    _, answer, progress = run_it(local, make_job(tasks=(request_task(f"{server.url}/json"), show)))
    assert progress.status is RunStatus.COMPLETED
    assert [record.data for record in local.output(answer.handle) if record.task_id == "show"] == [b"1.2 200\n"]


def test_outputs_of_earlier_tasks_reach_the_address_encoded(local, server):
    first = Task(id="first", script="echo 'path=../a b' >> $RECONCILER_OUTPUT\n")
    second = request_task(
        f"{server.url}/x/{{tasks.first.outputs.path}}", method="POST", body="{tasks.first.outputs.path}"
    )
    _, _, progress = run_it(local, make_job(tasks=(first, second)))
    assert progress.status is RunStatus.COMPLETED
    assert [(path, body) for _, path, _, body in server.requests] == [("/x/..%2Fa%20b", b"../a b")]


def test_a_secret_header_arrives_and_is_shown_nowhere(local, server):
    job = make_job(tasks=(request_task(f"{server.url}/odd", headers={"X-Key": SecretRef("KEY")}),))
    _, answer, progress = run_it(local, job, secrets={"KEY": Secret(SECRET)})
    assert server.requests[0][2]["X-Key"] == SECRET
    assert progress.status is RunStatus.COMPLETED
    assert all(SECRET.encode() not in record.data for record in local.output(answer.handle))


def test_what_is_not_on_the_list_fails_the_task(local, server):
    _, _, progress = run_it(local, make_job(tasks=(request_task("https://api.example.com/"),)))
    assert (progress.status, progress.tasks[0].exit_code) == (RunStatus.FAILED, 3)
    assert "not on the allow-list" in progress.tasks[0].stderr.tail


def order_of(task, local, **fields):
    made = order(local, make_job(tasks=(task,), parameters=(Parameter(name="base"), Parameter(name="name"))))
    made = type(made)(run=made.run, job=made.job, **fields)
    environment = {"PATH": "/bin", "PYTHONPATH": "/src", "AWS_SECRET": "x"}
    (made_task,) = make_order(made, settings=EngineSettings(), environment=environment).tasks
    return made_task


def test_nothing_of_the_request_is_in_the_arguments(local):
    task = request_task("https://api.example.com/", headers={"Authorization": SecretRef("KEY")}, body="hello")
    made = order_of(task, local, secrets={"KEY": Secret(SECRET)})
    assert SECRET not in " ".join(made.argv)
    assert made.env["RECONCILER_HTTP_HEADER_0"] == f"Authorization:{SECRET}"
    assert set(made.env) - {name for name in made.env if name.startswith("RECONCILER_HTTP_")} == {"PATH", "PYTHONPATH"}


def test_values_are_encoded_in_the_address_but_for_a_base_address(local):
    values = {"base": "https://api.example.com/v1", "name": "a/../b?c"}
    made = order_of(request_task("{base}/{name}?at={name}"), local, values=values)
    assert made.env["RECONCILER_HTTP_URL"] == "https://api.example.com/v1/a%2F..%2Fb%3Fc?at=a%2F..%2Fb%3Fc"


def test_a_late_value_waits_for_its_task(local):
    made = order_of(request_task("https://a.example/{tasks.x.outputs.y}"), local)
    assert made.env["RECONCILER_HTTP_URL"] == "https://a.example/\x1f0\x1f"
    assert made.env["RECONCILER_HTTP_VALUE_0"] == late_token("tasks.x.outputs.y")
    assert json.loads(made.env["RECONCILER_HTTP_SETTINGS"])["allowed"] == []


def said(url, *allow):
    target = Target(id="local", provider="local", settings={"http": {"allow": list(allow)}} if allow else {})
    return [f"{finding.code} {finding.message}" for finding in check_job(make_job(tasks=(request_task(url),)), target)]


NOT_LISTED = "HTTP002 host `api.example.com` is not on the allow-list of target `local`"
NUMERIC = "HTTP001 host 127.1: a numeric address is written as four decimal numbers"
OTHER_SCHEME = "HTTP002 the allow-list of target `local` has the host, but not `http://api.example.com:80`"


@pytest.mark.parametrize(
    ("url", "allow", "expected"),
    [
        pytest.param("https://api.example.com/x", ["api.example.com"], [], id="listed"),
        pytest.param("https://api.example.com/{name}", ["*.example.com"], [], id="wildcard"),
        pytest.param("{base}/x", [], [], id="known-later"),
        pytest.param("https://{name}/x", [], [], id="host-known-later"),
        pytest.param("https://api.example.com/x", [], [NOT_LISTED], id="no-list"),
        pytest.param("http://api.example.com/", ["api.example.com"], [OTHER_SCHEME], id="other-scheme"),
        pytest.param("https://127.1/", ["a.example"], [NUMERIC], id="numeric"),
        pytest.param("https://user@a.example/", ["a.example"], [], id="login-is-told-of-every-target"),
    ],
)
def test_a_host_that_is_not_on_the_list_of_the_target_is_a_problem(url, allow, expected):
    assert said(url, *allow) == expected


def test_settings_that_cannot_be_read_allow_nothing():
    assert http_settings(Target(id="local", provider="local", settings={"http": {"allow": "x"}})) == HttpSettings()
    assert LOCAL_RULES.settings_schema["properties"]["http"]


@pytest.fixture
def authority(tmp_path):
    """An authority of one's own house, in a file."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
def house(tmp_path, authority):
    """Serve by TLS under a name, and make requests of it as a local target that knows the authority, or not."""
    with ExitStack() as stack:

        def ask(name, *, knows=True):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            server = stack.enter_context(serve(tls=context))
            url = f"https://localhost:{server.port}"
            environment = dict(os.environ) | ({"SSL_CERT_FILE": str(tmp_path / "ca.pem")} if knows else {})
            target = LocalTarget(
                "local",
                folder=tmp_path / "engine",
                settings=EngineSettings(),
                environment=environment,
                host="here",
                clock=utc_now,
                http=HttpSettings(allow=(url,), private_addresses=("127.0.0.1", "::1")),
            )
            stack.callback(kill_all_with, str(tmp_path / "engine"))
            stack.callback(target.close)
            _, answer, progress = run_it(target, make_job(tasks=(request_task(f"{url}/json"),)))
            said = b"".join(record.data for record in target.output(answer.handle)).decode()
            return progress, said

        yield ask


def test_a_request_by_tls_is_made_to_who_an_authority_of_the_house_vouches_for(house):
    progress, _ = house("localhost")
    assert progress.status is RunStatus.COMPLETED
    assert progress.tasks[0].outputs["version"] == "1.2"


@pytest.mark.parametrize(
    ("name", "knows"),
    [
        pytest.param("elsewhere.example", True, id="another-name"),
        pytest.param("localhost", False, id="an-authority-nobody-knows"),
    ],
)
def test_a_request_by_tls_is_not_made_to_who_cannot_show_who_it_is(house, name, knows):
    progress, said = house(name, knows=knows)
    assert progress.status is RunStatus.FAILED
    assert "CERTIFICATE_VERIFY_FAILED" in said
