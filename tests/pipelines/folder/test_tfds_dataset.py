"""Datasets of TensorFlow Datasets: prepared by a small builder here, as nothing is downloaded in tests."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gcn_tf.cli import main
from gcn_tf.config.data import DataConfig
from gcn_tf.config.files import read_config, resolve, write_config
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import load_split

SHADES = ("dark", "middle", "light")


class TinyShapes(tfds.core.GeneratorBasedBuilder):
    """Bars of four widths in three shades, every cell twice in the first split and once in the second."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("plain", "stereo")]  # noqa: RUF012

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(30, 20, 1)),
            "label_shade": tfds.features.ClassLabel(names=SHADES),
            "value_shade": np.float32,
            "about": {"width": np.int32, "wide": np.bool_},
            "caption": tfds.features.Text(),
            "camera": tfds.features.ClassLabel(names=["A"]),
            "serial": tfds.features.Text(),
            "boxes": tfds.features.Sequence(tfds.features.BBoxFeature()),
        }
        if self.builder_config.name == "stereo":
            features["right"] = tfds.features.Image(shape=(30, 20, 3))
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(2), "test": self._generate_examples(1)}

    def _generate_examples(self, copies):
        for copy in range(copies):
            for shade in range(3):
                for width in (2, 4, 8, 16):
                    serial = f"{copies}-{copy}-{shade}-{width}"
                    image = np.zeros((30, 20, 1), np.uint8)
                    image[:, :width] = 80 * (shade + 1) + copy
                    row = {
                        "image": image,
                        "label_shade": shade if copies == 2 or width > 2 else -1,
                        "value_shade": 0.5 * shade,
                        "about": {"width": width, "wide": width > 4},
                        "caption": f"a bar, {shade} by {width}, {serial}",
                        "camera": 0,
                        "serial": serial,
                        "boxes": [],
                    }
                    if self.builder_config.name == "stereo":
                        row["right"] = np.repeat(image, 3, axis=2)
                    yield serial, row


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Both configs, prepared."""
    folder = tmp_path_factory.mktemp("tfds")
    for name in ("plain", "stereo"):
        TinyShapes(config=name, data_dir=folder).download_and_prepare()
    return folder


def config_of(data_dir, name="tfds:tiny_shapes", **options):
    config = DataConfig.of(name, image_size=32, data_dir=str(data_dir))
    return config.with_options(**options)


def test_the_name_is_the_dataset_with_its_builder(tmp_path):
    config = resolve(dataset="tfds:dsprites")
    assert (config.dataset, config.options.builder, config.preset) == ("tfds", "dsprites", "tfds")
    assert config.holdout == resolve(preset="folder").holdout
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config
    (tmp_path / "mine.yaml").write_text("dataset: tfds:smallnorb\n")
    assert resolve(config_file=tmp_path / "mine.yaml").options.builder == "smallnorb"


def test_features_become_factors_by_the_rules_of_columns(data_dir):
    dataset = load_dataset(config_of(data_dir))
    assert {factor.name: factor.values for factor in dataset.space} == {
        "about_wide": ("False", "True"),
        "about_width": ("2", "4", "8", "16"),
        "label_shade": ("dark", "light", "middle"),
        "value_shade": ("0.0", "0.5", "1.0"),  # it is there where the class is missing
    }
    notes = "\n".join(dataset.notes)
    for name in ("camera", "caption", "boxes"):
        assert name in notes
    alone = load_dataset(config_of(data_dir, split="train"))
    assert alone.space.names == ("about_wide", "about_width", "label_shade")
    assert "no factor: value_shade (it says the same as label_shade)" in alone.notes
    assert "labels: tiny_shapes/plain/1.0.0 of TensorFlow Datasets" in dataset.notes


def test_pictures_belong_to_their_labels(data_dir):
    dataset = load_dataset(config_of(data_dir, factors="label_shade,about/width"))
    assert dataset.space.names == ("label_shade", "about_width")
    assert dataset.images.shape == (12, 32, 32, 1)
    for image, (shade, width) in zip(dataset.images, dataset.base_ids, strict=True):
        brightness = 80 * (["dark", "middle", "light"].index(dataset.space["label_shade"].values[shade]) + 1)
        assert abs(int(image.max()) - brightness) <= 25
        lit = (image[16, :, 0] > brightness / 2).sum()
        assert abs(lit - int(dataset.space["about_width"].values[width]) * 32 / 30) <= 1
    assert (
        len(dataset.repeats[0]) == 12 + 9
    )  # the other copies of the first split, and what the second labels
    assert [why for _, why in dataset.problems] == ["no label of label_shade"] * 3
    assert dataset.problems[0][0].startswith("test ")


def test_a_single_split_is_taken_alone(data_dir):
    dataset = load_dataset(config_of(data_dir, factors="label_shade,about/width", split="train[:12]"))
    assert len(dataset.images) + len(dataset.repeats[0] if dataset.repeats else ()) == 12


def test_options_are_those_of_a_folder(data_dir):
    wanted = {"factors": "label_shade,about/width", "limit": ("label_shade=2",), "background": "9,9,9"}
    dataset = load_dataset(config_of(data_dir, exemplars="all", split="train", **wanted))
    assert len(dataset.images) == 16
    assert dataset.repeats is None
    assert (dataset.images[:, 16, 0] == 9).all()


def test_the_second_picture_is_named(data_dir):
    name = "tfds:tiny_shapes/stereo"
    with pytest.raises(UserError, match="several pictures, image, right: name one with --image"):
        load_dataset(config_of(data_dir, name))
    options = {"factors": "label_shade,about/width", "split": "train"}
    right = load_dataset(config_of(data_dir, name, image="right", **options))
    left = load_dataset(config_of(data_dir, name, image="image", **options))
    np.testing.assert_array_equal(right.images, left.images)


def test_a_prepared_folder_is_read_by_its_path(data_dir):
    folder = data_dir / "tiny_shapes/plain/1.0.0"
    config = DataConfig.of(str(folder), image_size=32).with_options(factors="label_shade,about/width")
    by_path, by_name = (
        load_dataset(config),
        load_dataset(config_of(data_dir, factors="label_shade,about/width")),
    )
    np.testing.assert_array_equal(by_path.images, by_name.images)


def test_the_other_splits_can_be_held_out(data_dir):
    config = resolve(dataset="tfds:tiny_shapes")
    data = config_of(data_dir, factors="label_shade,about/width", exemplars="all")
    parts = {name: getattr(data, name) for name in ("options", "data_dir", "image_size")}
    with pytest.raises(UserError, match="leaves no seen cell"):  # every cell is in both splits
        load_split(type(config)(**{**vars(config), **parts, "holdout": ("split",)}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tfds:dsprits", "has no dataset of that name, did you mean dsprites?"),
        ("tfds:qqqqqqqqqq", "has no dataset of that name: its catalog lists them"),
        ("tfds:tiny_shapes/stero", "BuilderConfig stero not found"),
        ("tfds:tiny_shapes:7.0.0", "7.0.0"),
        (
            "tfds:tiny_shapes --factors label_shad",
            "--factors label_shad: no such column, did you mean label_shade?",
        ),
        ("tfds:tiny_shapes --split tset", "--split tset: tfds:tiny_shapes has train, test"),
        ("tfds:tiny_shapes --image left", "--image left: no such picture"),
        ("tfds:tiny_shapes --builder mnist", "name one dataset"),
        ("tfds", "give its name, --dataset tfds:NAME"),
        ("tfds:../../etc", "tfds:../../etc"),
    ],
)
def test_mistakes_are_one_line(words, said, data_dir, capsys, monkeypatch):
    monkeypatch.chdir(data_dir)
    with pytest.raises(SystemExit) as stop:
        main(["datasets", *words.split(), "--data-dir", str(data_dir)])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_cannot_be_downloaded_is_one_line(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", unreachable)
    with pytest.raises(
        UserError, match=r"tfds:dsprites cannot be prepared in .*no route to host.*--data-dir"
    ):
        load_dataset(DataConfig.of("tfds:dsprites", data_dir=str(tmp_path)))


def test_many_records_are_packed_beside_the_data(data_dir, monkeypatch):
    held = load_dataset(config_of(data_dir)).images
    monkeypatch.setattr("gcn_tf.pipelines.folder.pictures.PACKED_FROM", 0)
    packed = load_dataset(config_of(data_dir)).images
    assert len(list((data_dir / "folder").glob("packed-*"))) == 1
    assert np.array_equal(held, packed)
