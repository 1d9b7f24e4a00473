"""A `redis-server` of the tests' own, and gateways that share their limits through it."""

import shutil
import socket
import subprocess
import tempfile
import time

from limits.limited import limited_config, metrics, status


class Redis:
    """A Redis (or Valkey) on a free loopback port, with nothing kept on disk. `options` are those of its command line."""

    def __init__(self, *options, tls=None, password=None, program="redis-server"):
        assert shutil.which(program), f"the command '{program}' is missing"
        # Socket paths are short by nature.
        self.directory = tempfile.mkdtemp(prefix="countersign-redis-")
        self.socket = f"{self.directory}/redis.sock"
        self.password = password
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._command = [program, "--unixsocket", self.socket, "--dir", self.directory, "--bind", "127.0.0.1", "--save", ""]
        if tls:
            self._command += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            self._command += ["--tls-cert-file", tls.path("good.pem"), "--tls-key-file", tls.path("good.key"), "--tls-ca-cert-file", tls.path("ca.pem")]
        else:
            self._command += ["--port", str(self.port)]
        if password:
            self._command += ["--requirepass", password]
        self._command += options
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self._cli("PING").stdout.strip() != "PONG":
            assert self.process.poll() is None and time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.01)

    def _cli(self, *arguments):
        credentials = ["--no-auth-warning", "-a", self.password] if self.password else []
        return subprocess.run(["redis-cli", "-s", self.socket, *credentials, *arguments], capture_output=True, text=True)

    def cli(self, *arguments):
        done = self._cli(*arguments)
        assert done.returncode == 0 and not done.stdout.startswith(("ERR", "NOAUTH")), done
        return done.stdout.strip()

    def kill(self):
        """Like `kill -9`: no farewell to anybody."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"


def shared_config(upstream_url, redis, limits, url=None, on_failure=None, timeout=None, prefix=None, **changes):
    """DeletePhoneNumber under `limits`, counted in `redis`. The timeout is long, for machines that are busy with other tests."""
    store = {"redis": url or redis.url, "onStoreFailure": on_failure, "timeout": timeout or "2s", "keyPrefix": prefix}
    return limited_config(upstream_url, limits, limitStore={k: v for k, v in store.items() if v is not None}, **changes)


def store_status(gateway):
    return status(gateway)["limitStore"]


def store_metrics(gateway):
    """The metrics of the store, without their common beginning."""
    begin = "countersign_limit_store_"
    return {name.removeprefix(begin): value for name, value in metrics(gateway).items() if name.startswith(begin)}
