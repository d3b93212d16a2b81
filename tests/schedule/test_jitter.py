from datetime import timedelta

from reconciler.schedule.jitter import jitter_of


def test_the_delay_is_the_same_after_a_restart() -> None:
    assert jitter_of("backup-db", "8f3c", 300) == timedelta(milliseconds=233_926)


def test_no_jitter_is_no_delay() -> None:
    assert jitter_of("backup-db", "8f3c", 0) == timedelta()


def test_devices_spread_evenly() -> None:
    delays = [jitter_of("backup-db", f"device-{number}", 60).total_seconds() for number in range(6000)]
    assert 0 <= min(delays) < 1
    assert 59 < max(delays) <= 60
    per_second = [sum(second <= delay < second + 1 for delay in delays) for second in range(60)]
    assert min(per_second) > 50
    assert max(per_second) < 160


def test_job_and_device_are_told_apart() -> None:
    assert jitter_of("ab", "c", 3600) != jitter_of("a", "bc", 3600)
