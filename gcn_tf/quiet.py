"""Import TensorFlow without its start-up chatter.

Its first lines go to file descriptor 2 before any Python setting is read, so the descriptor itself is
redirected while TensorFlow starts. If the import fails, the captured text is printed.
"""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def stderr_aside() -> Iterator[None]:
    """Capture what is written to file descriptor 2; print it only if an exception ends the block."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(2)
        os.dup2(aside.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            if failed:
                aside.seek(0)
                sys.stderr.write(aside.read().decode(errors="replace"))


def import_tensorflow(start: bool = True) -> None:
    """Import TensorFlow and Keras and look for devices, silently; of a GPU's memory only what is needed is taken.

    Later log messages are suppressed as well; Python's exceptions carry the same information. oneDNN is on, which TensorFlow leaves
    off on processors without AVX-512 VNNI: a training step takes two thirds of the time with it there (docs/performance.md).

    Args:
        start: whether the runtime starts; it must not yet if this process will be one of several workers.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.filterwarnings("ignore", module="tensorflow|keras|tensorflow_datasets")
    with stderr_aside():
        import keras  # noqa: F401
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            with contextlib.suppress(RuntimeError):  # a program that uses TensorFlow already has chosen
                tf.config.experimental.set_memory_growth(
                    gpu, True
                )  # else the first process takes all of its memory
        if start:
            tf.zeros(())  # starts the runtime, which would print its messages later otherwise
        tf.get_logger().setLevel("ERROR")
