import re
from xml.etree import ElementTree

import pytest

from spacy_mner.visualization.chart import Series, bar_chart
from spacy_mner.visualization.colors import COLORS
from spacy_mner.visualization.marks import compare_entities, mark_entities
from spacy_mner.visualization.report import render_report

from .pages import Checker
from .results import make_result


def read(page):
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.loaded == []
    assert "url(" not in page
    assert "@import" not in page
    return " ".join(" ".join(checker.text).split())


def make_results():
    return {
        "on": [make_result("on", 0.8)],
        "off": [make_result("off", 0.7)],
        "shuffled": [make_result("shuffled", f) for f in (0.68, 0.70)],
    }


def test_page_is_whole_and_loads_nothing():
    text = read(render_report(make_results()))
    assert "Pictures raise the F1 by 10.0, from 70.0 to 80.0." in text
    assert "With the pictures of other posts it is 69.0 (−1.0)." in text
    assert "3 posts (2 with a picture)" in text
    assert "python -m spacy mner evaluate M D --images shuffled" in text


def test_tables_have_the_figures():
    page = render_report(make_results())
    found = re.findall("<tr>.*?</tr>", page)
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]
    assert "pictures on 80.0 80.0 80.0 90.0 90.0 90.0 70.0 +10.0" in rows
    assert "PER 4 82.0 72.0 71.0 ± 1.4 +10.0" in rows
    assert "with a picture 2 2 81.0 71.0 70.0 ± 1.4 +10.0" in rows
    assert "seen in training 3 83.0 73.0 72.0 ± 1.4 +10.0" in rows


def test_posts_on_which_conditions_differ_come_first():
    text = read(render_report(make_results()))
    assert text.index("post 9") < text.index("post 7")
    assert "✓ Java LOC" in text
    assert "✗ Java ORG" in text
    # Where all conditions agree, they are shown once.
    assert text.count("missed Daisy PER") == text.count("all conditions") == 1


def test_everything_from_the_data_is_escaped():
    evil = '<script>alert("x")</script>&'
    result = make_result(
        "on",
        0.5,
        model=evil,
        data=evil,
        command=evil,
        ents_per_type={evil: {"p": 0.1, "r": 0.1, "f": 0.1}},
        n_entities_per_type={evil: evil},
        n_posts=evil,
        n_entities=evil,
        n_with_image=evil,
        with_image={"n_posts": evil, "n_entities": evil, "ents_f": 0.5},
        seen={"n_entities": evil, "ents_r": 0.5},
    )
    result["examples"][0].update(text=evil, predicted=[{"start": 0, "end": 8, "label": evil}])
    result["examples"][0]["gold"] = [{"start": 9, "end": 12, "label": evil}]
    page = render_report({"on": [result]}, title=evil)
    read(page)
    assert "<script" not in page
    assert evil not in page


def test_one_condition_and_missing_parts():
    result = make_result("off", 0.5, seen=None, unseen=None, examples=[], ents_f=None)
    result.pop("command")
    text = read(render_report({"off": [result]}))
    assert "Evaluate with --images on and off" in text
    assert "seen and unseen" not in text


@pytest.mark.parametrize("values", [[0.0, 100.0], [None, 33.3]])
def test_chart_is_well_formed(values):
    svg = bar_chart(["a & b", "<c>"], [Series('"s"', "#123456", values)], label="<l>")
    bars = [el for el in ElementTree.fromstring(svg).iter() if el.tag == "rect"]
    assert len(bars) == sum(v is not None for v in values)
    heights = [float(bar.get("height")) for bar in bars]
    # 220 units stand for 100 %.
    assert heights == pytest.approx([2.2 * v for v in values if v is not None], abs=0.1)


def test_marks():
    text = "Ann & Bo in Oslo"
    ents = [
        {"start": 12, "end": 16, "label": "LOC"},
        {"start": 0, "end": 8, "label": "PER"},
        {"start": 6, "end": 8, "label": "PER"},  # overlaps the one before
    ]
    html = mark_entities(text, ents)
    assert re.sub(r" <b>\w+</b>|</?mark[^>]*>", "", html) == "Ann &amp; Bo in Oslo"
    assert html.count("<mark") == 2
    assert COLORS["LOC"] in html
    assert compare_entities(text, [], []) == '<span class="none">no entity</span>'


def test_colors_are_light_and_distinct():
    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color in COLORS.values():
        assert (luminance(color) + 0.05) / 0.05 >= 10
    assert len(set(COLORS.values())) == len(COLORS) == 5
