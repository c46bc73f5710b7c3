"""Text that people read: sizes in human units, paths without surprises, and how wide text is."""

import unicodedata

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def human(size: int) -> str:
    """Return a size in bytes in the unit that reads best.

    >>> human(4096), human(1_500_000), human(1 << 47)
    ('4 KiB', '1.4 MiB', '128 TiB')
    """
    if size < 1024:
        return f"{size} B"
    value, place = size / 1024, 0
    while value >= 1023.5:
        value, place = value / 1024, place + 1
    digits = f"{value:.1f}".removesuffix(".0") if value < 99.95 else f"{value:.0f}"
    return f"{digits} {_UNITS[place]}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "area"), count(5000, "area")
    ('1 area', '5,000 areas')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def printable(path: bytes) -> str:
    r"""Return a path as text of one line that no terminal takes for a command.

    What cannot be printed is escaped as in Python.

    >>> print(printable(b"/tmp/a\nb\x1b[31m\xff"))
    /tmp/a\nb\x1b[31m\xff
    """
    return escaped(path.decode(errors="backslashreplace"))


def escaped(text: str) -> str:
    """Return text with everything escaped that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, limit: int, mark: str = "…") -> str:
    """Return text of at most `limit` columns; what is too long loses its middle.

    The last name of a path is kept as long as there is room for it: it says most.

    >>> shorten("/usr/lib/x86_64-linux-gnu/libc.so.6", 24)
    '/usr/lib/x86_…/libc.so.6'
    >>> shorten("/opt/_json.cpython-311-x86_64-linux-gnu.so", 24)
    '_json.cpytho…inux-gnu.so'
    """
    if cells(text) <= limit:
        return text
    name = text[text.rfind("/") + 1 :]
    room = limit - cells(mark) - 1 - cells(name)
    if name != text and room >= 0:
        return f"{_fitting(text, room)}{mark}/{name}"
    room = max(limit - cells(mark), 0)
    head = _fitting(name, (room + 1) // 2)
    tail = _fitting(name[::-1], room - cells(head))[::-1]
    return head + mark + tail


def _fitting(text: str, room: int) -> str:
    """Return as much of the start of a text as fits in `room` columns."""
    for position, character in enumerate(text):
        room -= _cells_of(character)
        if room < 0:
            return text[:position]
    return text
