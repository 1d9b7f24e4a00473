"""The services that tests of credentials start, each stopped after its test."""

import functools

import pytest

from credentials.services import KeyService


@pytest.fixture
def service():
    """`service(KeyService, life=3)` starts one."""
    made = []

    def start(kind, **options):
        made.append(kind(**options))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def keys(service):
    """`keys(life=3)` starts a `KeyService`."""
    return functools.partial(service, KeyService)
