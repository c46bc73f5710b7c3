"""How the command ends when its output does: in this process, where the tests of the command use another."""

import io
import os
import sys
from pathlib import Path

import pytest

from mmap_rs import __main__
from mmap_rs._cli import main, pages
from mmap_rs._cli.text import cells


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pages, "write", interrupted)
    assert main.run(["page-sizes"]) == 130
    assert capsys.readouterr() == ("", "")


def test_output_that_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    assert main.run(["areas", "--json"]) == 0
    assert output.getvalue().count("\n") > 10


def test_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main.run(["areas", "--json"]) == 1
        # What could not be written is dropped, so that closing does not fail.
        output.flush()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_device_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main.run(["page-sizes"]) == 1
    assert "No space left on device" in capsys.readouterr().err


def test_errors_do_not_go_to_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main.run(["areas", "--json", "--pid", str(2**31 - 1)]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("漢字", 4)])
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width


def test_interrupted_while_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, *_: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "mmap_rs._cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupted()])
    assert __main__.main() == 130
