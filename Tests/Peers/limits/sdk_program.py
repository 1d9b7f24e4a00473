"""Calls DeletePhoneNumber with this environment's botocore, under a clock of its own, and prints what the SDK did as JSON.

Reads from standard input: [{"url", "mode" (null: the SDK's default), "random" (what its dice show, 0 to 1)}, ...].
Prints {"version", "calls": [{"exception", "code", "attempts", "gaps"}, ...]}: `gaps` are the seconds that the SDK let pass between one
attempt and the next, by sleeping or (adaptive mode) by waiting for its own token bucket.
"""

import json
import random
import sys
import threading
import time
import types


class Clock:
    """Time passes only by sleeping."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.now = 1_800_000_000.0

    def sleep(self, seconds):
        self.now += seconds


class Condition(threading.Condition):
    def wait(self, timeout=None):
        CLOCK.now += timeout


CLOCK = Clock()
dice = 0.0
# Before botocore is loaded, for it takes both as default arguments.
time.sleep = CLOCK.sleep
random.random = lambda: dice

import botocore  # noqa: E402
import botocore.session  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from botocore.retries import bucket  # noqa: E402

bucket.Clock.current_time = lambda self: CLOCK.now
bucket.threading = types.SimpleNamespace(Lock=threading.Lock, Condition=Condition)

session = botocore.session.get_session()


def call(url, mode):
    """A client of its own for each call: retry quota and adaptive rate are kept in it."""
    CLOCK.reset()
    config = Config(signature_version=botocore.UNSIGNED, region_name="us-east-1", retries={"mode": mode} if mode else None)
    client = session.create_client("chime-sdk-voice", endpoint_url=url, config=config)
    sent = []
    # Registered after the token bucket's own handler, and so called when that has let the attempt go.
    client.meta.events.register("before-send", lambda **_: sent.append(CLOCK.now))
    found = {"exception": None, "code": None}
    try:
        client.delete_phone_number(PhoneNumberId="+12065550100")
    except ClientError as failure:
        found = {"exception": type(failure).__name__, "code": failure.response["Error"]["Code"]}
        assert failure.response["ResponseMetadata"]["HTTPStatusCode"] == 429, failure
        assert failure.response["ResponseMetadata"]["RetryAttempts"] == len(sent) - 1
    return found | {"attempts": len(sent), "gaps": [round(after - before, 3) for before, after in zip(sent, sent[1:])]}


calls = []
for case in json.load(sys.stdin):
    dice = case["random"]
    calls.append(call(case["url"], case["mode"]))
print(json.dumps({"version": botocore.__version__, "calls": calls}))
