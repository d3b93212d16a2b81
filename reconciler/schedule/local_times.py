"""Minutes of a local clock that a cron expression or a calendar names, on naive days: zones come later (zoned.py).

Days are proleptic ordinals (``date.toordinal``), so ``day % 7`` is the weekday with Sunday 0.  A local minute is
``day * 1440 + minute of the day``.  Every search goes by days and years, never minute by minute.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache

from reconciler.model.job import CalendarEntry
from reconciler.schedule.cron import Cron

MINUTES_PER_DAY = 1440
END_DAY = date(9998, 1, 1).toordinal()
"""No search goes beyond it: a year is looked at together with the next, and datetime has none after 9999."""

_MINUTES = tuple(range(MINUTES_PER_DAY))
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class DayRule:
    """Which days match. ``next_day`` and its like cost one step per year that is crossed."""

    __slots__ = ("_days_of_month", "_days_of_week", "_masks", "_months", "_needs_both", "_years")

    def __init__(
        self, *, months: Sequence[int], days_of_month: Sequence[int], days_of_week: Sequence[int], needs_both: bool
    ) -> None:
        self._months = frozenset(months)
        self._days_of_month = frozenset(days_of_month)
        self._days_of_week = frozenset(days_of_week)
        self._needs_both = needs_both
        self._masks: dict[tuple[int, int], int] = {}
        self._years: dict[int, tuple[int, int]] = {}

    def next_day(self, day: int, last: int) -> int | None:
        """Return the first matching day of ``[day, last]``."""
        year = date.fromordinal(day).year
        first, mask = self._year(year)
        mask >>= day - first
        while not mask:
            year += 1
            day, mask = self._year(year)
            if day > last:
                return None
        found = day + (mask & -mask).bit_length() - 1
        return found if found <= last else None

    def last_day(self, day: int, first: int) -> int | None:
        """Return the last matching day of ``[first, day]``."""
        year = date.fromordinal(day).year
        start, mask = self._year(year)
        mask &= (2 << (day - start)) - 1
        while not mask:
            if start <= first:
                return None
            year -= 1
            start, mask = self._year(year)
        found = start + mask.bit_length() - 1
        return found if found >= first else None

    def days(self, first: int, last: int) -> Iterator[int]:
        """Yield the matching days of ``[first, last]``."""
        day = first
        while day <= last:
            year = date.fromordinal(day).year
            start, mask = self._year(year)
            mask >>= day - start
            while mask:
                lowest = mask & -mask
                found = day + lowest.bit_length() - 1
                if found > last:
                    return
                yield found
                mask ^= lowest
            day = date(year + 1, 1, 1).toordinal()

    def count(self, first: int, last: int) -> int:
        """Return how many days of ``[first, last]`` match."""
        if last < first:
            return 0
        first_year, last_year = date.fromordinal(first).year, date.fromordinal(last).year
        total = sum(self._year(year)[1].bit_count() for year in range(first_year, last_year + 1))
        start, mask = self._year(first_year)
        total -= (mask & ((1 << (first - start)) - 1)).bit_count()
        start, mask = self._year(last_year)
        return total - (mask >> (last - start + 1)).bit_count()

    def _year(self, year: int) -> tuple[int, int]:
        """Return the first day of the year, and a mask with bit n set where the n-th day of the year matches."""
        known = self._years.get(year)
        if known is None:
            first, end = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
            kind = (first % 7, end - first)
            if kind not in self._masks:
                self._masks[kind] = self._year_mask(first % 7, is_leap=end - first == 366)
            known = self._years[year] = (first, self._masks[kind])
        return known

    def _year_mask(self, weekday: int, *, is_leap: bool) -> int:
        mask, bit = 0, 0
        for month, length in enumerate(_MONTH_LENGTHS, start=1):
            for day in range(1, length + (month == 2 and is_leap) + 1):
                if month in self._months and self._matches(day, (weekday + bit) % 7):
                    mask |= 1 << bit
                bit += 1
        return mask

    def _matches(self, day_of_month: int, weekday: int) -> bool:
        by_date, by_weekday = day_of_month in self._days_of_month, weekday in self._days_of_week
        return (by_date and by_weekday) if self._needs_both else (by_date or by_weekday)


class LocalTimes:
    """Days, and for each weekday the minutes of the day."""

    __slots__ = ("_earliest", "_groups", "_latest", "days", "minutes")

    def __init__(
        self, days: DayRule, minutes: Sequence[tuple[int, ...]], groups: Sequence[tuple[DayRule, int]]
    ) -> None:
        """``minutes`` are ascending, by weekday; ``groups`` split ``days`` by how many minutes each day has."""
        self.days = days
        self.minutes = tuple(minutes)
        self._groups = tuple(groups)
        self._earliest = [named[0] if named else MINUTES_PER_DAY for named in self.minutes]
        self._latest = [named[-1] if named else -1 for named in self.minutes]

    def first(self, low: int, high: int) -> int | None:
        """Return the first named minute of ``[low, high)``."""
        day, minute = divmod(low, MINUTES_PER_DAY)
        if minute > self._latest[day % 7]:
            day, minute = day + 1, 0
        found = self.days.next_day(day, (high - 1) // MINUTES_PER_DAY)
        if found is None:
            return None
        minutes = self.minutes[found % 7]
        named = found * MINUTES_PER_DAY + minutes[bisect_left(minutes, minute) if found == day else 0]
        return named if named < high else None

    def last(self, low: int, high: int) -> int | None:
        """Return the last named minute of ``[low, high)``."""
        day, minute = divmod(high, MINUTES_PER_DAY)
        if minute <= self._earliest[day % 7]:
            day, minute = day - 1, MINUTES_PER_DAY
        found = self.days.last_day(day, low // MINUTES_PER_DAY)
        if found is None:
            return None
        minutes = self.minutes[found % 7]
        named = found * MINUTES_PER_DAY + minutes[bisect_left(minutes, minute) - 1 if found == day else -1]
        return named if named >= low else None

    def count(self, low: int, high: int) -> int:
        """Return how many minutes of ``[low, high)`` are named."""
        return self._count_before(high, low) - self._count_in_day(low) if high > low else 0

    def _count_before(self, high: int, low: int) -> int:
        first_day, last_day = low // MINUTES_PER_DAY, high // MINUTES_PER_DAY
        whole = sum(rule.count(first_day, last_day - 1) * size for rule, size in self._groups)
        return whole + self._count_in_day(high)

    def _count_in_day(self, end: int) -> int:
        """Return how many minutes are named from the start of the day of ``end`` up to ``end``."""
        day, minute = divmod(end, MINUTES_PER_DAY)
        if self.days.next_day(day, day) is None:
            return 0
        return bisect_left(self.minutes[day % 7], minute)


def cron_times(cron: Cron) -> LocalTimes:
    days = _day_rule(cron.months, cron.days_of_month, cron.days_of_week, cron.needs_both_days)
    minutes = _minutes_of_day(cron.hours, cron.minutes)
    return LocalTimes(days, [minutes] * 7, [(days, len(minutes))])


def calendar_times(entries: Sequence[CalendarEntry]) -> LocalTimes:
    by_weekday: list[set[int]] = [set() for _ in range(7)]
    for entry in entries:
        hour, _, minute = entry.time.partition(":")
        for weekday in entry.days_of_week:
            by_weekday[weekday].add(int(hour) * 60 + int(minute))
    minutes = [tuple(sorted(named)) for named in by_weekday]
    used = tuple(weekday for weekday in range(7) if minutes[weekday])
    return LocalTimes(_weekdays(used), minutes, [(_weekdays((weekday,)), len(minutes[weekday])) for weekday in used])


def _weekdays(days_of_week: tuple[int, ...]) -> DayRule:
    return _day_rule(tuple(range(1, 13)), tuple(range(1, 32)), days_of_week, True)


# Many expressions share days and times of day; what is shared is computed, and its masks kept, once.
@lru_cache(maxsize=4096)
def _day_rule(
    months: tuple[int, ...], days_of_month: tuple[int, ...], days_of_week: tuple[int, ...], needs_both: bool
) -> DayRule:
    return DayRule(months=months, days_of_month=days_of_month, days_of_week=days_of_week, needs_both=needs_both)


@lru_cache(maxsize=4096)
def _minutes_of_day(hours: tuple[int, ...], minutes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_MINUTES[hour * 60 + minute] for hour in hours for minute in minutes)
