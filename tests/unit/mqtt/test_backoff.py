from random import Random

from edge_agent.mqtt.backoff import Backoff


class Highest(Random):
    """Random whose every draw is the highest."""

    def uniform(self, a, b):
        return b


def test_failures_double_the_ceiling_up_to_the_longest():
    backoff = Backoff(1.0, 60.0, Highest())
    assert [backoff.after_failure() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_is_full():
    waits = [Backoff(60.0, 60.0, Random(seed)).after_failure() for seed in range(200)]
    assert min(waits) < 3
    assert max(waits) > 57


def test_connection_that_stood_starts_anew():
    backoff = Backoff(1.0, 60.0, Highest())
    for _ in range(3):
        backoff.after_failure()
    assert backoff.after_loss() == 1


def test_takeover_waits_longer_than_any_failure_and_longer_each_time():
    backoff = Backoff(1.0, 60.0, Highest())
    assert [backoff.after_takeover() for _ in range(5)] == [120, 240, 480, 960, 960]
    assert backoff.fighting
    backoff.after_loss()
    assert not backoff.fighting
    waits = [Backoff(1.0, 60.0, Random(seed)).after_takeover() for seed in range(50)]
    assert min(waits) >= 60


def test_ten_thousand_failures_do_not_overflow():
    backoff = Backoff(1.0, 60.0, Random(1))
    assert all(backoff.after_failure() <= 60 for _ in range(10_000))
