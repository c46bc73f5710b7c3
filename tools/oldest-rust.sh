#!/bin/sh
# Compiles the crates with the oldest Rust that Cargo.toml allows: the one of that version on PATH or named by
# $OLDEST_RUSTC, else rustup's, which is fetched.
set -eu
cd "$(dirname "$0")/.."
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

is_oldest() { "$1" --version 2>/dev/null | grep -q "^rustc $oldest\."; }

if [ -n "${OLDEST_RUSTC:-}" ]; then
    export RUSTC="$OLDEST_RUSTC"
elif is_oldest rustc; then
    export RUSTC=rustc
else
    command -v rustup >/dev/null 2>&1 || {
        echo "Rust $oldest is not here, and there is no rustup to fetch it: name one with OLDEST_RUSTC" >&2
        exit 1
    }
    rustup toolchain install "$oldest" --profile minimal --no-self-update
    export RUSTUP_TOOLCHAIN="$oldest" RUSTC=rustc
fi
is_oldest "$RUSTC" || {
    echo "$RUSTC is $("$RUSTC" --version), and not Rust $oldest" >&2
    exit 1
}
echo "==> Compiling with $("$RUSTC" --version)"
cargo check --locked --quiet --workspace --target-dir target/oldest
