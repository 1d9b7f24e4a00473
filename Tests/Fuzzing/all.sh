#!/bin/sh
# Runs every fuzz target for so many seconds each: all.sh [SECONDS]. Stops at the first finding.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
seconds=${1:-60}
targets=$(sed -n 's/.*name: "\(Fuzz[A-Za-z0-9]*\)".*/\1/p' "$here/Package.swift" | grep -v Canary | sort -u)
for target in $targets; do
    echo "== $target, $seconds s"
    sh "$here/run.sh" "$target" "$seconds"
done
