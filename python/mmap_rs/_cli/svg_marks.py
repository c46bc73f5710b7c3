"""The picture's alphabet: colours, letters, and the elements of SVG that are used."""

from collections.abc import Sequence
from html import escape

from mmap_rs._cli.text import escaped

# The palette of Okabe and Ito, safe for colour-blindness; dark text is readable on each.
COLOURS = {
    "r--": "#56b4e9",
    "rw-": "#e69f00",
    "r-x": "#009e73",
    "rwx": "#d55e00",
    "---": "#dcdcdc",
}
OTHER = "#cc79a7"

INK, FAINT, PAPER = "#1a1a1a", "#595959", "#ffffff"

# How much of its colour what is not in memory has.
PALE = 0.3

# Of what is drawn over something that has a tooltip.
UNTOUCHED = 'pointer-events="none"'

SHARED = f'fill="{INK}" fill-opacity="0.75"'

# The widest that the fonts named below set a character of the size 1.
MONO_WIDTH = 0.605
SANS_WIDTH = 0.56

STYLE = f"""\
text {{ fill: {INK}; font: 12px system-ui, 'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif }}
.mono {{ font-family: 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace; font-size: 11px }}
.title {{ font-size: 20px; font-weight: bold }}
.head {{ font-weight: bold }}
.faint {{ fill: {FAINT} }}
.small {{ font-size: 10.5px }}
.end {{ text-anchor: end }}
.middle {{ text-anchor: middle }}
.outline {{ fill: none; stroke: {INK}; stroke-width: 1 }}
.gap {{ stroke: #8c8c8c; stroke-width: 1; stroke-dasharray: 2 3 }}"""

DEFINITIONS = f"""\
<defs><pattern id="several" width="6" height="6" patternUnits="userSpaceOnUse" \
patternTransform="rotate(45)"><rect width="1.4" height="6" fill="{INK}" fill-opacity="0.45"/>\
</pattern></defs>"""


def colour(protection: str) -> str:
    """Return the colour of a protection."""
    return COLOURS.get(protection, OTHER)


def meaning(protection: str) -> str:
    """Say a protection in words."""
    words = {"r": "read", "w": "write", "x": "execute"}
    return ", ".join(words[letter] for letter in protection if letter in words) or "no access"


def number(value: float) -> str:
    """Return a coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def opening(wide: int, high: int) -> str:
    """Return the start of the document's element."""
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'


def text(x: float, y: float, content: str, kind: str = "") -> str:
    """Return a text; `kind` are classes of the style sheet."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{number(x)}" y="{number(y)}"{named}>{clean(content)}</text>'


def rectangle(
    x: float, y: float, wide: float, high: float, look: str, tip: Sequence[str] = ()
) -> str:
    """Return a rectangle; `look` are further attributes, `tip` the lines of the tooltip."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(wide)}" height="{number(high)}"'
    if not tip:
        return f"<rect {place} {look}/>"
    return f"<rect {place} {look}>{title(tip)}</rect>"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a line."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line {ends} class="{kind}"/>'


def title(lines: Sequence[str]) -> str:
    """Return a tooltip, which screen readers read aloud."""
    return f"<title>{'&#10;'.join(map(clean, lines))}</title>"


def clean(content: str) -> str:
    """Return text in a form that XML can hold."""
    return escape(escaped(content))
