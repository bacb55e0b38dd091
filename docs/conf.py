"""How Sphinx builds the pages of this folder as a website (`make site`)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pipeline.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "FleetLedger"
release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"FleetLedger {release}"
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
# Anchors of headings as on a Git host, so that a link works in both.
myst_heading_anchors = 3


def lead_to_the_repository(_app: Sphinx, _page: str, text: list[str]) -> None:
    """Rewrite links to files outside this folder, which the site does not have.

    They lead to the repository where a workflow knows its address, as in ``.ci/metadata.py``.
    Elsewhere the name of the file stays, and no address is claimed.
    """
    server = os.environ.get("GITHUB_SERVER_URL")

    def rewritten(link: re.Match[str]) -> str:
        name, path = link.groups()
        if not server:
            return f"`{path}`"
        repository, revision = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_REF_NAME"]
        return f"[{name}]({server}/{repository}/blob/{revision}/{path})"

    text[0] = re.sub(r"\[([^\]]*)\]\(\.\./([^)]*)\)", rewritten, text[0])


def setup(app: Sphinx) -> None:
    """Register the above; Sphinx calls it."""
    app.connect("source-read", lead_to_the_repository)
