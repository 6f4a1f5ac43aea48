"""What is stated of the pictures, what may be handed on, and that no place of a machine is."""

import doctest
from dataclasses import replace

import pytest
import yaml

import gcn_tf.sharing.places
import gcn_tf.sharing.report_copy
import gcn_tf.sharing.statement
from gcn_tf import doors
from gcn_tf.cli import main
from gcn_tf.config.data import Terms
from gcn_tf.config.files import read_config, resolve
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.runs.run_dir import write_run
from gcn_tf.sharing.example import example_text
from gcn_tf.sharing.places import Places, without_places
from gcn_tf.sharing.report_copy import without_figures
from gcn_tf.sharing.share import share
from gcn_tf.sharing.statement import (
    HUB_LICENCES,
    Statement,
    check_may_be_passed_on,
    hub_licence,
    licence_text,
    of_terms,
)

SPACE = FactorSpace((Factor("person", ("anna", "ben")), Factor("emotion", ("HA", "NE"))))
LONG = "/home/anna/My pictures & others, a folder with a long name/of all the people next door, who are many"


@pytest.mark.parametrize(
    "module", [gcn_tf.sharing.places, gcn_tf.sharing.report_copy, gcn_tf.sharing.statement]
)
def test_the_examples_run(module):
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize("name", doors.DATASETS)
def test_every_dataset_says_its_terms_or_leaves_them_to_the_user(name, capsys):
    terms = doors.find(doors.DATASETS[name]).terms
    assert bool(terms.licence) == bool(terms.licence_id)
    assert terms.licence_id in {"", "other", *HUB_LICENCES}
    assert bool(terms.licence) == (name not in ("folder", "tfds"))
    assert terms.people is (None if name in ("folder", "tfds") else name in ("kdef", "mmi"))
    main(["datasets"])
    listed = capsys.readouterr().out.partition(f"{name}\n")[2].split("terms    ")[1].splitlines()[0]
    assert listed == (terms.licence or "yours to state, when you share a run")


def test_what_is_not_stated_is_named_with_its_flag():
    assert Statement().missing == [
        "under which licence the pictures are (--licence)",
        "whether they show people (--people)",
    ]
    assert Statement("mit", "yes").missing == ["what these people agreed to (--consent)"]
    assert Statement("mit", "no").missing == []


def test_a_users_word_stands_before_the_datasets():
    terms = Terms("free", "cc0-1.0", people=True)
    assert Statement(people="no").or_else(of_terms(terms)) == Statement("free", "no")
    assert hub_licence(Statement("free"), terms) == {"license": "cc0-1.0"}
    assert hub_licence(Statement("BSD-3-Clause"), terms) == {"license": "bsd-3-clause"}
    assert hub_licence(Statement("§"), terms)["license_name"] == "see-license-data"


def test_the_file_of_the_licence_says_who_stated_it():
    config = resolve(dataset="qmnist")
    own = of_terms(config.options.terms)
    assert "Stated by: the dataset qmnist." in licence_text(own, config)
    assert "Chhavi Yadav" in licence_text(own, config)
    assert "Stated by: whoever shared this folder." in licence_text(Statement("mit"), config)
    assert "not stated" in licence_text(Statement(), config)


def test_pictures_of_kdef_are_not_handed_on_without_a_licence_that_allows_it(tmp_path, monkeypatch):
    def goes_on(*args):
        raise UserError("the run is opened")

    monkeypatch.setattr("gcn_tf.sharing.share.open_run", goes_on)
    config = resolve(dataset="kdef")
    refused = "pictures of kdef are .*not to be redistributed.*"
    with pytest.raises(
        UserError, match=f"{refused}: train with --generator deconvolution and add --without-p"
    ):
        check_may_be_passed_on(config, Statement(), pictures=True)
    write_run(replace(config, generator=RunConfig().generator), SPACE, tmp_path / "run")
    with pytest.raises(UserError, match=f"{refused}: add --without-pictures"):
        share(tmp_path / "run", tmp_path / "bundle")
    for flags in ({"statement": Statement("agreed with its makers")}, {"pictures": False}):
        with pytest.raises(UserError, match="the run is opened"):
            share(tmp_path / "run", tmp_path / "bundle", **flags)


def test_a_run_that_draws_from_pictures_is_not_shared_without_pictures(tmp_path):
    config = replace(RunConfig(), generator=doors.find(doors.GENERATORS["references"])())
    write_run(config, SPACE, tmp_path / "run")
    with pytest.raises(UserError, match="draws from the pictures it was trained on"):
        share(tmp_path / "run", tmp_path / "bundle", pictures=False)


@pytest.fixture
def config():
    return RunConfig.of("folder", manual_dir=LONG, data_dir="/scratch/anna", labels="/home/anna/x.csv")


def test_settings_name_no_place_and_find_pictures_in_the_bundle(config, tmp_path):
    shared = without_places(config)
    write_run(shared, SPACE, tmp_path)
    text = (tmp_path / "config.yaml").read_text()
    assert not any(place in text for place in ("/home", "/scratch", "next door"))
    read = read_config(tmp_path / "config.yaml")
    assert read.manual_dir == str(tmp_path / "pictures")
    assert (read.data_dir, read.options.labels) == (None, "")


def test_a_plan_and_pages_lose_places_that_are_wrapped_or_escaped(config):
    places = Places.of(config, without_places(config))
    wrapped = yaml.safe_dump(to_dict(config), sort_keys=False)
    assert "\n  people next door" in wrapped or "\n  " in wrapped.partition("manual_dir")[2][:200]
    told = f"# from {LONG}\n{wrapped}"
    clean = places.out_of_yaml(told)
    assert not any(place in clean for place in ("/home", "/scratch", "next door"))
    assert yaml.safe_load(clean) == to_dict(without_places(config))
    page = f"<p>{LONG.replace('&', '&amp;')}</p><pre><code>{wrapped.replace('&', '&amp;')}</code></pre>"
    clean = places.out_of_yaml(page)
    assert not any(place in clean for place in ("/home", "/scratch", "next door"))


def test_a_run_without_places_keeps_its_texts():
    config = resolve(dataset="glyphs")
    text = "dataset: glyphs\nmanual_dir: null\n"
    assert Places.of(config, without_places(config)).out_of_yaml(text) == text


def test_headings_that_lose_all_figures_go_and_others_stay():
    text = (
        "# A\n\n![x](x.png)\n\nx\n\n## B\n\n![y](y.png)\n\ny\n\n## C\n\nText.\n\n## D\n\n![z](z.png)\n\nz\n"
    )
    assert without_figures(text, {"z.png"}) == "# A\n\n## C\n\nText.\n\n## D\n\n![z](z.png)\n\nz\n"


def test_names_of_values_cannot_break_the_example():
    space = FactorSpace((Factor("person", ("o'neil {x}", 'a"b\\', "c")), Factor("pose", ("one",))))
    text = example_text(space, (8, 8, 1))
    compile(text, "example.py", "exec")
    assert repr("o'neil {x}") in text
    single = example_text(FactorSpace((Factor("pose", ("one",)),)), (8, 8, 1))
    compile(single, "example.py", "exec")
    assert "blend" not in single
