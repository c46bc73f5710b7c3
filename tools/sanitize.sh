#!/bin/sh
# Runs the core's tests with a checker of memory: tools/sanitize.sh address|thread|miri. Linux on x86_64 or aarch64.
set -eu
cd "$(dirname "$0")/.."
test="test --locked --quiet -p mmap-rs-core --target-dir target/sanitize-$1"
host="--target $(rustc -vV | sed -n 's/^host: //p')"
# A nightly Rust with what the two others need.
[ "$1" = address ] || cargo +nightly miri --version >/dev/null 2>&1 ||
    rustup toolchain install nightly --profile minimal --component miri,rust-src --no-self-update
echo "==> Testing the core: $1"
# shellcheck disable=SC2086 # lists of words
case $1 in
address)
    # The stable compiler has the flag, called unstable, and the library for it.
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address"
    # The tests of faults install handlers of their own, and what they map is theirs to leave.
    export ASAN_OPTIONS="handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0"
    cargo $test $host --lib --tests
    ;;
thread)
    # The standard library has to be compiled with it: what happens before what is not seen otherwise.
    export RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="halt_on_error=1"
    cargo +nightly -Zbuild-std $test $host --test threads
    ;;
miri)
    # It sees undefined behaviour that no test run shows, and knows no system calls of mappings: regions stay out.
    # What is mapped is known by its address, which has no origin that Miri could follow. Each case takes it a second.
    export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" PROPTEST_CASES=16
    cargo +nightly miri $test --lib -- state bytes
    ;;
esac
