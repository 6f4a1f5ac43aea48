"""The training step of `training_step.py` in plain JAX, compiled as a whole by XLA: a peer to race against.

    python benchmarks/jax_step.py --dtype float32

The published digit networks, their losses and Adam as in the Generative Cooperative Net: four one-hot factors of 10, 10, 3
and 4 values; batch 64. Weights are float32; with bfloat16, layers compute in it, as Keras's mixed precision does. Prints one
JSON line with the median of the seconds per step.
"""

import argparse
import json
import statistics
import time
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp

FACTORS, TOWERS, TRUNK = (10, 10, 3, 4), (512, 512, 128, 256), (2048, 2048, 7 * 7 * 256)
CONVOLUTIONS = ((5, 3, 64), (3, 64, 128), (3, 128, 256))
LAYOUT = ("NHWC", "HWIO", "NHWC")
RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.9, 0.99, 1e-8


def layer(key, *shape):
    """Kernel and bias of a layer; of a kernel (..., in, out)."""
    inputs = 1
    for size in shape[:-1]:
        inputs *= size
    return jax.random.normal(key, shape) * (2 / inputs) ** 0.5, jnp.zeros(shape[-1])


def initial(key):
    """Weights of the generator and of the classifier."""
    keys = iter(jax.random.split(key, 64))
    sizes = (sum(TOWERS), *TRUNK)
    generator = {
        "towers": [
            (layer(next(keys), k, u), layer(next(keys), u, u)) for k, u in zip(FACTORS, TOWERS, strict=True)
        ],
        "trunk": [layer(next(keys), a, b) for a, b in pairwise(sizes)],
        "up": [layer(next(keys), 4, 4, 256, 256), layer(next(keys), 2, 2, 256, 3)],
    }
    classifier = {
        "convolutions": [layer(next(keys), k, k, a, b) for k, a, b in CONVOLUTIONS],
        "heads": [(layer(next(keys), 256 * 3 * 3, 256), layer(next(keys), 256, k)) for k in FACTORS],
    }
    return generator, classifier


def dense(weights, x):
    kernel, bias = weights
    return x @ kernel.astype(x.dtype) + bias.astype(x.dtype)


def generate(weights, codes):
    leaky = partial(jax.nn.leaky_relu, negative_slope=0.1)
    hidden = [
        leaky(dense(b, leaky(dense(a, code)))) for (a, b), code in zip(weights["towers"], codes, strict=True)
    ]
    x = jnp.concatenate(hidden, 1)
    for trunk in weights["trunk"]:
        x = leaky(dense(trunk, x))
    x = x.reshape(-1, 7, 7, 256)
    for number, (kernel, bias) in enumerate(weights["up"]):
        x = leaky(x) if number else x
        kernel = kernel.astype(x.dtype)
        x = jax.lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=LAYOUT) + bias.astype(x.dtype)
    return x.astype(jnp.float32)


def classify(weights, images, key, dtype):
    leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)
    x = images.astype(dtype)
    for kernel, bias in weights["convolutions"]:
        x = jax.lax.conv_general_dilated(x, kernel.astype(dtype), (1, 1), "SAME", dimension_numbers=LAYOUT)
        x = jax.lax.reduce_window(
            leaky(x + bias.astype(dtype)), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
        )
    x = x.reshape(len(x), -1)
    logits = []
    for head, draw in zip(weights["heads"], jax.random.split(key, len(FACTORS)), strict=True):
        hidden = leaky(dense(head[0], x))
        hidden = jnp.where(jax.random.bernoulli(draw, 0.5, hidden.shape), hidden * 2, 0)
        logits.append(dense(head[1], hidden.astype(jnp.float32)))
    return logits


def entropy(logits, codes):
    """The sum of the factors' cross entropies, averaged over the batch."""
    pairs = zip(logits, codes, strict=True)
    return sum(-(code * jax.nn.log_softmax(found)).sum(-1).mean() for found, code in pairs)


def adam(weights, gradients, state, step):
    """Weights and moments after a step."""
    first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, state[0], gradients)
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, state[1], gradients)
    rate = RATE * jnp.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
    moved = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
    return moved, (first, second)


@partial(jax.jit, static_argnames="dtype", donate_argnums=0)
def train_step(state, codes, real, step, dtype):
    """Both gradients, then both updates, as `GCN.train_step`."""
    (generator, classifier), moments = state
    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), step))

    def generator_objective(weights):
        made = generate(weights, [code.astype(dtype) for code in codes])
        pixels = ((real - made) ** 2).sum((1, 2, 3)).mean()
        return pixels + 10 * entropy(classify(classifier, jnp.clip(made, 0, 1), keys[0], dtype), codes)

    def classifier_objective(weights):
        return entropy(classify(weights, real, keys[1], dtype), codes)

    loss, generator_gradient = jax.value_and_grad(generator_objective)(generator)
    classifier_gradient = jax.grad(classifier_objective)(classifier)
    generator, of_generator = adam(generator, generator_gradient, moments[0], step)
    classifier, of_classifier = adam(classifier, classifier_gradient, moments[1], step)
    return ((generator, classifier), (of_generator, of_classifier)), loss


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    keys = jax.random.split(jax.random.key(1), 6)
    codes = [
        jax.nn.one_hot(jax.random.randint(key, (arguments.batch,), 0, k), k)
        for key, k in zip(keys, FACTORS, strict=False)
    ]
    real = jax.random.uniform(keys[4], (arguments.batch, 28, 28, 3))
    weights = initial(keys[5])
    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = (weights, tuple((zeros(part), zeros(part)) for part in weights))
    seconds = []
    for step in range(1, arguments.warmup + arguments.steps + 1):
        start = time.perf_counter()
        state, loss = train_step(state, codes, real, float(step), jnp.dtype(arguments.dtype))
        float(loss)
        jax.block_until_ready(state)
        seconds.append(time.perf_counter() - start)
    found = {
        "framework": f"jax {jax.__version__}",
        "dtype": arguments.dtype,
        "loss": float(loss),
        "seconds_per_step": statistics.median(seconds[arguments.warmup :]),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
