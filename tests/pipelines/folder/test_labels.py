"""Labels of a user's own pictures: tables, folders and file names, as people write them."""

import json
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from gcn_tf.errors import UserError
from gcn_tf.pipelines.folder import tables
from gcn_tf.pipelines.folder.labels import read_labels

PICTURES = ("a.png", "b.png", "c.png")


@pytest.fixture
def folder(tmp_path):
    """A folder with three pictures and nothing that labels them."""
    return put(tmp_path / "mine", *PICTURES)


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def csv(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder


def jsonl(folder: Path, *rows: dict) -> Path:
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def refusal(*args, **named) -> str:
    with pytest.raises(UserError) as error:
        read_labels(*args, **named)
    message = str(error.value)
    assert message.isprintable()
    assert len(message) < 1000
    return message


def test_a_table_labels_its_pictures_in_its_order(folder):
    labels = read_labels(csv(folder, "file_name,color,size\nb.png,red,1\na.png,blue,2\nc.png,red,3\n"))
    assert labels.files == tuple(str(folder / name) for name in ("b.png", "a.png", "c.png"))
    assert labels.names == ("b.png", "a.png", "c.png")
    assert labels.columns == {"color": ["red", "blue", "red"], "size": ["1", "2", "3"]}
    assert (labels.source, labels.notes) == ("labels.csv", ())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_however_a_spreadsheet_saves_it(folder, delimiter, encoding, end):
    text = end.join(["file_name,Größe", "a.png,groß", "b.png,klein"]).replace(",", delimiter)
    labels = read_labels(csv(folder, text, encoding=encoding))
    assert labels.columns == {"Größe": ["groß", "klein"]}


def test_the_delimiter_is_that_of_the_file_names_not_the_most_frequent(folder):
    labels = read_labels(csv(folder, "file_name;a,b,c\na.png;1,2,3\n"))
    assert labels.columns == {"a,b,c": ["1,2,3"]}


@pytest.mark.parametrize("name", ["file_name", "filepath", "path", "file", "image", "Image", "FILE_NAME"])
def test_the_column_of_file_names_goes_by_several_names(folder, name):
    assert read_labels(csv(folder, f"color,{name}\nred,a.png\n")).columns == {"color": ["red"]}


def test_the_first_of_these_names_is_it_and_the_others_are_labels(folder):
    labels = read_labels(csv(folder, "image,path,file_name\nx,y,a.png\n"))
    assert labels.columns == {"image": ["x"], "path": ["y"]}


def test_every_field_stays_text(folder):
    labels = read_labels(csv(folder, "file,a,b,c\na.png,007,NA,=cmd|' /C calc'!A0\nb.png,1.50,null,+1\n"))
    assert labels.columns == {"a": ["007", "1.50"], "b": ["NA", "null"], "c": ["=cmd|' /C calc'!A0", "+1"]}


def test_quoted_fields_hold_delimiters_quotes_and_newlines(folder):
    labels = read_labels(csv(folder, 'file,note\n"a.png", "red, ""dark""\nor so"\nb.png,5" wide\n'))
    assert labels.columns == {"note": ['red, "dark"\nor so', '5" wide']}


def test_spaces_are_trimmed_and_empty_fields_are_missing(folder):
    labels = read_labels(csv(folder, "file , color , size\n a.png , red ,\nb.png\n\n,,\nc.png, ,2,,\n"))
    assert labels.columns == {"color": ["red", None], "size": [None, "2"]}
    assert labels.names == ("a.png", "c.png")
    assert labels.notes == ("1 of 3 pictures have no label and are left out",)


def test_columns_without_a_name_or_a_value_are_left_out_and_noted(folder):
    labels = read_labels(csv(folder, ",file,color,remark,\n0,a.png,red,,\n1,b.png,blue,,\n"))
    assert labels.columns == {"color": ["red", "blue"]}
    assert labels.notes[:2] == (
        "left out for want of a name: column 1",
        "left out for want of any value: column 'remark'",
    )


def test_a_picture_that_is_not_in_the_table_is_left_out_and_counted(folder):
    labels = read_labels(csv(folder, "file,color\na.png,red\n"))
    assert labels.notes == ("2 of 3 pictures in the folder are not in labels.csv and are left out",)


def test_values_that_are_probably_the_same_are_pointed_out(folder):
    composed, apart = "caf\u00e9", "cafe\u0301"
    put(folder, *(f"{n}.png" for n in range(7)))
    values = ["Red", "red", "green", "gr een", composed, apart, "blue"]
    text = "file,color\n" + "".join(f"{n}.png,{value}\n" for n, value in enumerate(values))
    (note,) = (n for n in read_labels(csv(folder, text)).notes if "probably" in n)
    assert "'color': 'Red' and 'red'; 'color': 'green' and 'gr een'" in note
    assert r"'caf\xe9' and 'cafe\u0301'" in note  # else they look the same
    assert "blue" not in note


def test_only_five_such_values_are_named(folder):
    put(folder, *(f"{n}.png" for n in range(16)))
    text = "file,color\n" + "".join(f"{n}.png,{'vV'[n % 2]}{n // 2}\n" for n in range(16))
    (note,) = (n for n in read_labels(csv(folder, text)).notes if "probably" in n)
    assert note.count(" and ") == 6
    assert note.endswith("and 3 more")


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_either_unicode_form_of_a_name_finds_the_file(tmp_path, on_disk, written):
    name = unicodedata.normalize(on_disk, "bücher/é.png")
    put(tmp_path, name)
    labels = read_labels(csv(tmp_path, f"file,color\n{unicodedata.normalize(written, name)},red\n"))
    assert labels.files == (str(tmp_path / name),)
    assert labels.notes == ()


@pytest.mark.parametrize("written", ["sub/a.png", "sub\\a.png", "./sub/a.png", ".\\sub\\a.png", "sub//a.png"])
def test_either_slash_finds_the_file(tmp_path, written):
    put(tmp_path, "sub/a.png")
    labels = read_labels(csv(tmp_path, f"file,color\n{written},red\n"))
    assert labels.files == (str(tmp_path / "sub/a.png"),)
    assert (labels.names, labels.notes) == ((written,), ())


def test_an_absolute_path_may_lie_in_the_folder_or_elsewhere(tmp_path, folder):
    other = put(tmp_path / "other", "x.png") / "x.png"
    labels = read_labels(csv(folder, f"file,color\n{other},red\n{folder / 'a.png'},blue\n"))
    assert labels.files == (str(other), str(folder / "a.png"))
    assert labels.notes == ("2 of 3 pictures in the folder are not in labels.csv and are left out",)


@pytest.mark.parametrize("written", ["../x.png", "..\\x.png", "sub/../../x.png", "sub/../a.png"])
def test_a_name_does_not_lead_out_of_the_folder(tmp_path, folder, written):
    put(tmp_path, "x.png")
    message = refusal(csv(folder, f"file,color\na.png,red\n{written},red\n"))
    assert "line 3" in message
    assert repr(written) in message


def test_files_that_do_not_exist_are_counted_and_five_are_named(folder):
    rows = "".join(f"no{n}.png,red\n" for n in range(7))
    message = refusal(csv(folder, f"file,color\na.png,red\n{rows}"))
    assert "7 of 8 files that do not exist: 'no0.png' (line 3), 'no1.png' (line 4)" in message
    assert "'no4.png' (line 7) and 2 more" in message


@pytest.mark.parametrize("written", ["A.png", "a", "a.jpg"])
def test_a_name_that_differs_in_case_or_suffix_is_suggested(folder, written):
    assert "did you mean 'a.png'?" in refusal(csv(folder, f"file,color\n{written},red\n"))


def test_the_same_file_with_different_labels_is_refused_with_both_lines(folder):
    message = refusal(csv(folder, 'file,color,n\nb.png,"x\ny",1\na.png,red,1\n./a.png,blue,1\n'))
    assert "line 5 gives './a.png' color 'blue', line 4 gives it 'red'" in message


def test_the_same_row_twice_counts_once(folder):
    labels = read_labels(csv(folder, "file,color\na.png,red\na.png,red\n"))
    assert labels.names == ("a.png",)
    assert "1 of 2 rows repeat another one and are left out" in labels.notes


REFUSED = {
    "empty": ("", "is empty"),
    "blank": ("\n\n  \n", "is empty"),
    "no rows": ("file_name,color\n", "no rows"),
    "no file column": ("name,color\na.png,red\n", "its columns are name, color"),
    "no labels": ("file_name\na.png\n", "no labels"),
    "too many fields": ("file,color\na.png,red\nb.png,red,dark\n", "line 3 has 3 fields"),
    "no name": ("file,color\na.png,red\n,blue\n", "line 3 has labels but no file name"),
    "two columns": ("file,color,color\na.png,red,red\n", "two columns 'color' and 'color'"),
    "two cases": ("file,color,Color\na.png,red,red\n", "two columns 'color' and 'Color'"),
    "two columns of files": ("file,File,color\na.png,a.png,red\n", "two columns 'file' and 'File'"),
    "half a quote": ('file,color\na.png,red\nb.png,"blue\nc.png,red\n', "line 3 has a quote"),
    "a quote that is not doubled": ('file,color\na.png,"a "b" c"\n', "line 2 has a quote"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_faulty_table_is_refused_with_its_place(folder, kind):
    text, place = REFUSED[kind]
    message = refusal(csv(folder, text))
    assert place in message
    assert "labels.csv" in message


def test_a_table_in_another_encoding_is_refused_with_the_line(folder):
    text = "file,color\n" + "a.png,red\n" * 5000 + "b.png,groß\n"
    message = refusal(csv(folder, text, encoding="latin-1"))
    assert "line 5002 is not utf-8 (byte 0xdf)" in message


def test_numbers_of_json_lines_become_their_shortest_text(folder):
    values = {"a": 45, "b": 0.5, "c": 45.0, "d": True, "e": "007", "f": 10**30, "g": 1e-7, "h": -3.0}
    labels = read_labels(jsonl(folder, {"file_name": "a.png", **values}))
    assert [column[0] for column in labels.columns.values()] == [
        *("45", "0.5", "45", "true", "007", str(10**30), "1e-07", "-3")
    ]


def test_keys_that_lines_lack_null_and_nan_are_missing(folder):
    rows = ({"file": "a.png", "x": 1}, {"y": " z ", "file": "b.png"}, {"file": "c.png", "x": None, "y": "w"})
    labels = read_labels(jsonl(folder, *rows, {"file": "c.png", "x": float("nan"), "y": "w"}))
    assert labels.columns == {"x": ["1", None, None], "y": [None, "z", "w"]}


FAULTY_JSON = {
    "an array": ("[1]", "not an object"),
    "pairs": ('[["file", "a.png"]]', "not an object"),
    "broken": ('{"file": ', "broken JSON"),
    "a list": ('{"file": "a.png", "box": [1, 2]}', "under 'box'"),
    "an object": ('{"file": "a.png", "box": {}}', "under 'box'"),
    "a key twice": ('{"file": "a.png", "x": 1, "x": 2}', "'x' twice"),
    "a NUL": ('{"file": "a.png", "x": "\\u0000"}', "a NUL character under 'x'"),
    "half a pair": ('{"file": "a.png", "x": "\\ud800"}', "surrogate pair"),
}


@pytest.mark.parametrize("kind", FAULTY_JSON)
def test_faulty_json_lines_are_refused_with_the_line(folder, kind):
    text, problem = FAULTY_JSON[kind]
    csv(folder, '{"file": "b.png", "x": 1}\n\n' + text, "metadata.jsonl")
    message = refusal(folder)
    assert "metadata.jsonl line 3 has" in message
    assert problem in message


def test_parquet_becomes_text(folder):
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "file_name": list(PICTURES),
            "n": pa.array([45.0, float("nan"), 0.1], pa.float32()),
            "id": [7, None, 2**62],
            "ok": [True, False, None],
            "kind": pa.array(["x ", None, "x "]).dictionary_encode(),
            "day": pa.array([0, 1, 2], pa.date32()),
        }
    )
    pytest.importorskip("pyarrow.parquet").write_table(table, folder / "metadata.parquet")
    labels = read_labels(folder)
    assert labels.source == "metadata.parquet"
    assert labels.columns == {
        "n": ["45", None, "0.1"],
        "id": ["7", None, str(2**62)],
        "ok": ["true", "false", None],
        "kind": ["x", None, "x"],
        "day": ["1970-01-01", "1970-01-02", "1970-01-03"],
    }


def test_nested_parquet_is_refused_with_the_column(folder):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"file": ["a.png"], "box": [[1, 2]]}), folder / "metadata.parquet")
    message = refusal(folder)
    assert "'box'" in message
    assert "metadata.parquet" in message


def test_parquet_without_pyarrow_says_how_to_install_it(folder, monkeypatch):
    put(folder, "metadata.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install pyarrow" in refusal(folder)


def test_a_table_elsewhere_is_named_by_its_path(tmp_path, folder):
    table = csv(tmp_path, "file,color\na.png,red\n", "any.tsv") / "any.tsv"
    csv(folder, "file,color\na.png,blue\n")
    labels = read_labels(folder, table)
    assert (labels.source, labels.columns) == (str(table), {"color": ["red"]})


def test_a_table_of_another_kind_is_refused(folder):
    assert ".csv, .tsv" in refusal(folder, folder / "labels.xlsx")


def test_a_folder_per_class_needs_no_options(tmp_path):
    put(tmp_path, "cat/1.png", "dog/2.JPG", "cat/3.jpeg")
    labels = read_labels(tmp_path)
    assert labels.names == ("cat/1.png", "cat/3.jpeg", "dog/2.JPG")
    assert labels.columns == {"class": ["cat", "cat", "dog"]}
    assert labels.source == "folder levels class"


def test_deeper_folders_are_levels(tmp_path):
    put(tmp_path, "ann/happy/1.png", "bob/sad/1.png")
    expected = [["ann", "bob"], ["happy", "sad"]]
    assert read_labels(tmp_path).columns == dict(zip(("level1", "level2"), expected, strict=True))
    labels = read_labels(tmp_path, levels="person/emotion")
    assert labels.columns == dict(zip(("person", "emotion"), expected, strict=True))
    assert labels.source == "folder levels person/emotion"


def test_folders_of_several_depths_do_not_tell_the_labels(tmp_path):
    message = refusal(put(tmp_path, "cat/1.png", "dog/young/2.png"))
    assert "'cat/1.png' (1) and 'dog/young/2.png' (2)" in message
    assert "--labels" in message


@pytest.mark.parametrize("name", ["1.png", "a/b/c/d/e/1.png"])
def test_too_few_or_too_many_folders_do_not_tell_the_labels(tmp_path, name):
    assert "nothing tells the labels" in refusal(put(tmp_path, name))


def test_pictures_beside_the_levels_are_left_out_and_noted(tmp_path):
    put(tmp_path, "cover.png", "ann/1.png", "ann/old/2.png")
    labels = read_labels(tmp_path, levels="person")
    assert labels.names == ("ann/1.png",)
    assert labels.notes == ("2 of 3 pictures do not lie below 1 folder: 'ann/old/2.png', 'cover.png'",)
    assert "do not lie below 3 folders" in refusal(tmp_path, levels="a/b/c")


def test_a_pattern_takes_labels_from_folders_and_names(tmp_path):
    put(tmp_path, "Greek/character01/0394_17.png", "Latin/character26/0684_02.JPG")
    labels = read_labels(tmp_path, pattern="{alphabet}/{character}/{}_{drawer}.png")
    assert labels.columns == {
        "alphabet": ["Greek", "Latin"],
        "character": ["character01", "character26"],
        "drawer": ["17", "02"],
    }
    assert labels.source == "file names {alphabet}/{character}/{}_{drawer}.png"


@pytest.mark.parametrize(
    "pattern, name, values",
    [
        ("{a}_{b}.png", "x_y_z.png", ["x", "y_z"]),
        ("{a}-{b}", "x-y.webp", ["x", "y"]),
        ("{a}.{}", "x.png", ["x"]),
        ("img{a}of{b}!.png", "img1of2of3!.png", ["1", "2of3"]),
        ("./{a}(1)+.png", "x(1)+.png", ["x"]),
        ("{ größe }.png", unicodedata.normalize("NFD", "süß.png"), ["süß"]),
        ("{}/{a}.png", "anything/x.png", ["x"]),
        ("{a}__{b}.png", "___x.png", ["_", "x"]),
    ],
)
def test_placeholders_take_as_little_as_possible_and_the_rest_is_literal(tmp_path, pattern, name, values):
    put(tmp_path, name)
    assert [column[0] for column in read_labels(tmp_path, pattern=pattern).columns.values()] == values


@pytest.mark.parametrize(
    "pattern, name",
    [
        *(("{a}_{b}.png", "_x.png"), ("{a}_{b}.png", "x_.png"), ("{a}_{b}.png", "x/y_z/w.png")),
        *(("x{a}x.png", "x.png"), ("{a}.png", "sub/x.png"), ("{a}.{b}_.png", "xyz_.png")),
    ],
)
def test_names_that_do_not_match_are_refused_with_an_example(tmp_path, pattern, name):
    put(tmp_path, name)
    assert f"do not match, such as {name!r}" in refusal(tmp_path, pattern=pattern)


def test_pictures_that_do_not_match_are_left_out_and_noted(tmp_path):
    labels = read_labels(put(tmp_path, "a_1.png", "cover.png"), pattern="{a}_{b}.png")
    assert labels.notes == ("1 of 2 pictures do not match: 'cover.png'",)


@pytest.mark.parametrize(
    "option, problem",
    [
        ({"pattern": "{a}{b}.png"}, "side by side"),
        ({"pattern": "{a"}, "brace"),
        ({"pattern": "a}"}, "brace"),
        ({"pattern": "{a{b}}"}, "brace"),
        ({"pattern": "{a}_{a}"}, "twice"),
        ({"pattern": "{}.png"}, "does not name"),
        ({"pattern": "{a}" + "x" * 2000}, "more than 1,000"),
        ({"levels": "a/a"}, "twice"),
        ({"levels": "a//b"}, "does not name"),
        ({"levels": "/"}, "does not name"),
    ],
)
def test_faulty_options_are_refused(folder, option, problem):
    message = refusal(folder, **option)
    assert problem in message
    assert f"--{next(iter(option))}" in message


def test_two_tables_need_a_decision(folder):
    csv(csv(folder, "file,color\na.png,red\n"), "file,color\na.png,red\n", "metadata.csv")
    message = refusal(folder)
    assert "labels.csv and metadata.csv" in message
    assert "--labels" in message
    assert read_labels(folder, folder / "metadata.csv").names == ("a.png",)


@pytest.mark.parametrize("one, other", [("labels", "levels"), ("labels", "pattern"), ("levels", "pattern")])
def test_two_options_contradict_each_other(folder, one, other):
    options = {
        "labels": {"table": folder / "x.csv"},
        "levels": {"levels": "p"},
        "pattern": {"pattern": "{p}"},
    }
    message = refusal(folder, **options[one], **options[other])
    assert f"--{one}" in message
    assert f"--{other}" in message


@pytest.mark.parametrize("option", [{"levels": "p"}, {"pattern": "{p}/{}"}])
def test_an_option_beside_a_table_with_labels_needs_a_decision(tmp_path, option):
    csv(put(tmp_path, "x/a.png"), "file,color\nx/a.png,red\n")
    message = refusal(tmp_path, **option)
    assert f"--{next(iter(option))}" in message
    assert "labels.csv" in message
    assert "--labels" in message


@pytest.mark.parametrize("text", ["file\nx/a.png\n", "some,thing\nelse,here\n"])
def test_a_table_without_labels_leaves_the_choice_to_the_option(tmp_path, text):
    csv(put(tmp_path, "x/a.png"), text)
    labels = read_labels(tmp_path, levels="p")
    assert labels.columns == {"p": ["x"]}
    assert "labels.csv" in labels.notes[0]


def test_only_visible_pictures_count(tmp_path):
    ignored = (
        *(".a.png", ".hidden/a.png", "__MACOSX/a.png", "x/._a.png", "x/.ipynb_checkpoints/a.png"),
        *("x/Thumbs.db", "x/desktop.ini", "x/.DS_Store", "x/a.txt", "x/a.png.bak", "x/png", "x/a.svg"),
    )
    pictures = [
        f"x/{n}.{kind}" for n, kind in enumerate(["jpg", "JPEG", "png", "webp", "BMP", "tif", "tiff", "GIF"])
    ]
    put(tmp_path, *ignored, *pictures)
    assert read_labels(tmp_path).names == tuple(pictures)


def test_links_lead_to_folders_and_files_elsewhere(tmp_path):
    put(tmp_path, "store/cats/1.png", "store/2.png", "mine/dog/3.png")
    (tmp_path / "mine/cat").symlink_to(tmp_path / "store/cats")
    (tmp_path / "mine/dog/2.png").symlink_to(tmp_path / "store/2.png")
    labels = read_labels(tmp_path / "mine")
    assert labels.names == ("cat/1.png", "dog/2.png", "dog/3.png")
    assert all(os.path.isfile(path) for path in labels.files)


def test_a_folder_comes_once_and_by_its_own_name(tmp_path):
    put(tmp_path, "z/1.png")
    for link, target in (("a", "z"), ("z/up", ".."), ("z/self", "self"), ("b", "a")):
        (tmp_path / link).symlink_to(target)
    assert read_labels(tmp_path).names == ("z/1.png",)
    assert read_labels(csv(tmp_path, "file,color\na/1.png,red\n")).files == (str(tmp_path / "a/1.png"),)


def test_a_name_that_is_not_text_is_left_out_and_noted(tmp_path):
    put(tmp_path, "x/a.png", os.fsdecode(b"x/\xff.png"))
    labels = read_labels(tmp_path)
    assert labels.names == ("x/a.png",)
    assert "1 picture left out" in labels.notes[0]
    assert labels.notes[0].isprintable()


def test_a_folder_without_pictures_or_none_at_all_is_refused(tmp_path):
    assert "holds no pictures" in refusal(put(tmp_path / "x", "a.txt"))
    assert "is not a folder" in refusal(tmp_path / "x/a.txt")
    assert "is not a folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("limit, problem", [("MOST_ROWS", "rows"), ("MOST_CELLS", "fields")])
@pytest.mark.parametrize("write", [lambda f: csv(f, "file,x\na.png,1\nb.png,2\n"), lambda f: jsonl(f, *ROWS)])
def test_a_table_beyond_the_limits_is_refused(folder, monkeypatch, limit, problem, write):
    monkeypatch.setattr(tables, limit, 1)
    assert f"has more than 1 {problem}" in refusal(write(folder))


ROWS = ({"file": "a.png", "x": 1}, {"file": "b.png", "x": 2})
