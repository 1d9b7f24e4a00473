import pytest

from ship.rsyslog import COMMAND, Rsyslog


@pytest.fixture
def rsyslog(tmp_path):
    """`rsyslog(tls=..., unix=...)` prepares one; `start` starts it, and it is ended after the test."""
    assert COMMAND, "the command 'rsyslogd' is missing (Debian: rsyslog, rsyslog-gnutls)"
    made = []

    def make(**options):
        made.append(Rsyslog(tmp_path / f"rsyslog-{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
