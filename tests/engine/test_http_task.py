"""HTTP tasks against a real server on this machine, which the allow-list names."""

import json
import signal
import socket
import time

import pytest
from support.http import serve

from reconciler.engine.http_task import main, read_request


@pytest.fixture(scope="module")
def server():
    with serve() as made:
        yield made


@pytest.fixture(autouse=True)
def alarm():
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def environment_of(url, server, **fields):
    settings = {"expected": (), "seconds": 5, "allowed": [server.url], "private": []} | fields.pop("settings", {})
    names = {"METHOD": "GET", "URL": url, "SETTINGS": json.dumps(settings)} | fields
    return {f"RECONCILER_HTTP_{name}": value for name, value in names.items()}


def ask(path, server, **fields):
    return main(environment_of(path if "://" in path else server.url + path, server, **fields))


def test_the_body_is_the_output_and_a_word_on_the_response_is_on_standard_error(server, capsysbinary):
    assert ask("/json", server) == 0
    shown = capsysbinary.readouterr()
    assert json.loads(shown.out)["version"] == "1.2"
    assert f"GET {server.url}/json: 200 OK in".encode() in shown.err
    assert b"content-type: application/json" in shown.err


def test_method_headers_and_body_arrive_as_they_were_given(server):
    fields = {"METHOD": "POST", "BODY": '{"a": "ü"}', "HEADER_0": "Authorization:Bearer: x", "HEADER_1": "X-A:1"}
    assert ask("/x?y=%20z", server, **fields) == 0
    method, path, headers, body = server.requests[-1]
    assert (method, path, body.decode()) == ("POST", "/x?y=%20z", '{"a": "ü"}')
    assert (headers["Authorization"], headers["X-A"], headers["Host"]) == ("Bearer: x", "1", f"127.0.0.1:{server.port}")


def test_the_fields_of_a_json_object_are_outputs(server, tmp_path):
    output = tmp_path / "output"
    main({**environment_of(server.url + "/json", server), "RECONCILER_OUTPUT": str(output)})
    assert json.loads(output.read_text()) == {"version": "1.2", "count": 3, "list": [1], "httpStatus": 200}
    main({**environment_of(server.url + "/odd", server), "RECONCILER_OUTPUT": str(output)})
    assert json.loads(output.read_text()) == {"httpStatus": 200}


@pytest.mark.parametrize(
    ("path", "expected", "code"),
    [("/status/204", [], 0), ("/status/404", [], 1), ("/status/404", [404, 410], 0), ("/status/200", [201], 1)],
)
def test_a_status_is_expected_or_the_task_fails(server, capfd, path, expected, code):
    assert ask(path, server, settings={"expected": expected}) == code
    assert ("unexpected status" in capfd.readouterr().err) == bool(code)


def test_no_redirect_is_followed(server, capfd):
    assert ask("/away", server) == 1
    assert "location: http://169.254.169.254/" in capfd.readouterr().err


def test_a_long_body_is_cut_and_that_is_said(server, capfd):
    assert ask("/large", server) == 0
    shown = capfd.readouterr()
    assert len(shown.out) == 1 << 20
    assert "was cut" in shown.err


def test_what_a_server_says_cannot_move_the_cursor(server, capfdbinary):
    assert ask("/odd", server) == 0
    shown = capfdbinary.readouterr()
    assert shown.out == b"\xff\xfe\x00\x1b[0m"
    assert b"\x1b" not in shown.err


def test_a_server_that_answers_drop_by_drop_is_left_in_time(server, capfd):
    started = time.monotonic()
    assert ask("/drip", server, settings={"seconds": 0.4}) == 2
    assert time.monotonic() - started < 2
    assert "took longer than 0.4 s" in capfd.readouterr().err


def test_nobody_there_is_a_failure_that_is_told(server, capfd):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert ask(url, server, settings={"allowed": [url]}) == 2
    assert "no answer: ConnectError" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://169.254.169.254/", "not on the allow-list"),
        ("http://localhost:{port}/", "not on the allow-list"),
        ("http://[::1]:{port}/", "not on the allow-list"),
        ("http://2130706433:{port}/", "four decimal numbers"),
        ("http://0177.0.0.1:{port}/", "four decimal numbers"),
        ("file:///etc/passwd", "only http and https"),
        ("http://user:pass@127.0.0.1:{port}/", "holds a login"),
    ],
)
def test_hostile_addresses_are_refused_and_nothing_is_asked(server, capfd, url, why):
    """RELIABILITY section 3 row 118."""
    before = len(server.requests)
    assert ask(url.format(port=server.port), server) == 3
    assert why in capfd.readouterr().err
    assert len(server.requests) == before


def test_a_name_on_the_list_that_leads_to_this_machine_is_refused_unless_its_address_is_listed(server, capfd):
    url = f"http://localhost:{server.port}/"
    assert ask(url, server, settings={"allowed": [url]}) == 3
    assert "is not in privateAddresses" in capfd.readouterr().err
    listed = {"allowed": [url], "private": ["127.0.0.0/8", "::1"]}
    assert ask(url, server, settings=listed) == 0  # also where ::1 comes first, and nobody listens there


def test_a_name_is_resolved_once(server, monkeypatch):
    answers = [("127.0.0.1", server.port), ("169.254.169.254", server.port)]
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers[len(asked) - 1])]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: resolve(host, *a) if host == "rebind.example" else real(host, *a, **k),
    )
    url = f"http://rebind.example:{server.port}/"
    assert ask(url, server, settings={"allowed": [url], "private": ["127.0.0.1"]}) == 0
    assert asked == ["rebind.example"]
    assert server.requests[-1][2]["Host"] == f"rebind.example:{server.port}"


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask("/json", server) == 0


@pytest.mark.parametrize(
    ("header", "why"), [("Host:evil.example", "set by reconciler itself"), ("X-A:1\r\nX-B: 2", "control character")]
)
def test_headers_that_change_the_request_itself_are_refused(server, capfd, header, why):
    assert ask("/json", server, HEADER_0=header) == 3
    assert why in capfd.readouterr().err


def test_late_values_are_encoded_into_their_place(server):
    environment = environment_of(
        "https://api.example.com/\x1f0\x1f?q=\x1f1\x1f", server, VALUE_0="../a b", VALUE_1="x&y=ü"
    )
    assert read_request(environment).url == "https://api.example.com/..%2Fa%20b?q=x%26y%3D%C3%BC"
