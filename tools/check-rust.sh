#!/bin/sh
# Says in one line what is missing to build Rust code, and fails; says nothing when all is there.
set -eu
what="Rust 1.85 or later, with cargo, is missing or does not run: see https://rustup.rs"
if cargo --version >/dev/null 2>&1 && rustc --version 2>/dev/null | grep -Eq '^rustc (1\.(8[5-9]|9[0-9]|[1-9][0-9]{2})|[2-9])\.'; then
    what="a C linker is missing: no 'cc' on PATH. Install one, such as the package gcc, build-essential or Xcode's tools"
    # Rust links through it, except on Windows with Microsoft's tools.
    if [ "${OS:-}" = Windows_NT ] || command -v cc >/dev/null 2>&1; then exit 0; fi
fi
echo "make: $what" >&2
exit 1
