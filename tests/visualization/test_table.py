import csv
import io

from spacy_mner.visualization.plots import Curve, draw_curves, draw_table, save_figure
from spacy_mner.visualization.table import Table, Value

TABLE = Table(
    title="A title",
    header=["name", "P", "F1", "n"],
    groups=[("", 1), ("typed", 2), ("", 1)],
    rows=[["a | b", Value(70.25, 1.5), Value(81.0), 1234], ["c", None, Value(0.5, digits=2), 7]],
    note="A note.",
    breaks=[1],
)


def test_markdown():
    assert TABLE.to_markdown().splitlines() == [
        "**A title**",
        "",
        "| name | typed P | typed F1 | n |",
        "| --- | ---: | ---: | ---: |",
        "| a \\| b | 70.2 ± 1.5 | 81.0 | 1,234 |",
        "| c | – | 0.50 | 7 |",
        "",
        "A note.",
    ]


def test_csv_has_numbers():
    rows = list(csv.reader(io.StringIO(TABLE.to_csv())))
    assert rows == [
        ["name", "typed P", "typed P sd", "typed F1", "n"],
        ["a | b", "70.25", "1.5", "81.0", "1234"],
        ["c", "", "", "0.5", "7"],
    ]


def test_pictures(tmp_path):
    curve = Curve("a", [25, 50], [40.0, 45.0], [1.0, 2.0])
    figures = (draw_table(TABLE.to_block()), draw_curves([curve], x_label="x", y_label="y"))
    for name, figure in zip(("table", "curve"), figures, strict=True):
        png, svg = save_figure(figure, tmp_path / name)
        assert png.read_bytes()[:4] == b"\x89PNG"
        assert svg.read_text("utf8").startswith("<?xml")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "curve.png", "curve.svg", "table.png", "table.svg",
    ]  # fmt: skip


def test_the_same_figure_is_the_same_file(tmp_path):
    svgs = []
    for name in ("first", "second"):
        _, svg = save_figure(draw_table(TABLE.to_block()), tmp_path / name)
        svgs.append(svg.read_bytes())
    assert svgs[0] == svgs[1]
