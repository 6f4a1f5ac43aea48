"""The program that a bundle brings along: pictures from its SavedModel, with TensorFlow alone."""

from gcn_tf.grid.factors import FactorSpace

TEXT = '''"""Draw pictures with the SavedModel of this folder. TensorFlow is all that it needs: python example.py"""

from pathlib import Path

import tensorflow as tf

model = tf.saved_model.load(str(Path(__file__).parent / "model"))
named = sorted(model.signatures["factors"]().items())
values = {{name: [value.decode() for value in found.numpy()] for name, found in named}}
for name, names in values.items():
    print(f"{{name}}: {{', '.join(names)}}")

# A cell: one value of every factor. Give several ids to draw several pictures at once.
cell = {cell!r}
ids = {{name: tf.constant([values[name].index(value)]) for name, value in cell.items()}}
picture = model.signatures["serving_default"](**ids)["image"][0]  # uint8 {shape}
pictures = [picture]
{blend}
tf.io.write_file("example.png", tf.io.encode_png(tf.concat(pictures, axis=1)))
print("look at: example.png")
'''
BLEND = """
# Halfway to another value of {name}: the weights of every factor sum to 1.
weights = {{name: tf.one_hot(ids[name], len(values[name])) for name in values}}
other = tf.one_hot([values[{name!r}].index({value!r})], len(values[{name!r}]))
weights[{name!r}] = 0.5 * weights[{name!r}] + 0.5 * other
pictures.append(model.signatures["blend"](**weights)["image"][0])
"""


def example_text(space: FactorSpace, shape: tuple[int, int, int]) -> str:
    """The program for a grid: its first cell, and a blend if some factor has two values, of the second such one if possible.

    Args:
        shape: (H, W, C) of the pictures.
    """
    several = [factor for factor in space if len(factor) > 1]
    blended = several[min(1, len(several) - 1)] if several else None
    blend = BLEND.format(name=blended.name, value=blended.values[1]) if blended else ""
    cell = {factor.name: factor.values[0] for factor in space}
    return TEXT.format(cell=cell, shape=shape, blend=blend)
