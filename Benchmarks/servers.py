"""The programs that are compared: how each is configured, started, measured and ended. Only by process id, only on loopback."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
LUA_MODULES = [pathlib.Path("/usr/lib/nginx/modules/ndk_http_module.so"), pathlib.Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")]
HOST = "service.chime.aws.amazon.com"
# The example key of AWS's documentation; it opens nothing.
ACCESS = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, name, log):
    for _ in range(400):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.025)
    raise SystemExit(f"bench: {name} did not start; its log:\n{log.read_text(errors='replace')[-2000:]}")


class Server:
    """A running program with all of its processes."""

    def __init__(self, name, command, port, folder, environment=None):
        self.name = name
        self.port = port
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            wait_for_port(port, self.process, name, self.log)
        except BaseException:
            self.stop()
            raise

    def pids(self):
        """The process and its children (nginx's workers)."""
        found = [self.process.pid]
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                found += [int(pid) for pid in (task / "children").read_text().split()]
            except OSError:
                pass
        return found

    def cpu(self):
        """Seconds of processor time so far: (user, system, both).

        User and system are those of /proc/PID/stat, in hundredths; their sum is taken from the scheduler's own account of each
        thread, in nanoseconds, because a short run at a low rate uses only a few hundredths.
        """
        hertz = os.sysconf("SC_CLK_TCK")
        user = system = both = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            user += int(fields[11]) / hertz
            system += int(fields[12]) / hertz
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                both += int((task / "schedstat").read_text().split()[0]) / 1e9
        return user, system, both

    def memory(self, key):
        """`VmRSS` or `VmHWM` in MiB, added over all processes (pages that they share are counted in each)."""
        total = 0
        for pid in self.pids():
            match = re.search(rf"^{key}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
            total += int(match[1]) if match else 0
        return total / 1024

    def threads(self):
        return sum(len(list(pathlib.Path(f"/proc/{pid}/task").iterdir())) for pid in self.pids())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_stub(folder):
    compiler = next((name for name in ("cc", "clang", "gcc") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit("bench: no C compiler (cc, clang or gcc) to build the stub upstream with")
    folder.mkdir(parents=True)
    subprocess.run([compiler, "-O2", "-Wall", "-o", folder / "stub", HERE / "load" / "stub.c"], check=True)
    port = free_port()
    return Server("stub upstream", [folder / "stub", str(port)], port, folder)


NGINX = """
{modules}
daemon off;
{user}
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    {globals}
    upstream service {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port}{http2};
        location / {{
            {signing}
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host {host};
        }}
    }}
}}
"""

SIGNING_GLOBALS = """
    init_by_lua_block {{
        package.path = "{here}/load/?.lua;" .. package.path
        signer = require("sigv4").new({{ access = "{access}", secret = "{secret}", region = "us-east-1", service = "chime", host = "{host}" }})
    }}
"""

SIGNING = """
            set $authorization ""; set $amz_date "";
            access_by_lua_block {
                local var = ngx.var
                var.authorization, var.amz_date = signer:sign(var.request_method, var.request_uri, ngx.time())
            }
            proxy_set_header Authorization $authorization;
            proxy_set_header X-Amz-Date $amz_date;
"""


def start_nginx(name, folder, upstream, workers, signs, http2=False):
    folder.mkdir(parents=True)
    port = free_port()
    text = NGINX.format(
        modules="\n".join(f"load_module {path};" for path in LUA_MODULES) if signs else "",
        user="user root;" if os.geteuid() == 0 else "", workers=workers, folder=folder, upstream=upstream, port=port, host=HOST,
        http2=" http2" if http2 else "",
        globals=SIGNING_GLOBALS.format(here=HERE, access=ACCESS, secret=SECRET, host=HOST) if signs else "",
        signing=SIGNING if signs else "")
    (folder / "nginx.conf").write_text(text)
    return Server(name, ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")], port, folder)


def start_countersign(name, binary, folder, upstream, limits=False, sync=None):
    """`limits`: three, so generous that nothing is refused. `sync`: the audit trail's, or none without."""
    folder.mkdir(parents=True)
    port = free_port()
    rules = {
        "account": {"rate": "1000000/s", "burst": 1000000, "per": "upstream", "maxWait": "250ms", "adaptive": True},
        "fair-share": {"rate": "500000/s", "burst": 500000, "per": "caller"},
        "fuse": {"rate": "1000000/m", "burst": 1000000, "per": "caller"},
    }
    route = {
        "operation": "DeletePhoneNumber", "method": "DELETE", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
        "parameters": {"phoneNumberId": {"format": "e164", "deny": ["+12065550199"]}}, "callers": ["*"],
    }
    configuration = {
        "listeners": [{"bind": f"127.0.0.1:{port}"}],
        "credentials": {"chime": {"type": "static", "accessKeyId": ACCESS, "secretAccessKey": SECRET}},
        "upstreams": {
            "chime": {
                "url": f"http://127.0.0.1:{upstream}", "service": "chime", "region": "us-east-1", "credentials": "chime",
                "maxConnections": 256,
            }
        },
        "callers": [{"name": "local", "networks": ["127.0.0.1/32"]}],
        "routes": [route],
        "drain": {"delay": "0s", "timeout": "1s"},
    }
    if limits:
        configuration["limits"] = rules
        route["limits"] = list(rules)
    if sync:
        configuration["audit"] = {"file": {"path": str(folder / "audit.jsonl"), "sync": sync}}
    path = folder / "config.json"
    path.write_text(json.dumps(configuration, indent=2))
    path.chmod(0o600)
    return Server(name, [str(binary), "serve", "--config", str(path), "--log-level", "warning"], port, folder)
