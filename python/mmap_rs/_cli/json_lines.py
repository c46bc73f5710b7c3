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
"""

import json

from mmap_rs._cli.rows import Row


def line(row: Row) -> str:
    """Return one area as a line of ASCII, without its end."""
    return json.dumps(
        {
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
            "path": None if row.path is None else row.path.decode(errors="replace"),
            "path_bytes": None if row.path is None or _is_text(row.path) else row.path.hex(),
            "kind": row.kind,
        }
    )


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
