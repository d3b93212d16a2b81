"""All figures, one script after the other, into bench/RESULTS.md: ``make bench``, or ``python -m bench NAME...``."""

import argparse
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(SCRIPTS)}; all when left out")
    names = parser.parse_args().names or SCRIPTS
    if unknown := set(names) - set(SCRIPTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    sections = [_run(name) for name in names]
    if names == SCRIPTS:
        (HERE / "RESULTS.md").write_text("\n".join([_head(), *sections]), encoding="utf-8")
    return 0 if all("exit status" not in section for section in sections) else 1


def _head() -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        "# Results\n\nWritten by `make bench`; what each line means stands at the top of its script. "
        "Machines are noisy: compare what stands in one table.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}.\n"
    )


def _run(name: str) -> str:
    print(f"== {name}", flush=True)
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True, cwd=HERE.parent, check=False
    )
    print(done.stdout, flush=True)
    failed = f"\nexit status {done.returncode}\n" if done.returncode else ""
    return f"## {name}\n\n{done.stdout}{failed}\n({time.monotonic() - begin:.0f} s)\n"


if __name__ == "__main__":
    sys.exit(main())
