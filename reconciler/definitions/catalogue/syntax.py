"""YAML and JSON: SYN."""

from reconciler.definitions.catalogue.entry import Code, code, files, job

_GOOD = job()
_JSON = '{"id": "backup", "events": ["Startup"], "tasks": [{"id": "dump", "command": "pg_dump"}]}\n'
_GOOD_JSON = files({"jobs/backup.json": _JSON})

CODES: tuple[Code, ...] = (
    code(
        "SYN001",
        "Not readable as YAML",
        "The structure of the file cannot be told: a field stands at a wrong indent, text follows a closing quote, or a"
        " colon is missing.",
        bad=files({"jobs/backup.yaml": "id: backup\nschedule:\n  intervalMinutes: 30\n tasks: []\n"}),
        good=_GOOD,
    ),
    code(
        "SYN002",
        "Indented with a tab",
        "YAML indents with spaces only.",
        bad=files({"jobs/backup.yaml": "id: backup\nschedule:\n\tintervalMinutes: 30\n"}),
        good=_GOOD,
    ),
    code(
        "SYN003",
        "Text never closed",
        "A quote opens a text and the closing one is missing; the place shown is where it opens.",
        bad=job('name: "Nightly backup'),
        good=job('name: "Nightly backup"'),
    ),
    code(
        "SYN004",
        "Bracket never closed, or never opened",
        "The place shown is where the bracket stands.",
        bad=job("targets: [local"),
        good=job("targets: [local]"),
    ),
    code(
        "SYN005",
        "A colon inside text",
        "A colon and a space end the name of a field, so text that holds them needs quotes.",
        bad=job("description: Dumps: all of them"),
        good=job('description: "Dumps: all of them"'),
    ),
    code(
        "SYN006",
        "Text that begins with a sign",
        "Text that begins with one of * @ % ` needs quotes; cron expressions often do.",
        bad=job(schedule="cronExpression: */5 * * * *"),
        good=job(schedule='cronExpression: "*/5 * * * *"'),
    ),
    code(
        "SYN007",
        "A second document",
        "A file declares one object; `---` begins another.",
        bad=job("---\nid: other"),
        good=_GOOD,
    ),
    code(
        "SYN008",
        "Anchors and aliases",
        "A few hundred bytes with them can stand for gigabytes, and a reader of a review does not see what an alias"
        " stands for. Repeat the fields, or make a component of what is shared.",
        bad=job("labels: &shared {team: platform}\nowner: *shared"),
        good=job("labels: {team: platform}\nowner: platform"),
    ),
    code(
        "SYN009",
        "Tags",
        "`!...` asks the reader to make something else of a value. Values are what they look like here.",
        bad=job("owner: !!str 12"),
        good=job('owner: "12"'),
    ),
    code(
        "SYN010",
        "Merge keys",
        "`<<` copies the fields of another mapping. Repeat them, or make a component of what is shared.",
        bad=job("<<: {owner: platform}"),
        good=job("owner: platform"),
    ),
    code(
        "SYN011",
        "Directives",
        "Lines that begin with % change how the file is read.",
        bad=files({"jobs/backup.yaml": "%YAML 1.1\n---\nid: backup\n"}),
        good=_GOOD,
    ),
    code(
        "SYN012",
        "A number with a leading zero",
        "Some programs read 0755 as the octal number 493, others as 755: it must be said which.",
        bad=job("labels: {mode: 0755}"),
        good=job('labels: {mode: "0755"}'),
    ),
    code(
        "SYN013",
        "A number with underscores",
        "Some programs read 1_000 as a number, others as text.",
        bad=job("timeoutSeconds: 1_000"),
        good=job("timeoutSeconds: 1000"),
    ),
    code(
        "SYN014",
        "A time without quotes",
        "Programs that read YAML 1.1 take 10:00 as a number of base 60, which is 600.",
        bad=job(schedule="calendar:\n  - daysOfWeek: [1]\n    time: 10:00"),
        good=job(schedule='calendar:\n  - daysOfWeek: [1]\n    time: "10:00"'),
    ),
    code(
        "SYN015",
        "Not a finite number",
        "Infinity and not-a-number are not values here.",
        bad=job("timeoutSeconds: .inf"),
        good=job("timeoutSeconds: 3600"),
    ),
    code(
        "SYN016",
        "A number that is too large",
        "Whole numbers fit 64 bits. Ids of digits are text, and need quotes.",
        bad=job("labels: {account: 123456789012345678901234567890}"),
        good=job('labels: {account: "123456789012345678901234567890"}'),
    ),
    code(
        "SYN017",
        "A field name that is not text",
        "Names of fields are text; numbers, true, false, lists and mappings are not.",
        bad=job("labels: {2030: retired}"),
        good=job('labels: {"2030": retired}'),
    ),
    code(
        "SYN018",
        "Empty value",
        "A field has a name and no value. Fill it, or remove the line.",
        bad=files({"jobs/backup.yaml": "id: backup\nschedule:\ntasks:\n  - id: dump\n    command: pg_dump\n"}),
        good=_GOOD,
    ),
    code(
        "SYN021",
        "Not readable as JSON",
        "JSON has double quotes only, commas between values, and nothing after the end.",
        bad=files({"jobs/backup.json": "{'id': 'backup'}\n"}),
        good=_GOOD_JSON,
    ),
    code(
        "SYN022",
        "A comma at the end",
        "JSON does not allow a comma after the last value.",
        bad=files({"jobs/backup.json": _JSON.replace("}]}", "}],}")}),
        good=_GOOD_JSON,
    ),
    code(
        "SYN023",
        "A comment in JSON",
        "JSON has no comments; .yaml files have.",
        bad=files({"jobs/backup.json": "// nightly\n" + _JSON}),
        good=_GOOD_JSON,
    ),
)
