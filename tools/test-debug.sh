#!/bin/sh
# Runs the Python tests on a build without optimisation, where Rust checks more by itself: debug assertions, upstream's
# too. The module lies in target/debug-package, so that the one in python/ stays. Arguments go to pytest.
#
# Without the tests that make the system's calls fail one by one: in such a build the standard library makes calls of its
# own (fcntl before each close), also while an exception is on its way, where the tests' hooks can't run.
set -eu
cd "$(dirname "$0")/.."
python=${PYO3_PYTHON:-$PWD/.venv/bin/python}
package=$PWD/target/debug-package

echo "==> Building without optimisation"
cargo build --locked --quiet
rm -rf "$package"
mkdir -p "$package"
cp -R python/mmap_rs "$package/"
rm -f "$package"/mmap_rs/_mmap_rs*.so
built=target/debug/lib_mmap_rs.so
[ -f "$built" ] || built=target/debug/lib_mmap_rs.dylib
cp "$built" "$package/mmap_rs/_mmap_rs.abi3.so"
echo "==> Testing it (pytest)"
PYTHONPATH="$package" "$python" -m pytest -q --ignore=tests/test_fault_injection.py "$@"
