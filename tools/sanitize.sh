#!/bin/sh
# Runs the core's tests with a sanitizer compiled in: tools/sanitize.sh address|thread. Linux on x86_64 or aarch64.
set -eu
cd "$(dirname "$0")/.."
sanitizer=$1
host=$(rustc -vV | sed -n 's/^host: //p')
# Sanitizers are unstable flags of the compiler.
export RUSTC_BOOTSTRAP=1
case $sanitizer in
address)
    flags="-Zsanitizer=address"
    # The tests of faults install handlers of their own, and what they map is theirs to leave.
    export ASAN_OPTIONS="handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0"
    tests="--lib --tests"
    ;;
thread)
    # The standard library's own code is not instrumented, which the linker would refuse.
    flags="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"
    export TSAN_OPTIONS="halt_on_error=1"
    tests="--test threads"
    ;;
*)
    echo "tools/sanitize.sh address, or tools/sanitize.sh thread" >&2
    exit 2
    ;;
esac
echo "==> Testing the core with the $sanitizer sanitizer"
# shellcheck disable=SC2086 # the list of tests is one of words
RUSTFLAGS=$flags cargo test --locked --quiet -p mmap-rs-core $tests --target "$host" \
    --target-dir "target/sanitize-$sanitizer"
