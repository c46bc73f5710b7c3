#!/bin/sh
# Tests the wheels of dist/ in a container with their C library and processor:
# tools/try-in-container.sh IMAGE PYTHONS [PLATFORM]. The image holds each of the CPythons under /opt/python.
set -eu
cd "$(dirname "$0")/.."
image=$1 pythons=${2:?names no Python} platform=${3:-}
# What an emulator gets wrong is known (tests/support/emulators.toml); one of 32 bits has more of it.
case $platform in
"") emulators= ;;
linux/arm/* | linux/386) emulators="qemu qemu-arm" ;;
*) emulators=qemu ;;
esac
for python in $pythons; do
    # Locked and huge memory need more than a container's usual 64 KiB. The tree is read-only there.
    docker run --rm ${platform:+--platform "$platform"} ${emulators:+--env "MMAP_RS_EMULATOR=$emulators"} \
        --ulimit memlock=-1 --volume "$PWD:/tree:ro" --workdir /tree \
        "$image" "/opt/python/$python/bin/python" -m tools.try_wheel dist
done
