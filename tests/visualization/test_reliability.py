import re
import xml.etree.ElementTree as ET

import pytest

from spacy_mner.visualization.reliability import (
    pool_bins,
    reliability_diagram,
    reliability_section,
)


def bins(*counts):
    n = len(counts)
    return [
        {
            "low": i / n,
            "high": (i + 1) / n,
            "n": count,
            "confidence": (i + 0.5) / n if count else None,
            "accuracy": i / n if count else None,
        }
        for i, count in enumerate(counts)
    ]


def result(*counts, ece=0.1):
    return {"calibration": {"ece": ece, "n_bins": len(counts), "bins": bins(*counts)}}


def test_bins_of_two_runs_are_one():
    a, b = bins(0, 1), bins(0, 3)
    b[1]["accuracy"] = 1.0
    empty, full = pool_bins([a, b])
    assert empty == {"low": 0.0, "high": 0.5, "n": 0, "confidence": None, "accuracy": None}
    assert full["n"] == 4
    assert full["accuracy"] == pytest.approx((0.5 + 3 * 1.0) / 4)
    assert full["confidence"] == 0.75


def test_diagram():
    svg = reliability_diagram(bins(0, 2, 4), color="#123", label='a "label" <b>')
    root = ET.fromstring(svg)
    titles = re.findall("<title>(.*?)</title>", svg)
    assert titles == [
        "2 entities, probability 50.0, right 33.3",
        "4 entities, probability 83.3, right 66.7",
    ]
    heights = [float(g.findall("rect")[i].get("height")) for i in (0, 1) for g in root.iter("g")]
    # The second bar is twice as high, in both rows.
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert heights[3] == 2 * heights[2] == 30
    assert root.get("aria-label") == 'a "label" <b>'


def test_nothing_found_draws_nothing_but_the_diagonal():
    root = ET.fromstring(reliability_diagram(bins(0, 0), color="#123", label=""))
    assert not list(root.iter("rect"))
    assert list(root.iter("line"))[-1].get("stroke-dasharray")


def test_section():
    html = reliability_section(
        {"on": [result(1, 2, ece=0.1), result(3, 4, ece=0.2)], "off": [result(5, 6)]}
    )
    assert html.count("<svg") == 2
    assert "pictures on: ECE 15.0 ± 7.1" in html
    assert "pictures off: ECE 10.0<" in html
    assert "4 entities" in html
    assert reliability_section({"on": [{"calibration": None}, {}]}) == ""
    # Of other makes: they cannot be pooled.
    assert reliability_section({"on": [result(1), result(1, 2)]}) == ""
