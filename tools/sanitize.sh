#!/bin/sh
# Runs the core's tests with a sanitizer compiled in: tools/sanitize.sh address|thread. Linux on x86_64 or aarch64.
set -eu
cd "$(dirname "$0")/.."
sanitizer=$1
host=$(rustc -vV | sed -n 's/^host: //p')
tests="--lib --tests"
case $sanitizer in
address)
    # The stable compiler has the flag, called unstable, and the library for it.
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address"
    # The tests of faults install handlers of their own, and what they map is theirs to leave.
    export ASAN_OPTIONS="handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0"
    cargo=cargo
    ;;
thread)
    # The standard library has to be compiled with it: what happens before what is not seen otherwise.
    if [ ! -d "$(rustc +nightly --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; then
        rustup toolchain install nightly --profile minimal --component rust-src --no-self-update
    fi
    export RUSTFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="halt_on_error=1"
    cargo="cargo +nightly -Zbuild-std"
    tests="--test threads"
    ;;
*)
    echo "tools/sanitize.sh address, or tools/sanitize.sh thread" >&2
    exit 2
    ;;
esac
echo "==> Testing the core with the $sanitizer sanitizer"
# shellcheck disable=SC2086 # both are lists of words
$cargo test --locked --quiet -p mmap-rs-core $tests --target "$host" --target-dir "target/sanitize-$sanitizer"
