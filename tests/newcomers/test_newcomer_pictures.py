"""The pictures of newcomers as people give them: what is found in them, and what is refused in a line."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.newcomers.pictures import MOST_PICTURES, Where, in_form, newcomer_pictures
from gcn_tf.pipelines.dataset import load_dataset

EXACT = ("color", "rotation")


@pytest.fixture(scope="module")
def dataset(toy_config):
    """Glyphs: 10 digits by 3 writers, in colors and rotations that a formula makes."""
    return load_dataset(toy_config)


@pytest.fixture
def find(toy_config, dataset, tmp_path):
    """Finds newcomers in the test's folder, or in files that it names."""

    def call(words, places=(), exact=EXACT, dataset=dataset, **where):
        places = [tmp_path / place for place in places] or [tmp_path]
        return newcomer_pictures(toy_config, dataset, exact, words.split(), places, Where(**where))

    return call


@pytest.fixture
def write(dataset, tmp_path):
    """Writes glyphs under the names of files, the first ones of the dataset, and a table if there are rows."""

    def call(*names, **columns):
        for name, image in zip(names, dataset.images, strict=False):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(tmp_path / name)
        if columns:
            with (tmp_path / "labels.csv").open("w", newline="") as file:
                csv.writer(file).writerows(
                    [["file_name", *columns], *zip(names, *columns.values(), strict=True)]
                )

    return call


def test_a_column_names_several_newcomers_and_pixels_are_those_of_the_files(find, write, dataset):
    write("x.png", "y.png", "z.png", digit="374", writer=["anna", "ben", "anna"])
    found = find("writer=anna,ben")
    assert found.labels == {"digit": ["3", "7", "4"], "writer": ["anna", "ben", "anna"]}
    np.testing.assert_array_equal(found.images, dataset.images[:3])


def test_a_value_of_two_factors_at_once(find, write):
    write("x.png", "y.png", "z.png", digit=["ten", "3", "ten"], writer=["0", "anna", "anna"])
    found = find("writer=anna digit=ten")
    assert found.labels == {"digit": ["ten", "3", "ten"], "writer": ["0", "anna", "anna"]}


def test_columns_of_a_table_come_in_any_order_and_others_do_not_matter(find, write):
    write("x.png", "y.png", place=["bonn", "bonn"], writer=["anna", "anna"], digit="35")
    assert find("writer=anna").labels == {"digit": ["3", "5"], "writer": ["anna", "anna"]}


def test_labels_with_spaces_are_values_as_words_take_them(find, write):
    write("x.png", "y.png", digit="35", writer=["Anna B", " Anna B "])
    assert find("writer=Anna-B").labels["writer"] == ["Anna-B", "Anna-B"]


def test_known_values_that_words_could_not_take_are_known_all_the_same(find, write, dataset):
    odd = replace(dataset, space=FactorSpace((Factor("digit", ("a/b", "c:d")), *dataset.space.factors[1:])))
    write("x.png", "y.png", digit=["a/b", "c:d"])
    assert find("writer=anna", dataset=odd).labels["digit"] == ["a/b", "c:d"]


def test_a_known_value_is_that_of_every_picture(find, write):
    write("x.png", "y.png", writer=["anna", "ben"])
    assert find("writer=anna,ben digit=2").labels == {"digit": ["2", "2"], "writer": ["anna", "ben"]}


def test_a_single_file_needs_no_table(find, write, dataset):
    write("x.png")
    found = find("writer=anna digit=2", ["x.png"])
    assert found.labels == {"digit": ["2"], "writer": ["anna"]}
    np.testing.assert_array_equal(found.images, dataset.images[:1])


def test_a_picture_in_a_folder_of_its_own_needs_no_table(find, write):
    write("x.png")
    assert find("writer=anna digit=2").labels == {"digit": ["2"], "writer": ["anna"]}


def test_folders_are_the_values_of_the_factor_that_is_left(find, write):
    write("3/x.png", "5/x.png")
    assert find("writer=anna").labels == {"digit": ["3", "5"], "writer": ["anna", "anna"]}


def test_levels_name_what_the_folders_are(find, write):
    write("anna/3/x.png", "ben/5/x.png")
    found = find("writer=anna,ben", levels="writer/digit")
    assert found.labels == {"digit": ["3", "5"], "writer": ["anna", "ben"]}


def test_a_pattern_names_what_paths_say(find, write):
    write("anna-3.png", "anna-5.png")
    assert find("writer=anna", pattern="{writer}-{digit}.png").labels["digit"] == ["3", "5"]
    assert find("writer=anna", pattern="{}-{digit}.png").labels["writer"] == ["anna", "anna"]


def test_a_table_elsewhere(find, write, tmp_path):
    write("x.png", "y.png", digit="35", writer=["anna", "anna"])
    table = tmp_path / "elsewhere.csv"
    (tmp_path / "labels.csv").rename(table)
    assert find("writer=anna", labels=table).labels["digit"] == ["3", "5"]


def test_larger_colored_pictures_take_the_form_of_the_run(find, tmp_path):
    Image.fromarray(np.full((90, 60, 3), 200, np.uint8)).save(tmp_path / "x.png")
    assert find("writer=anna digit=2").images.shape == (1, 28, 28, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("writer=1", r"writer=1 is no new value: name the newcomer otherwise"),
        ("writer=1 digit=2", r"writer=1, digit=2 is no new value"),
        ("", r"no value is no new value"),
        ("person=anna", r"person is no factor of the run; known: digit, writer, color, rotation"),
        ("writr=anna", r"writr is no factor of the run, did you mean writer\?"),
        ("anna", r"anna: write factor=value, such as person=anna"),
        ("writer=", r"writer=: write factor=value"),
        ("writer=anna writer=ben", r"writer is given twice: write writer=anna,ben"),
        ("color=pink", r"color=pink: the values of color are made from every picture by a formula"),
        ("writer=anna rotation=45", r"rotation=45: the values of rotation are made from every picture"),
        ("writer=a:b", r"writer=a:b: name it a-b"),
        ("writer=a+b", r"writer=a\+b: name it a-b"),
        ("writer=a/b", r"writer=a/b: name it a-b"),
        ("writer=..", r"writer=\.\.: name it value"),
        ("writer=anna,", r"writer='': name it"),
    ],
)
def test_words_that_no_picture_can_add_are_refused(words, said, find, write):
    write("x.png", digit="3")
    refused(lambda: find(words), said)


def test_a_value_with_a_space_is_refused_with_a_better_name(toy_config, dataset, tmp_path, write):
    write("x.png", digit="3")
    words = ["writer=a b"]
    refused(
        lambda: newcomer_pictures(toy_config, dataset, EXACT, words, [tmp_path], Where()),
        "writer=a b: name it a-b",
    )


def refused(call, said):
    with pytest.raises(UserError, match=said) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_value_of_a_factor_that_the_network_draws_exactly_is_refused(find, write):
    write("x.png", digit="3")
    refused(lambda: find("writer=anna", exact=("writer",)), "writer=anna: the values of writer are made")


def test_a_value_of_an_ordered_factor_is_refused(find, write, dataset):
    write("x.png", digit="3")
    digits = Factor("digit", dataset.space["digit"].values, tuple(range(10)))
    ordered = replace(dataset, space=FactorSpace((digits, *dataset.space.factors[1:])))
    refused(lambda: find("digit=2.5 writer=0", dataset=ordered), "digit=2.5: digit is ordered")


@pytest.mark.parametrize(
    ("columns", "words", "said"),
    [
        (
            {"digit": "33"},
            "writer=anna",
            "x.png and y.png both show digit=3 writer=anna: take one of them out",
        ),
        (
            {"place": "ab"},
            "writer=anna",
            "x.png has no digit: give digit=VALUE for all pictures, or a labels.csv",
        ),
        ({"digit": ["3", ""]}, "writer=anna", "y.png has no label: label it, or take it out"),
        ({"digit": ["", "3"]}, "writer=anna", "x.png has no label: label it, or take it out"),
        (
            {"digit": ["3", ""], "place": "ab"},
            "writer=anna",
            "y.png has no digit: label it, or take it out",
        ),
        ({"digit": "35"}, "writer=anna digit=3", "y.png has digit 5; known: 3; a new value"),
        (
            {"digit": ["3", "13"]},
            "writer=anna",
            "y.png has digit 13; known: 0, 1, .*a new value is named: digit=13",
        ),
        (
            {"digit": "35", "writer": ["anna", "anne"]},
            "writer=anna,ben",
            "y.png has writer anne, did you mean anna\\? known: anna, ben, 0, 1, 2; a new value is named: writer=anne",
        ),
        (
            {"digit": "35", "writer": ["anna", "1"]},
            "writer=anna,1",
            "y.png shows digit=5 writer=1, which is no newcomer: take it out",
        ),
        (
            {"digit": "35", "writer": ["anna", "anna"]},
            "writer=anna,ben",
            "no picture shows writer=ben: give one, or leave the value out",
        ),
    ],
)
def test_labels_that_do_not_name_newcomers_are_refused(columns, words, said, find, write):
    write("x.png", "y.png", **columns)
    refused(lambda: find(words), said)


def test_a_file_that_is_given_twice_is_refused(find, write):
    write("x.png")
    refused(lambda: find("writer=anna digit=2", ["x.png", "x.png"]), "x.png and .*x.png both show digit=2")


def test_several_files_say_nothing_of_their_digits(find, write):
    write("x.png", "y.png")
    refused(lambda: find("writer=anna", ["x.png", "y.png"]), "x.png has no digit: give digit=VALUE")


def test_no_pictures_are_refused(find, tmp_path):
    refused(lambda: find("writer=anna digit=2"), "--pictures .* holds no pictures: give 1 to 100")
    refused(lambda: find("writer=anna digit=2", ["absent"]), "--pictures .*absent is no file and no folder")


def test_a_folder_among_files_is_refused_for_what_it_is(find, write, tmp_path):
    write("x.png")
    (tmp_path / "more").mkdir()
    refused(
        lambda: find("writer=anna digit=2", ["x.png", "more"]), "more is a folder: give one folder, or files"
    )


def test_more_than_a_few_pictures_are_refused(find, write, tmp_path):
    write("0.png")
    for number in range(1, MOST_PICTURES + 1):
        (tmp_path / f"{number}.png").hardlink_to(tmp_path / "0.png")
    refused(
        lambda: find("writer=anna digit=2"),
        "holds 101 pictures: newcomers have at most 100, train anew with more",
    )


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        (0, "x.png shows no face that could be found: crop it to the face"),
        (2, "x.png shows more than one face: crop it to one"),
    ],
)
def test_photographs_with_no_face_or_two_are_refused(heads, said, tmp_path):
    head = np.array(Image.fromarray(astronaut()[:290, 120:334]).resize((281, 381)))
    ground = np.full((381, 281, 3), 120, np.uint8)
    Image.fromarray(np.hstack([head] * heads or [ground])).save(tmp_path / "x.png")
    Image.fromarray(np.hstack([head, ground])).save(tmp_path / "y.png")
    config = DataConfig.of("kdef", image_size=32)

    def faces(*names):
        return in_form(config, (32, 32, 3), [tmp_path / name for name in names], names)

    assert faces("y.png").shape == (1, 32, 32, 3)
    refused(lambda: faces("y.png", "x.png"), said)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_an_unreadable_picture_is_refused_by_its_name(content, find, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    refused(lambda: find("writer=anna digit=2"), r"x\.png cannot be used \(.+\): mend it, or take it out")
