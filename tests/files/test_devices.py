"""Mapped devices, and files without a size: pipes, sockets, and what the kernel makes up."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmap_rs import (
    InvalidOffsetError,
    InvalidSizeError,
    MmapFlags,
    MmapOptions,
    SystemCallError,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks for Linux's devices")

SHARED = MmapFlags.SHARED


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a block device of 1 MiB."""
    image = tmp_path / "image"
    image.write_bytes(bytes(range(256)) * 4096)
    try:
        done = subprocess.run(
            ["losetup", "-f", "--show", image], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no losetup here")
    if done.returncode:
        pytest.skip(f"no loop device here: {done.stderr.strip()}")
    path = Path(done.stdout.strip())
    try:
        yield path
    finally:
        subprocess.run(["losetup", "-d", path], check=True)


def test_the_size_of_a_block_device(disk: Path, page: int) -> None:
    size = 1 << 20
    with MmapOptions.for_file(disk).map() as mapping:
        assert len(mapping) == size
        assert mapping[:256] == bytes(range(256))
    with MmapOptions.for_file(disk, size - page).with_flags(SHARED).map_mut() as mapping:
        assert len(mapping) == page
        mapping[-1] = 7
        mapping.flush()
    with MmapOptions(page).with_file(disk, size - page).map() as mapping:
        assert mapping[-1] == 7
    with pytest.raises(InvalidSizeError, match=f"holds {size} bytes"):
        MmapOptions.for_file(disk, size)


def test_a_mapping_must_not_pass_the_end_of_a_block_device(disk: Path, page: int) -> None:
    size = 1 << 20
    for length, offset in ((size + 1, 0), (2 * size, 0), (page + 1, size - page), (1, size)):
        options = MmapOptions(length).with_file(disk, offset)
        with pytest.raises(InvalidSizeError, match=f"past the end .* holds {size} bytes"):
            options.map()
    with MmapOptions(size + page).with_file(disk, past_end=True).map() as mapping:
        assert mapping[size - 1] == 255


def test_parts_of_a_block_device_merge(disk: Path, page: int) -> None:
    with MmapOptions(4 * page).with_file(disk).map() as mapping:
        tail = mapping.split_off(page)
        mapping.merge(tail)
        assert len(mapping) == 4 * page


@pytest.mark.parametrize(
    "path",
    [
        "/dev/zero",
        "/dev/null",
        "/proc/self/maps",
        "/proc/version",
        "/proc/self/ns/mnt",
        "/sys/kernel/mm/ksm/run",
    ],
)
def test_what_has_no_size(path: str, page: int) -> None:
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    with pytest.raises(InvalidSizeError) as caught:
        MmapOptions.for_file(path)
    text = str(caught.value)
    assert "has no size" in text
    assert "MmapOptions(size).with_file(..)" in text
    assert "empty" not in text
    assert "0 bytes" not in text
    # What the message advises is not refused for the size; only one of them can be mapped.
    for size in (page, 1 << 20):
        options = MmapOptions(size).with_file(path)
        if path == "/dev/zero":
            assert len(options.map()) == size
        else:
            with pytest.raises(SystemCallError):
                options.map()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097])
def test_a_small_regular_file_has_its_size(size: int, tmp_path: Path) -> None:
    # Also one without a block on the disk, as the files of /sys are.
    path = tmp_path / "small"
    path.touch()
    os.truncate(path, size)
    with MmapOptions.for_file(path).map() as mapping:
        assert len(mapping) == size
    with pytest.raises(InvalidSizeError, match=f"holds {size} bytes"):
        MmapOptions(size + 1).with_file(path).map()


def test_pipes_directories_and_sockets_have_no_size(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    left, right = socket.socketpair()
    try:
        with left, right:
            for file, words in (
                (read_end, "a pipe"),
                (tmp_path, "a directory"),
                (left, "has no size, as it is a socket"),
            ):
                with pytest.raises(InvalidSizeError, match=words):
                    MmapOptions.for_file(file)
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_packet_socket_can_be_mapped(page: int) -> None:
    packet_rx_ring = 5
    try:
        packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    except PermissionError:
        pytest.skip("this user may not open packet sockets")
    with packet:
        # struct tpacket_req: size and number of blocks, size and number of frames.
        ring = b"".join(
            number.to_bytes(4, sys.byteorder) for number in (page, 2, 2048, page // 1024)
        )
        try:
            packet.setsockopt(socket.SOL_PACKET, packet_rx_ring, ring)  # type: ignore[attr-defined]
        except AttributeError:
            packet.setsockopt(263, packet_rx_ring, ring)
        with MmapOptions(2 * page).with_file(packet).with_flags(SHARED).map_mut() as mapping:
            assert len(mapping) == 2 * page
        with pytest.raises(SystemCallError) as caught:
            MmapOptions(3 * page).with_file(packet).with_flags(SHARED).map_mut()
    assert "can't be mapped" not in str(caught.value)
    assert "driver" in str(caught.value)


@pytest.mark.parametrize("offset", [1 << 63, (1 << 64) - (1 << 16), (1 << 63) - (1 << 16)])
def test_an_offset_beyond_all(offset: int, tmp_path: Path, page: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"." * (4 * page))
    size = 1 << 17
    for options in (
        MmapOptions(size).with_file("/dev/zero", offset),
        MmapOptions(size).with_file("/dev/zero", offset, past_end=True),
        MmapOptions(size).with_file(file, offset, past_end=True),
    ):
        with pytest.raises(InvalidOffsetError, match=str(offset)):
            options.map()
    # Of what has a size, the end is what counts.
    with pytest.raises(InvalidSizeError, match=f"{offset}.* holds {4 * page} bytes"):
        MmapOptions(size).with_file(file, offset).map()
    with pytest.raises(InvalidSizeError, match=f"holds {4 * page} bytes"):
        MmapOptions.for_file(file, offset)
