"""When runs start, as people write it: what is taken, and what is refused before anything is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jupyter_workflows.commands.schedule_commands import duration, period
from jupyter_workflows.errors import CommandError, ScheduleRefused
from jupyter_workflows.scheduling.schedules import check_backfill, checked_id
from jupyter_workflows.scheduling.times import Times, in_words, overlap_of

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"cron": ["0 9 * * mon-fri"]}, ["cron 0 9 * * mon-fri"]),
        ({"cron": ["@Daily", " 0  2 1 * * "]}, ["cron @daily", "cron 0 2 1 * *"]),
        ({"every": timedelta(minutes=90)}, ["every 1 h 30 min"]),
        ({"calendar": ["month=Sept day_of_week=thurs"]}, ["month=Sept day_of_week=thurs"]),
        ({"calendar": ["hour=9,17 minute=*/15 day_of_week=mon-fri"]}, ["hour=9,17 minute=*/15 day_of_week=mon-fri"]),
        ({"every": HOUR, "cron": ["0 0 * * *"], "time_zone": "Europe/Paris"}, ["every 1 h", "cron 0 0 * * *"]),
    ],
)  # fmt: skip
def test_times_that_make_sense(times: Any, words: list[str]) -> None:
    assert in_words(Times(**times).spec()) == words


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({}, "Give --cron, --every or --calendar"),
        ({"cron": ["0 9 * *"]}, "cron '0 9 \\* \\*' is none: it takes minute"),
        ({"cron": ["CRON_TZ=UTC 0 9 * * *"]}, "is none"),
        ({"cron": ["0 9 * * *; id"]}, "is none"),
        ({"cron": [""]}, "is none"),
        ({"cron": [3]}, "is none"),
        ({"every": timedelta(milliseconds=500)}, "at least one"),
        ({"every": -HOUR}, "at least one"),
        ({"every": 60}, "timedelta"),
        ({"calendar": ["hour=24"]}, "hour takes numbers from 0 to 23"),
        ({"calendar": ["hour=9-7"]}, "hour takes"),
        ({"calendar": ["hour=1/0"]}, "hour takes"),
        ({"calendar": ["day_of_week=someday"]}, "day_of_week takes"),
        ({"calendar": ["day_of_week=monkey"]}, "day_of_week takes"),
        ({"calendar": ["month=ma"]}, "month takes"),
        ({"calendar": [f"hour=*/{'9' * 5000}"]}, "hour takes"),
        ({"calendar": ["weekday=mon"]}, "'weekday=mon' is no field; there are second, minute"),
        ({"calendar": ["hour=1 hour=2"]}, "each once"),
        ({"calendar": [""]}, "calendar takes fields"),
        ({"every": HOUR, "time_zone": "Mars/Olympus"}, "timezone 'Mars/Olympus' is none"),
        ({"every": HOUR, "time_zone": "../../etc/passwd"}, "timezone"),
        ({"every": HOUR, "time_zone": "/etc/localtime"}, "timezone"),
    ],
)
def test_times_that_make_none_name_the_field_and_the_remedy(times: Any, words: str) -> None:
    with pytest.raises(ScheduleRefused, match=words):
        Times(**times).spec()


@pytest.mark.parametrize("id", ["", " ", "../x", "a/b", "a b", "-a", "a" * 81, "a\n", "náme", "a'b", "$(id)"])
def test_ids_that_are_none(id: str) -> None:
    with pytest.raises(ScheduleRefused, match="Give --id"):
        checked_id(id)


def test_other_values_that_are_refused() -> None:
    with pytest.raises(ScheduleRefused, match="overlap takes skip"):
        overlap_of("queue")
    for begin, end in [(MONDAY, MONDAY), (MONDAY, MONDAY - HOUR), (MONDAY, MONDAY + timedelta(days=400)),
                       (datetime(2026, 1, 1), MONDAY)]:  # fmt: skip  # noqa: DTZ001
        with pytest.raises(ScheduleRefused, match="backfill takes pairs of two times"):
            check_backfill([(begin, end)])
    for given in [(MONDAY, MONDAY + HOUR), [("2026-11-01", "2026-11-02")], [(MONDAY,)], [MONDAY]]:
        with pytest.raises(ScheduleRefused, match=r"such as \[\(begin, end\)\], not"):
            check_backfill(given)  # type: ignore[arg-type]
    with pytest.raises(ScheduleRefused, match="Give --id"):
        checked_id(5)  # type: ignore[arg-type]
    for text in ["", "1", "h", "1y", "1h foo", "-1h", "9999999999d", f"{'9' * 400}d"]:
        with pytest.raises(CommandError, match="--every takes a duration"):
            duration(text, "--every")
    assert duration("1h30m", "--every") == timedelta(minutes=90)
    with pytest.raises(CommandError, match="ISO 8601"):
        period("yesterday", "2026-11-02")
    assert period("2026-11-02", "2026-11-02T01:00+01:00")[0] == MONDAY
