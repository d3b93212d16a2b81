"""reconciler.toml: the settings of a repository."""

import pytest
from support.definitions import line_of

from reconciler.definitions.settings import read_settings
from reconciler.model.settings import ReportOutput, Settings


def lines(text):
    data = text if isinstance(text, bytes) else text.encode()
    return [line_of(problem) for problem in read_settings(data)[1]]


def test_without_a_file_the_defaults_hold():
    assert read_settings(None) == (Settings(), ())


def test_an_empty_file_is_fine():
    assert read_settings(b"") == (Settings(), ())


def test_every_setting_is_read():
    text = b"""
    definitions = "ops/definitions"
    defaultTargets = ["acme"]
    [reports]
    output = "none"
    tailBytes = 0
    branch = "reports/all"
    push = "origin"
    [engine]
    maxRuns = 2
    outputBytes = 2048
    graceSeconds = 0
    [limits]
    files = 5
    """
    settings, problems = read_settings(text)
    assert problems == ()
    assert settings.definitions == "ops/definitions"
    assert settings.default_targets == ("acme",)
    assert (settings.reports.output, settings.reports.push) == (ReportOutput.NONE, "origin")
    assert (settings.engine.max_runs, settings.limits.files) == (2, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a = b", ["reconciler.toml:1:5 SET001 : not readable as TOML: invalid value"], id="not-toml"),
        pytest.param(
            "a = 1\na = 2", ["reconciler.toml:2:6 SET001 : not readable as TOML: cannot overwrite a value"], id="twice"
        ),
        pytest.param(
            "\n[reports]\noutputs = 'tail'\n",
            ["reconciler.toml:3:1 SET002 reports.outputs: unknown setting `outputs`; did you mean `output`?"],
            id="unknown",
        ),
        pytest.param(
            "[report]\n",
            ["reconciler.toml:1:2 SET002 report: unknown setting `report`; did you mean `reports`?"],
            id="unknown-table",
        ),
        pytest.param(
            "[engine]\nmaxRuns = 0\n",
            ["reconciler.toml:2:1 SET003 engine.maxRuns: maxRuns 0 is below 1"],
            id="too-small",
        ),
        pytest.param(
            "[engine]\nmaxRuns = 'two'\n",
            ["reconciler.toml:2:1 SET003 engine.maxRuns: expected a whole number, found text"],
            id="wrong-type",
        ),
        pytest.param(
            "[reports]\noutput = 'all'\n",
            ["reconciler.toml:2:1 SET003 reports.output: expected one of none, tail, full, found another word"],
            id="wrong-word",
        ),
        pytest.param(
            "defaultTargets = []\n",
            ["reconciler.toml:1:1 SET003 defaultTargets: defaultTargets is an empty list"],
            id="no-targets",
        ),
        pytest.param(b"\xff", ["reconciler.toml:1:1 FILE006 : byte 0xFF at offset 0 is not UTF-8"], id="not-utf-8"),
        pytest.param(
            "# \u202e", ["reconciler.toml:1:3 FILE009 : text-direction control U+202E can hide code"], id="hidden"
        ),
        pytest.param(
            "a = " + "[" * 100_000, ["reconciler.toml:1:1 SET001 : not readable as TOML: nested too deep"], id="deep"
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text, expected):
    assert lines(text) == expected
    assert read_settings(text if isinstance(text, bytes) else text.encode())[0] == Settings()


@pytest.mark.parametrize("folder", ["/etc", "..", "a/../b", "a//b", ".", "", "C:/x", "a\\b", "a/"])
def test_the_folder_of_definitions_stays_inside(folder):
    [line] = lines(f"definitions = '{folder}'")
    assert "must be a folder inside the repository" in line


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "x.lock", "refs/@{1}", "/x", "x/"])
def test_a_branch_has_a_name_that_git_takes(name):
    [line] = lines(f"[reports]\nbranch = '{name}'\n")
    assert "cannot be the name of a branch" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('topics = ["a"]', "[events.mqtt] names no host", id="no-host"),
        pytest.param('host = "h"', "[events.mqtt] names no topic", id="no-topic"),
        pytest.param('host = "h"\ntopics = ["a"]\nport = 0', "port 0 is outside 1-65535", id="port"),
        pytest.param('host = "h"\ntopics = ["a/#/b"]', "`a/#/b` cannot be a topic", id="wildcard-inside"),
        pytest.param('host = "h"\ntopics = ["a+"]', "`a+` cannot be a topic", id="half-a-level"),
        pytest.param('host = "h"\ntopics = ["a"]\npasswort = "X"', "did you mean `password`?", id="misspelt"),
    ],
)
def test_what_is_wrong_with_a_broker_is_told(text, expected):
    assert any(expected in line for line in lines(f"[events.mqtt]\n{text}\n"))


def test_a_broker_is_read():
    settings, problems = read_settings(b'[events.mqtt]\nhost = "h"\ntls = true\ntopics = ["a/+/b", "c/#", "#"]\n')
    assert problems == ()
    assert (settings.events.mqtt.host, settings.events.mqtt.used_port) == ("h", 8883)
