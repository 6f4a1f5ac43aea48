"""Features, examples and metadata shared by the TFDS builders of face photographs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from gcn_tf.pipelines.photographs.crops import FaceCrop, crop_faces
from gcn_tf.pipelines.photographs.prepared_faces import FINDINGS
from gcn_tf.pipelines.prepared import no_temporary_files

Examples = Iterator[tuple[int, dict[str, Any]]]


class Labelled(Protocol):
    """A picture file and what it shows."""

    @property
    def name(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def emotion(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def view(self) -> str: ...


def configured(
    builder: type[tfds.core.DatasetBuilder], config: tfds.core.BuilderConfig, data_dir: Path
) -> tfds.core.DatasetBuilder:
    """Create a builder with a config of any size; TFDS accepts a config that the class lists only by its name."""
    listed = config.name in builder.builder_configs
    with no_temporary_files():
        return builder(data_dir=data_dir, config=config.name if listed else config)


Picture = TypeVar("Picture", bound=Labelled)


def face_features(
    image_size: int, emotions: Sequence[str], views: Sequence[str]
) -> tfds.features.FeaturesDict:
    """The features of a dataset of face crops of `image_size` x `image_size` pixels."""
    return tfds.features.FeaturesDict(
        {
            # Plain bytes: PNG would take ten times as long to write and to read.
            "image": tfds.features.Tensor(
                shape=(image_size, image_size, 3), dtype=np.uint8, encoding="bytes"
            ),
            "number": np.int64,  # position in the order of the persons; TFDS stores another order
            "person": tfds.features.Text(),
            "emotion": tfds.features.ClassLabel(names=emotions),
            "session": tfds.features.Text(),
            "view": tfds.features.ClassLabel(names=views),
            "file": tfds.features.Text(),
            "face_found": np.bool_,
            "box": tfds.features.Tensor(shape=(4,), dtype=np.int32),  # left, top, width, height in pixels
        }
    )


def face_examples(
    pictures: Sequence[Picture],
    read: Callable[[Picture], np.ndarray],
    image_size: int,
    metadata: dict[str, list[str]],
    description: str,
) -> Examples:
    """Yield examples of all readable pictures; the others are added to `metadata["bad"]`.

    Existing lists of `metadata` are extended; afterwards it has all of FINDINGS.
    """
    for name in FINDINGS:
        metadata.setdefault(name, [])
    for outcome in crop_faces(pictures, read, image_size, description):
        if not isinstance(outcome, FaceCrop):
            number, reason = outcome
            metadata["bad"].append(f"{pictures[number].name}: {reason}")
            continue
        picture = pictures[outcome.number]
        if not outcome.found:
            metadata["no_face"].append(picture.name)
        yield (
            outcome.number,
            {
                "image": outcome.image,
                "number": outcome.number,
                "person": picture.person,
                "emotion": picture.emotion,
                "session": picture.session,
                "view": picture.view,
                "file": picture.name,
                "face_found": outcome.found,
                "box": np.array(outcome.box, np.int32),
            },
        )
