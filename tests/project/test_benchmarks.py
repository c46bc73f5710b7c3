"""The benchmarks measure what they say, and see what gets slower."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the benchmarks compare with Linux's system calls", allow_module_level=True)

from benchmarks import __main__ as command
from benchmarks import families, instructions, package, report, timing
from benchmarks.model import OURS, Case, Excess, Measured, Ratio, Scope, Statement


def measured(ours: float, theirs: float, bar: Ratio | Excess) -> Measured:
    return Measured("items", "m[i]", (bar,), {OURS: ours, "mmap": theirs})


def cases(family: str) -> Iterator[Case]:
    """The cases of a family; skips where what it compares with is not here, which some see at their first."""
    try:
        yield from families.load(family).cases(Scope())
    except ModuleNotFoundError as error:
        pytest.skip(f"it compares with {error.name}, which is not here")


@pytest.mark.parametrize("family", families.NAMES)
def test_every_statement_runs(family: str) -> None:
    names: list[str] = []
    for case in cases(family):
        assert OURS in case.sides
        for bar in case.bars:
            assert set(bar.rivals) & set(case.sides), f"{case.key}: no rival of {bar}"
        for turn in case.sides.values():
            if isinstance(turn, Statement):
                assert turn(1) > 0
        names.append(case.key)
    assert names
    assert len(set(names)) == len(names)


def test_sides_take_turns_and_the_best_counts() -> None:
    order: list[str] = []

    def side(name: str, times: list[float]) -> Statement:
        class Fake(Statement):
            def __init__(self) -> None:
                super().__init__("pass")

            def __call__(self, loops: int, /) -> float:
                order.append(name)
                return times[min(order.count(name), len(times)) - 1] * loops

        return Fake()

    sides = {OURS: side(OURS, [9.0, 5.0, 3.0, 4.0]), "mmap": side("mmap", [8.0, 2.0])}
    found = timing.measure(Case("f", "n", sides, calls=2), 0.0)
    assert found == {OURS: 1.5, "mmap": 1.0}
    # One turn each tells how many loops to take.
    assert order == [OURS, "mmap"] * (1 + timing.FEWEST)


@pytest.mark.parametrize(
    ("ours", "bar", "verdict", "over"),
    [
        (9.0, Ratio(("mmap",), 1.0), "met", False),
        (11.0, Ratio(("mmap",), 1.0), "missed", True),
        (11.0, Ratio(("mmap",), 0.2, kept=1.2, reason="so it is"), "known", False),
        (13.0, Ratio(("mmap",), 0.2, kept=1.2, reason="so it is"), "missed", True),
        (10.0 + 2e-7, Excess(("mmap",), 250), "met", False),
        (10.0 + 3e-7, Excess(("mmap",), 250), "missed", True),
    ],
)
def test_verdicts(
    ours: float, bar: Ratio | Excess, verdict: str, over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "size", lambda: package.LIMIT)
    found = measured(ours, 10.0, bar)
    assert report.verdict(found, bar) == verdict
    assert bool(command.over([found], 1.0)) == over
    assert not command.over([found], 1.5)


def test_the_fastest_rival_counts() -> None:
    bar = Ratio(("mmap", "bytes", "not here"), 1.0)
    found = Measured("f", "n", (bar,), {OURS: 2.0, "mmap": 4.0, "bytes": 1.0})
    assert (found.rival(bar), found.value(bar)) == ("bytes", 2.0)


def test_more_rounds_make_a_time_better_only() -> None:
    bar = Ratio(("mmap",), 1.0)
    both = measured(2.0, 3.0, bar).with_best_of(measured(4.0, 1.0, bar))
    assert both.seconds == {OURS: 2.0, "mmap": 1.0}


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    found = measured(9.0, 10.0, Ratio(("mmap",), 1.0))
    report.put_into(page, report.markdown([found], {"Python": "3.x"}, "make bench"))
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{report.BEGIN}\nMade by `make bench` on: Python 3.x.\n")
    assert text.endswith(f"\n{report.END}\nafter\n")
    assert "old" not in text
    assert "| m[i] | 9.00 s | mmap 10.00 s | 0.90 | 1.00 | met |" in text
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        report.put_into(page, "text")


def test_json_holds_every_time() -> None:
    found = measured(9.0, 10.0, Ratio(("mmap",), 1.0))
    told = json.loads(json.dumps(report.as_json([found], {"Python": "3.x"})))
    assert told["cases"][0]["seconds"] == {OURS: 9.0, "mmap": 10.0}
    assert told["cases"][0]["bars"][0]["verdict"] == "met"
    assert told["machine"] == {"Python": "3.x"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.23e-9, "1.23 ns"),
        (45.67e-9, "45.7 ns"),
        (890.1e-6, "890 µs"),
        (0.0123, "12.3 ms"),
        (2, "2.00 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


def counts(ours: float, theirs: float = 300.0) -> instructions.Counts:
    return {"items: m[i]": {OURS: ours, "mmap": theirs}}


def test_three_percent_more_instructions_are_seen() -> None:
    before = counts(1000)
    assert instructions.compare(counts(1031), before) == ([], [])
    grown, unsaid = instructions.compare(counts(1033), before)
    assert grown == ["items: m[i]: 1,033 instructions, 1,000 are stored"]
    assert not unsaid


def test_counts_of_another_python_are_not_compared() -> None:
    grown, unsaid = instructions.compare(counts(2000, 330), counts(1000))
    assert not grown
    assert "built in another way" in unsaid[0]
    grown, unsaid = instructions.compare(counts(2000), {})
    assert not grown
    assert "no count is stored" in unsaid[0]


def test_stored_counts_have_all_cases() -> None:
    for found in instructions.stored().values():
        assert all(OURS in sides for sides in found.values())
    keys = {
        case.key
        for family in instructions.FAMILIES
        for case in families.load(family).cases(Scope(counting=True))
        if case.counted
    }
    for name, found in instructions.stored().items():
        assert set(found) == keys, name


def test_without_valgrind_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MMAP_RS_ABSENT", str(tmp_path / "absent"))
    assert instructions.main([]) == 0
    assert "there is no valgrind" in capsys.readouterr().out
    # And .ci/run is told.
    assert "there is no valgrind" in (tmp_path / "absent").read_text(encoding="utf-8")
