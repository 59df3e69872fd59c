"""Retrieval from 10^4 to 10^7 phrases beside exact search: recall, speed, build time, bytes.

    python benchmarks/performance/retrieval.py data    # vectors, and the rows that exact search finds
    python benchmarks/performance/retrieval.py build   # the index
    python benchmarks/performance/retrieval.py measure

Each stage takes what the one before left in the folder; figures of sizes measured before are kept in the record.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from record import FOLDER, interleaved, milliseconds, record
from retrieval_data import COSINE, SEED, Side, embedded, phrases, queries

from blender.index.vectors import VectorIndex, choose_kind, make_index, tuned
from blender.matrix import Floats

K, QUERIES = 10, 200
MOST_EXACT = 1_000_000  # above, exact search is not timed: its float32 vectors would not fit beside the others


def data(place: Path, size: int, side: Side) -> None:
    """Write the vectors, the queries and the rows exact search finds for them."""
    originals, held_out = embedded(side)
    asked = queries(held_out, QUERIES)
    place.mkdir(parents=True, exist_ok=True)
    vectors = np.lib.format.open_memmap(
        place / "vectors.npy", mode="w+", dtype=np.float16, shape=(size, originals.shape[1])
    )
    found = Best(len(asked))
    for rows, made in phrases(originals, size):
        vectors[rows] = made
        found.see(asked @ made.astype(np.float32).T, rows.start)
    vectors.flush()
    np.save(place / "queries.npy", asked)
    np.save(place / "truth.npy", found.rows)


def build(place: Path, threads: int) -> None:
    """Write the index over the vectors, and how long it took."""
    faiss.omp_set_num_threads(threads)
    vectors = opened(place)
    kind = choose_kind(len(vectors))
    note: dict[str, Any] = {"kind": kind, "build threads": threads}
    if kind != "flat":  # there the vectors are searched as they are
        begun, cpu = perf_counter(), process_time()
        faiss.write_index(make_index(vectors, kind), str(place / "index.faiss"))
        note |= {"build s": round(perf_counter() - begun, 1), "build cpu s": round(process_time() - cpu, 1)}
    (place / "build.json").write_text(json.dumps(note))


class Best:
    """The ten rows of the highest scores in what was seen so far."""

    def __init__(self, asked: int) -> None:
        self.scores = np.full((asked, K), -np.inf, dtype=np.float32)
        self.rows = np.full((asked, K), -1, dtype=np.int64)

    def see(self, scores: Floats, start: int) -> None:
        """Take in the scores of rows from ``start`` on, (asked, rows)."""
        near = np.argpartition(-scores, K, axis=1)[:, :K]
        scores = np.hstack([self.scores, np.take_along_axis(scores, near, axis=1)]).astype(np.float32)
        rows = np.hstack([self.rows, near + start])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        self.scores, self.rows = (np.take_along_axis(each, order, axis=1) for each in (scores, rows))


def opened(place: Path) -> NDArray[np.float16]:
    """The vectors, mapped."""
    vectors: NDArray[np.float16] = np.load(place / "vectors.npy", mmap_mode="r", allow_pickle=False)
    return vectors


def index_of(place: Path) -> VectorIndex:
    """The index as `PhraseBase` opens it."""
    vectors = opened(place)
    kind = choose_kind(len(vectors))
    read = None if kind == "flat" else tuned(faiss.read_index(str(place / "index.faiss")), kind)
    return VectorIndex(vectors, kind, read)


def measure(place: Path, threads: int) -> dict[str, Any]:
    """Recall and speed of the defaults, and of exact search in turn with them."""
    faiss.omp_set_num_threads(threads)
    ours, asked, truth = index_of(place), np.load(place / "queries.npy"), np.load(place / "truth.npy")
    found = ours.search(asked, K)[1]
    shared = [len(set(mine) & set(true)) for mine, true in zip(found.tolist(), truth.tolist(), strict=True)]
    few, at = asked[:32], [0]

    def one() -> Floats:
        at[0] = (at[0] + 1) % len(asked)
        query: Floats = asked[at[0] : at[0] + 1]
        return query

    calls = {"single": lambda: ours.search(one(), K), "batch": lambda: ours.search(few, K)}
    exact = faiss.IndexFlatIP(asked.shape[1])
    if len(ours) <= MOST_EXACT:
        vectors = opened(place)
        for start in range(0, len(vectors), 50_000):
            exact.add(vectors[start : start + 50_000].astype(np.float32))
        calls |= {"exact single": lambda: exact.search(one(), K), "exact batch": lambda: exact.search(few, K)}
    singles = interleaved({name: call for name, call in calls.items() if "single" in name}, 40)
    batches = interleaved({name: call for name, call in calls.items() if "batch" in name}, 5)
    per_query = {name: float(np.median(each)) for name, each in singles.items()}
    per_query |= {name: float(np.median(each)) / len(few) for name, each in batches.items()}
    return {
        "threads": threads,
        "recall@10": round(float(np.mean(shared)) / K, 4),
        "worst query's recall": min(shared) / K,
        **{name: milliseconds(each) for name, each in singles.items()},
        **{f"{name} queries/s": round(1 / per_query[name], 1) for name in batches},
        **{f"times exact, {name}": round(per_query[f"exact {name}"] / per_query[name], 1)
           for name in ("single", "batch") if f"exact {name}" in per_query},
    }  # fmt: skip


def private_bytes() -> int:
    """Memory of this process that no file stands behind (RssAnon)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024


def two_sides(place: Path) -> None:
    """In a process that does nothing else: open the index twice, as contexts and replies, and search both."""
    before = private_bytes()
    asked = np.load(place / "queries.npy")
    both = [index_of(place) for _ in ("contexts", "replies")]
    for index in both:
        index.search(asked, K)
    print(json.dumps({"before": before, "after": private_bytes()}))


def sizes_of(place: Path, count: int) -> dict[str, Any]:
    """Bytes in memory and on disk; the index opened twice stands for two sides."""
    command = [sys.executable, str(Path(__file__)), "memory", "--folder", str(place)]
    anon = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    on_disk = {
        name: (place / name).stat().st_size for name in ("vectors.npy", "index.faiss") if (place / name).exists()
    }
    return {
        "RssAnon of two sides, bytes": anon["after"],
        "of that before opening": anon["before"],
        "bytes per phrase and side in RAM": round((anon["after"] - anon["before"]) / 2 / count, 1),
        "bytes per phrase and side on disk": {name: round(size / count, 1) for name, size in on_disk.items()},
    }


def main() -> None:
    """Run a stage for some sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["data", "build", "measure", "memory"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=["contexts", "replies"], default="contexts")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "response-blender-retrieval")
    given = parser.parse_args()
    if given.stage == "memory":
        two_sides(given.folder)
        return
    for size in given.sizes:
        place = given.folder / f"{given.side}-{size}"
        if given.stage == "data":
            data(place, size, given.side)
            continue
        if given.stage == "build":
            build(place, given.threads)
            continue
        values = json.loads((place / "build.json").read_text()) | measure(place, given.threads) | sizes_of(place, size)
        keep(given.side, size, values)
        print(size, values, flush=True)


def keep(side: str, size: int, values: dict[str, Any]) -> None:
    """Write one size into the record, beside those already there."""
    path = FOLDER / "retrieval.json"
    table = json.loads(path.read_text())["sizes"] if path.exists() else {}
    table[f"{side} {size}"] = values
    record(
        "retrieval",
        command="for stage in data build measure; do python benchmarks/performance/retrieval.py $stage --sizes 10000 "
        "100000 1000000 10000000 --threads 1; done",
        seed=SEED,
        values={
            "n": f"{QUERIES} queries for recall, 40 single queries and 5 batches of 32 for speed; k = {K}",
            "data": f"real embeddings of the chitchat corpus, copied with Gaussian noise to a cosine of {COSINE}; "
            "queries are held-out ones copied likewise",
            "sizes": dict(sorted(table.items(), key=lambda row: (row[0].split()[0], int(row[0].split()[1])))),
        },
    )


if __name__ == "__main__":
    main()
