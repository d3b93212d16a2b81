"""For all tests: in CI a skip is a failure, because a test that was not run has shown nothing."""

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("RECONCILER_TESTS_STRICT"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI allows no skip: {report.longrepr}"


@pytest.fixture
def golden(request):
    """Compare a text with the file of that name in `golden` beside the test; UPDATE_GOLDEN=1 writes the file."""
    folder = request.path.parent / "golden"

    def compare(text, name):
        if os.environ.get("UPDATE_GOLDEN"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        assert text == (folder / name).read_text(encoding="utf-8")

    return compare
