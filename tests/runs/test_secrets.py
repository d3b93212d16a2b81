import pickle

import pytest
from support.values import make_job

from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.job import Task
from reconciler.model.secret import Secret, SecretRef
from reconciler.runs.secrets import read_secrets

CANARY = "c4n4ry-s3cr3t"


def job_with(name="TOKEN", job_id="backup-db"):
    return make_job(job_id, tasks=(Task(id="only", command="true", env={"T": SecretRef(name)}),))


@pytest.fixture
def secrets_file(tmp_path):
    def write(text):
        path = tmp_path / "secrets.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "source",
    [
        'env = "MY_TOKEN"',
        'file = "{folder}/token"',
        'command = ["cat", "{folder}/token"]',
    ],
)
def test_a_secret_comes_from_the_environment_a_file_or_a_command(secrets_file, tmp_path, source):
    (tmp_path / "token").write_text(CANARY + "\n")
    path = secrets_file("[TOKEN]\n" + source.format(folder=tmp_path))
    secrets = read_secrets(path, environment={"MY_TOKEN": CANARY}).for_job(job_with(), "local")
    assert secrets["TOKEN"].reveal() == CANARY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "secret TOKEN is not defined", id="not-there"),
        pytest.param('[TOKEN]\nenv = "UNSET"', "the environment variable UNSET is not set", id="unset"),
        pytest.param('[TOKEN]\nfile = "/nonexistent"', "cannot read /nonexistent", id="no-file"),
        pytest.param('[TOKEN]\ncommand = ["false"]', "its command failed", id="command-fails"),
        pytest.param('[TOKEN]\nenv = "SHORT"', "shorter than 4 characters", id="too-short-to-mask"),
        pytest.param('[TOKEN]\nenv = "T"\njobs = ["web-*"]', "may not be used by job backup-db", id="other-job"),
        pytest.param('[TOKEN]\nenv = "T"\ntargets = ["x"]', "may not be used by job backup-db", id="other-target"),
    ],
)
def test_a_secret_that_cannot_be_had_is_refused_without_its_value(secrets_file, text, message):
    source = read_secrets(secrets_file(text), environment={"T": CANARY, "SHORT": "abc"})
    with pytest.raises(CouldNot, match=message) as refusal:
        source.for_job(job_with(), "local")
    assert CANARY not in str(refusal.value) + refusal.value.hint


@pytest.mark.parametrize(
    "text", ["[TOKEN", '[TOKEN]\nenv = "A"\nfile = "B"', "[TOKEN]", "[TOKEN]\nnope = 1", 'TOKEN = "x"']
)
def test_a_file_that_cannot_be_read_as_secrets_is_a_usage_error(secrets_file, text):
    with pytest.raises(UsageError):
        read_secrets(secrets_file(text), environment={})


def test_a_secret_shows_itself_to_nobody():
    secret = Secret(CANARY)
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
