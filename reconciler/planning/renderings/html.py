"""A plan as one HTML page that needs nothing else: no script, no network, for light and dark."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from reconciler.model.change import Plan
from reconciler.model.problem import Problem, Severity
from reconciler.model.text import safe_word
from reconciler.planning.by_hand import ByHand
from reconciler.planning.judgement_texts import excerpt_of
from reconciler.planning.judgement_values import Judgement, Key, Level, TextChange
from reconciler.planning.renderings.by_hand import TITLE, WHY, detail_words, shown_steps, step_words
from reconciler.planning.renderings.details import Table, diff_lines, fact_table, field_table, place_words, text_words
from reconciler.planning.renderings.words import (
    VERBS,
    Group,
    Judged,
    Words,
    both_starts,
    count_words,
    counted,
    group_changes,
    group_marks,
    group_words,
    in_reading_order,
    level_counts,
    mark_words,
    next_words,
    object_words,
    quiet_words,
    utc_words,
    write,
)

MOST_ROWS = 40
MOST_DETAILS = 2000
_MOST_LINES = 2000
_SMALL = 2
_OPEN = 5
_LONGEST = 16_000_000
_WORD = 2000
_IN_CELL = 200
_SIGN_CLASSES = {"+": "added", "-": "removed", "@": "hunk"}

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d1d9e0, #3d444d); --soft: light-dark(#59636e, #9198a1);
  --danger: light-dark(#cf222e, #f85149); --caution: light-dark(#9a6700, #d29922);
  --shade: light-dark(#f6f8fa, #151b23); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 1080px;
  background: light-dark(#ffffff, #0d1117); color: light-dark(#1f2328, #e6edf3); }
h1 { font-size: 1.4rem; margin: .5rem 0; } p { margin: .5rem 0; } ul { margin: .5rem 0; padding-left: 1.2rem; }
code { font: .88em ui-monospace, monospace; background: var(--shade); border-radius: .25rem; padding: .1rem .3rem;
  overflow-wrap: anywhere; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; } th { text-align: left; }
td, th { border: 1px solid var(--line); padding: .3rem .5rem; vertical-align: top; }
.wide { overflow-x: auto; } .soft { color: var(--soft); } .verb { font-weight: 600; white-space: nowrap; }
.danger { color: var(--danger); font-weight: 600; } .caution { color: var(--caution); }
tr.danger-row td:first-child { border-left: 4px solid var(--danger); }
tr.caution-row td:first-child { border-left: 4px solid var(--caution); }
tr td { color: inherit; } td a { color: inherit; text-decoration: none; } td a:hover { text-decoration: underline; }
.box { border: 1px solid var(--danger); border-left-width: 4px; padding: .3rem .8rem; margin: .8rem 0; }
.box.warning { border-color: var(--caution); }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; } details > table { font-size: .95em; }
pre { background: var(--shade); padding: .5rem 0; overflow-x: auto; font: .85em/1.45 ui-monospace, monospace; }
pre span { display: block; padding: 0 .7rem; white-space: pre; }
.added { background: light-dark(#dafbe1, #033a16); } .removed { background: light-dark(#ffebe9, #67060c66); }
.hunk { color: var(--soft); background: light-dark(#ddf4ff, #051d4d66); }
"""


def render_html(
    plan: Plan,
    judgements: Mapping[Key, Judgement],
    *,
    now: datetime,
    problems: Sequence[Problem] = (),
    unavailable: Mapping[str, str] = {},
    base: str = "",
    by_hand: Sequence[ByHand] = (),
) -> str:
    """Return an HTML document; the arguments are as for ``render_markdown``."""
    judged = in_reading_order(plan, judgements)
    title = f"Plan: {count_words(plan)}" if plan.changes else "Plan: nothing changes"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>",
        f"<p>{_sentence(plan, judged)}</p>",
        f'<p class="soft">{_source(plan, now=now, base=base)}</p>',
        *_guards(plan),
        *_problems(problems),
        *(_unread(target, why) for target, why in sorted(unavailable.items())),
        *_left_to_a_person(by_hand),
        *_table(judged),
        *_details(judged),
        "</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def _left_to_a_person(by_hand: Sequence[ByHand]) -> Iterator[str]:
    steps, more = shown_steps(by_hand)
    unseen = [left for left in by_hand if left.unseen]
    if not steps and not unseen:
        return
    yield f'<div class="box warning"><p><b>{TITLE}</b> ({WHY}):</p><ul>'
    for target, step in steps:
        lines = "".join(f"<li>{_html(line)}</li>" for line in detail_words(step))
        yield f"<li>{_code(target)}: {_html(step_words(step))}<ul>{lines}</ul></li>"
    if more:
        yield f"<li>and {more:,} more</li>"
    for left in unseen:
        yield f"<li>{_code(left.target)}: its components were not compared: {_code(left.unseen)}</li>"
    yield "</ul></div>"


def _sentence(plan: Plan, judged: Sequence[Judged]) -> str:
    if not plan.changes:
        return "Applying this changes no job, deletes nothing and starts nothing."
    danger, care = level_counts(judged)
    parts = [f'<span class="danger">{counted(danger, "dangerous change")}</span>'] * (danger > 0)
    parts += [f'<span class="caution">{care:,} to look at</span>'] * (care > 0)
    found = " and ".join(parts) if parts else "Nothing stands out"
    total = f", of {len(judged):,} in all" if len(judged) > danger + care else ""
    return f"{found}{total}. Everything else stays as it is."


def _source(plan: Plan, *, now: datetime, base: str) -> str:
    commit = f"Commit {_code(plan.commit)}" if plan.commit else "Files that are not committed"
    compared = f", compared with {_code(base)}" if base else ""
    return f"{commit}{compared}, digest {_code(plan.digest)}, seen at {utc_words(now)}."


def _guards(plan: Plan) -> Iterator[str]:
    for guard in plan.guards:
        if guard.warning:
            yield _box(f"<b>{_text(guard.code)}</b>: {_code(guard.message)}.", "warning")
            continue
        way = ""
        if guard.override:
            way = (
                f"<br>If this is meant: {_code(guard.override)}, or in the message of the merged commit "
                f"{_code(f'Reconciler-Allow: {plan.digest[:12]}')}."
            )
        held = f"<b>Held back by {_text(guard.code)}</b>: {_code(guard.message)}. Nothing is changed there."
        yield _box(held + way)


def _problems(problems: Sequence[Problem]) -> Iterator[str]:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        listed = "".join(
            f"<li>{_code(f'{problem.path}:{problem.line}' if problem.line else problem.path)}: "
            f"{_text(problem.code)} {_code(problem.message)}</li>"
            for problem in errors
        )
        yield _box(
            f"<b>Definitions are invalid</b> ({counted(len(errors), 'error')}). What is invalid keeps its applied "
            f"form, and nothing is deleted; the rest is applied.<ul>{listed}</ul>"
        )


def _unread(target: str, why: str) -> str:
    return _box(
        f"Target {_code(target)} could not be read: {_code(why)}. Its changes wait, and what drifted there is not "
        "known.",
        "warning",
    )


def _box(content: str, kind: str = "") -> str:
    return f'<div class="{f"box {kind}".strip()}">{content}</div>'


def _table(judged: Sequence[Judged]) -> Iterator[str]:
    if not judged:
        return
    yield '<div class="wide"><table><thead><tr><th>Change</th><th>What</th><th>Starts</th><th>Look at</th></tr></thead>'
    yield "<tbody>"
    for group in group_changes(judged):
        if len(judged) > MOST_ROWS and len(group.members) > _SMALL:
            yield _group_row(group)
        else:
            yield from (_row(item) for item in group.members)
    yield "</tbody></table></div>"


def _row(item: Judged) -> str:
    facts = item.facts
    starts = _html(both_starts(item))
    if following := next_words(facts):
        starts += f'<br><span class="soft">{following}</span>'
    marks = "<br>".join(
        f'<span class="{mark.level.value}">{_html(mark_words(mark))}</span>'
        for mark in facts.marks
        if mark.level is not Level.NOTE
    )
    marks = marks or _html(quiet_words(item))
    what = _html(object_words(item.change))
    if item.number <= MOST_DETAILS:
        what = f'<a href="#c{item.number}">{what}</a>'
    return _cells(facts.level, VERBS[item.change.action], what, starts, marks)


def _group_row(group: Group) -> str:
    marks = "<br>".join(f'<span class="{group.level.value}">{_html(mark)}</span>' for mark in group_marks(group))
    what = f'<a href="#c{group.members[0].number}">{_html(group_words(group))}</a>'
    return _cells(group.level, VERBS[group.action], what, "", marks)


def _cells(level: Level, verb: str, *cells: str) -> str:
    row_class = "" if level is Level.NOTE else f' class="{level.value}-row"'
    rest = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr{row_class}><td class="verb">{verb}</td>{rest}</tr>'


def _details(judged: Sequence[Judged]) -> Iterator[str]:
    length = 0
    for item in judged[:MOST_DETAILS]:
        text = _detail(item)
        length += len(text)
        if length > _LONGEST:
            yield from _more(len(judged) - item.number + 1)
            return
        yield text
    yield from _more(len(judged) - MOST_DETAILS)


def _detail(item: Judged) -> str:
    change, facts = item.change, item.facts
    level = f' <span class="{facts.level.value}">{facts.level.value}</span>' if facts.level is not Level.NOTE else ""
    is_open = " open" if facts.level is Level.DANGER and item.number <= _OPEN else ""
    summary = f"<b>{VERBS[change.action]}</b> {_html(object_words(change))}{level}"
    told = [f'<span class="{mark.level.value}">{_html(mark_words(mark), limit=_WORD)}</span>' for mark in facts.marks]
    told += [_html(place_words(change), limit=_WORD)]
    return "\n".join(
        [
            f'<details id="c{item.number}"{is_open}><summary>{summary}</summary>',
            f"<ul>{''.join(f'<li>{line}</li>' for line in told if line)}</ul>",
            *_tabulate(fact_table(item)),
            *_remarks(facts),
            *_tabulate(field_table(facts)),
            *_more(facts.more_fields, "field"),
            *(part for text in facts.texts for part in _diff(text)),
            "</details>",
        ]
    )


def _tabulate(table: Table) -> Iterator[str]:
    if not table.rows:
        return
    yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in table.heads)}</tr>"
    for first, *rest in table.rows:
        tag = "th" if table.heads[0] == "" else "td"
        cells = "".join(f"<td>{_lines(cell)}</td>" for cell in rest)
        yield f"<tr><{tag}>{_lines(first)}</{tag}>{cells}</tr>"
    yield "</table>"


def _lines(cell: Sequence[Words]) -> str:
    return "<br>".join(_html(line, limit=_WORD) for line in cell)


def _remarks(facts: Judgement) -> Iterator[str]:
    if facts.after is not None and facts.after.clock_changes:
        listed = "".join(f"<li>{_text(remark)}</li>" for remark in facts.after.clock_changes)
        yield f"<p>Clock changes of the next twelve months:</p><ul>{listed}</ul>"


def _diff(text: TextChange) -> Iterator[str]:
    yield f"<p>{_code(text.json_path)}: {text_words(text)}</p>"
    if text.lines:
        yield f"<pre>{''.join(map(_diff_line, diff_lines(excerpt_of(text, _MOST_LINES))))}</pre>"


def _diff_line(line: str) -> str:
    name = _SIGN_CLASSES.get(line[:1], "")
    return f'<span class="{name}">{escape(line)}</span>' if name else f"<span>{escape(line) or ' '}</span>"


def _more(count: int, noun: str = "change") -> Iterator[str]:
    if count > 0:
        yield f"<p>{counted(count, f'more {noun}')} not shown here; <code>--format json</code> has all.</p>"


def _html(words: Words, *, limit: int = _IN_CELL) -> str:
    return write(words, lambda text: _code(text, limit=limit), _text)


def _code(text: str, *, limit: int = _WORD) -> str:
    return f"<code>{escape(safe_word(text, limit=limit))}</code>"


def _text(text: str) -> str:
    return escape(safe_word(text))
