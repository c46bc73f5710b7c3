"""Each public item of the Rust crate that Cargo resolved has its counterpart in the module and the stubs."""

import contextlib
import inspect
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counterparts import TRAITS, VARIANTS, Stubs, differences
from upstream_items import (
    ROOT,
    Item,
    UnknownFormError,
    has_cargo,
    read_items,
    source_folder,
    upstream_package,
)

import mmap_rs
from mmap_rs import MmapOptions
from tests.support.mapping_classes import MAKERS

# A first run compiles the program that reads the crate.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def package() -> dict[str, Any]:
    """Give what Cargo knows of the resolved crate."""
    if not has_cargo():
        pytest.skip("needs Cargo and the repository's Cargo.lock to find the crate's source")
    return upstream_package()


@pytest.fixture(scope="session")
def items(package: dict[str, Any]) -> list[Item]:
    """Give the crate's public items."""
    return read_items(source_folder(package))


Doctor = Callable[[str, Callable[[str], str]], list[Item]]


@pytest.fixture
def doctor(package: dict[str, Any], tmp_path: Path) -> Doctor:
    """Give a function that changes one file in a copy of the crate and reads the copy's public items."""

    def read(name: str, change: Callable[[str], str]) -> list[Item]:
        folder = Path(shutil.copytree(source_folder(package), tmp_path / "src"))
        file = folder / name
        text = file.read_text(encoding="utf-8")
        changed = change(text)
        assert changed != text
        file.write_text(changed, encoding="utf-8")
        return read_items(folder)

    return read


@pytest.fixture(scope="session")
def stubs() -> Stubs:
    """Give the classes of the package's stubs."""
    return Stubs.of_package(ROOT / "python" / "mmap_rs")


# --- parity


def test_nothing_differs(items: list[Item], stubs: Stubs) -> None:
    assert differences(items, stubs) == []


def test_the_version_is_the_resolved_one(package: dict[str, Any]) -> None:
    assert mmap_rs.__upstream_version__ == package["version"]


@pytest.mark.parametrize("name", ["MmapFlags", "UnsafeMmapFlags", "PageSizes", "Protection"])
def test_flags_have_no_other_members(name: str, items: list[Item], stubs: Stubs) -> None:
    upstream = {item.name for item in items if item.kind == "flag" and item.owner == name}
    assert upstream
    assert set(getattr(mmap_rs, name).__members__) <= upstream
    in_stubs = {member for member, node in stubs.members(name) if not hasattr(node, "args")}
    assert in_stubs - {"_value_"} == upstream


def test_errors_say_their_variant(items: list[Item]) -> None:
    named = [item.name for item in items if item.kind == "variant" and item.owner == "Error"]
    assert len(named) >= 15
    for name in named:
        if name not in VARIANTS and name != "UnsafeFlagNeeded":
            error = getattr(mmap_rs, f"{name}Error")("message")
            assert error.variant == name
    flags = mmap_rs.UnsafeMmapFlags.JIT
    assert mmap_rs.UnsafeFlagNeededError("message", flags).variant == "UnsafeFlagNeeded"


def test_the_table_of_variants_is_needed(items: list[Item]) -> None:
    named = {item.name for item in items if item.kind == "variant" and item.owner == "Error"}
    assert set(VARIANTS) <= named
    assert set(TRAITS) == {item.name for item in items if item.kind == "trait"}


MAKE = {cls.__name__: maker for cls, maker in MAKERS.items()}


def test_try_from_takes_what_upstream_takes(items: list[Item], page: int) -> None:
    upstream = {(item.owner, item.source) for item in items if item.name == "TryFrom"}
    assert ("PageSize", "PageSizes") in upstream
    for to, source in itertools.product(MAKE, repeat=2):
        convert = getattr(getattr(mmap_rs, to), "try_from", None)
        mapping: Any = getattr(MmapOptions(page), MAKE[source])()
        if (to, source) in upstream:
            assert convert is not None
            assert type(convert(mapping)).__name__ == to
        elif convert is not None:
            with pytest.raises(TypeError):
                convert(mapping)


def test_what_takes_self_consumes(items: list[Item], page: int) -> None:
    for item in items:
        if item.kind != "method" or item.owner not in MAKE:
            continue
        mapping: Any = getattr(
            MmapOptions(page).with_unsafe_flags(mmap_rs.UnsafeMmapFlags.JIT), MAKE[item.owner]
        )()
        method = getattr(mapping, item.name)
        assert inspect.isroutine(method), f"{item.owner}.{item.name} is no method"
        if item.receiver == "self":
            method()
            assert mapping.closed, f"{item.owner}.{item.name} does not consume"
        elif not item.parameters:
            # Memory that can't be accessed can't be locked.
            with contextlib.suppress(mmap_rs.SystemCallError):
                method()
            assert not mapping.closed, f"{item.owner}.{item.name} consumes"


# --- the reader and the comparison can fail: doctored source must be seen

DOCTORED = {
    "a new method": ("mmap.rs", "pub fn as_slice(", "pub fn as_news(", "Mmap.as_news"),
    "a new method of a macro": (
        "mmap.rs",
        "pub fn lock(&mut self)",
        "pub fn freeze(&mut self)",
        "MmapNone.freeze",
    ),
    "a method with another parameter": (
        "mmap.rs",
        "pub fn split_to(&mut self, at: usize)",
        "pub fn split_to(&mut self, offset: usize)",
        "ReservedMut.split_to: the module has the parameters ['at'], not ['offset']",
    ),
    "a method that became static": (
        "mmap.rs",
        "pub fn is_empty(&self) -> bool",
        "pub fn is_empty() -> bool",
        "Reserved.is_empty",
    ),
    "a static method that became another": (
        "areas.rs",
        "pub fn query(address: usize)",
        "pub fn query(&self, address: usize)",
        "MemoryAreas.query: the stubs",
    ),
    "a new flag": (
        "mmap.rs",
        "const DONTNEED = 1 << 11;",
        "const DONTNEED = 1 << 11; const HOT = 1 << 12;",
        "MmapFlags.HOT: the module",
    ),
    "a flag with another value": (
        "mmap.rs",
        "const _64K  = 1 << 16;",
        "const _64K  = 1 << 35;",
        "PageSizes._64K: the module has the value 0x10000",
    ),
    "a protection with another value": (
        "areas.rs",
        "const EXECUTE       = 1 << 3;",
        "const EXECUTE       = 1 << 2;",
        "Protection.EXECUTE",
    ),
    "a constant with another value": (
        "mmap.rs",
        "pub const _2M: Self = Self(21);",
        "pub const _2M: Self = Self(22);",
        "PageSize._2M: the module has the value 21, not 22",
    ),
    "a new constant": (
        "mmap.rs",
        "pub const _2M: Self = Self(21);",
        "pub const _2M: Self = Self(21); pub const _8K: Self = Self(13);",
        "PageSize._8K: the stubs",
    ),
    "a new error": (
        "error.rs",
        "InvalidSize,",
        "InvalidSize, TooHot { degrees: u8 },",
        "TooHotError",
    ),
    "a new share mode": ("areas.rs", "    Shared,\n", "    Shared, Hidden,\n", "ShareMode.Hidden"),
    "a new conversion": (
        "mmap.rs",
        "impl TryFrom<ReservedNone> for Reserved {",
        "impl TryFrom<Mmap> for Reserved {} impl TryFrom<ReservedNone> for Reserved {",
        "Reserved.try_from: the stubs do not take Mmap",
    ),
    "a new trait": (
        "mmap.rs",
        "impl AsRef<[u8]> for Mmap ",
        "impl Borrow<[u8]> for Mmap ",
        "Borrow",
    ),
    "a new type": (
        "areas.rs",
        "pub enum ShareMode",
        "pub struct Heat(pub u8);\npub enum ShareMode",
        "Heat",
    ),
    "a new function": (
        "areas.rs",
        "pub enum ShareMode",
        "pub fn heat() {}\npub enum ShareMode",
        "heat",
    ),
    "a type for a macro": (
        "mmap.rs",
        "reserved_impl!(Reserved);",
        "reserved_impl!(Reserved); reserved_impl!(Preserved);",
        "Preserved",
    ),
}


@pytest.mark.parametrize("case", DOCTORED)
def test_doctored_source_is_seen(case: str, doctor: Doctor, stubs: Stubs) -> None:
    name, old, new, expected = DOCTORED[case]
    found = differences(doctor(name, lambda text: text.replace(old, new)), stubs)
    assert any(expected in difference for difference in found), found


UNKNOWN = {
    "a union": ("areas.rs", "pub union Both { a: u8 }"),
    "a trait": ("areas.rs", "pub trait Heated { fn heat(&self); }"),
    "a static": ("mmap.rs", "pub static HEAT: u8 = 1;"),
    "an alias": ("mmap.rs", "pub type Heat = u8;"),
    "a module": ("mmap.rs", "pub mod heat { pub fn heat() {} }"),
    "a re-export": ("mmap.rs", "pub use std::fs::File;"),
    "an exported macro": ("mmap.rs", "#[macro_export] macro_rules! heat { () => {} }"),
    "an unknown macro": ("mmap.rs", "heat!(Mmap);"),
    "a flag of an unknown value": ("mmap.rs", "bitflags! { pub struct H: u8 { const A = f(); } }"),
    "an associated type": ("mmap.rs", "impl Mmap { pub type Heat = u8; }"),
    "a file that is not read": ("lib.rs", "mod heat;"),
    "an item of the root": ("lib.rs", "pub fn heat() {}"),
    "an item of a private module": ("lib.rs", "pub use os_impl::heat;"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_forms_are_not_passed_over(case: str, doctor: Doctor) -> None:
    name, added = UNKNOWN[case]
    with pytest.raises(UnknownFormError):
        doctor(name, lambda text: f"{text}\n{added}\n")


def test_stubs_that_lack_something_are_seen(items: list[Item], stubs: Stubs) -> None:
    found = differences(items, Stubs.read(["class Mmap:\n    def start(self) -> int: ...\n"]))
    assert "MmapMut: the stubs have no such class" in found
    assert "Mmap.end: the stubs have no method end" in found
    assert "Mmap.start: the stubs have no method start" not in found
    assert differences(items, stubs) == []


def test_the_reader_is_not_led_astray(package: dict[str, Any], tmp_path: Path) -> None:
    assert package  # or there is no Cargo
    source = """
        // pub fn commented() {}
        /* pub fn commented() {} /* nested */ pub fn commented() {} */
        #[doc = "pub fn quoted() {}"]
        pub struct A<'a, T: Into<u8>>(pub usize, &'a T, pub(crate) u8) where T: Copy;
        impl<'a, T> A<'a, T> where T: Into<u8> {
            pub const SMALL: Self = Self(0x10 + 1);
            pub(crate) fn hidden() {}
            fn private() -> char { '}' }
            pub unsafe fn f<U>(mut self, map: HashMap<u8, U>, mut b: [u8; 4]) -> Vec<Vec<u8>> { "}{"; }
            pub fn g(&'a self) { let _ = r#"pub fn quoted() { " "#; b'{'; '\\''; }
        }
        #[cfg(test)] mod tests { pub fn tested() {} }
        impl<T> std::fmt::Debug for A<'_, T> where T: Debug {}
        pub enum E { A(u8, u16), B { x: Vec<(u8, u8)> }, #[cfg(unix)] C = 3 }
    """
    (tmp_path / "lib.rs").write_text("pub mod module;", encoding="utf-8")
    (tmp_path / "module.rs").write_text(source, encoding="utf-8")
    found = read_items(tmp_path)
    assert [(item.kind, item.owner, item.name) for item in found] == [
        ("type", "A", "A"),
        ("field", "A", "0"),
        ("constant", "A", "SMALL"),
        ("method", "A", "f"),
        ("method", "A", "g"),
        ("trait", "A", "Debug"),
        ("type", "E", "E"),
        ("variant", "E", "A"),
        ("variant", "E", "B"),
        ("variant", "E", "C"),
    ]
    assert found[2].value == 17
    assert (found[3].receiver, found[3].parameters) == ("self", ("map", "b"))
    assert (found[4].receiver, found[4].parameters) == ("&self", ())
    assert found[-1].cfg == "unix"
