"""A page as it is read: a line per heading, sentence and row, with everything opened."""

from __future__ import annotations

from html.parser import HTMLParser

_LINES = {"p", "h1", "h2", "h3", "li", "tr", "summary", "caption", "section", "table", "ul", "ol"}
_ENDS = {"div", "dl", "details", "header", "main", "footer", "body"} | _LINES
_CELLS = {"th", "td", "dd", "small", "span"}
_NOT_READ = {"style", "script", "title", "pre"}


class _Reader(HTMLParser):
    """Collects lines; pictures are read as their label."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_READ:
            self.unread += 1
        elif tag == "svg":
            self.lines[-1] += f" [{dict(attrs).get('aria-label')}]"
            self.unread += 1
        elif tag in _ENDS:
            self.lines.append("# " if tag in ("h1", "h2", "h3") else "")
        elif tag in _CELLS and self.lines[-1].strip():
            self.lines[-1] += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag in _NOT_READ or tag == "svg":
            self.unread -= 1
        elif tag in _ENDS:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if not self.unread:
            self.lines[-1] += data


def page_text(page: str) -> str:
    """The lines of ``page``, without the empty ones."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines = (" ".join(line.split()) for line in reader.lines)
    return "\n".join(line for line in lines if line.strip("|# ")) + "\n"
