#!/bin/sh
# Runs the core's tests of states and bytes under Miri, which sees undefined behaviour that no test run shows. It knows
# no system calls of mappings, so that the tests of regions stay out.
set -eu
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup toolchain install nightly --profile minimal --component miri,rust-src --no-self-update
fi
# What is mapped is known by its address, which has no origin that Miri could follow. Each case takes it a second.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" PROPTEST_CASES=16
cargo +nightly miri test --locked --quiet -p mmap-rs-core --lib --target-dir target/miri -- state bytes
