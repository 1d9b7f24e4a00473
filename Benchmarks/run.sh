#!/bin/sh
# Installs what is missing from Debian, builds the release binary if there is none, and runs the benchmark.
# Usage: Benchmarks/run.sh [--quick] [--rounds N] [--only proxies|start|costs] [--directory DIR]
set -eu
here=$(cd "$(dirname "$0")" && pwd)

packages=
command -v nginx >/dev/null 2>&1 || packages="$packages nginx-light"
[ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] || packages="$packages libnginx-mod-http-lua"
command -v wrk >/dev/null 2>&1 || packages="$packages wrk"
command -v h2load >/dev/null 2>&1 || packages="$packages nghttp2-client"
command -v valgrind >/dev/null 2>&1 || packages="$packages valgrind"
if [ -n "$packages" ] && command -v apt-get >/dev/null 2>&1; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    # A started nginx of Debian's own would only be in the way of port 80.
    # shellcheck disable=SC2086
    $as_root apt-get update -qq && $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages ||
        echo "bench: not all of$packages could be installed; going on without" >&2
fi

if [ -z "${COUNTERSIGN_RELEASE:-}" ] && [ ! -x "$here/../.build/release/countersign" ]; then
    swift build -c release --package-path "$here/.." --product countersign
fi
exec python3 "$here/bench.py" "$@"
