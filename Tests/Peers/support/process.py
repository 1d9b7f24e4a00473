"""The processes under test: `countersign serve` and `countersign chime-double`."""

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("COUNTERSIGN", REPOSITORY / ".build/debug/countersign"))

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
# A loaded machine is slow, and no test is about that: whoever waits for a process waits long.
START_TIMEOUT = 60
END_TIMEOUT = 60


def clean_environment(**extra):
    """The environment without anything that would lead an AWS client or the gateway elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "COUNTERSIGN")) and not k.lower().endswith("_proxy")}
    return kept | extra


def basic_config(upstream_url, **changes):
    """The smallest useful configuration. A change of None removes the member."""
    config = {
        "listeners": [{"bind": "127.0.0.1:0"}],
        "admin": {"bind": "127.0.0.1:0"},
        # No load balancer has to notice the end of a test.
        "drain": {"delay": "0ms", "timeout": "30s"},
        "credentials": {"chime": {"type": "static", "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}},
        "upstreams": {
            "chime": {"url": upstream_url, "service": "chime", "region": "us-east-1", "credentials": "chime"}
        },
        "routes": [
            {
                "operation": "DeletePhoneNumber",
                "method": "DELETE",
                "path": "/phone-numbers/{phoneNumberId}",
                "upstream": "chime",
                "parameters": {"phoneNumberId": {"format": "e164"}},
            }
        ],
    } | changes
    return {k: v for k, v in config.items() if v is not None}


def more_routes(config):
    """`config` with a route that has a query and one that has a body, beside DeletePhoneNumber."""
    config["routes"] += [
        {"operation": "ListPhoneNumbers", "method": "GET", "path": "/phone-numbers", "upstream": "chime", "query": True},
        {
            "operation": "UpdatePhoneNumber",
            "method": "POST",
            "path": "/phone-numbers/{phoneNumberId}",
            "upstream": "chime",
            "parameters": {"phoneNumberId": {"format": "e164"}},
            "body": True,
        },
    ]
    return config


class Gateway:
    """A running `countersign serve`."""

    def __init__(
        self, config, directory, environment=None, stdout=subprocess.DEVNULL, command=(str(BINARY),), closes_memory=False, config_mode=0o600,
        pass_fds=(),
    ):  # fmt: skip
        assert BINARY.exists(), f"{BINARY} is missing: build it, or name it in COUNTERSIGN"
        self.config_path = pathlib.Path(directory) / f"config-{time.monotonic_ns()}.json"
        self._config_mode = config_mode
        self.write_config(config)
        # Only root counts the descriptors and the memory of a process that closes itself to others.
        options = [] if closes_memory or os.geteuid() == 0 else ["--allow-core-dumps"]
        self.process = subprocess.Popen(
            [*command, "serve", "--config", str(self.config_path), "--log-format", "json", *options],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=clean_environment(**(environment or {})),
            pass_fds=pass_fds,
        )
        self.pid = self.process.pid
        self._is_told_to_end = False
        self.lines = []
        self.listeners = []
        self.admin_address = None
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_until_ready()

    def write_config(self, config):
        self.config_path.touch(mode=self._config_mode)
        self.config_path.write_text(json.dumps(config))

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            with self._changed:
                self.lines.append(line)
                record = _json_object(line)
                if record.get("message") == "listening":
                    self.listeners.append(record["listener"])
                elif record.get("message") == "admin listening":
                    self.admin_address = record["address"]
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _wait_until_ready(self):
        if not self.wait_for_log(lambda r: r.get("message") == "ready", START_TIMEOUT):
            self.kill()
            raise AssertionError("the gateway did not become ready:\n" + self.stderr)

    @property
    def stderr(self):
        return "\n".join(self.lines)

    @property
    def records(self):
        """The log as JSON objects."""
        with self._changed:
            return [_json_object(line) for line in self.lines]

    def wait_for_log(self, matches, timeout=60):
        """The first record for which `matches` is true, or None after `timeout` seconds or the process's end."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if matches(_json_object(line)):
                        return _json_object(line)
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    return None
                self._changed.wait(min(left, 0.2))

    @property
    def address(self):
        """(host, port) of the first TCP listener."""
        return _split(next(a for a in self.listeners if not a.startswith("unix:")))

    @property
    def url(self):
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def admin_url(self):
        host, port = _split(self.admin_address)
        return f"http://{host}:{port}"

    def memory_kib(self, field="VmRSS"):
        """Resident memory now, or its peak with "VmHWM"."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")

    def signal(self, number):
        self._is_told_to_end |= number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def stop(self, code=0, timeout=END_TIMEOUT):
        """SIGTERM where there was none yet (a second one cuts the drain short), then the exit code, which must be `code`."""
        if self.process.poll() is None and not self._is_told_to_end:
            self.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the gateway did not end after SIGTERM:\n" + self.stderr)
        self._reader.join(END_TIMEOUT)
        assert self.process.returncode == code, f"exit code {self.process.returncode}, not {code}:\n{self.stderr}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(END_TIMEOUT)


class Double:
    """A running `countersign chime-double`."""

    def __init__(self, directory, *arguments):
        assert BINARY.exists(), f"{BINARY} is missing: build it, or name it in COUNTERSIGN"
        self.record_path = pathlib.Path(directory) / f"double-{time.monotonic_ns()}.jsonl"
        self.process = subprocess.Popen(
            [str(BINARY), "chime-double", "--port", "0", "--print-port", "--record", str(self.record_path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=clean_environment(),
        )
        found = queue.Queue()
        threading.Thread(target=lambda: found.put(self.process.stdout.readline()), daemon=True).start()
        try:
            self.port = int(found.get(timeout=START_TIMEOUT))
        except (queue.Empty, ValueError):
            self.stop()
            raise AssertionError("the double did not start") from None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self):
        """What it has answered: `time method target headers status signatureVerified canonicalRequest`."""
        return [json.loads(line) for line in self.record_path.read_text().splitlines()]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(END_TIMEOUT)
        finally:
            self.process.kill()


def _json_object(line):
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _split(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
