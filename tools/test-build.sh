#!/bin/sh
# Runs the Python tests on a build of its own: test-build.sh "ARGUMENTS OF cargo build" [ARGUMENTS OF pytest].
# The module lies in Cargo's target folder, so that the one in python/ stays.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
package=$target/test-package
flags=$1
shift
case $flags in *--release*) folder=$target/release ;; *) folder=$target/debug ;; esac

echo "==> Building (cargo build $flags)"
# shellcheck disable=SC2086 # several words
cargo build --locked --quiet $flags
rm -rf "$package"
mkdir -p "$package"
cp -R python/mmap_rs "$package/"
rm -f "$package"/mmap_rs/_mmap_rs*.so
built=$folder/lib_mmap_rs.so
[ -f "$built" ] || built=$folder/lib_mmap_rs.dylib
cp "$built" "$package/mmap_rs/_mmap_rs.abi3.so"
echo "==> Testing it (pytest)"
PYTHONPATH="$package" "${PYO3_PYTHON:-$PWD/.venv/bin/python}" -m pytest -q "$@"
