"""The notebook notebooks/explore.py, executed over the sample history."""

from __future__ import annotations

import os
from pathlib import Path

import jupytext
import nbclient
import pytest

ROOT = Path(__file__).parent.parent
# The kernel leaves its pipes to the garbage collector, whichever test that meets.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_notebook_answers_its_questions() -> None:
    notebook = jupytext.read(ROOT / "notebooks" / "explore.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("FLEETLEDGER_DATA_DIR", None)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        # From its own folder, as Jupyter runs it.
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    client.execute(env=environment)
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    shown = [
        output
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] in ("execute_result", "display_data")
    ]
    assert len(shown) == len(cells)
    assert sum("vega" in output["data"].get("text/html", "") for output in shown) == 4
    texts = [output["data"].get("text/plain", "") for output in shown]
    assert texts[3] == "np.int64(0)"
    assert "proven" in texts[5]
    assert any("never_above_60" in text for text in texts)
    assert not [
        output for cell in cells for output in cell["outputs"] if output["output_type"] == "stream"
    ]
