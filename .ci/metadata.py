"""The parts of the package's metadata that depend on where its repository is.

In a workflow of GitHub the address is known from the environment. The project's URLs then lead
there, and so do the README's links, because a package page has no files beside it. Elsewhere the
README stays as it is and no URL is claimed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)]+)\)")


def with_absolute_links(page: str, repository: str, revision: str) -> str:
    """A Markdown page whose relative links lead to a revision of a repository.

    Args:
        page: the text.
        repository: its address, without a final slash.
        revision: a tag, branch or commit.
    """

    def absolute(link: re.Match[str]) -> str:
        mark, text, path = link.groups()
        view = "raw" if mark else "blob"
        return f"{mark}[{text}]({repository}/{view}/{revision}/{path})"

    return _LINK.sub(absolute, page)


class CustomMetadataHook(MetadataHookInterface):
    """Fills in ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, object]) -> None:
        """Add both to ``metadata``."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["urls"] = {}
        if server := os.environ.get("GITHUB_SERVER_URL"):
            repository = f"{server}/{os.environ['GITHUB_REPOSITORY']}"
            text = with_absolute_links(text, repository, os.environ["GITHUB_REF_NAME"])
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/tree/HEAD/docs",
                "Changes": f"{repository}/blob/HEAD/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
