"""A process that has imported everything and forks commands off: they start in no time, and can be stopped anywhere.

It reads requests from its standard input, a JSON object a line, and answers each with a line:

- {"words": [...], "folder": "...", "log": "..."}: run `gcn-tf` with these words there; what it prints goes to the file.
- "stop_at": n: kill it with SIGKILL before its n-th file operation.
- "stop_after": seconds: kill it then.
- "beside": [...]: run `gcn-tf` with these other words at the same time.

The answer has "codes", the exit codes (negative: the signal), "operations", how many file operations the first command
began, and "seconds".
"""

import json
import os
import select
import signal
import sys
import time

TOY = {}  # settings of a preset of that name, which only these processes know


def prepare(settings):
    """Import everything, start nothing: threads would not survive a fork."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    import keras_tuner  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import tensorflow as tf  # noqa: F401
    import tensorflow_datasets  # noqa: F401

    from gcn_tf import cli, doors
    from gcn_tf.config import files
    from gcn_tf.evaluation import convolutional_judge, report  # noqa: F401
    from gcn_tf.metrics import intervals
    from gcn_tf.studies.comparison import run
    from gcn_tf.synthesis import saved_model  # noqa: F401
    from gcn_tf.training import fit  # noqa: F401
    from gcn_tf.tuning import search  # noqa: F401

    for name in doors.COMMANDS:
        cli._command(name)
    convolutional_judge.STEPS, convolutional_judge.ROUNDS, intervals.PIECES, run.QUICK_STEPS = 2, 1, 2, 4
    names, with_preset = files.preset_names, files._with_preset
    files.preset_names = lambda: [*names(), "toy"]
    files._with_preset = lambda config, name: (
        files.with_settings(config, settings, "toy") if name == "toy" else with_preset(config, name)
    )


def count_operations(stop_at, counter):
    """Count what changes files, by Python and by TensorFlow, and stop this process before the n-th."""
    from tensorflow.python.lib.io import _pywrap_file_io, file_io

    def operation(what):
        number = int.from_bytes(os.pread(counter, 8, 0), "little") + 1
        os.pwrite(counter, number.to_bytes(8, "little"), 0)
        if number == stop_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = (set(mode) & set("wax+")) if mode else flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, (str, bytes, os.PathLike)) and os.fspath(path) != os.devnull:
                operation(event)
        elif event in (
            "os.rename",
            "os.remove",
            "os.rmdir",
            "os.mkdir",
            "os.link",
            "os.truncate",
            "os.symlink",
        ):
            operation(event)

    def counted(function):
        def call(*arguments):
            operation(function)
            return function(*arguments)

        return call

    for name in ("CreateDir", "RecursivelyCreateDir", "RenameFile", "DeleteFile", "DeleteRecursively"):
        setattr(_pywrap_file_io, name, counted(getattr(_pywrap_file_io, name)))
    file_io.write_string_to_file = counted(file_io.write_string_to_file)
    sys.addaudithook(hook)


def fork(words, request, counter=None):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(request["folder"])
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(log, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if counter is not None:
            count_operations(request.get("stop_at"), counter)
        from gcn_tf.cli import run

        sys.argv = ["gcn-tf", *words]
        run()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def serve(request):
    since, counter = time.monotonic(), os.memfd_create("operations")
    children = [fork(request["words"], request, counter)]
    children += [fork(words, request) for words in request.get("beside", [])]
    if "stop_after" in request:
        number = os.pidfd_open(children[0])
        select.select([number], [], [], request["stop_after"])
        os.kill(children[0], signal.SIGKILL)
        os.close(number)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    operations = int.from_bytes(os.pread(counter, 8, 0), "little")
    os.close(counter)
    return {"codes": codes, "operations": operations, "seconds": time.monotonic() - since}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare(json.loads(sys.argv[1]))
    print(json.dumps({}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=answers, flush=True)
