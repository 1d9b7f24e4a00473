"""Callers in front of an upstream that closes connections at random, in a process of its own."""

import json
import pathlib
import subprocess
import sys
import threading
import time

from support.wire import Client


class ClosingUpstream:
    """`script` is `closing_upstream.py` or a sister of it; `files` are a certificate and its key, for TLS."""

    def __init__(self, script, seed, share, *files):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name(script)), str(seed), str(share), *files], stdout=subprocess.PIPE, text=True
        )
        host = "localhost" if files else "127.0.0.1"
        self.url = f"{'https' if files else 'http'}://{host}:{int(self.process.stdout.readline())}"

    def stop(self):
        """What it says at its end."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=60)
        return json.loads(output)


def load(address, callers, each, every, pause):
    """Each caller asks for targets of its own, one after the other, and rests `pause` seconds once in `every`: ({target: status}, failures)."""
    statuses, failures = {}, []

    def work(caller):
        try:
            with Client(address) as client:
                for number in range(each):
                    target = f"/phone-numbers/%2B1{caller + 10}{number:05}"
                    statuses[target] = client.request(target=target).status
                    if number % every == caller:
                        time.sleep(pause)
        except Exception as failure:
            failures.append(repr(failure))

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, failures
