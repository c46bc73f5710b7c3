#!/bin/sh
# Shows which lines of the Rust sources the tests reach, the core's and Python's, by cargo-llvm-cov. It needs llvm-cov
# of the LLVM that rustc uses: from rustup, or named by $LLVM_COV and $LLVM_PROFDATA. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
programs=$(dirname "${PYO3_PYTHON:-$PWD/.venv/bin/python}")
cov() { "$programs/cargo-llvm-cov" llvm-cov "$@"; }

[ -n "${LLVM_COV:-}" ] || rustup component add llvm-tools
export CARGO_TARGET_DIR="$PWD/target/coverage"
eval "$(cov show-env --sh --no-cfg-coverage)"
cov clean --workspace
failed=0
cargo test --locked --quiet -p mmap-rs-core || failed=1
sh tools/test-build.sh "" "$@" || failed=1
cov report -p mmap-rs-core -p mmap-rs-python
[ "$failed" -eq 0 ] || echo "Some tests failed: an instrumented build is slower, and the tests of speed may notice." >&2
exit "$failed"
