"""A service manager in small: holds listening sockets over restarts (sd_listen_fds(3)) and hears what the service says (sd_notify(3))."""

import os
import socket
import sys
import tempfile
import threading

from support.process import BINARY

# Puts the sockets where the protocol wants them, says whose they are, and becomes the service.
_LAUNCHER = """
import fcntl, os, sys
descriptors, names, *command = sys.argv[1:]
moved = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in descriptors.split(",")]
for number, one in enumerate(moved, 3):
    os.dup2(one, number, inheritable=True)
    os.close(one)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(moved)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


class Activator:
    def __init__(self, *names):
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in names]
        self.names = names
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "notify")
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(self.path)
        self.said = []
        self._changed = threading.Condition()
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self):
        while True:
            try:
                text = self.notifications.recv(4096).decode()
            except OSError:
                return
            with self._changed:
                self.said.append(text)
                self._changed.notify_all()

    def wait_for(self, text, count=1, timeout=60):
        with self._changed:
            assert self._changed.wait_for(lambda: sum(one.startswith(text) for one in self.said) >= count, timeout), self.said

    @property
    def addresses(self):
        return ["%s:%d" % one.getsockname() for one in self.sockets]

    @property
    def environment(self):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "200000"}

    @property
    def options(self):
        """For `Gateway`."""
        descriptors = [one.fileno() for one in self.sockets]
        launcher = [sys.executable, "-c", _LAUNCHER, ",".join(map(str, descriptors)), ":".join(self.names)]
        return {"command": [*launcher, str(BINARY)], "pass_fds": descriptors, "environment": self.environment}

    def close(self):
        for one in self.sockets:
            one.close()
        self.notifications.close()
        self.folder.cleanup()
