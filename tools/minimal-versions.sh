#!/bin/sh
# Compiles everything, and tests the core, with the oldest versions of the crates that Cargo.toml names: what it promises
# to others must not rest on what Cargo.lock happens to hold. Works in a copy, as Cargo.lock changes.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD
copy=$tree/target/minimal-versions/tree
rm -rf "$copy"
mkdir -p "$copy"
cp -R Cargo.toml Cargo.lock build.rs README.md src core .cargo "$copy"
cd "$copy"
# Cargo calls the choice of versions unstable; it has no part in what is compiled.
RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
echo "==> The oldest versions that Cargo.toml allows"
cargo tree --quiet --depth 1 --edges normal,build,dev --workspace --prefix none | sed -n 's/ (.*//; /^[a-z]/p' | sort -u
cargo check --quiet --workspace --all-targets --target-dir "$tree/target/minimal-versions/target"
cargo test --quiet -p mmap-rs-core --target-dir "$tree/target/minimal-versions/target"
