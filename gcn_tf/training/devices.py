"""Devices to train on: one, or several that share every batch."""

import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.doors import RIVALS
from gcn_tf.errors import UserError
from gcn_tf.quiet import stderr_aside
from gcn_tf.training.workers import Workers, split_address

KINDS = "all, cpu, or numbers of GPUs such as 0,1"


def strategy_of(devices: str, config: RunConfig) -> tf.distribute.Strategy:
    """How TensorFlow trains on devices that a user names.

    Args:
        devices: "": the one that TensorFlow prefers; "all": every GPU; "cpu"; or numbers of GPUs, "0,1".
        config: settings of the training.

    Raises:
        UserError: no such device, a batch that they cannot share, or a rival, which has one device.
    """
    if not devices:
        return tf.distribute.get_strategy()
    usual = ["/gpu:0"] if tf.config.list_logical_devices("GPU") else ["/cpu:0"]
    places = ["/cpu:0"] if devices == "cpu" else _gpus(devices) or usual
    if places == usual:  # without a strategy, which would cost speed
        return tf.distribute.get_strategy()
    if len(places) == 1:
        return tf.distribute.OneDeviceStrategy(places[0])
    check_shared(config, len(places))
    return tf.distribute.MirroredStrategy(places)


def strategy_of_workers(devices: str, workers: Workers) -> tf.distribute.Strategy:
    """How TensorFlow trains on the devices of several machines; called once all workers have come, before anything else starts it.

    Args:
        devices: of this machine, as `strategy_of` takes them; "": all GPUs, or the CPU where there is none.

    Raises:
        UserError: no such device, or TensorFlow's server does not start.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if devices not in ("", "all"):
        chosen = [] if devices == "cpu" else _numbers(devices, len(gpus))
        tf.config.set_visible_devices([gpus[number] for number in chosen], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(workers.addresses)}),
        task_type="worker",
        task_id=workers.place,
        num_accelerators={"GPU": len(tf.config.get_visible_devices("GPU"))},
        rpc_layer="grpc",
    )
    try:
        with stderr_aside():
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.OpError as error:
        port = split_address(workers.addresses[workers.place])[1]
        raise UserError(
            f"{workers.named(workers.place)}: TensorFlow cannot serve on port {port} ({' '.join(str(error).split())[:200]}); give "
            "another one in the list of workers, on all machines"
        ) from None


def abort_sums(reason: str) -> None:
    """Let all sums over several workers fail, those that wait for one as well: TensorFlow itself gives up after ten seconds or more."""
    from tensorflow.python.eager import (
        context,
    )  # not public, but what the strategy's own check of health calls

    context.context().abort_collective_ops(tf.errors.UNAVAILABLE, reason)


def _gpus(devices: str) -> list[str]:
    """Names of GPUs: ["/gpu:0", "/gpu:1"]; none if all are wanted and there are none."""
    count = len(tf.config.list_logical_devices("GPU"))
    return [f"/gpu:{number}" for number in (range(count) if devices == "all" else _numbers(devices, count))]


def _numbers(devices: str, count: int) -> list[int]:
    """Numbers of GPUs among so many that there are."""
    numbers = devices.split(",")
    if not all(number.isdecimal() for number in numbers) or len({*numbers}) < len(numbers):
        raise UserError(f"--devices {devices}: give {KINDS}")
    for number in map(int, numbers):
        if number >= count:
            raise UserError(
                f"--devices {devices}: there is no GPU {number}, TensorFlow sees {count}; leave --devices out, or give cpu"
            )
    return [int(number) for number in numbers]


def check_shared(config: RunConfig, count: int) -> None:
    """Raise UserError unless so many devices can share every batch of a training."""
    if config.batch_size % count:
        lower = max(config.batch_size // count, 1) * count
        raise UserError(
            f"batch_size is {config.batch_size}, which {count} devices cannot share: give a multiple, such as {lower}"
        )
    if config.generator.kind in RIVALS:
        raise UserError(
            f"generator {config.generator.kind} trains on one device: leave --devices and --workers out"
        )
