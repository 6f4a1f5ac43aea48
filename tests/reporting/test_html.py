"""Pages: terms, folds, figures."""

import html
import re
import struct
from pathlib import Path

import pytest

from gcn_tf.metrics.geometry import GEOMETRY
from gcn_tf.reporting.glossary import GLOSSARY, METRICS, plain, term_of
from gcn_tf.reporting.html import SMALLEST, to_html
from gcn_tf.reporting.tables import LABELS, label

TABLE = "# T\n\n|  | PSNR (dB) | steps |\n|---|---|---|\n| stray ink | 1 | 2 |\n| a run | 3 | 4 |\n"
SECTIONS = "# T\n\ntop\n\n## One\n\n![a](a.png)\n\n## Two\n\n| | SSIM |\n|---|---|\n| b | 1 |\n"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)


@pytest.mark.parametrize("metric", [*LABELS, "digit_accuracy/hog", "all_factors_accuracy/convolutional"])
def test_every_metric_has_an_explanation(metric):
    assert term_of(label(metric)) in METRICS


@pytest.mark.parametrize(
    "head",
    ["", "mean over writer", "a run", "seen", "hog judge, held out", "factor", "convolutional", *GEOMETRY],
)
def test_other_heads_have_none(head):
    assert term_of(head) == ""


def test_what_heads_explain_is_what_the_glossary_says():
    for term, meaning in METRICS.items():
        assert f"- *{term}*: {meaning}" in GLOSSARY


def test_heads_of_columns_and_rows_explain_their_metric_on_hover_and_on_a_click():
    page = to_html(TABLE, Path(), "t")
    for term, head in (("PSNR", "PSNR (dB)"), ("Stray ink", "stray ink")):
        anchor = f"term-{term.lower().replace(' ', '-')}"
        button = re.search(rf'<button [^>]*popovertarget="{anchor}" title="([^"]+)">{re.escape(head)}<', page)
        assert html.unescape(button[1]) == plain(METRICS[term])
        assert f'<div id="{anchor}" class="meaning" popover>' in page
    assert page.count("<button") == 2
    assert "<td>a run</td>" in page
    assert "*" not in re.search(r'title="Share of a picture[^"]+"', page)[0]


def test_a_meaning_stands_once_however_often_its_term_does():
    page = to_html(TABLE + "\ntext\n\n" + TABLE.partition("\n\n")[2], Path(), "t")
    assert page.count('id="term-psnr"') == 1
    assert page.count('popovertarget="term-psnr"') == 2


def test_sections_fold_but_for_the_first_ones(tmp_path):
    (tmp_path / "a.png").write_bytes(png(10, 10))
    page = to_html(SECTIONS, tmp_path, "t", unfolded=1)
    assert page.count('<details open>\n<summary><h2 id="one">One</h2></summary>') == 1
    assert page.count('<details>\n<summary><h2 id="two">Two</h2></summary>') == 1
    assert page.index("top") < page.index("<details")
    assert page.rindex("</details>") < page.index('id="term-ssim"'), "what is in a closed fold cannot pop up"
    assert page.count("</details>") == 2
    assert "beforeprint" in page


def test_pages_of_studies_do_not_fold(tmp_path):
    (tmp_path / "a.png").write_bytes(png(10, 10))
    page = to_html(SECTIONS, tmp_path, "t")
    assert "<details" not in page
    assert "<script" not in page


def test_a_figure_keeps_its_size_or_scrolls(tmp_path):
    (tmp_path / "a.png").write_bytes(png(1000, 500))
    page = to_html(SECTIONS, tmp_path, "t")
    least = round(SMALLEST * 1000)
    assert f'width="1000" height="500" style="min-width: {least}px"' in page
    assert '<p class="figure"><img ' in page


def test_a_page_is_readable_on_a_phone_in_the_dark_and_on_paper():
    page = to_html("text", Path(), "t")
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
