"""HTTP/2 callers: h2load with many streams on few connections, against countersign with limits and against nginx's plain proxy."""

import re
import statistics
import subprocess

import servers

CONNECTIONS = 8
STREAMS = 32
REQUESTS = 100_000
QUICK_REQUESTS = 10_000


def load(server, requests):
    """One run of h2load: (processor time for a request in microseconds, requests that did not end with 204, requests in a second)."""
    command = [
        "h2load", f"-n{requests}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-H", ":method: DELETE",
        f"http://127.0.0.1:{server.port}/phone-numbers/%2B12065550100",
    ]
    before = server.cpu()[2]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = server.cpu()[2]
    good = int(re.search(r"status codes: (\d+) 2xx", output)[1])
    rate = float(re.search(r"([\d.]+) req/s", output)[1])
    return 1e6 * (after - before) / requests, requests - good, rate


def measure(binary, folder, upstream, workers, stack, rounds, quick):
    """Rows of a table, interleaved like the others."""
    contenders = [
        servers.start_nginx("nginx, plain proxy", folder / "nginx-http2", upstream, workers, signs=False, http2=True),
        servers.start_countersign("countersign, limits", binary, folder / "countersign-http2", upstream, limits=True),
    ]
    for server in contenders:
        stack.callback(server.stop)
    requests = QUICK_REQUESTS if quick else REQUESTS
    for server in contenders:
        load(server, requests // 10)
    runs = {server.name: [] for server in contenders}
    for _ in range(rounds):
        for server in contenders:
            runs[server.name].append(load(server, requests))
    base = runs[contenders[0].name]
    rows = []
    for name, results in runs.items():
        ratios = [run[0] / other[0] for run, other in zip(results, base)]
        rows.append([
            name, f"{statistics.median(run[0] for run in results):.1f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            f"{statistics.median(run[2] for run in results):.0f}", str(sum(run[1] for run in results)),
        ])
    title = f"HTTP/2: h2load -n {requests} -c {CONNECTIONS} -m {STREAMS}, {rounds} rounds"
    return title, ["", "CPU us/request", "against nginx", "requests/s", "not 204"], rows
