"""Word vectors in the CPU's memory."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from spacy.vectors import Vectors
from thinc.api import CupyOps, NumpyOps

from spacy_mner.host_vectors import HostVectors, copy_to_cpu

FORMS = ["orion", "daisy", "", "taaaaalk"]


def default_table() -> Vectors:
    data = np.arange(12, dtype="float32").reshape(4, 3)
    return Vectors(data=data, keys=["orion", "daisy", "rose", "apollo"])


def floret_table() -> Vectors:
    data = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    return Vectors(data=data, mode="floret", minn=2, maxn=3, hash_count=2, hash_seed=7)


def test_a_table_of_numpy_is_read_where_it_is():
    table = default_table()
    assert np.shares_memory(HostVectors().rows(table, slice(1, 3)), table.data)


def test_a_copied_floret_table_has_the_same_vectors():
    table = floret_table()
    copied = copy_to_cpu(table)
    np.testing.assert_array_equal(copied.get_batch(FORMS), table.get_batch(FORMS))
    assert len(np.unique(copied.get_batch(FORMS), axis=0)) == len(FORMS)


@pytest.mark.gpu
@pytest.mark.parametrize("make", [default_table, floret_table])
def test_a_table_on_the_gpu(make):
    table, host = make(), HostVectors()
    expected = make()
    table.to_ops(CupyOps())

    def check() -> None:
        np.testing.assert_array_equal(host.rows(table, [2, 0]), expected.data[[2, 0]])
        if table.mode == "floret":
            np.testing.assert_allclose(
                host.batch(table, FORMS), expected.get_batch(FORMS), rtol=1e-6
            )

    check()
    first = host._copy
    # Thinc's ops are a thread's own: in a new one they are NumPy's.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(check).result()
    assert host._copy is first
    assert pickle.loads(pickle.dumps(host))._copy is None
    assert copy.deepcopy(host)._copy is None


@pytest.mark.gpu
def test_new_keys_and_another_table_are_noticed():
    table, host = default_table(), HostVectors()
    table.to_ops(CupyOps())
    assert host.rows(table, 0).tolist() == [0, 1, 2]
    table.resize((5, 3))
    table.add("petunia", vector=CupyOps().asarray1f([7.0, 8.0, 9.0]))
    assert host.rows(table, table.find(key="petunia")).tolist() == [7, 8, 9]
    table.to_ops(NumpyOps())
    assert isinstance(host.rows(table, 0), np.ndarray)
