"""The reference pages, made of what the program itself goes by: the schemas and the catalogue of codes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.definitions.catalogue.entry import Code, Content, Example
from reconciler.definitions.codes import all_codes
from reconciler.definitions.schemas import schema_of
from reconciler.model.forms import FILE_KINDS

_GENERATED = "<!-- Written by `make docs`; do not edit. -->"
_MODES = {"120000": "a symbolic link", "160000": "a submodule", "100755": "executable"}
_LONGEST_SHOWN = 2000
_OURS = " Source: reconciler."
"""Of the other fields it is worth knowing whose word they are."""
_FAMILIES = {
    "FILE": "Files",
    "SYN": "YAML and JSON",
    "KEY": "Names of fields",
    "TYPE": "Types",
    "VAL": "Values",
    "ID": "Ids",
    "REF": "References",
    "PATH": "Paths of scripts",
    "CRON": "Cron expressions",
    "TIME": "Times and zones",
    "DEV": "Devices",
    "JOB": "Jobs",
    "TASK": "Tasks",
    "PARAM": "Parameters and variables",
    "TOKEN": "Tokens",
    "SEC": "Secrets",
    "HTTP": "HTTP tasks",
    "LINT": "Likely mistakes",
    "HOST": "The host that validates",
    "RUN": "One-offs",
    "KEEPER": "Keeper",
    "TGT": "Targets",
    "SET": "reconciler.toml",
}


def problems_page() -> str:
    """Return the page of all codes as Markdown."""
    lines = [
        "# Problems",
        "",
        _GENERATED,
        "",
        "What `reconciler validate` can say, by code. `reconciler explain CODE` shows one of them.",
        "",
    ]
    family = ""
    for entry in all_codes().values():
        if (own := family_of(entry)) != family:
            family = own
            lines += [f"## {_FAMILIES.get(family, family)}", ""]
        lines += _entry(entry)
    return "\n".join(lines).rstrip() + "\n"


def family_of(entry: Code) -> str:
    return entry.code.rstrip("0123456789")


def _entry(entry: Code) -> Iterator[str]:
    yield from (f"### {entry.code}", "", f"**{entry.title}** ({entry.severity.value}). {entry.explanation}", "")
    for title, example in (("Bad", entry.bad), ("Good", entry.good)):
        for name, text in example_files(example):
            language = name.rpartition(".")[2].partition(" ")[0]
            yield from (f"{title}, `{name}`:", "", f"```{language}", *text.rstrip("\n").split("\n"), "```", "")


def example_files(example: Example) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file of an example, safe to show; a long or binary one is described."""
    if example.settings is not None:
        yield "reconciler.toml", example.settings
        return
    for path, content in example.files.items():
        mode = _MODES.get(example.modes.get(path, ""))
        yield f"{path} ({mode})" if mode else path, _shown(content)


def _shown(content: Content) -> str:
    if len(content) > _LONGEST_SHOWN:
        return f"({len(content):,} bytes)"
    text = content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")
    return "".join(char if char == "\n" or char.isprintable() else ascii(char)[1:-1] for char in text)


def definitions_page() -> str:
    """Return the page of all fields as Markdown."""
    lines = ["# Definitions", "", _GENERATED, "", *_INTRODUCTION.strip().split("\n"), ""]
    described: dict[str, Any] = {}
    for kind in FILE_KINDS:
        schema = schema_of(kind.value)
        lines += [f"## {kind.folder}/: {schema['title'].lower()}", "", schema["description"], "", *_table(schema)]
        for name, part in schema["$defs"].items():
            if name in described or "properties" not in part or name == "secret":
                continue
            described[name] = part
            lines += [f"### {name}", "", part.get("description", "").removesuffix(_OURS), "", *_table(part)]
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION = """
One file declares one object, in YAML or JSON. The folder says what it is: `jobs/`, `components/`, `targets/` or
`runs/`, at any depth below. The file's name without its ending is the `id`. Anchors, aliases, tags and merge keys are
not read, and text like `yes` is text. A file has at most 256 KiB.

Times are RFC 3339, such as `2030-01-15T10:00:00Z`. A token in arguments, environment and requests, such as `{days}` or
`{run.uid}`, stands for a parameter or a fact of the run; `{{days}}` gives `{days}`. `{secret: NAME}` stands for a
secret that the operator keeps outside Git ([settings](settings.md)).

For completion and hover texts in an editor, write the schema into a folder and name it in the first line of a file:

    reconciler schema job > .reconciler/job.schema.json
    # yaml-language-server: $schema=../../.reconciler/job.schema.json

`reconciler init` does that.
"""


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    required = set(schema.get("required", ()))
    yield from ("| field | type | default | meaning | example |", "| --- | --- | --- | --- | --- |")
    for name, field in schema["properties"].items():
        meaning = field.get("description", "").removesuffix(_OURS)
        default = f"`{_json(field['default'])}`" if "default" in field else "required" if name in required else ""
        example = f"`{_json(field['examples'][0])}`" if field.get("examples") else ""
        cells = (f"`{name}`", _type(field), default, meaning, example)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _type(field: Mapping[str, Any]) -> str:
    """Return the type in words, with what limits it; null, which means that nothing is set, is not told."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _REFERENCES.get(name, f"[{name}](#{name.lower()})")
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if "anyOf" in field:
        choices = [
            _type(choice) for choice in field["anyOf"] if choice.get("type") != "null" and "pattern" not in choice
        ]
        return " or ".join(dict.fromkeys(choices)) or "text"
    types = field.get("type", "any")
    words = [_TYPES.get(word, word) for word in ([types] if isinstance(types, str) else types) if word != "null"]
    text = " or ".join(words)
    if "array" in (types if isinstance(types, list) else [types]) and "items" in field:
        text = text.replace("list", f"list of {_type(field['items'])}")
    return text + _limits(field)


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "names and values",
}
_REFERENCES = {
    "secret": "`{secret: NAME}`",
    "textOrSecret": "text or `{secret: NAME}`",
    "value": "text, number, true or false, or `{secret: NAME}`",
}


def _limits(field: Mapping[str, Any]) -> str:
    if field.get("format") == "date-time":
        return ", a time"
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f", {low:,}-{high:,}"
    return f", from {low:,}" if low is not None else ""
