"""Validation beside its peers: ``python bench/validate.py [--files N] [--many N] [--rounds N]``.

Cold: a repository of definition files of 1-2 KB, whole process, nothing kept.  The peers get the same files and the job
schema, and check that alone: no references, schedules, zones, secrets or script files.  check-jsonschema lives in an
environment of its own; ajv-cli comes from npm where there is one, and gets the files as YAML.  The plain loop is what a
script would do: PyYAML's C loader and jsonschema.

Hostile: files of up to 256 KiB, too large by what they hold or as large as may be, each checked by itself in one
process that is warm.

Warm: ten files changed in a repository of many, at a commit, beside ``git diff-tree`` of the same two commits and a
Python that only imports what is needed.  All take their turn in each round; figures are medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.definitions.checked import check_file
from reconciler.model.forms import Kind

PYTHON = sys.executable
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")
CHANGED = 10
DIFF = ("git", "diff-tree", "-r", "HEAD~1", "HEAD")
SLOW_SHARE = 10
"""Of the slow peers a tenth is measured, and their start is taken off."""
PLAIN = """
import json, sys, pathlib, yaml, jsonschema
validator = jsonschema.Draft202012Validator(json.loads(pathlib.Path(sys.argv[1]).read_text()))
for path in sys.argv[2:]:
    assert not list(validator.iter_errors(yaml.load(open(path), yaml.CSafeLoader)))
"""
IMPORTS = "import click, msgspec, yaml, jsonschema_rs, zoneinfo, subprocess"


def job_text(number: int) -> str:
    schedule = (
        f"  intervalMinutes: {15 + number % 60}",
        f'  cronExpression: "{number % 60} {number % 24} * * 1-5"\n  timezone: {ZONES[number % 4]}',
        f'  calendar:\n    - daysOfWeek: [1, 3]\n      time: "{number % 24:02}:{number % 60:02}"',
    )[number % 3]
    steps = "\n".join(f'      echo "step {step} of job {number}: $root"' for step in range(10 + number % 22))
    return f"""\
id: job-{number:06}
name: Clean up number {number}
description: Removes what is older than its days, and says how much that was.
owner: team-{number % 17}
labels:
  area: maintenance
  site: site-{number % 40}
schedule:
{schedule}
parameters:
  - name: days
    type: number
    default: {number % 90 + 1}
    description: Older than this
  - name: root
    default: /var/tmp/{number}
tasks:
  - id: list
    command: find
    arguments: ["/var/tmp/{number}", "-mtime", "+{{days}}", "-print"]
    timeoutSeconds: 300
  - id: clean
    scriptType: bash
    script: |
      set -eu
{steps}
    continueOnFailure: true
osFilter:
  linux: true
timeoutSeconds: 900
"""


def path_of(number: int) -> str:
    return f"definitions/jobs/{number // 10_000}/{number // 100 % 100:02}/job-{number:06}.yaml"


def make_repository(folder: Path, count: int) -> None:
    """Make a repository with ``count`` jobs, and a second commit that changes ten of them."""
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    importer = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert importer.stdin is not None
    send = importer.stdin.write
    for commit, numbers in (("first", range(count)), ("second", range(0, count, count // CHANGED))):
        send(f"commit refs/heads/main\ncommitter b <b@b> 1700000000 +0000\ndata {len(commit)}\n{commit}\n".encode())
        for number in numbers:
            data = job_text(number).replace("Removes what", f"The {commit} removes what").encode()
            send(f"M 644 inline {path_of(number)}\ndata {len(data)}\n".encode() + data + b"\n")
    importer.stdin.close()
    if importer.wait():
        sys.exit("fast-import failed")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def seconds(*command: str | Path, cwd: Path) -> float:
    """Return how long a command takes, with its modules compiled, as they are where it is installed."""
    begin = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    taken = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{command[0]} failed: {(done.stdout + done.stderr)[:2000]}")
    return taken


def medians(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: statistics.median(times) for name, times in taken.items()}


def install_check_jsonschema(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "check-jsonschema"], check=True, capture_output=True)
    return folder / "bin/check-jsonschema"


def install_ajv(folder: Path) -> Path | None:
    if shutil.which("npm") is None:
        return None
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "ajv-cli", "ajv-formats"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return folder / "node_modules/.bin/ajv" if done.returncode == 0 else None


def ajv_schema(schema: Path, folder: Path) -> Path:
    """Return the schema without the words that ajv does not know."""
    path = folder / "ajv.schema.json"
    text = schema.read_text(encoding="utf-8")
    path.write_text(
        json.dumps(_without(json.loads(text), {"errorMessage", "patternErrorMessage", "minLengthErrorMessage"}))
    )
    return path


def _without(value: object, names: set[str]) -> object:
    if isinstance(value, dict):
        return {name: _without(item, names) for name, item in value.items() if name not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def measure_cold(folder: Path, count: int, rounds: int) -> None:
    repository = folder / "cold"
    make_repository(repository, count)
    git(repository, "reset", "--quiet", "--hard")
    schema = Path(__file__).parents[1] / "schemas" / "job.schema.json"
    all_files = [path_of(number) for number in range(count)]
    few, one = all_files[::SLOW_SHARE], all_files[:1]
    checker = install_check_jsonschema(folder / "check-jsonschema")

    def ours(*options: str) -> Callable[[], float]:
        return lambda: seconds(PYTHON, "-m", "reconciler", "validate", "--no-cache", *options, cwd=repository)

    def share(*command: str | Path) -> Callable[[], float]:
        """Measure a tenth and one file: what a whole run would take."""

        def measure() -> float:
            start = seconds(*command, *one, cwd=repository)
            rest = seconds(*command, *few, cwd=repository) - start
            return start + rest * (count - 1) / (len(few) - 1)

        return measure

    measures = {
        "reconciler validate (work tree)": ours(),
        "reconciler validate --ref HEAD": ours("--ref", "HEAD"),
        "check-jsonschema": share(checker, "--schemafile", schema),
        "PyYAML + jsonschema": share(PYTHON, "-c", PLAIN, schema),
    }
    if (ajv := install_ajv(folder / "ajv")) is not None:
        own_schema = ajv_schema(schema, folder)
        command = [ajv, "validate", "--spec=draft2020", "--strict=false", "-c", "ajv-formats", "-s", own_schema]
        measures["ajv-cli"] = lambda: seconds(*command, "-d", "definitions/jobs/**/*.yaml", cwd=repository)
    found = medians(measures, rounds)
    size = sum((repository / path).stat().st_size for path in few) // len(few)
    print(f"cold: {count:,} files of {size:,} bytes, whole process, medians of {rounds} rounds")
    ours_taken = found["reconciler validate (work tree)"]
    for name, taken in found.items():
        ratio = "" if "reconciler" in name else f"   reconciler is {taken / ours_taken:5.1f}x as fast"
        print(f"  {name:34} {taken:7.2f} s {count / taken:>9,.0f} files/s{ratio}")
    if ajv is None:
        print("  ajv-cli: npm is not here, or did not install it")


def measure_warm(folder: Path, counts: tuple[int, ...], rounds: int) -> None:
    repositories = {}
    for count in counts:
        repositories[count] = folder / f"warm-{count}"
        make_repository(repositories[count], count)
    measures: dict[str, Callable[[], float]] = {
        "python with imports": lambda: seconds(PYTHON, "-c", IMPORTS, cwd=folder)
    }
    for count, repository in repositories.items():
        measures[f"git diff-tree, {count:,}"] = lambda repository=repository: seconds(*DIFF, cwd=repository)
        measures[f"reconciler --ref, {count:,}"] = lambda repository=repository: _warm(repository)
        measures[f"reconciler, work tree, {count:,}"] = lambda repository=repository: _warm_files(repository)
    first = {count: _validate(repository, "HEAD~1") for count, repository in repositories.items()}
    for repository in repositories.values():
        git(repository, "reset", "--quiet", "--hard")
        time.sleep(3)  # a file that was just written is looked at again
        seconds(PYTHON, "-m", "reconciler", "validate", cwd=repository)
    found = medians(measures, rounds)
    print(f"\nwarm: {CHANGED} files changed, whole process, medians of {rounds} rounds")
    floor = found["python with imports"]
    for name, taken in found.items():
        print(f"  {name:34} {taken * 1000:8.0f} ms {taken / floor:8.1f}x python with imports")
    for count, taken in first.items():
        print(f"  {'with nothing kept, ' + format(count, ','):34} {taken * 1000:8.0f} ms")


def _warm(repository: Path) -> float:
    """Validate the commit after the one of which all is known, and forget what that added."""
    known = repository / ".git/reconciler/known-commits"
    before = known.read_bytes()
    taken = _validate(repository, "HEAD")
    known.write_bytes(before)
    return taken


def _warm_files(repository: Path) -> float:
    """Change ten files of the work tree, of which all is known, and validate it."""
    files = sorted((repository / "definitions/jobs/0/00").glob("*.yaml"))[:CHANGED]
    for file in files:
        file.write_text(file.read_text(encoding="utf-8") + f"# {time.time_ns()}\n", encoding="utf-8")
    return seconds(PYTHON, "-m", "reconciler", "validate", cwd=repository)


def _validate(repository: Path, ref: str) -> float:
    return seconds(PYTHON, "-m", "reconciler", "validate", "--ref", ref, cwd=repository)


HEAD = "id: a\nschedule: {intervalMinutes: 5}\ntasks: [{id: t, command: x}]\n"
WITH_ENV = "id: a\ntasks: [{id: t, command: x, env: {@}}]\n"
MOST = 9_900
"""So many fields are as many as a file may have."""
HOSTILE = {
    "brackets, never closed": "[" * (1 << 18),
    "a list of numbers": HEAD + "owner: [" + "1," * 120_000 + "]\n",
    "tasks": "id: a\ntasks:\n" + "  - {id: t, command: x}\n" * 10_000,
    "anchors": HEAD + "".join(f"a{number}: &x{number} 1\n" for number in range(15_000)),
    "unknown fields": HEAD + "".join(f"key{number:05}: 1\n" for number in range(17_000)),
    "labels": HEAD + "labels:\n" + "".join(f"  l{number}: v\n" for number in range(17_000)),
    "the same field again": HEAD + "a: 1\n" * 45_000,
    "tokens": f"id: a\ntasks: [{{id: t, command: x, arguments: '{''.join(f'{{z{n}}}' for n in range(28_000))}'}}]\n",
    "a condition": HEAD + 'condition: "' + "1 == 1 && " * 24_000 + 'true"\n',
    "one word": HEAD + "a" * 250_000 + "\n",
    "a script": "id: a\ntasks:\n  - id: t\n    script: |\n" + "      echo hello\n" * 13_000,
    "JSON": '{"id": "a", "tasks": [' + '{"id": "t", "comand": "x"}, ' * 8_000 + "{}]}",
    "anchors, as many as may be": HEAD + "".join(f"a{number}: &x{number} 1\n" for number in range(MOST)),
    "unknown fields, so many": HEAD + "".join(f"key{number:05}: 1\n" for number in range(MOST)),
    "labels, so many": HEAD + "labels:\n" + "".join(f"  l{number}: v\n" for number in range(MOST)),
    "the same field, so many": HEAD + "a: 1\n" * MOST,
    "wrong values, so many": WITH_ENV.replace("@", ", ".join(f"n{number}: 5" for number in range(MOST))),
    "secrets, so many": WITH_ENV.replace("@", ", ".join(f"A{number}_TOKEN: abc" for number in range(9_000))),
    "tasks, so many": "id: a\ntasks:\n" + "  - {id: t, comand: x}\n" * 3_900,
    "JSON, so many": '{"id": "a", "tasks": [' + '{"id": "t", "comand": "x"}, ' * 3_900 + "{}]}",
    "JSON numbers, so many": '{"id": "a", "owner": [' + "1,      \n" * 19_900 + "1]}",
}


def measure_hostile(rounds: int) -> None:
    print(f"\nhostile: one file of up to 256 KiB, processor time, medians of {rounds} rounds")
    check_file(Kind.JOB, "a.yaml", (HEAD + "unknown: 1\n").encode())
    for name, text in HOSTILE.items():
        data, taken = text.encode()[: 1 << 18], []
        for _ in range(rounds):
            begin = time.process_time()
            checked = check_file(Kind.JOB, "a.json" if name.startswith("JSON") else "a.yaml", data)
            taken.append(time.process_time() - begin)
        codes = ", ".join(sorted({problem.code for problem in checked.problems})) or "no problem"
        print(f"  {name:34} {statistics.median(taken) * 1000:8.0f} ms   {codes}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_cold(Path(name), arguments.files, arguments.rounds)
        measure_warm(Path(name), (1_000, arguments.many), arguments.rounds)
    measure_hostile(arguments.rounds)


if __name__ == "__main__":
    main()
