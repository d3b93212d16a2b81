"""A plan as Markdown for a pull request: a summary that is never cut, then each change, folded, while there is room.

Every word that is not ours stands in a code span, a fenced block, or escaped in ``<code>``: GitHub and GitLab look for
mentions, references and links in neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape

from reconciler.model.change import Guard, Plan
from reconciler.model.markup import code_fence, code_span
from reconciler.model.problem import Problem, Severity
from reconciler.model.text import safe_word
from reconciler.planning.by_hand import ByHand
from reconciler.planning.judgement_texts import excerpt_of
from reconciler.planning.judgement_values import Judgement, Key, Level, Mark, TextChange
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

MARKER = "<!-- reconciler:plan -->"
BUDGET = 65_536
"""The longest comment that GitHub takes, in UTF-16 units."""

_ICONS = {Level.DANGER: "\U0001f534", Level.CAUTION: "\U0001f7e1", Level.NOTE: ""}
_IN_CELL = 60
_MESSAGE = 300
_MOST_ROWS = 40
"""With more changes than that, those of a kind share a row."""

_SMALL = 2
_MOST_GROUPS = (24, 12, 6, 3)
_MOST_PROBLEMS = 10
_SUMMARY_SHARE = 0.6
_ROOMS = ((2000, 200), (500, 100), (150, 60), (60, 30), (24, 15), (10, 8), (0, 4), (0, 0))
"""Lines of each text, and fields, that a change may take: the most that fits is taken."""

_SHARES = 20


def render_markdown(
    plan: Plan,
    judgements: Mapping[Key, Judgement],
    *,
    now: datetime,
    budget: int = BUDGET,
    problems: Sequence[Problem] = (),
    unavailable: Mapping[str, str] = {},
    base: str = "",
    by_hand: Sequence[ByHand] = (),
) -> str:
    """Return the comment, at most ``budget`` UTF-16 units long; ``now`` is when it was judged.

    ``problems`` are those of the definitions, ``unavailable`` says which targets did not answer and why; ``base`` is
    the commit that the plan compares with, if not with what is applied; ``by_hand`` what is left to a person.
    """
    judged = in_reading_order(plan, judgements)
    start = [
        MARKER,
        f"## {_title(plan)}",
        "",
        *_sentences(plan, judged),
        "",
        _source(plan, now=now, base=base),
        "",
        *_alerts(plan, problems, unavailable),
        *_left_to_a_person(by_hand),
    ]
    head = _with_table(start, judged, budget)
    since = f" --base {base[:12]}" if base else ""
    foot = f"\nThe same in full, without a limit: `reconciler plan{since} --format html --out plan.html`\n"
    details, is_cut, left_out = _details(judged, budget - size_of(head) - size_of(foot) - size_of(_cut(judged)))
    return "".join([head, *details, _cut(left_out), foot if is_cut else ""])


def size_of(text: str) -> int:
    """Return the length as GitHub's own pages count it."""
    return len(text.encode("utf-16-le")) // 2


def _alerts(plan: Plan, problems: Sequence[Problem], unavailable: Mapping[str, str]) -> Iterator[str]:
    for guard in plan.guards[:_MOST_PROBLEMS]:
        yield from _guard(guard, plan)
    if (more := len(plan.guards) - _MOST_PROBLEMS) > 0:
        yield from (f"and {counted(more, 'more guard')}", "")
    yield from _invalid(problems)
    for target, why in sorted(unavailable.items())[:_MOST_PROBLEMS]:
        yield "> [!WARNING]"
        yield (
            f"> Target {code_span(target)} could not be read: {code_span(why, limit=_MESSAGE)}. Its changes wait, and "
            "what drifted there is not known."
        )
        yield ""


def _left_to_a_person(by_hand: Sequence[ByHand]) -> Iterator[str]:
    steps, more = shown_steps(by_hand)
    unseen = [left for left in by_hand if left.unseen]
    if not steps and not unseen:
        return
    yield f"**{TITLE}** ({WHY}):"
    yield ""
    for target, step in steps:
        yield f"- {code_span(target)}: {_short(step_words(step))}"
        yield from (f"  - {_short(line)}" for line in detail_words(step))
    if more:
        yield f"- and {more:,} more"
    for left in unseen[:_MOST_PROBLEMS]:
        yield f"- {code_span(left.target)}: its components were not compared: {code_span(left.unseen, limit=_MESSAGE)}"
    yield ""


def _with_table(start: Sequence[str], judged: Sequence[Judged], budget: int) -> str:
    """Return the beginning with as much of the table as leaves room for details."""
    tables = [_each_row(judged)] * (len(judged) <= _MOST_ROWS)
    head = ""
    for rows in (*tables, *(_grouped_rows(judged, most) for most in _MOST_GROUPS)):
        head = "\n".join([*start, *_table(rows)]) + "\n"
        if size_of(head) <= budget * _SUMMARY_SHARE:
            break
    return head


def _title(plan: Plan) -> str:
    return f"Plan: {count_words(plan)}" if plan.changes else "Plan: nothing changes"


def _sentences(plan: Plan, judged: Sequence[Judged]) -> Iterator[str]:
    if not plan.changes:
        yield "Merging this changes no job, deletes nothing and starts nothing."
        return
    danger, care = level_counts(judged)
    parts = []
    if danger:
        parts.append(f"{_ICONS[Level.DANGER]} **{counted(danger, 'dangerous change')}**")
    if care:
        parts.append(f"{_ICONS[Level.CAUTION]} **{care:,} to look at**")
    found = " and ".join(parts) if parts else "Nothing stands out"
    total = f", of {len(judged):,} in all" if len(judged) > danger + care else ""
    yield f"{found}{total}. Everything else stays as it is."


def _source(plan: Plan, *, now: datetime, base: str) -> str:
    commit = f"Commit {code_span(plan.commit[:12])}" if plan.commit else "Files that are not committed"
    compared = f" compared with {code_span(base[:12])}" if base else ""
    return f"{commit}{compared}, digest {code_span(plan.digest[:12])}, seen at {utc_words(now)}."


def _guard(guard: Guard, plan: Plan) -> Iterator[str]:
    if guard.warning:
        yield "> [!WARNING]"
        yield f"> **{safe_word(guard.code)}**: {code_span(guard.message, limit=_MESSAGE)}."
        yield ""
        return
    yield "> [!CAUTION]"
    message = code_span(guard.message, limit=_MESSAGE)
    yield f"> **Held back by {safe_word(guard.code)}**: {message}. Nothing is changed there."
    if guard.override:
        yield (
            f"> If this is meant: {code_span(guard.override)}, or in the message of the merged commit "
            f"`Reconciler-Allow: {plan.digest[:12]}`."
        )
    yield ""


def _invalid(problems: Sequence[Problem]) -> Iterator[str]:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if not errors:
        return
    yield "> [!CAUTION]"
    yield (
        f"> **Definitions are invalid** ({counted(len(errors), 'error')}). What is invalid keeps its applied form, and "
        "nothing is deleted; the rest is applied."
    )
    for problem in errors[:_MOST_PROBLEMS]:
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        yield f"> - {code_span(place)}: {safe_word(problem.code)} {code_span(problem.message)}"
    if (more := len(errors) - _MOST_PROBLEMS) > 0:
        yield f"> - and {more:,} more"
    yield ""


def _table(rows: Sequence[str]) -> Iterator[str]:
    if rows:
        yield "| | Change | What | Starts | Look at |"
        yield "|---|---|---|---|---|"
        yield from rows
        yield ""


def _each_row(judged: Sequence[Judged]) -> list[str]:
    return [_row(item) for item in judged]


def _grouped_rows(judged: Sequence[Judged], most: int) -> list[str]:
    """Return a row for each group, and for each change of a small one: of many changes, all kinds on one screen."""
    groups = group_changes(judged)
    rows: list[str] = []
    for group in groups[:most]:
        rows += _each_row(group.members) if len(group.members) <= _SMALL else [_group_row(group)]
    if left := groups[most:]:
        changes = counted(sum(len(group.members) for group in left), "other change")
        rows.append(_line(_ICONS[left[0].level], "", f"{changes} of {counted(len(left), 'kind')}", "", ""))
    return rows


def _row(item: Judged) -> str:
    change, facts = item.change, item.facts
    starts = _cell(both_starts(item))
    if following := next_words(facts):
        starts += f"<br>{following}"
    marks = [_mark_cell(mark) for mark in facts.marks if mark.level is not Level.NOTE]
    marks = marks or [_cell(quiet_words(item))]
    verb = f"**{VERBS[change.action]}**"
    return _line(_ICONS[facts.level], verb, _cell(object_words(change)), starts, "<br>".join(marks))


def _group_row(group: Group) -> str:
    marks = map(_cell, group_marks(group))
    told = [f"**{mark}**" if group.level is Level.DANGER else mark for mark in marks]
    verb = f"**{VERBS[group.action]}**"
    return _line(_ICONS[group.level], verb, _cell(group_words(group)), "", "<br>".join(told))


def _icon(level: Level) -> str:
    return f"{_ICONS[level]} " if _ICONS[level] else ""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _mark_cell(mark: Mark) -> str:
    text = _cell(mark_words(mark, most=3))
    return f"**{text}**" if mark.level is Level.DANGER else text


def _cell(words: Words) -> str:
    return write(words, lambda text: code_span(text, limit=_IN_CELL, in_table=True))


def _short(words: Words) -> str:
    return write(words, lambda text: code_span(text, limit=_IN_CELL))


def _span(words: Words) -> str:
    return write(words, code_span)


def _details(judged: Sequence[Judged], room: int) -> tuple[list[str], bool, Sequence[Judged]]:
    """Return the details that fit in ``room``, whether any of them is shortened, and the changes without one.

    Each may take its share of what is left, so that a long one does not push out those after it.
    """
    written: list[str] = []
    is_cut = False
    for index, item in enumerate(judged):
        share = room // min(len(judged) - index, _SHARES)
        for number, (lines, fields) in enumerate(_ROOMS):
            text, is_short = _detail(item, lines=lines, fields=fields, is_open=len(judged) == 1)
            if size_of(text) <= (room if number == len(_ROOMS) - 1 else share):
                break
            text = ""
        if not text:
            return written, True, judged[index:]
        room -= size_of(text)
        written.append(text)
        is_cut = is_cut or is_short
    return written, is_cut, ()


def _cut(left_out: Sequence[Judged]) -> str:
    """Return what is said of changes for which there was no room."""
    if not left_out:
        return ""
    danger, care = level_counts(left_out)
    kinds = [f"{danger:,} dangerous"] * (danger > 0) + [f"{care:,} to look at"] * (care > 0)
    among = f", {' and '.join(kinds)} among them" if kinds else ""
    return f"\n**{counted(len(left_out), 'more change')} without details here{among}**: there is no room for more.\n"


def _detail(item: Judged, *, lines: int, fields: int, is_open: bool) -> tuple[str, bool]:
    """Return the folded change with at most so many lines of each text and fields, and whether that cut anything."""
    change, facts = item.change, item.facts
    summary = write(object_words(change), lambda text: f"<code>{_html(text)}</code>", _html)
    tag = "<details open>" if is_open else "<details>"
    body = [f"{tag}<summary>{_icon(facts.level)}<b>{VERBS[change.action]}</b> {summary}</summary>", ""]
    body += [f"- {_icon(mark.level)}{_span(mark_words(mark))}" for mark in facts.marks]
    if place := _span(list(place_words(change))):
        body.append(f"- {place}")
    body += ["", *_tabulate(fact_table(item)), *_remarks(facts), *_fields(facts, fields)]
    is_cut = len(facts.fields) > fields
    for text in facts.texts:
        body += _text(text, lines)
        is_cut = is_cut or excerpt_of(text, lines).left_out > 0
    return "\n".join([*body, "</details>", ""]) + "\n", is_cut


def _html(text: str) -> str:
    return escape(safe_word(text, limit=_IN_CELL))


def _tabulate(table: Table) -> Iterator[str]:
    if table.rows:
        yield _line(*table.heads)
        yield _line(*("---" for _ in table.heads))
        yield from (_line(*("<br>".join(map(_cell, cell)) for cell in row)) for row in table.rows)
        yield ""


def _remarks(facts: Judgement) -> Iterator[str]:
    if facts.after is None or not facts.after.clock_changes:
        return
    yield "Clock changes of the next twelve months:"
    yield ""
    yield from (f"- {remark}" for remark in facts.after.clock_changes)
    yield ""


def _fields(facts: Judgement, most: int) -> Iterator[str]:
    if most:
        yield from _tabulate(field_table(facts, most))
    if more := facts.more_fields + max(0, len(facts.fields) - most):
        yield f"{counted(more, 'more field')} not shown here."
        yield ""


def _text(text: TextChange, most: int) -> Iterator[str]:
    shown = excerpt_of(text, most)
    cut = "; **not all of it is shown here**" if shown.left_out else ""
    yield f"{code_span(text.json_path)}: {text_words(text)}{cut}"
    yield ""
    if most and shown.lines:
        lines = list(diff_lines(shown))
        fence = code_fence(*lines)
        yield from (f"{fence}diff", *lines, fence)
        yield ""
