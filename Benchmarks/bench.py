#!/usr/bin/env python3
"""What a request costs: countersign, nginx as a plain proxy and nginx signing in Lua, interleaved in one run on one machine.

Wall times on shared machines say little, so what is compared is processor time per request (user and system, all threads and
workers), and the ratio to nginx's plain proxy in the same round. Every contender passes the same DELETE on to the same stub upstream,
first flat out and then at a low rate with random pauses: a saturated proxy batches its work and looks cheap, a rate-limited one
lives at the low rate. HTTP/2 callers have a table of their own, and so has the start of a sidecar with its memory at rest.

Signatures are checked before anything is measured. The pure parts (parse, route, limiter, sign, audit) are measured by the program
in Sources/Costs, in nanoseconds and, with valgrind, in instructions.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import costs
import http2
import servers
import signature
import startup

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = "nginx, plain proxy"


def load(server, seconds, connections, pause):
    """Runs wrk once. Returns what one request cost, in microseconds, and what wrk saw."""
    environment = dict(os.environ, PAUSE_MS=str(pause))
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(servers.HERE / "load" / "wrk.lua"),
        f"http://127.0.0.1:{server.port}",
    ]
    before = server.cpu()
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    after = server.cpu()
    seen = json.loads(output.strip().splitlines()[-1])
    if seen["requests"] == 0:
        raise SystemExit(f"bench: {server.name} answered nothing; its log:\n{server.log.read_text(errors='replace')[-2000:]}")
    user, system, both = (1e6 * (new - old) / seen["requests"] for new, old in zip(after, before))
    share = user / (user + system) if user + system else 0
    return {
        "cpu": both, "user": both * share, "rate": 1e6 * seen["requests"] / seen["microseconds"],
        "bad": seen["failed"] + seen["refused"], "p50": seen["p50"], "p99": seen["p99"],
    }


def measure(contenders, rounds, seconds, connections, pause):
    """A B C, A B C, …: what disturbs the machine disturbs all. Returns the runs of each."""
    results = {server.name: [] for server in contenders}
    for turn in range(rounds):
        for server in contenders:
            results[server.name].append(load(server, seconds, connections, pause))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return results


def spread(values, form):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def table(title, results, memory=None):
    print(f"\n{title}\n")
    heads = ["", "CPU us/request", "of it user", "against nginx", "requests/s", "p99 ms", "not 204"]
    rows = []
    for name, runs in results.items():
        ratios = [run["cpu"] / base["cpu"] for run, base in zip(runs, results[BASE])]
        rows.append([
            name, spread([run["cpu"] for run in runs], "{:.1f}"), f"{statistics.median(run['user'] for run in runs):.1f}",
            spread(ratios, "{:.2f}"), f"{statistics.median(run['rate'] for run in runs):.0f}",
            f"{statistics.median(run['p99'] for run in runs) / 1000:.1f}", str(sum(run["bad"] for run in runs)),
        ])
    print_rows(heads, rows)


def print_rows(heads, rows):
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


def audit_table(flat, slow):
    """What the trail adds to a request with limits; by the same rounds."""
    rows = []
    for sync in ("never", "always"):
        row = [f"audit, sync {sync}"]
        for results in (flat, slow):
            pairs = list(zip(results[f"countersign, limits, audit {sync}"], results["countersign, limits"]))
            row += [
                spread([with_audit["cpu"] - without["cpu"] for with_audit, without in pairs], "{:+.1f}"),
                spread([with_audit["cpu"] / without["cpu"] for with_audit, without in pairs], "{:.2f}"),
            ]
        rows.append(row)
    print("\nThe audit trail's share: against countersign with limits and no audit\n")
    print_rows(["", "flat out, us", "ratio", "low rate, us", "ratio"], rows)


def version(command, stream="stdout"):
    try:
        return getattr(subprocess.run(command, capture_output=True, text=True), stream).strip().splitlines()[0]
    except (OSError, IndexError):
        return "not installed"


def describe(binary):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"command   {shlex.join([sys.executable, *sys.argv])}")
    print(f"machine   {model}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the start")
    print(f"versions  countersign {version([str(binary), '--version'])} ({binary})")
    print(f"          {version(['nginx', '-v'], 'stderr')}; {version(['wrk', '-v'])}; {version(['openssl', 'version'])}")
    print(f"          {version(['swift', '--version'])}; {version(['valgrind', '--version'])}")


def start_all(binary, folder, stub, stack, quick):
    workers = os.cpu_count() or 1

    def keep(server):
        stack.callback(server.stop)
        return server

    contenders = [keep(servers.start_nginx(BASE, folder / "nginx", stub.port, workers, signs=False))]
    if all(module.exists() for module in servers.LUA_MODULES):
        contenders.append(keep(servers.start_nginx("nginx, Lua signing", folder / "nginx-lua", stub.port, workers, signs=True)))
    else:
        print("nginx with Lua signing is left out: libnginx-mod-http-lua is not installed.")
    for name, options in {
        "countersign, signing only": {},
        "countersign, limits": {"limits": True},
        "countersign, limits, audit never": {"limits": True, "sync": "never"},
        "countersign, limits, audit always": {"limits": True, "sync": "always"},
    }.items():
        place = folder / name.replace(", ", "-").replace(" ", "-")
        contenders.append(keep(servers.start_countersign(name, binary, place, stub.port, **options)))
    for server in contenders:
        signature.check(server, stub, servers.SECRET, signs=server.name != BASE)
    return contenders


def memory_table(contenders, idle):
    rows = [
        [server.name, f"{idle[server.name]:.1f}", f"{server.memory('VmHWM'):.1f}", str(server.threads())] for server in contenders
    ]
    print("\nMemory in MiB (sum over the processes of each)\n")
    print_rows(["", "at rest (VmRSS)", "peak (VmHWM)", "threads"], rows)


def proxies(binary, arguments):
    """Prints the tables. Returns how many requests did not end with 204: their costs are another thing's."""
    rounds, seconds = (2, 1) if arguments.quick else (arguments.rounds, 2)
    connections = 32
    # 32 connections that pause 20 ms on average ask 1,600 times a second at most.
    pause = 20
    with contextlib.ExitStack() as stack:
        # On a disk, not in memory: the trail is synced there.
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=arguments.directory)))
        stub = servers.start_stub(folder / "stub")
        stack.callback(stub.stop)
        contenders = start_all(binary, folder, stub, stack, arguments.quick)
        workers = os.cpu_count() or 1
        print(f"setting   {workers} event loops in countersign, {workers} workers in nginx; {connections} connections, {rounds} rounds, "
              f"{seconds} s a turn; signatures checked")
        time.sleep(1)
        idle = {server.name: server.memory("VmRSS") for server in contenders}
        for server in contenders:
            load(server, 1, connections, 0)
        flat = measure(contenders, rounds, seconds, connections, 0)
        slow = measure(contenders, rounds, 1 if arguments.quick else 3, connections, pause)
        table("Flat out: median (smallest-largest) of the rounds, ratios within a round", flat)
        table("At a low rate with random pauses", slow)
        audit_table(flat, slow)
        memory_table(contenders, idle)
        bad = sum(run["bad"] for results in (flat, slow) for runs in results.values() for run in runs)
        if shutil.which("h2load"):
            title, heads, rows = http2.measure(binary, folder, stub.port, workers, stack, rounds, arguments.quick)
            bad += sum(int(row[-1]) for row in rows)
            print(f"\n{title}\n")
            print_rows(heads, rows)
        else:
            print("\nHTTP/2 is left out: h2load is not installed (Debian: apt-get install nghttp2-client).")
        return bad


def starting(binary, arguments):
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=arguments.directory) as folder:
        title, heads, rows = startup.measure(binary, pathlib.Path(folder), arguments.quick)
    print(f"\n{title}\n")
    print_rows(heads, rows)


def find_binary():
    """$COUNTERSIGN_RELEASE, else the release build."""
    given = os.environ.get("COUNTERSIGN_RELEASE")
    binary = pathlib.Path(given) if given else ROOT / ".build" / "release" / "countersign"
    if not binary.exists():
        raise SystemExit(f"bench: there is no {binary}: run `swift build -c release --product countersign`, or set COUNTERSIGN_RELEASE")
    return binary.resolve()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute: two short rounds, no instruction counts")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each load (default 5)")
    parser.add_argument("--only", choices=["proxies", "start", "costs"], help="one part of it")
    parser.add_argument("--directory", default="/var/tmp", help="where the trails are written; on the disk to be measured (default /var/tmp)")
    arguments = parser.parse_args()
    missing = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if missing and arguments.only in (None, "proxies"):
        raise SystemExit(f"bench: not installed: {', '.join(missing)} (Debian: apt-get install nginx-light wrk)")
    binary = find_binary()
    describe(binary)
    bad = 0
    if arguments.only in (None, "proxies"):
        bad = proxies(binary, arguments)
    if arguments.only in (None, "start"):
        starting(binary, arguments)
    if arguments.only in (None, "costs"):
        print_rows(*costs.measure(counts_instructions=not arguments.quick and shutil.which("valgrind") is not None))
    if bad:
        raise SystemExit(f"bench: {bad} requests did not end with 204, so these are not the costs of the work")


if __name__ == "__main__":
    main()
