"""A store on disk for each test, and processes that race."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.store import keep_start, open_at, start_together

from reconciler.store.store import Store

RACERS = 3


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_at(tmp_path)
    yield store
    store.close()


@pytest.fixture(scope="session")
def racers() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(RACERS)
    with ProcessPoolExecutor(RACERS, context, keep_start, (start,)) as pool:
        yield pool


@pytest.fixture
def race(racers: ProcessPoolExecutor, tmp_path: Path) -> Callable[[Callable[[Path, int], Any]], list[Any]]:
    """Call a function (folder, who) in three processes at the same moment; return what each gave."""

    def run(function: Callable[[Path, int], Any]) -> list[Any]:
        calls = [racers.submit(start_together, function, tmp_path, who) for who in range(RACERS)]
        return [call.result(60) for call in calls]

    return run
