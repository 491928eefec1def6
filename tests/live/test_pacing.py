"""A shared rate: what comes seldom goes at once, a flood is spread."""

from __future__ import annotations

from jupyter_workflows.live.pacing import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_messages_within_the_rate_never_wait():
    clock = Clock()
    pace = Pace(per_second=250, burst=10, clock=clock)
    for _ in range(1_000):
        clock.now += 1 / 250
        assert pace.told() < 1e-9


def test_a_burst_goes_at_once_and_what_follows_waits():
    pace = Pace(per_second=100, burst=10, clock=Clock())
    assert [round(pace.told(), 6) for _ in range(10)] == [0] * 10
    assert [round(pace.told(), 2) for _ in range(3)] == [0.01, 0.02, 0.03]


def test_many_tellers_in_a_hurry_keep_the_rate_together():
    clock = Clock()
    pace = Pace(per_second=250, burst=100, clock=clock)
    due = dict.fromkeys(range(50), clock.now)
    sent = 0
    while clock.now < 110:
        for teller, at in due.items():
            if at <= clock.now:
                sent += 1
                due[teller] = clock.now + max(0.02, pace.told())
        clock.now += 0.005
    assert 2_400 < sent <= 2_650
