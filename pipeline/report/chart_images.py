"""Charts as images: SVG for the page, PNG for a mail.

The SVG of the library is made shorter and readable for a screen reader. Colours stay CSS variables;
for a PNG they are replaced by the light scheme's values.
"""

from __future__ import annotations

import json
import re
import zlib
from html import escape
from typing import TYPE_CHECKING

import vl_convert

from pipeline.report.charts import FONT, FONT_SIZE, PALETTE

if TYPE_CHECKING:
    from pipeline.report.charts import Picture

_RIM = ' stroke="var(--card)" stroke-width="0.5"'
_PNG = b"\x89PNG\r\n\x1a\n"


def svg(chart: Picture, label: str) -> str:
    """The chart as an SVG element that stretches, is one image to a screen reader, and names
    each mark on hover.
    """
    drawn: str = vl_convert.vegalite_to_svg(json.dumps(chart))
    box = re.search(r'viewBox="([^"]+)"', drawn)
    body = drawn[drawn.index(">") + 1 :]
    body = re.sub(r' (?:aria-[a-z]+|role|class|pointer-events)="[^"]*"', _kept_label, body)
    body = re.sub(r"<(path|rect)([^>]*?) data-tip=\"([^\"]*)\"([^>]*?)/>", _with_title, body)
    body = re.sub(r' data-tip="[^"]*"', "", body)
    body = re.sub(r' (?:d|transform)="[^"]*"', _shorter, body)
    body = re.sub(r"<g>((?:<path[^>]*(?:/>|><title>[^<]*</title></path>))+)</g>", _shared, body)
    view = box.group(1) if box else "0 0 1 1"
    return f'<svg viewBox="{view}" role="img" aria-label="{escape(label)}">{body}'


def png(drawn: str, wide: int) -> bytes:
    """A drawn SVG as a picture of ``wide`` pixels at twice that density, in the light scheme.

    Its letters are half as large again, since a mail shows it narrower than a page, and of a font
    that the library brings along.
    """
    for name, value in PALETTE.items():
        drawn = drawn.replace(f"var({name})", value)
    drawn = drawn.replace(f'font-family="{FONT}"', 'font-family="Liberation Sans"')
    drawn = drawn.replace(f'font-size="{FONT_SIZE}px"', f'font-size="{FONT_SIZE * 3 // 2}px"')
    box = [float(number) for number in drawn.split('"', 2)[1].split()]
    head, _, body = drawn.partition(">")
    size = f'xmlns="http://www.w3.org/2000/svg" width="{box[2]:g}" height="{box[3]:g}"'
    paper = f'<rect width="{box[2]:g}" height="{box[3]:g}" fill="{PALETTE["--card"]}"/>'
    document = f"{head} {size}>{paper}{body}"
    return _packed(vl_convert.svg_to_png(document, scale=2 * wide / box[2]))


def _packed(png: bytes) -> bytes:
    """The same PNG, its pixels compressed as well as they can be: a tenth of the size."""
    chunks, at = [], len(_PNG)
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += 12 + size
    pixels = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    kept = [(kind, content) for kind, content in chunks if kind not in (b"IDAT", b"IEND")]
    out = [_PNG]
    for kind, content in (*kept, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")):
        checked = kind + content
        out.append(len(content).to_bytes(4) + checked + zlib.crc32(checked).to_bytes(4))
    return b"".join(out)


def _kept_label(attribute: re.Match[str]) -> str:
    """Of Vega's own attributes only the marks' descriptions stay, to become titles."""
    text = attribute.group(0)
    return text.replace(" aria-label=", " data-tip=") if text.startswith(" aria-label=") else ""


def _with_title(mark: re.Match[str]) -> str:
    name, before, tip, after = mark.groups()
    return f"<{name}{before}{after}><title>{tip}</title></{name}>"


def _shorter(attribute: re.Match[str]) -> str:
    """Coordinates to a hundredth of a pixel: a fifth of a page's bytes would be their digits."""
    return re.sub(r"\d+\.\d{3,}", lambda n: f"{float(n.group(0)):.2f}", attribute.group(0))


def _shared(group: re.Match[str]) -> str:
    """A group of marks says once what rim all of them have."""
    marks = group.group(1)
    if marks.count(_RIM) < marks.count("<path"):
        return group.group(0)
    return f"<g{_RIM}>{marks.replace(_RIM, '')}</g>"
