"""Execute docs/own_pictures.ipynb in an empty folder: `python docs/run_notebook.py [OUT.ipynb]`, by default in place.

Progress bars are left out of what is stored.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("own_pictures.ipynb")
SECONDS = 1800  # at most for a cell; all of them take a minute on two idle cores


def execute(out: Path) -> None:
    """Execute the notebook and store it with its outputs; raises CellExecutionError for a cell that fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata = {}  # times of execution
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, out)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else NOTEBOOK
    execute(target)
    print(f"look at: {target}")
