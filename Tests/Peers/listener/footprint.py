"""What a gateway holds: connections, exchanges, descriptors, memory; and that it holds no more of them afterwards than before."""

import contextlib
import time
import urllib.request

from listener import descriptors


def eventually(holds, timeout=60):
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def gauge(served, name):
    return total(served, name + " ")


def total(served, beginning):
    """The sum over the lines that begin so."""
    text = urllib.request.urlopen(served.admin_url + "/metrics", timeout=30).read().decode()
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(beginning))


GROWTH_KIB = 16 * 1024


class Footprint:
    """Taken of a gateway that has served before, so that what a first time takes for good is there already."""

    def __init__(self, served, growth_kib=GROWTH_KIB):
        self.served = served
        self.growth_kib = growth_kib
        eventually(self._is_quiet)
        self.descriptors = self._descriptors()
        self.memory_kib = served.memory_kib()

    def _is_quiet(self):
        return gauge(self.served, "countersign_connections") == 0 and gauge(self.served, "countersign_exchanges") == 0

    def _descriptors(self):
        """Without those of the connections to the upstream, which are kept for a while and bounded by `maxConnections`."""
        kept = total(self.served, "countersign_upstream_connections{")
        return descriptors.open_count(self.served) - kept

    def is_back(self):
        """Waits until nothing is left of what came since, with its process alive."""
        eventually(self._is_quiet)
        eventually(lambda: self._descriptors() <= self.descriptors)
        # Where many connections have gone, their memory goes back to the system a second later.
        eventually(lambda: self.served.memory_kib() - self.memory_kib < self.growth_kib)
        assert self.served.process.poll() is None


@contextlib.contextmanager
def leaving_nothing(served, upstream, growth_kib=GROWTH_KIB):
    """Around all tests of a gateway, which has served before: afterwards neither a connection, a descriptor nor memory of them is left, and both
    are ended."""
    before = Footprint(served, growth_kib)
    yield
    try:
        before.is_back()
        served.stop()
    finally:
        served.kill()
        upstream.stop()
