"""srsly's registries of msgpack codecs remember what is in them, and answer as before."""

import catalogue
import numpy as np
import pytest
import srsly
from catalogue import Registry
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_mner.codecs import RememberingRegistry, remember_codecs

REGISTRIES = (srsly.msgpack_encoders, srsly.msgpack_decoders)


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


@pytest.fixture
def forget():
    """Unregister what a test registered."""
    yield
    for registry in REGISTRIES:
        key = (*registry.namespace, "tests.point")
        catalogue.REGISTRY.pop(key, None)
        registry._functions = None


@pytest.fixture
def searches(monkeypatch):
    """How often the entry points were looked through."""
    calls = []
    plain = Registry.get_entry_points

    def count(self):
        if self in REGISTRIES:
            calls.append(self.namespace)
        return plain(self)

    monkeypatch.setattr(Registry, "get_entry_points", count)
    for registry in REGISTRIES:
        registry._functions = None
    return calls


@pytest.mark.parametrize("registry", REGISTRIES)
def test_functions_are_those_of_a_plain_registry(registry):
    assert isinstance(registry, RememberingRegistry)
    plain = Registry(registry.namespace, entry_points=registry.entry_points)
    assert registry.get_all() == plain.get_all()
    assert "numpy" in registry.get_all()
    assert list(registry.get_all()) == list(plain.get_all())


def test_entry_points_are_looked_through_once_for_many_docs(searches):
    vocab = Vocab()
    docs = [Doc(vocab, words=["a", "b"]) for _ in range(20)]
    for doc in docs:
        doc.user_data["vector"] = np.arange(3, dtype="f")
    data = DocBin(docs=docs, store_user_data=True).to_bytes()
    read = list(DocBin().from_bytes(data).get_docs(vocab))
    assert [doc.user_data["vector"].tolist() for doc in read] == [[0.0, 1.0, 2.0]] * 20
    assert sorted(searches) == sorted(registry.namespace for registry in REGISTRIES)


@pytest.mark.parametrize("decorate", [True, False])
def test_a_codec_that_is_registered_later_is_used(forget, decorate):
    assert srsly.msgpack_loads(srsly.msgpack_dumps([1])) == [1]

    def encode(obj, chain=None):
        if isinstance(obj, Point):
            return {"__point__": obj.x}
        return obj if chain is None else chain(obj)

    def decode(obj, chain=None):
        if "__point__" in obj:
            return Point(obj["__point__"])
        return obj if chain is None else chain(obj)

    for registry, function in zip(REGISTRIES, (encode, decode), strict=True):
        if decorate:
            assert registry.register("tests.point")(function) is function
        else:
            assert registry.register("tests.point", func=function) is function
    point = srsly.msgpack_loads(srsly.msgpack_dumps([Point(3)]))[0]
    assert isinstance(point, Point)
    assert point.x == 3


def test_what_is_answered_can_be_changed_without_harm():
    registry = REGISTRIES[0]
    registry.get_all().clear()
    assert "numpy" in registry.get_all()


def test_remembering_twice_is_remembering_once():
    remember_codecs()
    assert [type(registry) for registry in REGISTRIES] == [RememberingRegistry] * 2
