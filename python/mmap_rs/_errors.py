"""The exceptions of the package.

Each derives from `Error` and from the built-in exception that fits, and its `variant` is the name of the
corresponding error of the Rust crate.
"""

from __future__ import annotations

# Type checkers know the name; importing `typing` would take as long as importing this whole package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, Self

    from mmap_rs._flags import UnsafeMmapFlags


class Error(Exception):
    """The base of all exceptions of this package.

    `variant` is the name of the Rust crate's error, a str; it is empty on this class itself.

    Examples:
        >>> try:
        ...     MmapOptions(0)
        ... except Error as error:
        ...     print(error.variant)
        InvalidSize
    """

    __module__ = "mmap_rs"
    variant: str = ""


class UnsafeFlagNeededError(Error, ValueError):
    """The operation needs an unsafe flag that was not given: `flags`, an `UnsafeMmapFlags`.

    Examples:
        >>> MmapOptions(4096).map_exec_mut()
        Traceback (most recent call last):
            ...
        mmap_rs.UnsafeFlagNeededError: ... needs with_unsafe_flags(UnsafeMmapFlags.JIT) ...
    """

    __module__ = "mmap_rs"
    variant = "UnsafeFlagNeeded"
    flags: UnsafeMmapFlags

    def __init__(self, message: str, flags: UnsafeMmapFlags) -> None:
        super().__init__(message)
        self.flags = flags

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Any, ...], dict[str, Any]]:
        return type(self), (*self.args, self.flags), self.__dict__


class InvalidSizeError(Error, ValueError):
    """A size that can't be mapped or written, or that is not a page size.

    Examples:
        >>> PageSize.from_bytes(5000)
        Traceback (most recent call last):
            ...
        mmap_rs.InvalidSizeError: a page size must be a power of two, such as 4096, not 5000
    """

    __module__ = "mmap_rs"
    variant = "InvalidSize"


class InvalidOffsetError(Error, ValueError):
    """An offset or a range that is not aligned, reaches outside the mapping, or ends before it starts.

    Examples:
        >>> MmapOptions(4096).map_mut().fill(0, range(0, 5000))
        Traceback (most recent call last):
            ...
        mmap_rs.InvalidOffsetError: range 0..5000 leaves the mapping of 4096 bytes
    """

    __module__ = "mmap_rs"
    variant = "InvalidOffset"


class InvalidOperationError(Error, ValueError):
    """The operation does not suit the mapping, its options or this system.

    Examples:
        >>> MmapOptions(4096).with_unsafe_flags(UnsafeMmapFlags.MAP_FIXED).map()
        Traceback (most recent call last):
            ...
        mmap_rs.InvalidOperationError: MAP_FIXED needs an address: call with_address() too
    """

    __module__ = "mmap_rs"
    variant = "InvalidOperation"


class MustBeAdjacentError(Error, ValueError):
    """Two mappings to be merged are not adjacent in the right order.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> m.merge(m)
        Traceback (most recent call last):
            ...
        mmap_rs.MustBeAdjacentError: a mapping can't be merged with itself
    """

    __module__ = "mmap_rs"
    variant = "MustBeAdjacent"


class AttributeMismatchError(Error, ValueError):
    """Two mappings to be merged differ in protection, flags or page size.

    Examples:
        >>> low = MmapOptions(1 << 17).map_mut()
        >>> high = low.split_off(1 << 16)
        >>> low.make_read_only().merge(high.make_exec())
        Traceback (most recent call last):
            ...
        mmap_rs.AttributeMismatchError: the first mapping is READ, the second READ | EXECUTE: ...
    """

    __module__ = "mmap_rs"
    variant = "AttributeMismatch"


class BackingMismatchError(Error, ValueError):
    """Two mappings to be merged differ in file, offset or share mode."""

    __module__ = "mmap_rs"
    variant = "BackingMismatch"


class ParseError(Error, ValueError):
    """Text from the system could not be parsed.

    `variant` is "ParseInt", "TryFromInt" or "Utf8".

    Examples:
        >>> ParseError("bad number in a list of memory areas", variant="ParseInt").variant
        'ParseInt'
    """

    __module__ = "mmap_rs"

    def __init__(
        self, *args: object, variant: Literal["ParseInt", "TryFromInt", "Utf8"] = "ParseInt"
    ) -> None:
        super().__init__(*args)
        self.variant = variant


class ConsumedError(Error, ValueError):
    """The mapping was closed, or another object has taken over its memory.

    Examples:
        >>> m = MmapOptions(4096).map_mut()
        >>> frozen = m.make_read_only()
        >>> m[0]
        Traceback (most recent call last):
            ...
        mmap_rs.ConsumedError: this MmapMut was consumed by make_read_only: use the mapping that it returned
    """

    __module__ = "mmap_rs"
    variant = "Consumed"


class FaultError(Error, OSError):
    """The system could not provide a page: the file has shrunk, or memory is missing."""

    __module__ = "mmap_rs"
    variant = "Fault"


class SystemCallError(Error, OSError):
    """The system refused an operation.

    `SystemCallError(errno, strerror)` returns an instance that is also the built-in subclass of `OSError`
    for that number, as `OSError(errno, strerror)` itself does, so `except PermissionError` catches it.
    A subclass of this class is not replaced.

    `errno`, `strerror`, `filename` and (on Windows) `winerror` are those of `OSError`. `operation` says
    what was refused and `hint` what to do about it; both may be `None`. `variant` is "Io", "Nix", "Sysctl",
    "Mach" or "Windows".

    Examples:
        >>> try:
        ...     MmapOptions(4096).with_file("no-such-file").map()
        ... except FileNotFoundError as error:
        ...     isinstance(error, SystemCallError), error.operation, error.filename
        (True, 'open for reading', 'no-such-file')
    """

    __module__ = "mmap_rs"
    operation: str | None
    hint: str | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Create the instance, of the class that fits the number."""
        kind: type[Self] = cls
        if cls is SystemCallError:
            kind = _combined(type(_os_error(*args, **kwargs)))  # type: ignore[assignment]
        return super().__new__(kind)

    def __init__(
        self,
        errno: int,
        strerror: str,
        filename: object = None,
        winerror: int | None = None,
        filename2: object = None,
        *,
        operation: str | None = None,
        hint: str | None = None,
        variant: Literal["Io", "Nix", "Sysctl", "Mach", "Windows"] = "Io",
    ) -> None:
        # OSError takes its fields in __new__ only, and a subclass may give that other arguments.
        fields = _os_error(errno, strerror, filename, winerror, filename2)
        self.args = fields.args[:2]
        for name in _FIELDS:
            value = getattr(fields, name, None)
            # An unset field differs from one set to None, which the message would show.
            if value is not None:
                setattr(self, name, value)
        self.operation = operation
        self.hint = hint
        self.variant = variant

    def __str__(self) -> str:
        text = super().__str__()
        if self.operation is not None:
            text = f"{self.operation} failed: {text}"
        return text if self.hint is None else f"{text}; {self.hint}"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        kind = type(self)
        public = SystemCallError if kind in _COMBINED.values() else kind
        fields = tuple(getattr(self, name, None) for name in _FIELDS)
        return _restore, (public, fields), self.__dict__


_FIELDS = ("errno", "strerror", "filename", "winerror", "filename2")

# The classes that are both SystemCallError and the built-in class in the key; created when first needed.
_COMBINED: dict[type[OSError], type[SystemCallError]] = {}


def _combined(builtin: type[OSError]) -> type[SystemCallError]:
    """Return the class that is both `SystemCallError` and `builtin`."""
    if builtin is OSError:
        return SystemCallError
    found = _COMBINED.get(builtin)
    if found is None:
        body = {"__module__": "mmap_rs", "__doc__": SystemCallError.__doc__}
        made = type("SystemCallError", (SystemCallError, builtin), body)
        # Two threads may both have made one; all must use the same.
        found = _COMBINED.setdefault(builtin, made)
    return found


def _os_error(
    errno: int,
    strerror: str,
    filename: object = None,
    winerror: int | None = None,
    filename2: object = None,
    **_details: object,
) -> OSError:
    """Let OSError itself read the arguments: it knows the class of each errno and, on Windows, winerror."""
    return OSError(errno, strerror, filename, winerror, filename2)


def _restore(kind: type[SystemCallError], fields: tuple[Any, ...]) -> SystemCallError:
    """Unpickle without calling the `__init__` of a subclass, whose arguments are unknown."""
    self = kind.__new__(kind, *fields)
    SystemCallError.__init__(self, *fields)
    return self
