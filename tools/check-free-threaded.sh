#!/bin/sh
# Compiles the extension for Python without the GIL, for both of its ABIs: abi3t, which serves Python 3.15 and later
# with or without it, and Python 3.14's own. No such interpreter is needed: a file says what the build would ask it.
set -eu
cd "$(dirname "$0")/.."
# The file speaks for the interpreter; one that is named elsewhere would only be in its way.
unset PYO3_PYTHON
folder=$PWD/target/free-threaded
mkdir -p "$folder"

check() {
    abi=$1 version=$2
    shift 2
    cat >"$folder/$abi.txt" <<END
implementation=CPython
version=$version
shared=true
target_abi=CPython-$abi-$version
pointer_width=64
build_flags=Py_GIL_DISABLED
suppress_build_script_link_lines=true
END
    echo "==> Checking the extension for the ABI $abi of Python $version"
    PYO3_CONFIG_FILE="$folder/$abi.txt" \
        cargo check --locked --quiet --target-dir target/free-threaded --no-default-features "$@"
}

check abi3t 3.15 --features abi3t-py315
check free_threaded 3.14
