"""A real rsyslogd with a configuration of its own: nothing outside its folder, a free port on loopback, ended by its pid."""

import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

COMMAND = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin:/bin")

# <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [SD] MSG, as RFC 5424 has it.
MESSAGE = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) (\S+) (\d+) (\S+) "
    r'\[countersign@32473 seq="(\d+)" hash="([0-9a-f]{64})"(?: id="([^"]*)")?\] (\{.*\})'
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Rsyslog:
    """Collects into `output`, one message a line as it came over the wire. `tls`: (ca, certificate, key), client certificates needed."""

    def __init__(self, folder, tls=None, unix=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.output = self.folder / "collected.log"
        self.port = free_port()
        self.pid_file = self.folder / "rsyslogd.pid"
        self.config = self.folder / "rsyslog.conf"
        self.unix = unix
        self.process = None
        module, listener = 'load="imtcp"', f'type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="collect"'
        lines = [f'global(workDirectory="{self.folder}" maxMessageSize="64k" processInternalMessages="off")']
        if tls:
            ca, certificate, key = tls
            lines[0] = lines[0][:-1] + (
                f' defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{ca}"'
                f' defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")'
            )
            module += ' StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid"'
        if unix:
            module, listener = (
                'load="imuxsock" SysSock.Use="off"',
                f'type="imuxsock" Socket="{unix}" CreatePath="off" ruleset="collect" UseSpecialParser="off" RateLimit.Interval="0"',
            )
        lines += [
            f"module({module})",
            'template(name="wire" type="string" string="%rawmsg%\\n")',
            f'ruleset(name="collect") {{ action(type="omfile" file="{self.output}" template="wire") }}',
            f"input({listener})",
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.pid_file.unlink(missing_ok=True)
        if self.unix:
            pathlib.Path(self.unix).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [COMMAND, "-n", "-i", str(self.pid_file), "-f", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.folder / "stderr", "ab"),
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not self._listens():
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < deadline, "rsyslogd does not listen"
            time.sleep(0.02)
        return self

    def _listens(self):
        if self.unix:
            return pathlib.Path(self.unix).exists()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def kill(self):
        """kill -9, whatever it is doing."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def messages(self):
        """Messages in the order of arrival, as match objects. A kill may tear the last line of a run, and only that."""
        if not self.output.exists():
            return []
        found = (MESSAGE.fullmatch(line) for line in self.output.read_text(errors="replace").splitlines())
        return [match for match in found if match]


def distinct(messages):
    """The JSON lines by `seq`, first arrivals only; a second arrival must say the same."""
    lines = {}
    for match in messages:
        sequence, line = int(match[7]), match[10]
        assert lines.setdefault(sequence, line) == line, f"seq {sequence} came with two contents"
        assert json.loads(line)["seq"] == sequence
    return lines


def assert_whole_and_in_order(messages, trail):
    """Every record of the trail arrived, word for word, and first arrivals are in the trail's order."""
    expected = {json.loads(line)["seq"]: line for line in trail.decode().splitlines()}
    lines = distinct(messages)
    assert lines.keys() >= expected.keys(), f"{len(expected.keys() - lines.keys())} of {len(expected)} records never arrived"
    assert {n: lines[n] for n in expected} == expected
    assert list(lines) == sorted(lines), "first arrivals are out of order"
