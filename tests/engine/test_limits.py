"""G20, C11: what a run may use of the machine."""

import sys

from support.engine import badchild, output_of, run_to_end, shell, task

from reconciler.engine.order import RunLimits
from reconciler.model.run import RunStatus


def test_the_limits_of_a_process_are_set_before_the_program_starts(shared_engine):
    limits = RunLimits(memory_bytes=64 << 20, open_files=50)
    run_to_end(shared_engine, shell("ulimit -n; ulimit -d"), uid="set", limits=limits)
    assert output_of(shared_engine, "set").split() == [b"50", str(64 << 10).encode()]


def test_c11_a_memory_hog_gets_no_more(shared_engine):
    hog = task(sys.executable, "-c", "bytearray(400 << 20)")
    run = run_to_end(shared_engine, hog, uid="hog", limits=RunLimits(memory_bytes=64 << 20))
    assert run.status is RunStatus.FAILED
    assert b"MemoryError" in output_of(shared_engine, "hog")


def test_c11_a_leak_of_files_ends_at_the_limit(shared_engine):
    run = run_to_end(shared_engine, badchild("leak_files"), uid="leak", limits=RunLimits(open_files=40))
    assert run.status is RunStatus.COMPLETED
    assert output_of(shared_engine, "leak") == b"no more files\n"


def test_c11_a_fork_bomb_is_ended_at_the_limit_and_the_reason_told(shared_engine, survivors):
    run = run_to_end(shared_engine, badchild("fork_bomb", "6"), uid="bomb", limits=RunLimits(processes=10))
    assert run.status is RunStatus.FAILED
    assert "processes, and may have 10" in run.tasks[0].meaning
    assert not survivors()


def test_c11_the_memory_of_all_processes_counts_together(shared_engine, survivors):
    piece = f"{sys.executable} -c 'import time; kept = bytearray(30 << 20); time.sleep(600)'"
    run = run_to_end(
        shared_engine, shell(f"{piece} & {piece} & {piece}"), uid="many", limits=RunLimits(memory_bytes=64 << 20)
    )
    assert run.tasks[0].meaning.endswith("MiB of memory, and may use 64")
    assert not survivors()


def test_what_cannot_start_is_told_in_the_same_words_with_limits(shared_engine):
    run = run_to_end(shared_engine, task("/nowhere"), uid="nowhere", limits=RunLimits(open_files=50))
    assert run.reason == "failed_to_start"
    assert run.tasks[0].meaning == "/nowhere: No such file or directory"


def test_with_limits_a_child_has_every_signal_at_its_default_and_three_files(shared_engine):
    text = "grep SigIgn /proc/self/status; ls /proc/self/fd"
    run_to_end(shared_engine, shell(text), uid="clean", limits=RunLimits(open_files=50))
    ignored, *files = output_of(shared_engine, "clean").decode().split()[1:]
    assert int(ignored, 16) & 0x7FFFFFFF == 0  # above are the C library's own
    assert files == ["0", "1", "2", "3"]  # the last is the list itself
