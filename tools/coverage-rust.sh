#!/bin/sh
# Shows which lines of the Rust sources the tests reach: the core's own tests and the Python tests, run with an
# instrumented build in target/coverage. Needs llvm-profdata and llvm-cov of the LLVM that rustc uses: from rustup
# (rustup component add llvm-tools) or from the system's packages (llvm-22, say). Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
python=${PYO3_PYTHON:-$PWD/.venv/bin/python}
folder=$PWD/target/coverage

host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
for place in "$(rustc --print sysroot)/lib/rustlib/$host/bin" "/usr/lib/llvm-$llvm/bin" ""; do
    if [ -n "$place" ] && [ -x "$place/llvm-cov" ]; then break; fi
done
if [ -z "$place" ] && command -v rustup >/dev/null 2>&1 && rustup component add llvm-tools; then
    place="$(rustc --print sysroot)/lib/rustlib/$host/bin"
fi
if [ -z "$place" ]; then
    echo "No llvm-cov of LLVM $llvm here: rustup component add llvm-tools, or install llvm-$llvm." >&2
    exit 1
fi

rm -rf "$folder/raw" "$folder/package"
mkdir -p "$folder/raw" "$folder/package"
export RUSTFLAGS="-C instrument-coverage"
# Runs of one binary add up in a few files; children and threads write to them too.
export LLVM_PROFILE_FILE="$folder/raw/%4m.profraw"

echo "==> Building the instrumented extension module and the core's tests"
cargo build --locked --quiet --target-dir "$folder"
tests=$(cargo test --locked --quiet -p mmap-rs-core --no-run --message-format=json --target-dir "$folder" |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
cp -r python/mmap_rs "$folder/package/"
rm -f "$folder"/package/mmap_rs/_mmap_rs*.so
cp "$folder/debug/lib_mmap_rs.so" "$folder/package/mmap_rs/_mmap_rs.abi3.so"

failed=0
echo "==> Running the core's tests"
for test in $tests; do "$test" --quiet || failed=1; done
echo "==> Running the Python tests"
PYTHONPATH="$folder/package" "$python" -m pytest -q "$@" || failed=1

"$place/llvm-profdata" merge -sparse "$folder"/raw/*.profraw -o "$folder/all.profdata"
objects="$folder/package/mmap_rs/_mmap_rs.abi3.so"
for test in $tests; do objects="$objects --object $test"; done
# shellcheck disable=SC2086 # the list of objects is one of words
"$place/llvm-cov" report $objects --instr-profile "$folder/all.profdata" \
    --ignore-filename-regex '(\.cargo|rustc|rustlib|/tests/)' --show-region-summary=false --show-branch-summary=false
[ "$failed" -eq 0 ] || echo "Some tests failed: an instrumented build is slower, and the tests of speed may notice." >&2
exit "$failed"
