#!/bin/sh
# Runs on FreeBSD, as root, in a fresh virtual machine: tools/freebsd.sh test runs the tests on the tree, and
# tools/freebsd.sh wheel TARGET builds the wheel into dist/ and tests it.
set -eu
cd "$(dirname "$0")/.."
# There are no wheels for FreeBSD of what builds and tests this package: pip compiles it.
# ninja: what NumPy is built with, which pip would compile too, with CMake for it.
env ASSUME_ALWAYS_YES=yes pkg install bash gmake git ninja python311 py311-pip rust
git config --global --add safe.directory "$PWD"
# Part of the wheel's name: the oldest release that it is for, and not the one that it was built on.
export PYTHON=python3.11 MATURIN_FREEBSD_VERSION=14.2-RELEASE
case $1 in
test) gmake test ;;
wheel)
    gmake native-wheel TARGET="$2" KIND=abi3-py311
    gmake try-wheels
    ;;
esac
