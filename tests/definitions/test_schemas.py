"""The schemas that ship: good JSON Schemas, described, and of one mind with the forms and the quick verdict."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import fields

from reconciler.definitions.checked import read_document
from reconciler.definitions.faults import find_faults
from reconciler.definitions.schemas import SCHEMA_NAMES, Verdict, schema_of, verdict_of
from reconciler.model.errors import UsageError
from reconciler.model.forms import FILE_KINDS, FORM_TYPES, Kind
from reconciler.model.job import (
    CalendarEntry,
    Concurrency,
    Devices,
    EventTrigger,
    HttpRequest,
    Misfire,
    OsFilter,
    Parameter,
    Retention,
    Retry,
    Rollout,
    Schedule,
    Task,
)

VALID = Path(__file__).parents[1] / "examples" / "valid"


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_a_schema_keeps_the_metaschema(name):
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"]


def described(schema, path="#"):
    """Yield the path of each property, and its schema."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            if value.keys() != {"not"}:
                yield f"{path}/{name}", value
        for key, value in schema.items():
            yield from described(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from described(value, f"{path}/{index}")


@pytest.mark.parametrize("name", ["job", "component", "target", "run", "plan"])
def test_every_field_has_a_description_its_source_and_an_example(name):
    for path, schema in described(schema_of(name)):
        assert "Source: " in schema.get("description", ""), path
        assert schema.get("examples"), path


@pytest.mark.parametrize("name", ["job", "component", "target", "run", "plan"])
def test_every_object_with_fields_is_strict(name):
    def objects(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object" and "properties" in schema:
                yield schema
            for key, value in schema.items():
                if key != "examples":
                    yield from objects(value)
        elif isinstance(schema, list):
            for value in schema:
                yield from objects(value)

    found = list(objects(schema_of(name)))
    assert found
    assert all(schema.get("unevaluatedProperties") is False for schema in found)


def test_an_unknown_schema_is_a_usage_error():
    with pytest.raises(UsageError, match="no schema `jobs`"):
        schema_of("jobs")


PARTS = {
    "schedule": Schedule,
    "calendarEntry": CalendarEntry,
    "misfire": Misfire,
    "task": Task,
    "http": HttpRequest,
    "osFilter": OsFilter,
    "concurrency": Concurrency,
    "retry": Retry,
    "rollout": Rollout,
    "retention": Retention,
    "devices": Devices,
    "parameter": Parameter,
}
SPELLINGS = {"ExecutionType", "defaultValue", "MergeStdoutJsonIntoContext", "SkipWhenPluginSettingFalse"} | {
    "mergeStdoutJsonIntoContext",
    "skipWhenPluginSettingFalse",
}


def names_of(type_):
    return {field.encode_name for field in fields(type_)}


RESOLVED = {"componentLink"}
"""What a form gets from other files; no file says it."""


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_a_schema_has_the_fields_of_its_form(kind):
    assert set(schema_of(kind.value)["properties"]) == names_of(FORM_TYPES[kind]) - RESOLVED


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_of_a_job_have_the_fields_of_their_forms(name):
    properties = set(schema_of("job")["$defs"][name]["properties"])
    assert properties - SPELLINGS == names_of(PARTS[name]) - {"keeper"}


def test_an_event_has_the_fields_of_its_form():
    assert set(schema_of("job")["$defs"]["event"]["anyOf"][0]["properties"]) == names_of(EventTrigger)


# The quick verdict and the words are of two libraries.

SEEDS = [
    (Kind(next(kind.value for kind in FILE_KINDS if kind.folder in path.parts)), path)
    for path in sorted(VALID.rglob("*"))
    if path.suffix in {".yaml", ".json"}
]
ODD = [
    None,
    True,
    0,
    -1,
    5,
    5.5,
    10**9,
    "",
    "x",
    "Service",
    "MON",
    "2030-01-01T00:00:00Z",
    "a\n",
    "x" * 300,
    [],
    ["a", "a"],
    {},
]


def paths_of(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_of(item, (*path, key))


def changed(value, path, new):
    """Return ``value`` with ``new`` at ``path``; ``...`` takes it out."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_the_quick_verdict_and_the_words_agree(seed, data):
    kind, path = seed
    value = read_document(path.read_text(encoding="utf-8"), is_json=path.suffix == ".json").value
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.sampled_from(sorted(paths_of(value), key=repr)[1:] or [()]))
        value = changed(value, place, data.draw(st.sampled_from([..., *ODD])))
        if not isinstance(value, dict) or not value:
            return
    verdict = verdict_of(kind.value)
    assert verdict.accepts(value) == (not list(find_faults(verdict.schema, value)))


def test_a_schema_never_leads_to_a_file_or_an_address():
    for reference in ("http://127.0.0.1:9/x", "file:///etc/passwd"):
        with pytest.raises(Exception, match="outside the schema"):
            Verdict({"$ref": reference})
        with pytest.raises(Exception, match="Unresolvable"):
            list(find_faults({"$ref": reference}, {}))
