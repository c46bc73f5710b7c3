"""`areas --json`: what a reader of JSON gets of it; and `page-sizes`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux: it compares with /proc", allow_module_level=True)

from mmap_rs import MmapFlags, MmapOptions
from mmap_rs._cli import json_lines, pages, rows
from mmap_rs._cli.text import human
from tests.cli.run_command import output
from tests.support.procfs import areas as kernel_areas

ME = str(os.getpid())


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def one(address: int) -> dict[str, Any]:
    (found,) = parsed(output("areas", "--pid", ME, "--address", hex(address), "--json"))
    return found


def test_all_fields(tmp_path: Path, page: int) -> None:
    file = tmp_path / "fi le"
    file.write_bytes(bytes(4 * page))
    with MmapOptions(2 * page).with_file(file, page).with_flags(MmapFlags.SHARED).map() as mapping:
        start, end = mapping.start(), mapping.end()
        assert one(start) == {
            "start": start,
            "end": end,
            "size": 2 * page,
            "addresses": f"{start:#x}-{end:#x}",
            "protection": "r--",
            "read": True,
            "write": False,
            "execute": False,
            "share_mode": "shared",
            "offset": page,
            "path": str(file),
            "path_bytes": None,
            "kind": "file",
        }


def test_an_area_without_a_path(page: int) -> None:
    with MmapOptions(page).map_mut() as mapping:
        found = one(mapping.start())
    assert (found["path"], found["offset"], found["kind"]) == (None, None, "anonymous")
    assert (found["protection"], found["write"]) == ("rw-", True)


@pytest.mark.parametrize(
    "name", [b"new\nline", b'"quote" \\', b"\xff\xfe", b"half \xe2\x82", "größe 漢字".encode()]
)
def test_odd_paths_are_exact(name: bytes, tmp_path: Path, page: int) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(bytes(page))
    with MmapOptions(page).with_file(path).map() as mapping:
        found = one(mapping.start())
    # Strict: a lone surrogate is no text.
    text = found["path"].encode()
    assert path == (text if found["path_bytes"] is None else bytes.fromhex(found["path_bytes"]))
    assert ("\ufffd" in found["path"]) == (found["path_bytes"] is not None)


def test_every_area_is_a_line() -> None:
    found = parsed(output("areas", "--json"))
    assert found == sorted(found, key=lambda area: area["start"])
    assert {area["kind"] for area in found} >= {"file", "heap", "stack"}
    assert all(area["end"] - area["start"] == area["size"] for area in found)


def test_jq_reads_it() -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("jq is not installed")
    area = rows.Row(0, 1 << 64, "r-x", False, 0, b"/x \xff\n", "file")
    done = subprocess.run(
        [jq, "-r", ".path_bytes, .addresses, .execute"],
        input=json_lines.line(area),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.split() == [b"/x \xff\n".hex(), f"0x0-{1 << 64:#x}", "true"]
    lines = subprocess.run(
        [jq, "-s", "length"],
        input=output("areas", "--json", "--pid", ME),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert int(lines.stdout) == pytest.approx(len(kernel_areas()), abs=20)


def test_page_sizes(page: int) -> None:
    shown = output("page-sizes")
    facts = dict(line.split(":", 1) for line in shown.split("\n\n")[0].strip().split("\n"))
    assert {name: value.strip() for name, value in facts.items()} == {
        "base page": human(page),
        "allocation granularity": human(MmapOptions.allocation_granularity()),
        "page sizes on offer": ", ".join(map(human, pages.offered())),
    }
    assert pages.offered()[0] == page
    for size in pages.offered()[1:]:
        counts = pages.pool(size)
        assert counts is not None
        assert [*human(size).split(), *counts] in [line.split()[:5] for line in shown.split("\n")]


def test_page_sizes_where_the_system_tells_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "POOLS", tmp_path)
    monkeypatch.setattr(pages, "MEMINFO", tmp_path / "meminfo")
    pages.write(sys.stdout)
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert pages.default_huge_page() is None


def test_page_sizes_as_json(page: int) -> None:
    (found,) = parsed(output("page-sizes", "--json"))
    assert found["base_page"] == page
    assert found["allocation_granularity"] == MmapOptions.allocation_granularity()
    assert found["page_sizes"] == pages.offered()
    assert found["default_huge_page"] == pages.default_huge_page()
    for each in found["huge_pages"]:
        counts = pages.pool(each["size"])
        assert counts is not None
        assert [each[name] for name in ("total", "free", "reserved")] == [*map(int, counts)]


def test_page_sizes_as_json_where_the_system_tells_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "POOLS", tmp_path)
    monkeypatch.setattr(pages, "MEMINFO", tmp_path / "meminfo")
    pages.write_json(sys.stdout)
    (found,) = parsed(capsys.readouterr().out)
    assert (found["default_huge_page"], found["huge_pages"]) == (None, [])
