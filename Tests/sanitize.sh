#!/bin/sh
# The unit tests under the thread sanitizer and under the address sanitizer, which looks for leaks, too: sanitize.sh [LANE...], where a lane is
# `thread` or `address`; without one, both. A lane passes when every test has passed, nothing was reported, and the mistakes that are made on
# purpose were. A line for each lane ends the run; exit 0: all of them passed.
#
# The two cannot be built into one program, so each has a build of its own, which is kept for the next run.
set -u
cd "$(dirname "$0")/.." || exit 1
swift=${SWIFT:-swift}
here=$PWD
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
# The backtracer would take a crash away from the sanitizer.
export SWIFT_BACKTRACE=enable=no NO_COLOR=1

# Runs the tests of a lane: run REPORT [ARGUMENT...]. What the sanitizer says goes to the files REPORT.PID, and makes the exit code 66.
run() {
    report=$1
    shift
    options="exitcode=66 log_path=$report"
    env ${preload:+LD_PRELOAD="$preload"} TSAN_OPTIONS="$options" ASAN_OPTIONS="$options detect_leaks=$leaks" \
        LSAN_OPTIONS="suppressions=$here/Tests/Sanitizers/leaks.supp print_suppressions=0" "$tests" --testing-library swift-testing "$@"
}

# A mistake that this lane is there for must be reported, at its place, and make the run fail: canary MISTAKE.
canary() {
    if COUNTERSIGN_CANARY=$1 run "$reports/$1" --filter SanitizerCanaryTests >"$reports/canary.log" 2>&1; then
        verdict="FAILED: the $1 canary did not fail the run, so this build of the sanitizer finds nothing"
    elif ! cat "$reports/$1".[0-9]* 2>/dev/null | grep -q "SanitizerCanaryTests"; then
        cat "$reports/canary.log" "$reports/$1".[0-9]* >&2
        verdict="FAILED: the $1 canary was not reported, so this build of the sanitizer finds nothing"
    else
        return 0
    fi
    return 1
}

lane() {
    lane=$1
    preload=
    leaks=0
    note=
    scratch=.build-$lane-sanitizer
    set -- --sanitize="$lane" --scratch-path "$scratch"
    # The linker has hundreds of warnings for names of the address sanitizer's own, so its words are shown only where it fails.
    if ! "$swift" build --build-tests "$@" >"$reports/build.log" 2>&1 || ! bin=$("$swift" build "$@" --show-bin-path); then
        grep -v "Cannot export local symbol" "$reports/build.log" | tail -n 60
        verdict="FAILED: it cannot be built"
        return 1
    fi
    tests=$bin/countersignPackageTests.xctest
    if [ "$lane" = thread ]; then
        # What the sanitizer cannot see of Swift's own mutex; the reason stands in the file.
        preload=$here/$scratch/mutex.so
        if ! "$(clang)" -shared -fPIC -O2 -o "$preload" Tests/Sanitizers/mutex.c; then
            verdict="FAILED: Tests/Sanitizers/mutex.c cannot be built"
            return 1
        fi
    fi
    case $lane in
        thread) canary race || return 1 ;;
        address)
            canary overflow || return 1
            leaks=1
            # It looks at the process from outside, as a debugger does, which some containers forbid.
            if canary leak; then :; elif grep -q "LeakSanitizer has encountered a fatal error" "$reports/leak".[0-9]*; then
                leaks=0
                note=", but leaks cannot be looked for on this machine"
            else
                return 1
            fi
            ;;
    esac
    run "$reports/$lane" >"$reports/$lane.log" 2>&1
    status=$?
    grep -E "^✘|Test run with" "$reports/$lane.log"
    count=$(cat "$reports/$lane".[0-9]* 2>/dev/null | grep -c "^SUMMARY: ")
    total=$(sed -n 's/.*Test run with \([1-9][0-9]*\) tests.* passed after.*/\1/p' "$reports/$lane.log")
    if [ "$count" -ne 0 ]; then
        cat "$reports/$lane".[0-9]*
        verdict="FAILED: $count reports, exit code $status"
    elif [ "$status" -ne 0 ] || [ -z "$total" ]; then
        tail -n 40 "$reports/$lane.log"
        verdict="FAILED: exit code $status, without a report"
    else
        verdict="passed: $total tests, no report, and every canary was found$note"
        return 0
    fi
    return 1
}

# The one of the toolchain, so that nothing else is needed.
clang() {
    beside=$(dirname "$(readlink -f "$(command -v "$swift")")")/clang
    if [ -x "$beside" ]; then echo "$beside"; else command -v clang || echo clang; fi
}

code=0
summary=
[ $# -gt 0 ] || set -- thread address
for each in "$@"; do
    case $each in
        thread | address) ;;
        *)
            echo "usage: $0 [thread] [address]" >&2
            exit 64
            ;;
    esac
done
for each in "$@"; do
    echo "== $each sanitizer"
    begun=$(date +%s)
    lane "$each" || code=1
    summary="$summary$each sanitizer: $verdict ($(($(date +%s) - begun)) s)
"
done
printf '%s' "$summary"
exit $code
