"""What lands in site-packages, from each way to install."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(*command, cwd, **options):
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def copy_of_the_checkout(folder: Path) -> Path:
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    run("cp", "--parents", "-P", *files, folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the sdist, as an index user gets it."""
    source = copy_of_the_checkout(tmp_path_factory.mktemp("source"))
    run(sys.executable, "-m", "build", "--outdir", "dist", ".", cwd=source)
    return next((source / "dist").glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gcn_tf", next(t for t in tops if t.endswith(".dist-info"))}
    wanted = "cli.py py.typed config/presets/qmnist.yaml commands/train.py pipelines/qmnist/checksums.tsv pipelines/procedural/glyphs.py tuning/__init__.py"
    assert {f"gcn_tf/{name}" for name in wanted.split()} <= set(names)


@pytest.mark.parametrize("way", ["wheel", "plain", "editable"])
def test_every_way_to_install_gives_a_command_and_importable_parts(way, wheel, tmp_path):
    """Without dependencies: those of this environment are lent to the new one."""
    source = copy_of_the_checkout(tmp_path)
    env_dir = tmp_path / "env"
    venv.create(env_dir, with_pip=True)
    python = env_dir / "bin" / "python"
    what = {"wheel": [wheel], "plain": [source], "editable": ["--editable", source]}[way]
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", *what, cwd="/")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd="/").strip())
    assert not [p for p in site.iterdir() if p.name in ("pipelines", "tuning")]
    lent = next(p for p in sys.path if p.endswith("site-packages"))
    (site / "lent.pth").write_text(lent)  # comes after the new environment's own packages
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    code = "import gcn_tf.pipelines.variations, gcn_tf.tuning, gcn_tf; print(gcn_tf.__file__)"
    where = run(python, "-c", code, cwd="/", env=environment).strip()
    assert where.startswith(str(source if way == "editable" else env_dir))
    assert "gcn-tf train" in run(env_dir / "bin" / "gcn-tf", "--help", cwd="/", env=environment)
