"""A7, A8: nothing in a definition can fake, hide or move a line of the plan, or command whoever shows it."""

import json
import re
from html.parser import HTMLParser
from itertools import cycle
from unicodedata import category

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from referencing import Registry, Resource
from support.hostile import CANARY, hostile_text
from support.plans import NOW, known_of
from support.values import apply_job, declare, make_job

from reconciler.definitions.schemas import schema_of
from reconciler.model.change import Guard
from reconciler.model.forms import OneOff
from reconciler.model.job import Devices, EventTrigger, HttpRequest, Task
from reconciler.model.problem import Problem, Severity
from reconciler.model.secret import SecretRef
from reconciler.planning.judgement import judge_plan
from reconciler.planning.plan import make_plan
from reconciler.planning.renderings.document import plan_document, render_json, render_jsonl
from reconciler.planning.renderings.html import render_html
from reconciler.planning.renderings.markdown import render_markdown, size_of
from reconciler.planning.renderings.text import render_plan, summarise_plan
from reconciler.planning.renderings.words import VERBS
from reconciler.reports.forge.vetting import vet_markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


PLAN_SCHEMA = schema_of("plan")
LINES = jsonschema.Draft202012Validator(
    {"$ref": f"{PLAN_SCHEMA['$id']}#/$defs/line"},
    registry=Registry().with_resource(PLAN_SCHEMA["$id"], Resource.from_contents(PLAN_SCHEMA)),
)


class Words:
    """Hands out texts in turn: few are drawn, so that an example that fails is soon a small one."""

    def __init__(self, texts):
        self._texts = cycle(texts)

    @property
    def text(self):
        return next(self._texts)

    @property
    def word(self):
        return self.text.replace("\n", " ")


def hostile_job(words, job_id, target):
    """Return a job with hostile text wherever a definition can have text."""
    return make_job(
        job_id,
        targets=(target,),
        name=words.text,
        description=words.text,
        labels={words.word: words.text},
        owner=words.word,
        devices=Devices(hostnames=(words.word,), sites=(words.text,)),
        events=(EventTrigger(event_type=words.word, where=words.text),),
        condition=words.text,
        run_as=words.word,
        variables={words.word: SecretRef(words.word), words.word: words.text},
        tasks=(
            Task(id=words.word, script=words.text, env={words.word: SecretRef(words.word)}),
            Task(id="get", http=HttpRequest(url=f"https://{words.word}", headers={words.word: words.text})),
        ),
    )


def hostile_plan(texts):
    """Return a plan that changes, creates, deletes and starts such jobs, with guards, and the facts of each change."""
    words = Words(texts)
    job_id, target = words.word, "datto"  # the id of a target is a file's name
    before, after = hostile_job(words, job_id, target), hostile_job(words, job_id, target)
    new, gone = hostile_job(words, f"{words.word}+", target), hostile_job(words, f"{words.word}-", "keeper")
    once = OneOff(id=words.word, job=words.word, targets=(target,), reason=words.text, variables={"a": words.text})
    plan = make_plan(
        declare(after, new, once),
        [apply_job(job, target=job.targets[0]) for job in (before, gone)],
        settled_one_offs=(),
        commit="c0ffee" + "0" * 34,
        tree_digest="t" * 64,
    )
    changes = tuple(
        replace(change, path=words.text, from_path=words.word, reason=words.text) for change in plan.changes
    )
    guards = (
        Guard(code="GUARD001", target=words.word, message=words.text, override="--allow-deletes 3f9a"),
        Guard(code="GUARD004", target=words.word, message=words.text, warning=True),
    )
    plan = replace(plan, changes=changes, guards=guards)
    return plan, judge_plan(plan, now=NOW, known=known_of([before], [after]))


hostile_plans = st.lists(hostile_text(), min_size=1, max_size=5).map(hostile_plan)
problems = st.builds(
    Problem, code=st.just("JOB001"), severity=st.just(Severity.ERROR), path=hostile_text(), message=hostile_text()
)


@settings(max_examples=25, deadline=None)
@given(hostile_plans, st.lists(problems, max_size=2), hostile_text())
def test_the_comment_says_only_what_we_say(judged, found, why):
    plan, facts = judged
    text = render_markdown(plan, facts, now=NOW, problems=found, unavailable={why: why})
    assert vet_markdown(text) == ""
    tokens = PARSER.parse(text)
    assert tokens[0].content == "<!-- reconciler:plan -->\n"
    assert CANARY not in "".join(words_outside_code(tokens))
    opened = [token.content for token in tokens if token.type == "html_block" and "<summary>" in token.content]
    closed = [token for token in tokens if token.type == "html_block" and token.content == "</details>\n"]
    assert len(opened) == len(closed) == len(plan.changes)
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"]
    assert_is_safe_in_a_log(text)


def words_outside_code(tokens):
    """Yield all text that a forge shows outside of code, also that of blocks of HTML."""
    for token in tokens:
        if token.type == "html_block":
            yield re.sub(r"<code>[^<]*</code>", "", token.content)
        for child in token.children or ():
            if child.type != "code_inline":
                yield child.content


@settings(max_examples=25, deadline=None)
@given(hostile_plans)
def test_every_row_of_the_summary_is_a_change_of_ours(judged):
    plan, facts = judged
    rows = summary_rows(render_markdown(plan, facts, now=NOW))
    assert len(rows) == len(plan.changes)
    assert {len(row) for row in rows} == {5}
    assert sorted(row[1] for row in rows) == sorted(f"**{VERBS[change.action]}**" for change in plan.changes)


def summary_rows(text):
    """Return the cells of each row of the first table, as a parser sees them."""
    rows, current = [], None
    for token in PARSER.parse(text):
        if token.type == "tr_open":
            current = []
        elif token.type == "inline" and current is not None:
            current.append(token.content)
        elif token.type == "tr_close":
            rows.append(current)
        elif token.type == "table_close":
            break
    return rows[1:]


@settings(max_examples=25, deadline=None)
@given(hostile_plans)
def test_no_line_of_the_text_is_forged(judged):
    plan, facts = judged
    for text in (render_plan(plan, facts), render_plan(plan)):
        lines = text.splitlines()
        assert lines[-1] == summarise_plan(plan)
        assert sum(line.startswith("Plan: ") for line in lines) == 1
        ours = sum(line.startswith(f"  {change.action.sign:<3} ") for line in lines for change in plan.changes[:1])
        assert ours >= 1
        assert_is_safe_in_a_log(text)


class Page(HTMLParser):
    """Collects the tags, the attributes, and the words outside of code."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.words, self.depth = set(), set(), [], 0

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.depth += tag in {"code", "pre"}

    def handle_endtag(self, tag):
        self.depth -= tag in {"code", "pre"}

    def handle_data(self, data):
        if not self.depth:
            self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)


OURS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "p",
    "code",
    "span",
    "div",
    "b",
    "br",
    "ul",
    "li",
    "pre",
}
OURS |= {"table", "thead", "tbody", "tr", "th", "td", "a", "details", "summary"}


@settings(max_examples=25, deadline=None)
@given(hostile_plans, st.lists(problems, max_size=2), hostile_text())
def test_the_page_holds_only_our_elements(judged, found, why):
    plan, facts = judged
    text = render_html(plan, facts, now=NOW, problems=found, unavailable={why: why})
    page = Page()
    page.feed(text)
    assert page.tags <= OURS
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "href", "id", "open"}
    assert CANARY not in "".join(page.words)
    assert page.depth == 0
    assert_is_safe_in_a_log(text)


@settings(max_examples=25, deadline=None)
@example(hostile_plan(["###[error]x"]))
@given(hostile_plans)
def test_the_documents_fit_their_schema_and_hide_nothing(judged):
    plan, facts = judged
    plan = replace(
        plan, changes=tuple(replace(change, path=change.path.replace("\ud800", "")) for change in plan.changes)
    )
    text = render_json(plan_document(plan, facts, now=NOW, base="c0ffee"))
    jsonschema.validate(json.loads(text), PLAN_SCHEMA)
    lines = render_jsonl(plan, facts, now=NOW).splitlines()
    assert len(lines) == 1 + len(plan.changes) + len(plan.guards)
    for line in lines:
        LINES.validate(json.loads(line))
    for written in (text, *lines):
        assert_is_safe_in_a_log(written)


def assert_is_safe_in_a_log(text):
    seen = {char for char in text if category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}}
    assert seen <= {"\n"}
    assert not re.search(r"##(?:\[|[a-z]+\[)", text)
    assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]


@pytest.mark.parametrize("size", [10**6])
def test_a_text_of_a_million_characters_is_cut_and_that_is_said(size):
    long = make_job(
        "a" * 64,
        name="x" * size,
        description="`" * size,
        tasks=(Task(id="t", script="y" * size),),
        events=(EventTrigger(event_type="z" * size),),
        schedule=None,
    )
    script = "\n".join(f"echo {number}" for number in range(100_000))
    plan = make_plan(
        declare(long, make_job("b", tasks=(Task(id="t", script=script),))),
        (),
        settled_one_offs=(),
        commit="",
        tree_digest="t" * 64,
    )
    facts = judge_plan(plan, now=NOW, known=known_of([], []))
    text = render_markdown(plan, facts, now=NOW)
    assert size_of(text) <= 65_536
    assert vet_markdown(text) == ""
    assert "lines are not shown here @@" in text
    assert "**not all of it is shown here**" in text
    assert "characters)" in text
    assert len(render_plan(plan, facts)) < 20_000


@pytest.mark.parametrize("budget", [65_536, 20_000, 6_000, 3_000])
def test_the_summary_is_never_cut(budget):
    jobs = [make_job(f"job-{number:05}", targets=(f"target-{number % 40}",)) for number in range(3000)]
    plan = make_plan(declare(*jobs), (), settled_one_offs=(), commit="", tree_digest="t" * 64)
    text = render_markdown(plan, judge_plan(plan, now=NOW, known=known_of([], [])), now=NOW, budget=budget)
    assert size_of(text) <= budget
    assert "## Plan: 3,000 to create, 0 to change, 0 to delete, 0 to run" in text
    assert "other changes of" in text
    assert "without details here" in text
    assert "reconciler plan --format html" in text
