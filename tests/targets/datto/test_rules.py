"""What a Datto RMM target says of jobs and settings before anything is asked of it."""

import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator
from support.datto import datto_job
from support.values import make_job

from reconciler.model.errors import UsageError
from reconciler.model.forms import Target
from reconciler.model.job import Devices, Overlap
from reconciler.model.secret import Secret
from reconciler.model.settings import Settings
from reconciler.targets.datto.rules import SETTINGS_SCHEMA, check_job
from reconciler.targets.opening import Opening
from reconciler.targets.registry import open_targets

ACME = Target(id="acme", provider="datto", settings={"platform": "merlot"})


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(datto_job(), [], id="a-component"),
        pytest.param(make_job(), ["TGT001 tasks"], id="tasks"),
        pytest.param(datto_job(overlap=Overlap.REPLACE), ["TGT001 overlap"], id="replace"),
        pytest.param(datto_job(run_as="bob"), ["TGT001 runAs"], id="run-as"),
        pytest.param(datto_job(devices=Devices(tags=("prod",))), ["TGT001 devices.tags"], id="tags-without-fields"),
        pytest.param(datto_job(datto={"level": 5}), ["TGT001 datto.level"], id="unknown-field"),
        pytest.param(datto_job(event_topic="a/b"), ["TGT002 eventTopic"], id="keepers-own"),
    ],
)
def test_what_cannot_be_done_is_said_at_validation(job, expected):
    assert [f"{finding.code} {finding.json_path}" for finding in check_job(job, ACME)] == expected


@pytest.mark.parametrize(
    ("settings", "is_valid"),
    [
        ({"platform": "merlot"}, True),
        ({"platform": "mars"}, False),
        ({"apiUrl": "https://x.example"}, True),
        ({"apiUrl": "https://x.example/api"}, True),
        ({"apiUrl": "http://x.example"}, False),
        ({"apiUrl": "http://127.0.0.1:8077"}, True),
        ({"apiUrl": "https://user:pass@x.example"}, False),
        ({"apiUrl": "https://x.example?a=b"}, False),
        ({"apiKey": "plain text"}, False),
        ({"apiKey": {"secret": "KEY"}, "apiSecret": {"secret": "SECRET"}}, True),
        ({"tagFields": ["udf0"]}, False),
        ({"apiUlr": "https://x.example"}, False),
    ],
)
def test_settings_are_checked(settings, is_valid):
    assert Draft202012Validator(SETTINGS_SCHEMA).is_valid(settings) == is_valid


def opening(tmp_path, **environment):
    return Opening(
        folder=tmp_path,
        settings=Settings(),
        environment=environment,
        host="here",
        clock=lambda: None,
        pause=lambda seconds: None,
        reveal=lambda name, target: Secret(f"{name} of {target}"),
    )


@pytest.mark.parametrize("name", ["merlot", "MERLOT"])
def test_the_platform_of_the_environment_is_taken(tmp_path, name):
    target = open_targets({"acme": Target(id="acme", provider="datto")}, opening(tmp_path, DATTO_PLATFORM=name))["acme"]
    assert str(target._client._client.base_url) == "https://merlot-api.centrastage.net"


def test_an_account_whose_place_is_not_known_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_targets({"acme": Target(id="acme", provider="datto")}, opening(tmp_path))
    assert "settings.platform" in caught.value.hint


def test_validating_imports_no_client():
    program = (
        "import sys\nfrom reconciler.targets.registry import provider_rules\nprovider_rules()\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"httpx", "ssl", "sqlalchemy"} & set(done.stdout.split())
