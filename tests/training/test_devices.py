"""`--devices`: which strategy it gives, and several devices that train as one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf

from gcn_tf.config.files import resolve
from gcn_tf.errors import UserError
from gcn_tf.rivals.cgan import ConditionalGan
from gcn_tf.training.devices import check_shared, strategy_of

CONFIG = resolve("", "glyphs")
SCRIPT = Path(__file__).with_name("two_devices.py")
IN_CI = ("joint, from both, imagined class", "frozen", "references")
OTHERS = ("joint", "joint, from generated", "none", "mask and noise", "last phase")
ROUNDING = 1e-3  # of the largest weight of a variable, after 50 steps of float32


@pytest.fixture
def gpus(monkeypatch):
    """As if TensorFlow saw two GPUs."""
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: ["one", "two"] if kind == "GPU" else ["cpu"]
    )
    made = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda places: made.append(places) or "mirrored")
    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", lambda place: made.append(place) or "one device")
    return made


@pytest.mark.parametrize("devices", ["", "all", "cpu"])
def test_without_a_gpu_there_is_one_device_and_no_strategy(devices):
    assert strategy_of(devices, CONFIG) is tf.distribute.get_strategy()


def test_all_gpus_share_the_batch(gpus):
    assert strategy_of("all", CONFIG) == "mirrored"
    assert strategy_of("1,0", CONFIG) == "mirrored"
    assert gpus == [["/gpu:0", "/gpu:1"], ["/gpu:1", "/gpu:0"]]


def test_one_gpu_or_the_cpu_may_be_chosen(gpus):
    assert strategy_of("0", CONFIG) is tf.distribute.get_strategy()
    assert strategy_of("1", CONFIG) == strategy_of("cpu", CONFIG) == "one device"
    assert gpus == ["/gpu:1", "/cpu:0"]


@pytest.mark.parametrize(
    "devices, said",
    [
        ("2", "--devices 2: there is no GPU 2, TensorFlow sees 2"),
        ("0,0", "give all, cpu, or numbers"),
        ("gpu", "give all, cpu, or numbers"),
        ("0,", "give all, cpu, or numbers"),
    ],
)
def test_devices_that_are_not_there_are_refused(gpus, devices, said):
    with pytest.raises(UserError, match=said):
        strategy_of(devices, CONFIG)


def test_batches_that_cannot_be_shared_are_refused():
    with pytest.raises(
        UserError, match="batch_size is 50, which 4 devices cannot share: give a multiple, such as 48"
    ):
        check_shared(replace(CONFIG, batch_size=50), 4)
    with pytest.raises(UserError, match="cgan trains on one device"):
        check_shared(replace(CONFIG, generator=ConditionalGan()), 2)


def both(toy_config_file, *names):
    """What the script says of each case."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(toy_config_file), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def check(found, names):
    assert [one["case"] for one in found] == list(names)
    for one in found:
        assert one["apart"] < ROUNDING, one
        for alone, shared in one["losses"].values():
            assert shared == pytest.approx(alone, rel=1e-4)


@pytest.mark.slow
def test_two_devices_equal_one(toy_config_file):
    check(both(toy_config_file, *IN_CI), IN_CI)


@pytest.mark.long
def test_two_devices_equal_one_in_every_regime(toy_config_file):
    check(both(toy_config_file, *OTHERS), OTHERS)
