"""Loading opens no socket, starts no process, and opens no file but definitions and what ships with the program."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAM = """
import sys
from pathlib import Path

examples, program, tests, *library = (str(Path(argument)) for argument in sys.argv[1:])
allowed = (examples, program, *library)
touched = []
REFUSED = ("socket.", "subprocess.", "urllib.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
           "os.system", "os.putenv", "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.truncate")

def watch(event, arguments):
    if event.startswith(REFUSED):
        touched.append(event)
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
        writes = isinstance(arguments[1], str) and not set(arguments[1]) <= set("rbtU")
        if writes or not path.startswith(allowed):
            touched.append(f"open {path} {arguments[1]}")

sys.path.insert(0, tests)
from support.definitions import PROVIDERS

sys.addaudithook(watch)
from reconciler.definitions.folder import read_folder
from reconciler.definitions.load import load_definitions
from reconciler.definitions.renderings import RENDERINGS
from reconciler.definitions.settings import read_settings
from reconciler.model.instant import utc_now

files = 0
for root in ("valid", "invalid", "hostile"):
    tree = read_folder(Path(examples), root=root)
    settings, _ = read_settings(tree.settings)
    loaded = load_definitions(tree, settings=settings, providers=PROVIDERS, now=utc_now())
    for render in RENDERINGS.values():
        render(loaded.problems)
    files += loaded.files
print(files, *touched, sep="\\n")
"""
HOSTILE = {
    "jobs/a.yaml": "id: a\nevents: [x]\ntasks:\n  - {id: t, scriptFile: ../../../../etc/passwd}\n",
    "jobs/b.yaml": "id: b\n$schema: http://127.0.0.1:9/x\n$ref: file:///etc/passwd\ntasks: [{id: t, command: x}]\n",
    "jobs/c.yaml": "id: c\nowner: !!python/object/apply:os.system [id]\ntasks: [{id: t, command: x}]\n",
    "jobs/d.yaml": (
        "id: d\nschedule: {cronExpression: 0 0 * * *, timezone: ../../etc/passwd}\ntasks: [{id: t, command: x}]\n"
    ),
    "jobs/e.yaml": "id: e\nevents: [x]\ntasks: [{id: t, http: {url: 'http://127.0.0.1:9/'}}]\n",
}


def test_loading_touches_nothing_but_definitions(tmp_path):
    for name in ("valid", "invalid"):
        (tmp_path / name).symlink_to(EXAMPLES / name)
    for name, text in HOSTILE.items():
        path = tmp_path / "hostile" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "hostile" / "jobs" / "link.yaml").symlink_to("/etc/passwd")
    (tmp_path / "hostile" / "jobs" / "folder").symlink_to("/etc")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-I",
                "-B",
                "-c",
                PROGRAM,
                tmp_path,
                Path(__file__).parents[2] / "reconciler",
                EXAMPLES.parent,
            ),
            *(Path(__file__).parents[2] / "schemas", *library_folders()),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.stderr == ""
    count, *touched = done.stdout.splitlines()
    assert touched == []
    assert int(count) >= 20


def library_folders():
    """Where Python and the packages it imports lie."""
    return {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")} | {Path(sys.prefix)}
