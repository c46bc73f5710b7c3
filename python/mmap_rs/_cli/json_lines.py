"""Areas as JSON: one object per line.

| field | value |
| --- | --- |
| `start`, `end`, `size` | numbers; `end` is the address after the last, `size` is in bytes |
| `addresses` | the range in hexadecimal, exact also in programs whose numbers have 53 bits |
| `protection` | `"r-x"` and so on; `read`, `write`, `execute` say the same as `true` or `false` |
| `share_mode` | `"private"` or `"shared"` |
| `offset` | where in the file the area starts, in bytes; `null` without a file |
| `path` | text; `null` where there is none; U+FFFD stands for bytes that are not UTF-8 |
| `path_bytes` | the path's bytes in hexadecimal if the path is not UTF-8, else `null` |
| `kind` | as in the table's sums |

With `--usage` also `name`, the numbers of `rows.NUMBERS` in bytes, and `vm_flags`, a list of text; each
`null` where the system does not say it. With `--by-file` an object has `path`, `path_bytes`, `kind`, `areas`,
`size`, and the sums of those numbers.
"""

import json

from mmap_rs._cli.rows import NUMBERS, Row
from mmap_rs._cli.totals import Group


def line(row: Row, *, usage: bool = False) -> str:
    """Return one area as a line of ASCII, without its end."""
    return json.dumps(fields(row, usage=usage))


def group_line(group: Group, *, usage: bool = False) -> str:
    """Return the sums of one file as a line of ASCII, without its end."""
    found: dict[str, object] = {
        **_path(group.path),
        "kind": group.kind,
        "areas": group.sum.areas,
        "size": group.sum.size,
    }
    if usage:
        found |= {name: group.sum.numbers.get(name) for name in NUMBERS}
    return json.dumps(found)


def fields(row: Row, *, usage: bool = False) -> dict[str, object]:
    """Return what is said of one area."""
    found: dict[str, object] = {
        "start": row.start,
        "end": row.end,
        "size": row.size,
        "addresses": row.addresses,
        "protection": row.protection,
        "read": "r" in row.protection,
        "write": "w" in row.protection,
        "execute": "x" in row.protection,
        "share_mode": row.share_mode,
        "offset": row.offset,
        **_path(row.path),
        "kind": row.kind,
    }
    if usage:
        numbers = row.usage or dict.fromkeys(NUMBERS)
        flags = None if row.vm_flags is None else list(row.vm_flags)
        found |= {"name": row.name, **numbers, "vm_flags": flags}
    return found


def _path(path: bytes | None) -> dict[str, str | None]:
    return {
        "path": None if path is None else path.decode(errors="replace"),
        "path_bytes": None if path is None or _is_text(path) else path.hex(),
    }


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
