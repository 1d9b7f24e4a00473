#!/bin/sh
# Fuzzes one target: run.sh TARGET SECONDS. Exit 0: nothing found in that time; 1: a finding (its file is named); 2: the fuzzer does not work.
# New inputs are kept in .build/corpus; a finding belongs, made small, into the findings of ../WireTests/Corpus/<protocol>, where the tests read it, or
# for the other targets into Corpus/<target>/findings.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: $0 TARGET SECONDS   (targets: $(cd "$(dirname "$0")/Sources" && echo Fuzz*))" >&2
    exit 64
fi
cd "$(dirname "$0")"
target=$1
seconds=$2
seeds=../WireTests/Corpus
case $target in
    FuzzHTTP1Request) folder=$seeds/http1/requests findings=$seeds/http1/findings dict=http1.dict ;;
    FuzzHTTP1Response) folder=$seeds/http1/responses findings=$seeds/http1/findings dict=http1.dict ;;
    FuzzHTTP2Server) folder=$seeds/http2/server findings=$seeds/http2/server-findings dict= ;;
    FuzzHTTP2Client) folder=$seeds/http2/client findings=$seeds/http2/client-findings dict= ;;
    *) folder=Corpus/$target findings=Corpus/$target/findings dict= ;;
esac

# One --sanitize flag only; the other goes to the compiler. The backtracer would hold a crash up for seconds.
export SWIFT_BACKTRACE=enable=no
# libFuzzer sees no leaks that matter here, and LeakSanitizer cannot run where ptrace is forbidden.
export ASAN_OPTIONS=detect_leaks=0
build() { swift build -c release --sanitize=fuzzer -Xswiftc -sanitize=fuzzer,address --product "$1"; }
build FuzzCanary
build "$target"
bin=$(swift build -c release --show-bin-path)
work=$PWD/.build/fuzzing
mkdir -p "$work/artifacts" "$PWD/.build/corpus/$target"

# A fuzzer that cannot find the canary finds nothing else.
if "$bin/FuzzCanary" -max_total_time=60 -artifact_prefix="$work/canary-" >"$work/canary.log" 2>&1; then
    echo "the canary did not crash: this build of the fuzzer finds nothing" >&2
    exit 2
fi
if ! grep -q "the canary was found" "$work/canary.log" && ! grep -q "deadly signal" "$work/canary.log"; then
    cat "$work/canary.log" >&2
    exit 2
fi

set -- "$PWD/.build/corpus/$target"
for seed in "$folder" "$findings"; do
    if [ -d "$seed" ]; then set -- "$@" "$seed"; fi
done
status=0
"$bin/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$work/artifacts/$target-" ${dict:+-dict="$dict"} "$@" >"$work/$target.log" 2>&1 || status=$?
if ! grep -q "Loaded 1 modules" "$work/$target.log"; then
    cat "$work/$target.log" >&2
    echo "no coverage was measured: this build of the fuzzer finds nothing" >&2
    exit 2
fi
if [ "$status" -ne 0 ]; then
    tail -n 60 "$work/$target.log" >&2
    exit 1
fi
grep -E "Loaded 1 modules|^Done|stat::" "$work/$target.log"
