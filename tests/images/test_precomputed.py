"""Vectors from files: every format, ids, and what is refused."""

import json
import pickle

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.images.encode import create_encoder, encode
from spacy_mner.images.precomputed import create_precomputed_encoder
from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.store import FeatureStore

IDS = ["7", "b", "ü\u2028 1"]
VECTORS = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
REGIONS = np.random.default_rng(0).normal(size=(3, 2, 4)).astype("float32")


def save_npy(path, vectors):
    np.save(path / "v.npy", vectors)
    (path / "v.ids.txt").write_text("\n".join(IDS), encoding="utf8")
    return path / "v.npy"


def save_npy_json(path, vectors):
    np.save(path / "v.npy", vectors.astype("float64"))
    (path / "v.ids.json").write_text(json.dumps(IDS))
    return path / "v.npy"


def save_npz(path, vectors):
    np.savez(path / "v.npz", ids=np.array(IDS), vectors=vectors)
    return path / "v.npz"


def save_npz_by_id(path, vectors):
    np.savez_compressed(path / "v.npz", **dict(zip(IDS, vectors, strict=True)))
    return path / "v.npz"


def save_safetensors(path, vectors):
    module = pytest.importorskip("safetensors.numpy")
    arrays = {id_: vector.copy() for id_, vector in zip(IDS, vectors, strict=True)}
    module.save_file(arrays, path / "v.safetensors")
    return path / "v.safetensors"


def save_safetensors_array(path, vectors):
    module = pytest.importorskip("safetensors.numpy")
    metadata = {"ids": json.dumps(IDS)}
    module.save_file({"vectors": vectors}, path / "v.safetensors", metadata=metadata)
    return path / "v.safetensors"


def save_parquet(path, vectors):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"image_id": IDS, "vector": vectors.tolist(), "other": [1, 2, 3]})
    parquet.write_table(table, path / "v.parquet")
    return path / "v.parquet"


SAVERS = [
    save_npy,
    save_npy_json,
    save_npz,
    save_npz_by_id,
    save_safetensors,
    save_safetensors_array,
    save_parquet,
]


@pytest.mark.parametrize("vectors", [VECTORS, REGIONS], ids=["vectors", "regions"])
@pytest.mark.parametrize("save", SAVERS)
def test_formats(save, vectors, tmp_path):
    encoder = create_precomputed_encoder(save(tmp_path, vectors))
    assert encoder.width == 4
    assert sorted(encoder.ids) == sorted(IDS)
    found = encoder.encode([encoder.read(id_) for id_ in IDS])
    for vector, expected in zip(found, vectors, strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_array_equal(vector, expected)
    assert len(encoder.settings["vectors"]) == 8


def test_half_precision(tmp_path):
    torch = pytest.importorskip("torch")
    module = pytest.importorskip("safetensors.torch")
    vector = torch.tensor([0.5, 1.25], dtype=torch.bfloat16)
    module.save_file({"a": vector}, tmp_path / "v.safetensors")
    encoder = create_precomputed_encoder(tmp_path / "v.safetensors")
    assert encoder.read("a").tolist() == [0.5, 1.25]
    np.savez(tmp_path / "v.npz", a=np.array([0.5, 2], dtype="float16"))
    assert create_precomputed_encoder(tmp_path / "v.npz").read("a").tolist() == [0.5, 2.0]


def test_pictures_without_a_vector_in_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    kind = pyarrow.list_(pyarrow.float32(), 2)
    vectors = pyarrow.array([[1, 2], None, [3, 4], [5, 6]], type=kind)
    # pandas writes whole numbers as floats if one is missing.
    ids = pyarrow.array([1.0, 2.0, 3.0, None])
    parquet.write_table(pyarrow.table({"id": ids, "embedding": vectors}), tmp_path / "v.parquet")
    encoder = create_precomputed_encoder(tmp_path / "v.parquet")
    assert encoder.ids == ["1", "3"]
    assert encoder.read("3").tolist() == [3.0, 4.0]


def save_object(path):
    np.savez(path / "v.npz", a=np.array([{}, 1], dtype=object))
    return path / "v.npz"


def save_object_npy(path):
    np.save(path / "v.npy", np.array([[{}]], dtype=object))
    return path / "v.npy"


def save_pickle(path):
    (path / "v.npy").write_bytes(pickle.dumps({"a": VECTORS}))
    return path / "v.npy"


def save_arrays(**arrays):
    def save(path):
        np.savez(path / "v.npz", **arrays)
        return path / "v.npz"

    return save


def save_text(name, content):
    def save(path):
        (path / name).write_text(content)
        return path / name

    return save


def save_without_ids(path):
    np.save(path / "v.npy", VECTORS)
    return path / "v.npy"


@pytest.mark.parametrize(
    ("save", "problem"),
    [
        (save_object, "Python objects"),
        (save_object_npy, "Python objects"),
        (save_pickle, "Python objects"),
        (save_without_ids, r"no ids of pictures, and there is no v\.ids\.txt"),
        (save_arrays(ids=np.array(["a", "a"]), vectors=np.ones((2, 3))), "'a' occurs more than"),
        (save_arrays(ids=np.array(["a"]), vectors=np.ones((2, 3))), "1 ids for 2 vectors"),
        (save_arrays(ids=np.array([]), vectors=np.ones((0, 3))), "it is empty"),
        (save_arrays(ids=np.array(["a"]), vectors=np.ones(3)), r"shape \(3,\)"),
        (save_arrays(a=np.ones(3), b=np.ones(4)), r"'b' is \(4,\).*not \(3,\)"),
        (save_arrays(a=np.ones(3), b=np.array(["x"] * 3)), r"'b' is .*<U1"),
        (save_arrays(a=np.ones((0, 3))), r"'a' is \(0, 3\)"),
        (save_arrays(a=np.ones(3, dtype="complex64")), "complex64"),
        (save_text("v.npz", "no"), "v.npz"),
        (save_text("v.npy", ""), "v.npy"),
        (save_text("v.safetensors", "nothing"), r"v\.safetensors"),
        (save_text("v.parquet", "nothing"), r"v\.parquet"),
        (save_text("v.csv", "a,1,2"), "none of .npy, .npz"),
        (lambda path: path / "no.npz", "there is no such file"),
    ],
)
def test_unusable_files(save, problem, tmp_path):
    path = save(tmp_path)
    if path.suffix in (".safetensors", ".parquet"):
        pytest.importorskip("safetensors" if path.suffix == ".safetensors" else "pyarrow")
    encoder = create_precomputed_encoder(path)
    with pytest.raises(ValueError, match=f"M108.*{problem}"):
        _ = encoder.width


def test_columns_of_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"id": ["a"], "x": [1]}), tmp_path / "v.parquet")
    with pytest.raises(ValueError, match=r"M108.*columns are id, x.*embedding"):
        _ = create_precomputed_encoder(tmp_path / "v.parquet").width


def test_a_file_of_ids_that_is_named(tmp_path):
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / "names.txt").write_text("x\ny\n\nz\n")
    encoder = create_precomputed_encoder(tmp_path / "v.npy", ids=tmp_path / "names.txt")
    np.testing.assert_array_equal(encoder.read("y"), VECTORS[1])
    assert encoder.settings["ids"] is not None
    before = encoder.settings
    (tmp_path / "names.txt").write_text("y\nx\nz\n")
    again = create_precomputed_encoder(tmp_path / "v.npy", ids=tmp_path / "names.txt")
    assert again.settings != before
    for content in ("{}", "["):
        (tmp_path / "bad.json").write_text(content)
        bad = create_precomputed_encoder(tmp_path / "v.npy", ids=tmp_path / "bad.json")
        with pytest.raises(ValueError, match=r"M108.*bad\.json"):
            _ = bad.width
    missing = create_precomputed_encoder(tmp_path / "v.npy", ids=tmp_path / "no.txt")
    with pytest.raises(ValueError, match=r"M108.*no\.txt' is not there"):
        _ = missing.width


def test_the_ids_beside_the_vectors_count_as_a_setting(tmp_path):
    path = save_npy(tmp_path, VECTORS)
    encode(path, tmp_path / "store", create_precomputed_encoder(path))
    (tmp_path / "v.ids.txt").write_text("\n".join(reversed(IDS)), encoding="utf8")
    with pytest.raises(ValueError, match=r"M028.*ids"):
        encode(path, tmp_path / "store", create_precomputed_encoder(path))
    assert create_precomputed_encoder(save_npz(tmp_path, VECTORS)).settings["ids"] is None


def test_ids_and_names_of_files(tmp_path):
    np.savez(tmp_path / "flat.npz", **{"1": VECTORS[0], "2.jpg": VECTORS[1]})
    flat = create_precomputed_encoder(tmp_path / "flat.npz")
    for source in ("1", "1.jpg", tmp_path / "1.png", "some/where/1.JPEG"):
        np.testing.assert_array_equal(flat.read(source), VECTORS[0])
    np.testing.assert_array_equal(flat.read(tmp_path / "2.jpg"), VECTORS[1])
    for source in ("2", "1.txt", "3", b"1", None, 1):
        with pytest.raises(ImageReadError, match="M109"):
            flat.read(source)
    np.savez(tmp_path / "deep.npz", **{"a/1": VECTORS[0], "1": VECTORS[1]})
    deep = create_precomputed_encoder(tmp_path / "deep.npz")
    np.testing.assert_array_equal(deep.read("a/1.jpg"), VECTORS[0])
    with pytest.raises(ImageReadError, match="M109"):
        deep.read("b/1.jpg")  # which of its pictures that is, nobody knows


def test_bad_numbers_count_as_missing(tmp_path):
    np.savez(tmp_path / "v.npz", a=np.array([1, np.nan]), b=np.array([1e300, 0]), c=np.ones(2))
    encoder = create_precomputed_encoder(tmp_path / "v.npz")
    for id_ in "ab":
        with pytest.raises(ImageReadError, match="M112"):
            encoder.read(id_)
    encoder.read("c")


def test_the_component_takes_the_id_of_the_picture(tmp_path):
    nlp = make_nlp(save_npz(tmp_path, VECTORS))
    by_id, by_name, both, neither = docs = [nlp.make_doc(str(i)) for i in range(4)]
    by_id._.image_id = "b"
    by_name._.image = "7.jpg"
    both._.image, both._.image_id = b"never decoded", "7"
    list(nlp.pipe(docs))
    np.testing.assert_array_equal(by_id._.image_vec, VECTORS[1])
    np.testing.assert_array_equal(by_name._.image_vec, VECTORS[0])
    np.testing.assert_array_equal(both._.image_vec, VECTORS[0])
    assert neither._.image_vec is None
    doc = nlp.make_doc("x")
    doc._.image_id = "unknown"
    with pytest.warns(UserWarning, match=r"MW020.*M109"):
        assert nlp(doc)._.image_vec is None


def make_nlp(path):
    nlp = spacy.blank("en")
    block = {"@image_encoders": "precomputed", "vectors": str(path)}
    nlp.add_pipe("image_encoder", config={"encoder": block})
    return nlp


def test_ids_that_have_the_suffix(tmp_path):
    """`Doc._.image_id`, as `convert` and `predict` set it, is without."""
    np.savez(tmp_path / "v.npz", **{"a.jpg": VECTORS[0], "sub/b.png": VECTORS[1]})
    nlp = make_nlp(tmp_path / "v.npz")
    docs = [nlp.make_doc(name) for name in ("a.jpg", "sub/b.png")]
    for doc in docs:
        doc._.image = str(tmp_path / "pictures" / doc.text)
        doc._.image_id = doc.text[:-4]
    for doc, vector in zip(nlp.pipe(docs), VECTORS[:2], strict=True):
        np.testing.assert_array_equal(doc._.image_vec, vector)
    gone = nlp.make_doc("x")
    gone._.image, gone._.image_id = "pictures/c.jpg", "c"
    with pytest.warns(UserWarning, match=r"MW020.*M109.*'c'"):
        assert nlp(gone)._.image_vec is None


@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_each_of_several_pictures_is_looked_up(tmp_path, suffix):
    np.savez(tmp_path / "v.npz", **{f"a{suffix}": VECTORS[0], f"sub/b{suffix}": VECTORS[1]})
    nlp = make_nlp(tmp_path / "v.npz")
    doc = nlp.make_doc("x")
    doc._.image = [str(tmp_path / name) for name in ("a.jpg", "sub/b.jpg")]
    doc._.image_id = "a"
    np.testing.assert_array_equal(nlp(doc)._.image_vec, VECTORS[:2])


def test_a_whole_file_becomes_a_store(tmp_path):
    path = save_npz(tmp_path, REGIONS)
    args = ["mner", "encode", str(path), str(tmp_path / "store"), "-e", "precomputed"]
    result = CliRunner().invoke(app, [*args, "--vectors", str(path)])
    assert result.exit_code == 0, result.output
    store = FeatureStore.open(tmp_path / "store")
    assert store.ids == IDS
    np.testing.assert_array_equal(store["b"], REGIONS[1])


def test_the_vectors_of_some_pictures(tmp_path):
    encoder = create_encoder("precomputed", vectors=str(save_npz(tmp_path, VECTORS)))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("7.jpg", "9.jpg", "notes.txt"):
        (folder / name).write_bytes(b"never decoded")
    summary = encode(folder, tmp_path / "store", encoder)
    assert (summary.total, summary.encoded, summary.ignored) == (2, 1, 1)
    assert "M109" in summary.missing["9"]
    with_suffix = {"7.jpg": VECTORS[0], "sub/8.png": VECTORS[1]}
    np.savez(tmp_path / "suffix.npz", **with_suffix)
    (folder / "sub").mkdir()
    (folder / "sub" / "8.png").write_bytes(b"never decoded")
    other = create_precomputed_encoder(tmp_path / "suffix.npz")
    assert encode(folder, tmp_path / "s3", other).encoded == 2
    assert FeatureStore.open(tmp_path / "s3").ids == ["7", "sub/8"]
    (tmp_path / "captions.json").write_text('{"b": "whatever"}')
    assert encode(tmp_path / "captions.json", tmp_path / "s2", encoder).encoded == 1
