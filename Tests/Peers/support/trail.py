"""An audit trail written by hand, with the chain that contract section 5 describes."""

import datetime
import hashlib
import json


def stamp(moment):
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Trail:
    def __init__(self):
        self.sequence = 0
        self.previous = "0" * 64
        self.lines = []

    def add(self, moment, stage, **members):
        self.sequence += 1
        record = {"v": 1, "seq": self.sequence, "time": stamp(moment), "stage": stage, **members, "prev": self.previous}
        start = json.dumps(record, separators=(",", ":"), ensure_ascii=False)[:-1]
        self.previous = hashlib.sha256(start.encode()).hexdigest()
        self.lines.append(f'{start},"hash":"{self.previous}"}}\n')

    def deletion(self, moment, number, caller, identity):
        """An intent and its outcome, answered with 204."""
        common = {
            "id": identity, "instance": "elsewhere", "caller": {"name": caller, "proof": "token"}, "source": "192.0.2.1:4711",
            "method": "DELETE", "target": f"/phone-numbers/%2B{number[1:]}", "operation": "DeletePhoneNumber",
            "subject": {"phoneNumberId": number}, "upstream": "chime", "region": "us-east-1", "accessKeyId": "AKIDEXAMPLE",
        }
        self.add(moment, "intent", **common, decision={"verdict": "allowed", "waitMs": 0})
        self.add(
            moment, "outcome", **common, decision={"verdict": "allowed", "state": "answered", "waitMs": 0}, status=204, origin="upstream",
            attempts=1, durationMs=12.5, restorableUntil=stamp(moment + datetime.timedelta(days=7)),
        )

    def write(self, path):
        path.touch(mode=0o600)
        path.write_text("".join(self.lines))
