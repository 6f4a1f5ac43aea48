"""Which GPU each process works on, on machines that are told of."""

import pytest

from gcn_tf.errors import UserError
from gcn_tf.gpus import THREADS, gpu_names, process_count, process_environments, visible_gpus


@pytest.mark.parametrize(
    "count, named, names",
    [
        (0, None, []),
        (0, "NoDevFiles", []),
        (3, None, ["0", "1", "2"]),
        (2, "5, 2", ["5", "2"]),
        (2, "GPU-8f1c2d,MIG-GPU-8f1c2d/1/0", ["GPU-8f1c2d", "MIG-GPU-8f1c2d/1/0"]),
    ],
)
def test_gpus_have_the_names_that_the_user_gave_them(count, named, names):
    assert gpu_names(count, named) == names


@pytest.mark.parametrize("count, named", [(1, "0,7"), (1, "0,x"), (2, "0,0"), (1, ""), (1, "0;1"), (2, "0")])
def test_names_that_do_not_fit_what_tensorflow_sees_are_refused(count, named):
    with pytest.raises(
        UserError, match=f"CUDA_VISIBLE_DEVICES=.*, but TensorFlow sees {count} GPUs: name each"
    ):
        gpu_names(count, named)


def test_tensorflow_tells_how_many_there_are(monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [kind] * 2)
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "4,6"}) == ["4", "6"]
    assert visible_gpus({}) == ["0", "1"]


def test_jobs_count_on_every_gpu_and_otherwise_on_the_machine():
    gpus = ["0", "1", "2"]
    assert [process_count(jobs, gpus, 16) for jobs in (None, 1, 2)] == [3, 3, 6]
    assert [process_count(jobs, [], 16) for jobs in (None, 1, 2)] == [16, 1, 2]


def test_gpus_go_round_and_share_the_cores(monkeypatch):
    monkeypatch.setattr("gcn_tf.gpus.usable_cores", lambda: 16)
    found = process_environments(4, ["0", "3"], {})
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == ["0", "3", "0", "3"]
    assert all({one[name] for name in THREADS} == {"4"} for one in found)
    many = process_environments(32, ["0"], {})
    assert {one["TF_NUM_INTRAOP_THREADS"] for one in many} == {"1"}


def test_processes_without_a_gpu_have_one_thread_each_and_no_word_of_gpus(monkeypatch):
    monkeypatch.setattr("gcn_tf.gpus.usable_cores", lambda: 16)
    assert process_environments(2, [], {}) == [dict.fromkeys(THREADS, "1")] * 2


def test_threads_that_the_environment_sets_stay():
    assert process_environments(1, [], {"TF_NUM_INTRAOP_THREADS": "3"}) == [{"TF_NUM_INTEROP_THREADS": "1"}]
