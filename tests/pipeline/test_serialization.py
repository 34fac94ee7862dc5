import json
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin
from thinc.api import Config

from spacy_mner.models.tagger import get_shim, get_tagger

from .builders import (
    MODEL,
    SENTENCES,
    blank,
    emissions,
    entities,
    make_doc,
    make_examples,
    make_nlp,
    model_config,
    picture,
    train,
)

TEXTS = [text for text, _ in SENTENCES]


@pytest.fixture(scope="module")
def trained():
    """Tests must not change it."""
    nlp = make_nlp(store_weights=True)
    train(nlp, make_examples(nlp), steps=25)
    return nlp


def posts(nlp):
    return [make_doc(nlp, text, image=picture(i)) for i, text in enumerate(TEXTS)]


def assert_same(a, b):
    np.testing.assert_array_equal(emissions(a, posts(a)), emissions(b, posts(b)))
    for x, y in zip(a.pipe(posts(a)), b.pipe(posts(b)), strict=True):
        assert entities(x) == entities(y)
        np.testing.assert_array_equal(x.spans["mner"].attrs["scores"], [e._.score for e in y.ents])


@pytest.mark.parametrize("exclude", ["cfg", "model"])
def test_the_labels_are_those_of_the_model(trained, exclude):
    other = make_nlp(initialize=False)
    other.get_pipe("mner").add_label("DOG")
    if exclude == "model":
        egs = make_examples(other)
        other.initialize(lambda: egs)
    mner = other.get_pipe("mner").from_bytes(trained.get_pipe("mner").to_bytes(), exclude=[exclude])
    assert mner.labels == tuple(get_shim(mner.model).blueprint.labels)
    assert ("DOG" in mner.labels) is (exclude == "model")
    other("Ann met Bob")


def test_pipeline_on_disk(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert loaded.get_pipe("mner").labels == trained.get_pipe("mner").labels
    assert loaded.get_pipe("mner").cfg == trained.get_pipe("mner").cfg
    assert_same(trained, loaded)
    # What was read can be written again.
    loaded.to_disk(tmp_path / "again")
    assert_same(trained, spacy.load(tmp_path / "again"))


def test_settings_of_the_config_win_over_the_saved_ones(trained, tmp_path):
    trained.to_disk(tmp_path)
    config = {"components.mner.scores": False, "components.mner.spans_key": "found"}
    nlp = spacy.load(tmp_path, config={**config, "components.mner.store_weights": False})
    doc = nlp(posts(nlp)[0])
    assert doc.ents
    assert "scores" not in doc.spans["found"].attrs
    assert "mner" not in doc.spans
    assert doc._.modality_weights is None
    assert srsly.read_json(tmp_path / "mner" / "cfg") == {"labels": ["LOC", "ORG", "PER"]}


def test_settings_travel_with_a_pickle(trained):
    nlp = pickle.loads(pickle.dumps(trained))
    assert nlp(posts(nlp)[0])._.modality_weights is not None


def test_nothing_is_unpickled(trained, tmp_path):
    """In a process of its own, in which every way to unpickle is an error."""
    trained.to_disk(tmp_path / "model")
    docs = list(trained.pipe(posts(trained)))
    assert any(doc.ents for doc in docs)
    DocBin(docs=posts(trained), store_user_data=True).to_disk(tmp_path / "posts.spacy")
    script = """
        import json, pickle, sys
        import spacy, torch
        from spacy.tokens import DocBin

        def refuse(*args, **kwargs):
            raise AssertionError("something was unpickled")

        class Unpickler(pickle.Unpickler):
            __init__ = refuse

        def audit(event, args):
            # Also of those who have imported the functions themselves.
            if event == "pickle.find_class":
                refuse()

        spacy.blank("en")  # imports all that registers something
        pickle.load = pickle.loads = torch.load = torch.serialization.load = refuse
        pickle.Unpickler = Unpickler
        sys.addaudithook(audit)
        nlp = spacy.load(sys.argv[1])
        docs = nlp.pipe(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab))
        print(json.dumps([[(e.text, e.label_, round(e._.score, 4)) for e in d.ents] for d in docs]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
        + [str(tmp_path / name) for name in ("model", "posts.spacy")],
        timeout=300,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [[e.text, e.label_, pytest.approx(e._.score, abs=1e-3)] for e in doc.ents] for doc in docs
    ]


def test_pipeline_as_bytes(trained):
    other = make_nlp(initialize=False).from_bytes(trained.to_bytes())
    assert_same(trained, other)


def test_bytes_replace_an_initialized_model(trained):
    other = make_nlp()
    docs = posts(other)
    emissions(other, docs)  # fills the cache
    other.from_bytes(trained.to_bytes())
    assert_same(trained, other)


def test_before_initialization(tmp_path):
    nlp = make_nlp(initialize=False)
    nlp.get_pipe("mner").add_label("MISC")
    nlp.to_disk(tmp_path)
    for other in (
        spacy.load(tmp_path),
        make_nlp(initialize=False).from_bytes(nlp.to_bytes()),
        pickle.loads(pickle.dumps(nlp)),
    ):
        with pytest.raises(ValueError, match="M001"):
            other("Ann met Bob")
        egs = make_examples(other)
        other.initialize(lambda egs=egs: egs)
        assert other.get_pipe("mner").labels == ("LOC", "MISC", "ORG", "PER")


def test_pickle(trained):
    assert_same(trained, pickle.loads(pickle.dumps(trained)))


def test_a_copy_has_its_own_weights(trained):
    model = trained.get_pipe("mner").model
    before = emissions(trained, posts(trained))
    copied = model.copy()
    for parameter in get_tagger(copied).parameters():
        parameter.data += 1.0
    copied_output = copied.predict(posts(trained)).emissions.detach().numpy()
    assert not np.allclose(copied_output, before)
    np.testing.assert_array_equal(emissions(trained, posts(trained)), before)
    assert get_shim(copied).id != get_shim(model).id


def test_training_goes_on_after_loading(trained, tmp_path):
    trained.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    egs = make_examples(nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    losses = train(nlp, egs, steps=20, optimizer=optimizer)
    assert losses[-1] < losses[0]


def test_label_added_after_loading(trained, tmp_path):
    trained.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    nlp.get_pipe("mner").add_label("A")
    before, after = emissions(trained, posts(trained)), emissions(nlp, posts(nlp))
    np.testing.assert_allclose(after[..., 3:], before[..., 1:], atol=1e-5)
    nlp.to_disk(tmp_path / "more")
    again = spacy.load(tmp_path / "more")
    assert again.get_pipe("mner").labels == ("A", "LOC", "ORG", "PER")
    assert_same(nlp, again)


def test_other_modalities_in_the_config_are_an_error(trained):
    other = make_nlp(
        initialize=False, model=model_config(modalities={**MODEL["modalities"], "char": None})
    )
    with pytest.raises(ValueError, match="M009"):
        other.get_pipe("mner").from_bytes(trained.get_pipe("mner").to_bytes())


def test_other_widths_in_the_config_are_an_error(trained):
    other = make_nlp(initialize=False, model=model_config(width=25))
    with pytest.raises(ValueError, match="M010"):
        other.get_pipe("mner").from_bytes(trained.get_pipe("mner").to_bytes())


def test_sourced_component(trained, tmp_path):
    nlp = blank()
    nlp.add_pipe("mner", source=trained, name="entities")
    assert_same_source(trained, nlp)
    nlp.to_disk(tmp_path)
    assert_same_source(trained, spacy.load(tmp_path))


def assert_same_source(trained, nlp):
    for a, b in zip(trained.pipe(posts(trained)), nlp.pipe(posts(nlp)), strict=True):
        assert entities(a) == entities(b)
        assert [ent._.score for ent in a.ents] == [ent._.score for ent in b.ents]


def test_sourced_in_a_config(trained, tmp_path):
    trained.to_disk(tmp_path)
    config = Config().from_str(blank().config.to_str())
    config["nlp"]["pipeline"] = ["mner"]
    config["components"] = {"mner": {"source": str(tmp_path)}}
    config["initialize"]["vectors"] = str(tmp_path)
    nlp = spacy.util.load_model_from_config(config)
    # As `initialize` would.
    nlp.vocab.vectors = trained.vocab.vectors
    assert_same_source(trained, nlp)


def test_docbin_keeps_what_the_component_wrote(trained):
    docs = [*trained.pipe(posts(trained)), trained("")]
    data = DocBin(store_user_data=True, docs=docs).to_bytes()
    again = list(DocBin().from_bytes(data).get_docs(trained.vocab))
    for before, after in zip(docs, again, strict=True):
        assert entities(before) == entities(after)
        assert [e._.score for e in before.ents] == pytest.approx([e._.score for e in after.ents])
        if len(before):
            np.testing.assert_array_equal(before._.modality_weights, after._.modality_weights)
            np.testing.assert_array_equal(before._.image_vec, after._.image_vec)
            assert before[0]._.modality_weights == after[0]._.modality_weights
    # The arrays come back read-only: good enough to be predicted from.
    fresh = [Doc(trained.vocab, words=[t.text for t in doc]) for doc in again[:-1]]
    for doc, old in zip(fresh, again, strict=False):
        doc._.image_vec = old._.image_vec
    assert [entities(d) for d in trained.pipe(fresh)] == [entities(d) for d in docs[:-1]]


def test_two_processes_after_torch_has_run(trained, tmp_path):
    """In a process of its own, so that a hang can be ended."""
    trained.to_disk(tmp_path / "model")
    script = """
        import sys
        import numpy as np
        import spacy
        import torch

        def main():
            torch.set_num_threads(2)
            nlp = spacy.load(sys.argv[1])
            texts = ["Ann met Bob in Oslo", "the table in Rome", "", "Acme Corp works for Carl"] * 4

            def posts():
                for i, text in enumerate(texts):
                    doc = nlp.make_doc(text)
                    if i % 2:
                        doc._.image_vec = np.full(6, 0.1 * i, dtype="float32")
                    yield doc

            def found(n):
                docs = nlp.pipe(posts(), n_process=n, batch_size=4)
                return [
                    (d.text, [(e.text, e.label_, round(e._.score, 4)) for e in d.ents])
                    for d in docs
                ]

            one = found(1)
            # Enough work for torch to start its threads.
            torch.rand(500, 500) @ torch.rand(500, 500)
            assert found(2) == one
            assert any(ents for _, ents in one)

        if __name__ == "__main__":
            main()
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path / "model")],
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
