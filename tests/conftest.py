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
