"""Speed of a job of `spacy mner predict`, end to end, and what a thousand million posts would take.

Reads posts, labels them and writes shards, as one process with one thread does: what a core of a
cluster is given to do. For example:

    python benchmarks/predict_speed.py training/model-last posts.jsonl
    python benchmarks/predict_speed.py training/model-last posts.jsonl --images pictures
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from spacy_mner.batch.folder import JobFolder
from spacy_mner.batch.run import SHARD_SIZE
from spacy_mner.batch.shards import Shard, cut_shards, list_files, read_shard
from spacy_mner.batch.worker import Worker, WorkerSettings

MANY = 1_000_000_000


def main(
    model: Annotated[str, typer.Argument(help="Pipeline")],
    posts: Annotated[Path, typer.Argument(help="File, folder or glob of posts")],
    images: Annotated[Path | None, typer.Option(help="Folder with the pictures")] = None,
    features: Annotated[Path | None, typer.Option(help="Feature store")] = None,
    to: Annotated[str, typer.Option(help="Format of the output")] = "jsonl",
    shard_size: Annotated[int, typer.Option(help="Posts to a shard")] = SHARD_SIZE,
    rounds: Annotated[int, typer.Option(help="The median of so many counts")] = 3,
    gpu_id: Annotated[int, typer.Option(help="GPU, or -1 for the CPU")] = -1,
) -> None:
    """Print posts/s, words/s, and core-hours."""
    with tempfile.TemporaryDirectory() as folder:
        settings = WorkerSettings(
            model,
            folder,
            to,
            images=None if images is None else str(images.resolve()),
            features=None if features is None else str(features.resolve()),
            use_gpu=gpu_id,
        )
        start = time.perf_counter()
        worker = Worker(settings)
        load = time.perf_counter() - start
        start = time.perf_counter()
        shards = list(cut_shards(list_files(posts), shard_size))
        skim = time.perf_counter() - start
        n = sum(shard.n for shard in shards)
        measured = [measure(worker, shards, Path(folder), to) for _ in range(rounds + 1)]
        # The first round pays for what is made once.
        wall, cpu = (statistics.median(times) for times in zip(*measured[1:], strict=True))
        words = count_words(worker, shards)
        size = sum(path.stat().st_size for path in Path(folder).glob("part-*"))
    hours = MANY / n / 3600
    print(f"{n:,} posts, {words:,} words, {len(shards)} shards; pipeline loaded in {load:.1f} s")
    print(f"  by the clock: {n / wall:8,.0f} posts/s  {words / wall:10,.0f} words/s")
    print(f"  of CPU time:  {n / cpu:8,.0f} posts/s  {words / cpu:10,.0f} words/s")
    print(f"  output: {size / n:,.0f} bytes a post; cutting into shards: {n / skim:,.0f} posts/s")
    print(f"10^9 posts: {cpu * hours:,.0f} core-hours ({wall * hours:,.0f} by the clock),")
    print(f"  {size / n:,.0f} GB of output,")
    print(f"  {skim * hours:.1f} hours to cut into shards, once and by one process")


def measure(worker: Worker, shards: list[Shard], folder: Path, to: str) -> tuple[float, float]:
    """Label all shards. RETURNS (tuple[float, float]): Seconds by the clock, and of CPU time."""
    job = JobFolder(folder, to)
    for path in job.state.rglob("*.json"):
        path.unlink()
    start, start_cpu = time.perf_counter(), time.process_time()
    for shard in shards:
        worker.run(shard)
    return time.perf_counter() - start, time.process_time() - start_cpu


def count_words(worker: Worker, shards: list[Shard]) -> int:
    """Count the tokens of the posts, with the pipeline's own tokenizer."""

    n = 0
    for shard in shards:
        with worker.nlp.memory_zone():
            for post in read_shard(shard.slices, lambda error: None):
                n += len(
                    worker.nlp.make_doc(post.text or "") if post.tokens is None else post.tokens
                )
    return n


if __name__ == "__main__":
    typer.run(main)
