"""A forecast as one SVG picture: the heat map of starts, the worst collisions, and the jobs that start most.

It carries its own colours for light and dark, and no script, so it may stand in a README or a pull request.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from reconciler.schedule.forecast import Forecast
from reconciler.schedule.names import day_words
from reconciler.schedule.renderings.shared import (
    LEVELS,
    collision_words,
    counted,
    day_label,
    is_inside,
    job_words,
    level_of,
    most_in_an_hour,
    span_words,
)

_WIDTH = 1080
_LEFT = 118
_CELL = 33
_TOP = 128
_TOTAL = _LEFT + 24 * _CELL + 12
_MANY_DAYS = 62
_LISTED = 10

_STYLE = """
svg { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.paper { fill: #ffffff; } .ink { fill: #1f2328; } .faint { fill: #59636e; } .line { stroke: #d1d9e0; }
.title { font-size: 20px; font-weight: 600; } .head { font-size: 14px; font-weight: 600; } .small { font-size: 11px; }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; }
.end { text-anchor: end; } .mid { text-anchor: middle; }
.l0 { fill: #f0f3f6; } .l1 { fill: #dcebfb; } .l2 { fill: #b6d7f7; } .l3 { fill: #84b9ef; } .l4 { fill: #4f96e0; }
.l5 { fill: #2473c8; } .l6 { fill: #1254a1; } .l7 { fill: #0a3a75; } .bar { fill: #4f96e0; }
.n0 { fill: #8b949e; } .n1, .n2, .n3 { fill: #0b2545; } .n4 { fill: #04152b; } .n5, .n6, .n7 { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .ink { fill: #e6edf3; } .faint { fill: #9198a1; } .line { stroke: #3d444d; }
.l0 { fill: #161b22; } .l1 { fill: #10263f; } .l2 { fill: #143a63; } .l3 { fill: #17508c; } .l4 { fill: #1f6fbf; }
.l5 { fill: #4493e6; } .l6 { fill: #7fb8f5; } .l7 { fill: #c6e0ff; } .bar { fill: #1f6fbf; }
.n0 { fill: #656c76; } .n1, .n2, .n3, .n4 { fill: #e6edf3; } .n5, .n6, .n7 { fill: #04152b; }
}
"""


class _Row(NamedTuple):
    y: int
    height: int

    @property
    def is_tall(self) -> bool:
        """Whether there is room for numbers."""
        return self.height > 10


def forecast_svg(forecast: Forecast) -> str:
    """Return an SVG document. Many days get thin rows without numbers; each cell tells its number when pointed at."""
    row = 24 if len(forecast.days) <= _MANY_DAYS else 7
    bottom = _TOP + row * len(forecast.days)
    lists = [*_lists(forecast, bottom + 58)]
    height = bottom + 58 + max((y for y, _ in lists), default=0)
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="forecast-title">',
        f'<title id="forecast-title">Starts per hour, {span_words(forecast)}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        *_heading(forecast),
        *_legend(forecast),
        *_hour_labels(_TOP - 8),
        *_heat_map(forecast, row),
        *_hour_totals(forecast, bottom + 18),
        *(part for _, part in lists),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str, classes: str = "ink") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(words)}</text>'


def _heading(forecast: Forecast) -> Iterator[str]:
    yield _text(24, 40, "When jobs start", "ink title")
    yield _text(24, 62, f"{counted(len(forecast.jobs), 'job')}, {counted(forecast.starts, 'start')}", "ink")
    yield _text(24, 80, f"{_span_words(forecast)}; each cell is one hour, UTC", "faint")


def _span_words(forecast: Forecast) -> str:
    first, last = forecast.start, forecast.until
    return f"{day_words(first)} {first:%H:%M} to {day_words(last)} {last:%H:%M}"


def _legend(forecast: Forecast) -> Iterator[str]:
    most = most_in_an_hour(forecast)
    if not most:
        return
    levels = sorted({level_of(starts, most) for hours in forecast.hours for starts in hours if starts} | {LEVELS})
    width, x = 58, _WIDTH - 24.0
    yield _text(_WIDTH - 24, 40, "starts in an hour", "faint end")
    for level in [*reversed(levels), 0]:
        x -= width
        yield f'<rect class="l{level}" x="{x:g}" y="50" width="{width - 3}" height="16" rx="2"/>'
        yield _text(x + (width - 3) / 2, 80, _range_words(level, most), "faint small mid")


def _range_words(level: int, most: int) -> str:
    if level == 0:
        return "none"
    low, high = (level - 1) * most // LEVELS + 1, level * most // LEVELS
    return _short(high) if low >= high else f"{_short(low)}-{_short(high)}"


def _short(number: int) -> str:
    if number < 1000:
        return str(number)
    size, sign = (1_000_000, "M") if number >= 999_500 else (1000, "k")
    return f"{number / size:.1f}{sign}" if number < size * 10 else f"{number / size:.0f}{sign}"


def _hour_labels(y: int) -> Iterator[str]:
    for hour in range(24):
        yield _text(_LEFT + hour * _CELL + (_CELL - 2) / 2, y, f"{hour:02}", "faint small mid")
    yield _text(_TOTAL, y, "per day", "faint small")


def _heat_map(forecast: Forecast, height: int) -> Iterator[str]:
    most = most_in_an_hour(forecast)
    busiest_day = max((sum(hours) for hours in forecast.hours), default=0) or 1
    for index, (day, hours) in enumerate(zip(forecast.days, forecast.hours, strict=True)):
        row = _Row(_TOP + index * height, height)
        if row.is_tall or day.day == 1 or index == 0:
            yield _text(_LEFT - 12, row.y + (16 if row.is_tall else 7), day_label(day), "ink small end mono")
        for hour, starts in enumerate(hours):
            if is_inside(forecast, day, hour):
                told = f"{day_label(day)} {hour:02}:00 UTC: {counted(starts, 'start')}"
                yield from _cell(row, hour, starts, level_of(starts, most), told)
        yield from _day_total(row, sum(hours), busiest_day)


def _cell(row: _Row, hour: int, starts: int, level: int, told: str) -> Iterator[str]:
    x, width, height = _LEFT + hour * _CELL, _CELL - 2, row.height - (2 if row.is_tall else 1)
    place = f'x="{x}" y="{row.y}" width="{width}" height="{height}"'
    yield f'<rect class="l{level}" {place} rx="2"><title>{told}</title></rect>'
    if starts and row.is_tall:
        yield _text(x + width / 2, row.y + 15, _short(starts), f"n{level} small mid")


def _day_total(row: _Row, starts: int, busiest: int) -> Iterator[str]:
    if not row.is_tall:
        length = (_WIDTH - 24 - _TOTAL) * starts / busiest
        yield f'<rect class="bar" x="{_TOTAL}" y="{row.y}" width="{length:.1f}" height="{row.height - 2}"/>'
        return
    length = (_WIDTH - 76 - _TOTAL) * starts / busiest
    yield f'<rect class="bar" x="{_TOTAL}" y="{row.y + 7}" width="{length:.1f}" height="8" rx="1"/>'
    yield _text(_WIDTH - 24, row.y + 15, f"{starts:,}", "ink small end")


def _hour_totals(forecast: Forecast, y: int) -> Iterator[str]:
    yield _text(_LEFT - 12, y, "per hour", "faint small end")
    for hour in range(24):
        total = sum(hours[hour] for hours in forecast.hours)
        yield _text(_LEFT + hour * _CELL + (_CELL - 2) / 2, y, _short(total), "faint small mid")


def _lists(forecast: Forecast, top: int) -> Iterator[tuple[int, str]]:
    """Yield the two lists below the map: each part with how far below ``top`` it reaches."""
    yield 12, f'<line class="line" x1="24" x2="{_WIDTH - 24}" y1="{top - 22}" y2="{top - 22}"/>'
    yield from _list(24, top, "Jobs that start together", _collision_rows(forecast))
    yield from _list(_WIDTH // 2 + 12, top, "Jobs that start most", _job_rows(forecast))


def _list(x: int, top: int, head: str, rows: Sequence[str]) -> Iterator[tuple[int, str]]:
    yield 8, _text(x, top + 4, head, "ink head")
    for number, words in enumerate(rows, start=1):
        yield 24 + number * 20, _text(x, top + 6 + number * 20, words, "ink")


def _collision_rows(forecast: Forecast) -> list[str]:
    if not forecast.shared_minutes:
        return ["None: no two jobs start in the same minute."]
    rows = []
    for collision in forecast.collisions[: _LISTED - 1]:
        named = len(collision.peak.job_ids) == collision.peak.starts
        rows.append(_clipped(collision_words(collision) + (f": {job_words(collision.peak)}" if named else "")))
    return [*rows, f"In all, {counted(forecast.shared_minutes, 'minute')} with two or more starts."]


def _job_rows(forecast: Forecast) -> list[str]:
    most = sorted(forecast.jobs, key=lambda job: (-job.count, job.id))
    rows = [_clipped(f"{job.count:,}  {job.id}: {job.words}") for job in most[: _LISTED - 1]]
    more = len(most) - len(rows)
    return [*rows, f"and {more:,} more"] if more else rows


def _clipped(words: str) -> str:
    return words if len(words) <= 74 else f"{words[:71]}..."
