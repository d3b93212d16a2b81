"""Conditions as expressions: what they may say, and that none of them takes long."""

import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from support.values import make_job

from reconciler.model.conditions import compile_condition
from reconciler.model.expression_cost import pattern_size
from reconciler.model.expressions import MAX_LENGTH, ExpressionFailed, ExpressionInvalid
from reconciler.model.job import Parameter, ValueType

LONG = "x" * 4096
WORDS = [f"{number:03d}" + "y" * 900 for number in range(256)]
VALUES = {
    "device.os": "linux",
    "device.hostname": LONG,
    "device.tags": ["db", "prod"],
    "event.data": {"count": 3, "items": list(range(256)), "words": WORDS},
    "event.type": "DiskFull",
    "job.lastStatus": "failed",
    "parameters.days": 7,
    "parameters.mode": None,
    "run.scheduledFor": datetime(2026, 3, 1, 2, tzinfo=UTC),
}
PARAMETERS = (Parameter(name="days", type=ValueType.NUMBER, default=7), Parameter(name="mode"))


def read(text):
    return compile_condition(make_job(condition=text, parameters=PARAMETERS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("device.os == 'linux'", True),
        ("'db' in device.tags && !('test' in device.tags)", True),
        ("device.tags.exists(t, t.matches('^pro'))", True),
        ("parameters.days > 6.5 && parameters.days + 1 == 8", True),
        ("parameters.mode == null", True),
        ("event.type == 'DiskFull' && event.data.count >= 3", True),
        ("has(event.data.size) && event.data.size > 1", False),
        ("job.lastStatus != 'failed'", False),
        ("run.scheduledFor.getHours('Europe/Paris') == 3", True),
        ("timestamp('2026-01-01T00:00:00Z') + duration('24h') < run.scheduledFor", True),
    ],
)
def test_a_condition_is_true_or_false_of_its_values(text, expected):
    assert read(text).holds(VALUES) is expected


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("device.hostnme == 'a'", "unknown name `device.hostnme`", 1, 1),
        ("true &&\n  shell('id')", "unknown name `shell`", 2, 3),
        ("parameters.dayz == 1", "unknown name `parameters.dayz`", 1, 1),
        ("device.os ==", "it ends too early", 1, 13),
        ("device.os = 'a'", "cannot read `= 'a'`", 1, 11),
        ("", "it ends too early", 1, 1),
        ("device.os", "it gives text, not true or false", 0, 0),
        ("event.data.n + event.data.m == 2", "`+` adds numbers and times only", 0, 0),
        ("device.os.matches(device.hostname)", "the pattern of `matches` must be written out", 0, 0),
        ("device.tags.map(t, t) == []", "there is no map and no filter here", 0, 0),
        ("device.os == '\ud800'", "it holds half a character", 0, 0),
    ],
)
def test_a_condition_that_cannot_be_read_says_where_and_why(text, message, line, column):
    with pytest.raises(ExpressionInvalid) as found:
        read(text)
    assert message in str(found.value)
    assert (found.value.line, found.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event.data.nothing == 1", 'Key not found in map : "nothing"'),
        ("device.tags[9] == 'db'", "Index error"),
        ("1 / 0 == 1", "divide by zero"),
        ("event.data", "it is neither true nor false"),
        ("device.site == ''", "device.site"),
        ("device.hostname.matches('(x')", "invalid regular expression"),
    ],
)
def test_a_condition_without_an_answer_fails(text, message):
    with pytest.raises(ExpressionFailed, match=r".*") as found:
        read(text).holds(VALUES)
    assert message in str(found.value)


def deep(levels):
    value: dict = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"a": list(range(300))}, id="long-list"),
        pytest.param({"a": "x" * 5000}, id="long-text"),
        pytest.param(deep(100_000), id="deep"),
        pytest.param({str(number): list(range(200)) for number in range(200)}, id="much"),
        pytest.param({"a": 10**40}, id="large-number"),
        pytest.param({"a": object()}, id="strange"),
    ],
)
def test_values_beyond_the_limits_are_refused_and_not_looked_at(data):
    started = time.perf_counter()
    with pytest.raises(ExpressionFailed):
        read("event.data.a == 1").holds({"event.data": data})
    assert time.perf_counter() - started < 0.5


def test_values_that_the_condition_does_not_read_have_no_limit():
    assert read("event.type == 'a'").holds({"event.type": "a", "event.data": "x" * 100_000})


def nested(loops):
    text = "true"
    for number in range(loops):
        text = f"event.data.items.all(x{number}, {text})"
    return text


HOSTILE = {
    "brackets": "(" * 2000 + "true" + ")" * 2000,
    "lists": "[" * 2000 + "]" * 2000 + " == []",
    "maps": "{1:" * 1000 + "1" + "}" * 1000 + " == {}",
    "nots": "!" * 4000 + "true",
    "minuses": "-" * 4000 + "1 == 1",
    "sums": "1" + "+1" * 1500 + " == 1",
    "ors": "false" + "||false" * 500,
    "choices": "true?" * 600 + "true" + ":true" * 600,
    "selections": "event.data" + ".a" * 1900 + " == 1",
    "indexes": "event.data" + "[0]" * 1200 + " == 1",
    "calls": "size(" * 600 + "'a'" + ")" * 600 + " == 1",
    "two-loops": nested(2),
    "three-loops": nested(3),
    "eight-loops": nested(8),
    "loop-in-loop-that-searches": "event.data.items.all(x, event.data.items.all(y, !(999 in event.data.items)))",
    "loop-that-searches": "event.data.words.all(x, !(999 in event.data.items))",
    "searches": "&&".join(["!(999 in event.data.items)"] * 100),
    "comparisons": "&&".join(["event.data == event.data"] * 100),
    "long-list": "[" + ",".join(["1"] * 1900) + "].all(x, x > 0)",
    "doubling": "[device.hostname + device.hostname].exists(a, [a + a].exists(b, [b + b].exists(c, size(c) > 0)))",
    "stars": "device.hostname.matches('(x+x+)+y')",
    "alternatives": "device.hostname.matches('(x|x|x|xx)*y')",
    "counted": "device.hostname.matches('(.?){1000}y')",
    "counted-often": "device.hostname.matches('" + "(?:x?){1000}" * 20 + "y')",
    "counted-in-counted": "device.hostname.matches('((((.?){9}){9}){9}){9}y')",
    "classes": r"device.hostname.matches('(?:\\pL{0,999})(?:\\pN{0,999})y')",
    "open-brackets": "device.hostname.matches('" + "(" * 3000 + "')",
    "counts-below-the-limit": "device.hostname.matches('[^a]{0,400}y')",
    "loop-with-a-pattern": "event.data.words.exists(w, w.matches('.*z.*z'))",
    "loop-with-a-large-pattern": "event.data.words.exists(w, w.matches('(.?){50}z'))",
    "too-long": "true" + " " * MAX_LENGTH,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_condition_takes_long(text):
    """It is refused when it is read, or it is answered, or it fails: soon in any case."""
    started = time.perf_counter()
    with suppress(ExpressionInvalid, ExpressionFailed):
        read(text).holds(VALUES)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("name", ["three-loops", "counted", "counted-often", "loop-with-a-large-pattern"])
def test_what_could_take_long_is_refused_before_it_is_evaluated(name):
    with pytest.raises(ExpressionInvalid, match="it may take too long") as found:
        read(HOSTILE[name])
    assert found.value.is_costly


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("^db-[0-9]+$", 11),
        ("[0-9a-f]{8}-[0-9a-f]{4}", 23 * 8),
        ("(a{3}){5,}", 10 * 3 * 5),
        ("x{2,}", 5 * 2),
        (r"\pL", 403),
        ("x{,5}", 5),
    ],
)
def test_the_size_of_a_pattern_grows_with_its_counts(pattern, size):
    assert pattern_size(pattern) == size


def test_the_library_is_imported_only_for_an_expression():
    code = "import sys, reconciler.model.conditions; sys.exit(any('cel_expr' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
