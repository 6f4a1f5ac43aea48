"""Execute notebooks of this folder in an empty one: `python docs/run_notebook.py [NAME.ipynb ...] [--out FOLDER]`.

By default all of them, and in place. Progress bars are left out of what is stored. A notebook that begins with Python in its text is
one of a project without gcn-tf: somebody else runs this Python first, and in the notebook the package cannot be imported.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent
NOTEBOOKS = sorted(path.name for path in DOCS.glob("*.ipynb"))  # saved_model takes the run of augment_keras
SECONDS = 1800  # at most for a cell; all of them take a minute or two on two idle cores
WITHOUT_PACKAGE = "import sys\nsys.modules['gcn_tf'] = None  # as if it were not installed\n"


def execute(path: Path, out: Path, folder: Path) -> None:
    """Execute a notebook and store it with its outputs; raises CellExecutionError for a cell that fails.

    Args:
        folder: where it works.
    """
    notebook = nbformat.read(path, as_version=4)
    packages = DOCS.parent
    if code := re.search(r"^```python\n(.*?)^```$", notebook.cells[0].source, re.MULTILINE | re.DOTALL):
        environment = {**os.environ, "PYTHONPATH": _first(packages)}
        subprocess.run(
            [sys.executable, "-c", code[1]], cwd=folder, env=environment, check=True, stdout=sys.stderr
        )
        packages = folder / "without_package"
        packages.mkdir()
        (packages / "sitecustomize.py").write_text(WITHOUT_PACKAGE)
    environment = {**os.environ, "PYTHONPATH": _first(packages)}
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata = {}  # times of execution
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, out)


def _first(folder: Path) -> str:
    """PYTHONPATH with a folder before all others."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *NOTEBOOKS], metavar="NAME.ipynb")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        for name in options.names or NOTEBOOKS:
            execute(DOCS / name, options.out / name, Path(work))
            print(f"look at: {options.out / name}")
