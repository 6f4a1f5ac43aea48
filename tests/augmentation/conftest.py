import pytest


@pytest.fixture(scope="module")
def run(toy_run):
    """Opened once for all tests of a module; opening takes half a second."""
    from gcn_tf.runs.run_dir import open_run

    opened = open_run(toy_run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.augmentation.augment.open_run", lambda folder: opened)
        yield opened
