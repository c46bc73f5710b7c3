"""The command line: what it accepts, its table, its sums, and how it fails."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import mmap_rs
from tests.support.child_process import check_child

if sys.platform == "win32":
    pytest.skip("the helpers use a pseudo-terminal", allow_module_level=True)

from mmap_rs import MmapFlags, MmapOptions
from mmap_rs.__main__ import main
from mmap_rs._cli import args, rows
from mmap_rs._cli.text import human
from tests.cli.run_command import command, environment, error_output, output, run
from tests.support.procfs import areas as kernel_areas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux's /proc")

ME = str(os.getpid())
HEADING = ["address", "size", "prot", "share", "offset", "path"]


def table(text: str) -> tuple[list[str], list[str]]:
    """Split what `areas` prints into the lines of the areas and those of the sums, without headings."""
    areas, sums = text.split("\n\n")
    assert areas.split("\n")[0].split() == HEADING
    assert sums.split("\n")[0].split() == ["kind", "areas", "size"]
    return areas.split("\n")[1:], sums.rstrip("\n").split("\n")[1:]


# --- what it is


def test_import_of_the_package_does_not_load_the_command() -> None:
    check_child(
        """
        import sys
        before = set(sys.modules)
        import mmap_rs
        new = set(sys.modules) - before
        assert not [name for name in new if name.startswith("mmap_rs._cli")], new
        assert not {"argparse", "json", "rich", "html", "shutil"} & new, new
        assert not hasattr(mmap_rs, "_cli")
        """
    )


def test_the_script_is_the_module() -> None:
    (script,) = entry_points(group="console_scripts", name="mmap-rs")
    assert script.load() is main


def test_version_and_help() -> None:
    version = output("--version")
    assert mmap_rs.__version__ in version
    assert mmap_rs.__upstream_version__ in version
    shown = output("-h")
    assert "areas" in shown
    assert "page-sizes" in shown
    assert shown.startswith("usage: python -m mmap_rs ")
    for option in ("--pid", "--address", "--range", "--json", "--svg"):
        assert option in output("areas", "--help")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-command",),
        ("areas", "extra"),
        ("areas", "--pid"),
        ("areas", "--pid", "self"),
        ("areas", "--pid", "-1"),
        ("areas", "--pid", "1_000"),
        ("areas", "--pid", "٣"),
        ("areas", "--address", "7f00"),
        ("areas", "--address", "0x"),
        ("areas", "--address", hex(2 * sys.maxsize + 2)),
        ("areas", "--address", "9" * 5000),
        ("areas", "--range", "4096"),
        ("areas", "--range", "0x2000:0x1000"),
        ("areas", "--range", "0x2000:"),
        ("areas", "--address", "1", "--range", "1:2"),
        ("areas", "--json", "--svg", "-"),
        ("areas", "--js"),
        ("areas", "--watch", "0"),
        ("areas", "--watch", "nan"),
        ("areas", "--watch", "-1"),
        ("areas", "--watch", "1e3"),
        ("areas", "--watch", "1000000"),
        ("areas", "--watch", "1", "--by-file"),
        ("areas", "--watch", "1", "--svg", "x"),
        ("areas", "--by-file", "--svg", "x"),
        ("page-sizes", "--js"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40] or "nothing",
)
def test_wrong_usage_is_status_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        args.parse(list(arguments))
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("usage: ")
    assert "error: " in shown.err


def test_wrong_usage_of_the_command() -> None:
    assert "error: " in error_output("areas", "--range", "2:1", status=2)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("4096", 4096), ("0x1000", 4096), ("0XfF", 255), ("010", 10)]
)
def test_numbers(text: str, value: int) -> None:
    assert args.number(text) == value
    assert args.address_range(f"0:{text}") == range(value)


def test_a_range_is_taken_as_the_table_shows_it() -> None:
    assert args.address_range("0x1000-0x3000") == range(0x1000, 0x3000)


# --- the table


@pytest.mark.skipif(shutil.which("sleep") is None, reason="there is no program to look at")
def test_areas_of_another_process_as_the_kernel_lists_them() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        # Until it has become what it is to be.
        while not any(area.path and b"sleep" in area.path for area in kernel_areas(process.pid)):
            pass
        shown, sums = table(output("areas", "--pid", str(process.pid)))
        areas = kernel_areas(process.pid)
    finally:
        process.kill()
        process.wait()
    assert len(shown) == len(areas)
    for line, area in zip(shown, areas, strict=True):
        cells = line.split()
        assert cells[0] == f"{area.start:#x}-{area.end:#x}"
        assert " ".join(cells[1:3]) == human(area.size)
        assert cells[3] == area.permissions[:3]
        assert cells[4] == ("shared" if area.permissions[3] == "s" else "private")
        expected = [] if area.path is None else [hex(area.offset), os.fsdecode(area.path)]
        assert line.split(maxsplit=6)[5:] == expected
    total = sums[-1].split()
    assert total[:2] == ["total", str(len(areas))]
    assert " ".join(total[2:]) == human(sum(area.size for area in areas))
    assert {line.split()[0] for line in sums} >= {"file", "anonymous", "heap", "stack", "kernel"}


def test_columns_are_aligned() -> None:
    shown, sums = table(output("areas"))
    ends = {len(line.split("iB")[0]) for line in shown}
    assert len(ends) == 1
    assert len({len(line) for line in sums}) == 1
    assert not any(line.endswith(" ") for line in shown)


def test_one_address_and_one_range(tmp_path: Path, page: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(4 * page))
    with MmapOptions(3 * page).with_file(file, page).with_flags(MmapFlags.SHARED).map() as mapping:
        start, end = mapping.start(), mapping.end()
        by_address = output("areas", "--pid", ME, "--address", hex(start + 5))
        (line,), sums = table(by_address)
        assert line.split() == [
            f"{start:#x}-{end:#x}",
            *human(3 * page).split(),
            "r--",
            "shared",
            hex(page),
            str(file),
        ]
        assert [sum_.split()[:2] for sum_ in sums] == [["file", "1"], ["total", "1"]]
        assert output("areas", "--pid", ME, "--range", f"{start}:{start + 1}") == by_address
        shown, _ = table(output("areas", "--pid", ME, "--range", f"{start - 1}:{end + 1}"))
        assert line.split() in [each.split() for each in shown]
        assert len(shown) <= 3
        shown, sums = table(output("areas", "--pid", ME, "--range", f"{start}:{start}"))
        assert shown == []
        assert sums == ["total      0   0 B"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a b  c", "a b  c"),
        (b"new\nline", r"new\nline"),
        (b"\x1b[31mred", r"\x1b[31mred"),
        (b"not \xff\xfe utf-8", r"not \xff\xfe utf-8"),
        ("größe 漢字".encode(), "größe 漢字"),
        ("right\u202eleft".encode(), r"right\u202eleft"),
    ],
)
def test_odd_paths_are_one_line_each(name: bytes, shown: str, tmp_path: Path, page: int) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(bytes(page))
    with MmapOptions(page).with_file(path).map() as mapping:
        (line,), _ = table(output("areas", "--pid", ME, "--address", hex(mapping.start())))
        assert line.endswith(f"  {tmp_path}/{shown}")
        # Also where the encoding, or that of file names too, has no such letters.
        for changes in (
            {"PYTHONIOENCODING": "ascii"},
            {
                "LC_ALL": "C",
                "PYTHONCOERCECLOCALE": "0",
                "PYTHONUTF8": "0",
                "PYTHONIOENCODING": "ascii",
            },
        ):
            plain = run("areas", "--pid", ME, "--address", hex(mapping.start()), changes=changes)
            assert plain.stdout.isascii()


@pytest.mark.parametrize(
    ("path", "protection", "shared", "kind"),
    [
        (None, "rw-", False, "anonymous"),
        (None, "---", False, "reserved"),
        (b"[anon:arena]", "rw-", False, "anonymous"),
        (b"[heap]", "rw-", False, "heap"),
        (b"[stack]", "rw-", False, "stack"),
        (b"[stack:17]", "rw-", False, "stack"),
        (b"[vdso]", "r-x", False, "kernel"),
        (b"anon_inode:[perf_event]", "rw-", True, "kernel"),
        (b"/memfd:x (deleted)", "rw-", True, "shared memory"),
        (b"/dev/zero (deleted)", "rw-", True, "shared memory"),
        (b"/dev/shm/x", "rw-", True, "shared memory"),
        (b"/dev/zero", "rw-", False, "device"),
        (b"/lib/libc.so.6", "---", False, "file"),
        (b"/tmp/[heap]", "rw-", False, "file"),
    ],
)
def test_kinds(path: bytes | None, protection: str, shared: bool, kind: str) -> None:
    assert rows.kind_of(path, protection, shared) == kind
    assert kind in rows.KINDS


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1023 << 10, "1023 KiB"),
        ((1 << 20) - 1, "1 MiB"),
        (102399 << 10, "100 MiB"),
        (1 << 47, "128 TiB"),
        ((1 << 64) - 1, "16 EiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert human(size) == text


# --- failures


def test_no_such_process() -> None:
    said = error_output("areas", "--pid", str(2**31 - 1))
    assert re.fullmatch(r"python -m mmap_rs: .*No such process\n", said)
    assert str(2**31 - 1) in said


def test_a_number_that_no_process_has() -> None:
    said = error_output("areas", "--pid", str(2**80))
    assert said.count("\n") == 1
    assert said.startswith("python -m mmap_rs: process 1208925819614629174706176: ")


def test_a_process_that_is_not_ours() -> None:
    if os.getuid():
        said = error_output("areas", "--pid", "1")
    else:
        said = check_child(
            """
            import contextlib, io, os, sys
            from mmap_rs._cli.main import run
            parent = os.getppid()
            # Whoever this process becomes may not read the interpreter's own files: load all now.
            assert run(["page-sizes"]) == 0 and run(["areas", "--range", "0:0"]) == 0
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                status = run(["areas", "--pid", str(parent)])
            assert status == 1, status
            print("said: " + said.getvalue(), end="")
            """
        ).split("said: ")[1]
    assert re.fullmatch(r"(mmap-rs|python -m mmap_rs): .*Permission denied.*\n", said)
    for hint in ("belongs to user", "CAP_SYS_PTRACE", "ptrace_scope"):
        assert hint in said


def test_nothing_at_the_address() -> None:
    assert (
        error_output("areas", "--address", "0") == "python -m mmap_rs: nothing is mapped at 0x0\n"
    )
    said = error_output("areas", "--pid", ME, "--address", "0", "--json")
    assert said == f"python -m mmap_rs: nothing is mapped at 0x0 in process {ME}\n"


@pytest.mark.parametrize("name", ["missing/map.svg", "new\nline/map.svg"])
def test_a_file_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    said = error_output("areas", "--svg", tmp_path / name)
    assert re.fullmatch(r"python -m mmap_rs: .*No such file or directory.*\n", said)


def test_a_full_device() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("areas"), stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(rb"python -m mmap_rs: .*No space left on device\n", done.stderr)


@pytest.mark.parametrize("option", ["", " --json", " --svg -"])
def test_a_broken_pipe_is_quiet(option: str) -> None:
    process = subprocess.Popen(
        command(*f"areas{option}".split()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell to close it")
@pytest.mark.parametrize("option", ["", " --json", " --svg -"])
def test_without_standard_output(option: str) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command(*f"areas{option}".split())],
        stderr=subprocess.PIPE,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
