"""Pictures as inline SVG: columns, bars, and verbs with their nouns around a circle.

Colours stand in the pictures themselves: what prints a page may not know its style sheet, which
only takes words and lines to light colours where the page is dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import cos, pi, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#76b7b2",
    "#b6992d",
    "#b07aa1",
    "#9c755f",
    "#79706e",
    "#d37295",
    "#86bcb6",
    "#499894",
)
_OPACITY = (0.85, 0.45)
_WIDTH, _HEIGHT = 640, 220
_LEFT, _TOP, _BOTTOM = 56, 14, 34
_FEW_LABELS = 8
_BAR = 260
_MIDDLE = 360
_RINGS = (70.0, 190.0, 345.0)
_LETTER = 6.4
_LINE = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """A verb, how often it occurs, and its nouns with theirs; `""` are nouns not named."""

    name: str
    count: int
    parts: tuple[tuple[str, int], ...]


def columns(bins: Sequence[tuple[str, int]], *, title: str, unit: str) -> str:
    """A histogram; `title` is read out, `unit` stands below."""
    most = max((count for _, count in bins), default=0) or 1
    step = (_WIDTH - _LEFT) / max(1, len(bins))
    room = _HEIGHT - _TOP - _BOTTOM
    every = -(-len(bins) // _FEW_LABELS)
    parts = [_axis(most, room)]
    for at, (label, count) in enumerate(bins):
        height = room * count / most
        x = _LEFT + at * step
        parts.append(
            f'<rect fill="{_COLOURS[0]}" x="{x + step * 0.06:.1f}" y="{_TOP + room - height:.1f}" '
            f'width="{step * 0.88:.1f}" height="{height:.1f}">'
            f"<title>{escape(label)} {escape(unit)}: {count:,}</title></rect>"
        )
        if at % every == 0:
            parts.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT - 20}" text-anchor="middle">'
                f"{escape(label.split(' ')[0])}</text>"
            )
    parts.append(
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{escape(unit)}</text>"
    )
    return _picture("".join(parts), width=_WIDTH, height=_HEIGHT, title=title)


def _axis(most: int, room: float) -> str:
    """Lines at nought, the half and the whole of the highest column."""
    lines = []
    for value in sorted({0, most // 2, most}):
        y = _TOP + room - room * value / most
        lines.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}" '
            f'stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'
        )
    return "".join(lines)


def bar(value: float, most: float, *, hue: int = 0) -> str:
    """A bar of a row, as long as `value` is beside `most`."""
    width = _BAR * min(1.0, value / most) if most else 0.0
    return (
        f'<svg class="bar" viewBox="0 0 {_BAR} 14" preserveAspectRatio="none" width="{_BAR}" '
        f'height="14" aria-hidden="true"><rect fill="{_COLOURS[hue % len(_COLOURS)]}" '
        f'width="{width:.1f}" height="14"/></svg>'
    )


def sunburst(sectors: Sequence[Sector], *, title: str) -> str:
    """Verbs in the inner ring, the nouns of each in the outer one, as wide as they are frequent."""
    whole = sum(sector.count for sector in sectors)
    parts = []
    start = 0.0
    for at, sector in enumerate(sectors):
        ends_as_it_began = 0 < at == len(sectors) - 1 and at % len(_COLOURS) == 0
        hue = at + len(_COLOURS) // 2 if ends_as_it_began else at
        size = sector.count / whole
        parts.append(_arc(start, size, ring=0, hue=hue, name=sector.name, count=sector.count))
        parts.extend(_outer(sector, start, whole, hue))
        start += size
    return _picture("".join(parts), width=2 * _MIDDLE, height=2 * _MIDDLE, title=title, kind="sun")


def _outer(sector: Sector, start: float, whole: int, hue: int) -> Iterator[str]:
    for name, count in sector.parts:
        size = count / whole
        if name:
            said = f"{sector.name} {name}"
            yield _arc(start, size, ring=1, hue=hue, name=name, count=count, said=said)
        start += size


def _arc(
    start: float, size: float, *, ring: int, hue: int, name: str, count: int, said: str = ""
) -> str:
    inner, outer = _RINGS[ring], _RINGS[ring + 1]
    size = min(size, 0.9999)  # a whole circle would end where it begins, and be none
    begin, end = 2 * pi * start, 2 * pi * (start + size)
    large = int(size > 1 / 2)
    path = (
        f"M{_at(outer, begin)}A{outer} {outer} 0 {large} 1 {_at(outer, end)}"
        f"L{_at(inner, end)}A{inner} {inner} 0 {large} 0 {_at(inner, begin)}Z"
    )
    label = _label(name, (inner + outer) / 2, (begin + end) / 2, outer - inner, size)
    return (
        f'<path fill="{_COLOURS[hue % len(_COLOURS)]}" fill-opacity="{_OPACITY[ring]}" '
        f'stroke="#fff" d="{path}">'
        f"<title>{escape(said or name)}: {count:,}</title></path>{label}"
    )


def _label(name: str, radius: float, angle: float, room: float, size: float) -> str:
    """The name along the radius, where it finds room."""
    if 2 * pi * radius * size < _LINE:
        return ""
    letters = int(room / _LETTER) - 1
    text = name if len(name) <= letters else name[: letters - 1] + "…"
    turn = angle * 180 / pi - 90
    if angle > pi:
        turn += 180
    x, y = _at(radius, angle).split(" ")
    return (
        f'<text x="{x}" y="{y}" text-anchor="middle" dominant-baseline="central" '
        f'transform="rotate({turn:.1f} {x} {y})">{escape(text)}</text>'
    )


def _at(radius: float, angle: float) -> str:
    """A point of the circle; angles begin at the top and go clockwise."""
    return f"{_MIDDLE + radius * sin(angle):.1f} {_MIDDLE - radius * cos(angle):.1f}"


def _picture(content: str, *, width: int, height: int, title: str, kind: str = "columns") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" fill="#222" '
        f'font-family="system-ui,sans-serif" font-size="12" '
        f'aria-label="{escape(title)}">{content}</svg>'
    )
