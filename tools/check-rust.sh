#!/bin/sh
# Says in one line what is missing to build Rust code, and fails; says nothing when all is there.
set -eu

missing() {
    echo "make: $1" >&2
    exit 1
}

command -v cargo >/dev/null 2>&1 ||
    missing "Rust is missing: no 'cargo' on PATH. Install Rust 1.85 or later, see https://rustup.rs"
command -v rustc >/dev/null 2>&1 ||
    missing "Rust is missing: no 'rustc' on PATH. Install Rust 1.85 or later, see https://rustup.rs"
version=$(rustc --version 2>/dev/null | cut -d' ' -f2) || version=
[ -n "$version" ] ||
    missing "Rust does not run: 'rustc --version' failed. Install Rust 1.85 or later, see https://rustup.rs"
major=${version%%.*}
rest=${version#*.}
minor=${rest%%.*}
if [ "$major" -lt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -lt 85 ]; }; then
    missing "Rust is too old: this is $version, and 1.85 or later is needed. Try 'rustup update stable'"
fi

# Rust links through the C compiler 'cc', except on Windows with Microsoft's tools.
case ${OS:-} in
Windows_NT) ;;
*)
    command -v cc >/dev/null 2>&1 ||
        missing "a C linker is missing: no 'cc' on PATH. Install one, such as the package gcc, build-essential or Xcode's tools"
    ;;
esac
