"""A caller that sends at a given rate whatever comes back (open loop), and keeps what came back and when."""

import asyncio
import dataclasses
import time

from support.wire import request_bytes


@dataclasses.dataclass
class Sent:
    """One request: when it was sent and answered (monotonic seconds), and how."""

    sent: float
    answered: float
    status: int
    origin: str


class OpenLoop:
    """Sends `rate` requests a second for `seconds`, evenly, each on a connection that is free or on a new one.

    A generator that was held up catches up at once, so the number of requests is exact whatever else the machine does.
    """

    def __init__(self, address, rate, seconds, headers=()):
        self.address = address
        self.rate = rate
        self.count = int(rate * seconds)
        self.request = request_bytes(headers=headers)
        self.results = []
        self._idle = []

    async def run(self):
        start = time.monotonic()
        under_way = set()
        for number in range(self.count):
            pause = start + number / self.rate - time.monotonic()
            await asyncio.sleep(max(pause, 0))
            task = asyncio.create_task(self._one())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.gather(*under_way)
        for _, writer in self._idle:
            writer.close()
        return self

    async def _one(self):
        # The connection unused the longest, so that all of them, and with them all event loops, take part.
        reader, writer = self._idle.pop(0) if self._idle else await asyncio.open_connection(*self.address)
        sent = time.monotonic()
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        self.results.append(Sent(sent, time.monotonic(), int(head.split(" ", 2)[1]), fields["countersign-origin"]))
        self._idle.append((reader, writer))

    @property
    def first_sent(self):
        return min(one.sent for one in self.results)

    @property
    def last_sent(self):
        return max(one.sent for one in self.results)

    @property
    def last_answered(self):
        return max(one.answered for one in self.results)

    def statuses(self):
        """How often each status came."""
        found = {}
        for one in self.results:
            found[one.status] = found.get(one.status, 0) + 1
        return found


def run_together(*loads, timeout=60):
    """Runs the loads at the same time."""

    async def all_of_them():
        await asyncio.wait_for(asyncio.gather(*(load.run() for load in loads)), timeout)

    asyncio.run(all_of_them())
