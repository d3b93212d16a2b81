"""Files as such: FILE and SET."""

from reconciler.definitions.catalogue.entry import Code, code, files, job, settings
from reconciler.model.problem import Severity

_GOOD = job()
_DEEP = "keeper: {x: " + "[" * 31 + "]" * 31 + "}"

CODES: tuple[Code, ...] = (
    code(
        "FILE001",
        "No definition in the file",
        "The file is empty, or has comments only. A file in one of the four folders declares exactly one object.",
        bad=files({"jobs/backup.yaml": "# to be written\n"}),
        good=_GOOD,
    ),
    code(
        "FILE002",
        "File too large",
        "A definition file has at most 256 KiB, so that no file can make a check slow. Scripts go into files of their"
        " own: scriptFile.",
        bad=job("#" * 256 * 1024),
        good=_GOOD,
    ),
    code(
        "FILE003",
        "Nested too deep",
        "Lists and mappings nest at most 32 levels deep: deeper ones are mistakes or attacks on the reader.",
        bad=job(_DEEP),
        good=_GOOD,
    ),
    code(
        "FILE004",
        "Too many values",
        "A file holds at most 20,000 names and values.",
        bad=job("labels: {x: [" + "1," * 20_000 + "]}"),
        good=_GOOD,
    ),
    code(
        "FILE005",
        "Not UTF-8: another encoding",
        "The file is UTF-16 or UTF-32, as some Windows editors save. Definitions are UTF-8; a byte order mark is fine.",
        bad=files({"jobs/backup.yaml": "id: backup\n".encode("utf-16")}),
        good=_GOOD,
    ),
    code(
        "FILE006",
        "Not UTF-8: a wrong byte",
        "A byte of the file is not UTF-8; often the file was saved in the encoding of one country.",
        bad=files({"jobs/backup.yaml": b"id: backup\nname: Gr\xfc\xdfe\n"}),
        good=job("name: Gr\u00fc\u00dfe"),
    ),
    code(
        "FILE007",
        "Control character",
        "The file holds a character that shows nothing or moves a terminal's cursor. Where a value needs one, write it"
        ' as an escape inside double quotes: "\\e".',
        bad=job("name: \x1b[31mred"),
        good=job('name: "\\e[31mred"'),
    ),
    code(
        "FILE008",
        "Invisible line break",
        "U+0085, U+2028, U+2029 and a carriage return alone break lines for YAML but not in a review: what follows"
        " looks like part of a comment, and is not.",
        bad=job("# harmless\u2028enabled: false"),
        good=job("# harmless\nenabled: false"),
    ),
    code(
        "FILE009",
        "Text-direction control",
        "Characters that turn text around can make a review show other text than the one that runs (Trojan Source).",
        bad=job("# \u202edna"),
        good=job("# and"),
    ),
    code(
        "FILE010",
        "Not a regular file",
        "Definitions are regular files of the commit. Symbolic links and submodules are never followed.",
        bad=files({"jobs/backup.yaml": "../elsewhere.yaml"}, backup="120000"),
        good=_GOOD,
    ),
    code(
        "FILE011",
        "Not read: not in a folder of definitions",
        "Definitions lie in jobs/, components/, targets/ and runs/, at any depth below. This file has the ending of one"
        " but lies elsewhere, so nothing acts on it.",
        bad=files({"job/backup.yaml": "id: backup\n"}),
        good=_GOOD,
        severity=Severity.WARNING,
    ),
    code(
        "FILE012",
        "Git LFS pointer",
        "Git LFS keeps the file's content elsewhere; in the commit there is only a pointer to it.",
        bad=files({"jobs/backup.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"}),
        good=_GOOD,
    ),
    code(
        "FILE013",
        "Not readable as a definition",
        "Nothing is wrong that has a name of its own, and yet the file cannot be read. Please report it with the file.",
        bad=job("priority: none"),
        good=_GOOD,
        told_as="TYPE001",
    ),
    code(
        "FILE014",
        "Too many files",
        "There are more definition files than [limits] files of reconciler.toml allows.",
        bad=settings("[limits]\nfiles = 0\n"),
        good=settings("[limits]\nfiles = 200000\n"),
        told_as="SET003",
    ),
    code(
        "FILE015",
        "Many problems in one file",
        "Of one file at most 100 problems are told. Mend these, and check again.",
        bad=job("osFilter: {" + ", ".join(f"n{number}: true" for number in range(201)) + "}"),
        good=job("osFilter: {linux: true}"),
    ),
    code(
        "FILE016",
        "Character that cannot be seen",
        "A zero-width space, a soft hyphen and their like stand in the text, and no reviewer can tell: two names that"
        " look alike are different, a command is not the one that is read.",
        bad=job("name: ad\u200bmin"),
        good=job('name: "ad\\u200bmin"'),
        severity=Severity.WARNING,
    ),
    code(
        "SET001",
        "reconciler.toml is not TOML",
        "The settings file cannot be read; the defaults hold until it can.",
        bad=settings("definitions = ops\n"),
        good=settings('definitions = "ops"\n'),
    ),
    code(
        "SET002",
        "Unknown setting",
        "reconciler.toml names a setting that does not exist.",
        bad=settings("[reports]\noutputs = 'tail'\n"),
        good=settings("[reports]\noutput = 'tail'\n"),
    ),
    code(
        "SET003",
        "Setting of a wrong kind",
        "The value of a setting has the wrong type, or is out of its range.",
        bad=settings("[engine]\nmaxRuns = 0\n"),
        good=settings("[engine]\nmaxRuns = 8\n"),
    ),
)
