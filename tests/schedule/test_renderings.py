"""A forecast in each format."""

import json
import xml.etree.ElementTree as ET
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from support.schedule import cron, utc

from reconciler.model.job import Schedule
from reconciler.schedule.forecast import Forecast, Scheduled, forecast
from reconciler.schedule.renderings.document import forecast_document
from reconciler.schedule.renderings.html import forecast_html
from reconciler.schedule.renderings.markdown import forecast_markdown
from reconciler.schedule.renderings.svg import forecast_svg
from reconciler.schedule.renderings.text import render_forecast
from reconciler.schedule.zones import tzdata_version

START, UNTIL = utc(2026, 3, 28, 12), utc(2026, 3, 30, 12)
BACKUP = Scheduled(id="backup-db", schedule=cron("30 2 * * *", "Europe/Berlin"), anchor_at=START)
CLEANUP = Scheduled(id="clean-up", schedule=cron("0 */6 * * *"), anchor_at=START)
REPORT = Scheduled(id="report", schedule=Schedule(run_at=utc(2026, 3, 29, 18)), anchor_at=START)
SVG = "{http://www.w3.org/2000/svg}"


def foresee(*jobs: Scheduled, days: int = 2) -> Forecast:
    return forecast(jobs, start=START, until=START + timedelta(days=days))


def many(count: int) -> list[Scheduled]:
    return [
        Scheduled(id=f"job-{number:04}", schedule=cron(f"{number % 60} * * * *"), anchor_at=START)
        for number in range(count)
    ]


def test_text_shows_fires_in_both_zones_the_heat_map_and_collisions() -> None:
    assert render_forecast(foresee(BACKUP, CLEANUP, REPORT)) == (
        """\
3 jobs, 11 starts, 2026-03-28 12:00 to 2026-03-30 12:00 UTC

backup-db  daily at 02:30 Europe/Berlin; 2 starts, next 2026-03-29 01:00 UTC
  Sun 2026-03-29 03:00 +0200  2026-03-29 01:00 UTC
  Mon 2026-03-30 02:30 +0200  2026-03-30 00:30 UTC
  ! 29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00
clean-up   every 6 hours at :00 UTC; 8 starts, next 2026-03-28 18:00 UTC
  Sat 2026-03-28 18:00 +0000
  Sun 2026-03-29 00:00 +0000
  Sun 2026-03-29 06:00 +0000
  Sun 2026-03-29 12:00 +0000
  Sun 2026-03-29 18:00 +0000
  Mon 2026-03-30 00:00 +0000
  Mon 2026-03-30 06:00 +0000
  Mon 2026-03-30 12:00 +0000
report     once at 2026-03-29 18:00 UTC; 1 start, next 2026-03-29 18:00 UTC
  Sun 2026-03-29 18:00 +0000

Starts per hour, UTC; █ is 2
            0     6     12    18
Sat 28 Mar              ······▄·····          1
Sun 29 Mar  ▄▄····▄·····▄·····█·····          6
Mon 30 Mar  █·····▄·····▄                     4

Two or more jobs start in 1 minute. The worst times of day:
  18:00 UTC on 1 day: 2 jobs
    clean-up, report
"""
    )


def test_text_tells_what_changes_from_a_base() -> None:
    faster = Scheduled(id="clean-up", schedule=cron("0 */3 * * *"), anchor_at=START)
    lines = render_forecast(foresee(faster, REPORT), base=foresee(BACKUP, CLEANUP)).splitlines()
    assert lines[2:6] == [
        "Before 10 starts, after 17; 3 jobs changed.",
        "  - backup-db: daily at 02:30 Europe/Berlin (2 starts)",
        "  ~ clean-up: every 6 hours at :00 UTC (8 starts) -> every 3 hours at :00 UTC (16 starts)",
        "  + report: once at 2026-03-29 18:00 UTC (1 start)",
    ]


def test_text_of_many_jobs_is_a_line_a_job() -> None:
    lines = render_forecast(foresee(*many(50))).splitlines()
    assert lines[2] == "job-0000  every hour at :00 UTC; 48 starts, next 2026-03-28 13:00 UTC"
    assert lines[51].startswith("job-0049")
    assert lines[-1] == "No two jobs start in the same minute."


def test_text_says_of_what_is_not_listed_how_much_it_is() -> None:
    told = render_forecast(foresee(Scheduled(id="tick", schedule=cron("* * * * *"), anchor_at=START)))
    assert "  and 2,870 more" in told.splitlines()


def test_the_document_holds_every_value_as_json_types() -> None:
    document = forecast_document(foresee(BACKUP, CLEANUP, REPORT), base=foresee(BACKUP, CLEANUP))
    assert json.loads(json.dumps(document)) == document
    assert (document["from"], document["to"]) == ("2026-03-28T12:00:00.000Z", "2026-03-30T12:00:00.000Z")
    assert (document["starts"], document["base"]["starts"], document["tzdata"]) == (11, 10, tzdata_version())
    assert document["jobs"][0]["fires"][0] == {"at": "2026-03-29T01:00:00.000Z", "local": "2026-03-29T03:00:00+02:00"}
    assert document["startsPerHour"][1]["day"] == "2026-03-29"
    assert sum(document["startsPerHour"][1]["hours"]) == 6
    assert document["collisions"] == [
        {
            "time": "18:00",
            "days": 1,
            "peak": {"at": "2026-03-29T18:00:00.000Z", "starts": 2, "jobs": ["clean-up", "report"]},
        }
    ]
    assert document["changes"] == [
        {"id": "report", "before": None, "after": {"schedule": "once at 2026-03-29 18:00 UTC", "starts": 1}}
    ]


def test_markdown_has_a_table_the_clock_changes_and_the_map() -> None:
    lines = forecast_markdown(foresee(BACKUP, CLEANUP), base=foresee(CLEANUP)).splitlines()
    assert lines[0] == "**Forecast:** 2 jobs, 10 starts, 2026-03-28 12:00 to 2026-03-30 12:00 UTC"
    assert "| `backup-db` | (none) |  | daily at 02:30 Europe/Berlin | 2 |" in lines
    assert "| `backup-db` | daily at 02:30 Europe/Berlin | 2 | Sun 2026-03-29 03:00 +0200 | 2026-03-29 01:00 |" in lines
    assert "- `backup-db`: 29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00" in lines
    assert "Sat 28 Mar              ······▄·····          1" in lines
    assert lines[-1] == "No two jobs start in the same minute."


def test_markdown_of_many_jobs_is_cut() -> None:
    told = forecast_markdown(foresee(*many(5000)))
    assert len(told) < 65_000
    assert "and 4,800 jobs more" in told
    assert "- 00:00 UTC on 2 days: up to 84 jobs: job-0000" in told


@pytest.mark.parametrize("days", [1, 14, 365])
@pytest.mark.parametrize("jobs", [[], [BACKUP, CLEANUP, REPORT], many(300)], ids=["none", "few", "many"])
def test_the_picture_is_one_svg_with_a_cell_for_each_hour(jobs: list[Scheduled], days: int) -> None:
    told = foresee(*jobs, days=days)
    picture = ET.fromstring(forecast_svg(told))
    cells = [cell for cell in picture.iter(f"{SVG}rect") if cell.find(f"{SVG}title") is not None]
    assert len(cells) == days * 24 + 1
    assert picture.tag == f"{SVG}svg"
    assert not list(picture.iter(f"{SVG}script"))
    height = float(picture.attrib["height"])
    assert all(float(text.attrib["y"]) <= height - 8 for text in picture.iter(f"{SVG}text"))
    assert "prefers-color-scheme: dark" in "".join(style.text or "" for style in picture.iter(f"{SVG}style"))


def test_a_cell_tells_its_number_and_when() -> None:
    titles = [title.text for title in ET.fromstring(forecast_svg(foresee(CLEANUP, REPORT))).iter(f"{SVG}title")]
    assert "Sun 29 Mar 18:00 UTC: 2 starts" in titles


def test_the_page_is_whole_and_names_every_job() -> None:
    class Reader(HTMLParser):
        open_tags: list[str] = []
        words: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in {"meta", "rect", "line"}:
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in {"rect", "line"}:
                assert self.open_tags.pop() == tag

        def handle_data(self, data: str) -> None:
            self.words.append(data)

    reader = Reader()
    reader.feed(forecast_html(foresee(BACKUP, CLEANUP, REPORT), base=foresee(BACKUP)))
    assert reader.open_tags == []
    assert {"backup-db", "clean-up", "report", "What changes", "clean-up, report"} <= set(reader.words)
    assert "29 March 2026 02:30 does not exist in Europe/Berlin; runs at 03:00" in reader.words
