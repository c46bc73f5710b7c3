#!/bin/sh
# Tests wheels in a container that has their C library and processor: tools/try-in-container.sh KIND IMAGE [PLATFORM].
# KIND is one of the "pythons" of tiers.toml. The images hold every CPython under /opt/python; the tree is read-only there.
set -eu
cd "$(dirname "$0")/.."
kind=$1 image=$2 platform=${3:-}

case $kind in
abi3-py311) pythons="cp311-cp311 cp314-cp314" ;;
cp314t) pythons=cp314-cp314t ;;
abi3t-py315) pythons="cp315-cp315t cp315-cp315" ;;
*)
    echo "no wheel is of the kind '$kind'" >&2
    exit 2
    ;;
esac

# What an emulator gets wrong is known (tools/tiers/emulators.toml); one of 32 bits has more of it.
case $platform in
"") emulators= ;;
linux/arm/* | linux/386) emulators="qemu qemu-arm" ;;
*) emulators=qemu ;;
esac

for python in $pythons; do
    # Locked and huge memory need more than a container's usual 64 KiB.
    docker run --rm ${platform:+--platform "$platform"} ${emulators:+--env "MMAP_RS_EMULATOR=$emulators"} \
        --ulimit memlock=-1 --volume "$PWD:/tree:ro" --workdir /tmp \
        "$image" sh /tree/tools/try-in-place.sh "/opt/python/$python/bin/python"
done
