#!/bin/sh
# The unit tests under the thread sanitizer and under the address sanitizer, each with a build of its own. Judged by exit code.
# Leak detection is off: the test runner itself leaks, and its reports would hide ours.
set -eu
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}
echo "== thread sanitizer"
"$swift" test --sanitize=thread --scratch-path .build-thread-sanitizer
echo "== address sanitizer"
ASAN_OPTIONS=detect_leaks=0 "$swift" test --sanitize=address --scratch-path .build-address-sanitizer
