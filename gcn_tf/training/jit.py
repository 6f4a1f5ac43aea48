"""XLA on a GPU: whether it joins operations of a training step, and whether that is faster.

TensorFlow chooses what is joined ("auto-clustering"), for some operations have no form in XLA: the jitter's warp of pictures.
"""

from collections.abc import Callable
from dataclasses import replace

import tensorflow as tf

from gcn_tf.config.schema import Jit
from gcn_tf.training.prepare import Prepared
from gcn_tf.training.speed import seconds_per_step

GAIN_WANTED = 1.1  # below this, compiling costs more than it saves
SHORT = 120.0  # seconds; a shorter training would not win back what compiling takes


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU here."""
    return bool(tf.config.list_logical_devices("GPU"))


def use_jit(jit: Jit) -> None:
    """Let XLA join operations of what is traced from now on, or not; without a GPU, nothing changes."""
    if has_gpu():
        tf.config.optimizer.set_jit("autoclustering" if jit == "always" else False)


def resolve_jit(steps: int, seconds: Callable[[Jit], float]) -> tuple[Jit, str]:
    """What `--jit auto` means for a training of so many steps.

    Args:
        seconds: times a step, in seconds, with XLA ("always") or without it ("never"); with XLA it may raise an error of
            TensorFlow.

    Returns:
        "always" or "never", and the reason in words.
    """
    without = seconds("never")
    if without * steps < SHORT:
        return (
            "never",
            f"XLA is not used: {steps} steps of {without * 1000:.3g} ms are too few to win back its compiling",
        )
    try:
        joined = seconds("always")
    except tf.errors.OpError as error:
        return "never", f"XLA is not used: {' '.join(str(error).split())[:160]}"
    found: Jit = "always" if without / joined >= GAIN_WANTED else "never"
    told = f"{joined * 1000:.3g} ms a step with it, {without * 1000:.3g} ms without"
    return found, f"XLA is {'used' if found == 'always' else 'not used'}: {told}"


def with_jit(prepared: Prepared, resumed: bool, say: Callable[[str], None]) -> Prepared:
    """Resolve `auto` by timing steps of the training on this GPU; a run that began without XLA goes on without it.

    Args:
        resumed: whether the run was there before.
        say: takes a line about what was measured.
    """
    config = prepared.config
    if config.jit != "auto":
        return prepared
    jit: Jit = "never"
    # A condition in the graph cannot hold what several replicas do together, and the timing has no other form of this regime.
    several = prepared.strategy.num_replicas_in_sync > 1 and config.cooperation == "frozen"
    if not resumed and not several and has_gpu():
        jit, why = resolve_jit(config.total_steps, lambda jit: _seconds(prepared, jit))
        say(why)
    return replace(prepared, config=replace(config, jit=jit))


def _seconds(prepared: Prepared, jit: Jit) -> float:
    use_jit(jit)
    with prepared.strategy.scope():
        return seconds_per_step(prepared)
