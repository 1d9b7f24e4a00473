import pytest

from redis.store import Redis


@pytest.fixture
def redis():
    """`redis(*options)` starts a redis-server; all are killed after the test."""
    started = []

    def start(*options, **settings):
        started.append(Redis(*options, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()
