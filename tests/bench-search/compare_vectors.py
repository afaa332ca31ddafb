"""The vectors in faiss and hnswlib: brute force for the true neighbours, then approximate indexes at the first setting that
finds enough of them. One thread a search.

usage: compare_vectors.py CORPUS        writes truth.ivecs (the 100 nearest) beside the corpus
"""

import os
import tempfile
import time

import faiss
import hnswlib
import numpy as np
from common import RESULTS, directory, percentiles, read_vectors, recall, report, resident_mb, rounded, size, timed, write_results

ENOUGH = 0.95
TRUE_NEIGHBOURS = 100
THREADS = os.cpu_count()

corpus = directory()
vectors = read_vectors(corpus / "vectors.fvecs")
queries = read_vectors(corpus / "vector-queries.fvecs")
# Cosines are inner products of vectors of length 1.
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
queries /= np.linalg.norm(queries, axis=1, keepdims=True)
count, dimensions = vectors.shape
each = [query[None, :] for query in queries]


def exact():
    index = faiss.IndexFlatIP(dimensions)
    index.add(vectors)
    _, truth = index.search(queries, TRUE_NEIGHBOURS)
    write_results(corpus / "truth.ivecs", truth)
    faiss.omp_set_num_threads(1)
    _, times = timed(lambda query: index.search(query, RESULTS), each[:100], warmups=0)
    faiss.omp_set_num_threads(THREADS)
    report(name="faiss: brute force", engine=f"faiss {faiss.__version__}", vectors=count, latency=percentiles(times))
    return truth


def stored(write):
    with tempfile.TemporaryDirectory(prefix="bench-vectors-") as folder:
        write(os.path.join(folder, "index"))
        return rounded(size(folder) / count)


def sweep(name, truth, settings, search, **more):
    """Searches with each setting up to the first that finds enough."""
    for setting, value in settings:
        results, times = timed(lambda query: search(query, value), each)
        found = recall(results, truth)
        report(name=name, vectors=count, setting=f"{setting}={value}", recall_at_10=found, latency=percentiles(times), **more)
        if found >= ENOUGH:
            return


def build(add):
    before, begun = resident_mb(), time.perf_counter()
    add()
    seconds = time.perf_counter() - begun
    return {"vectors_per_second": rounded(count / seconds), "build_s": rounded(seconds), "threads": THREADS,
            "memory_mb": rounded(resident_mb() - before)}


def faiss_ivf(truth):
    lists = max(64, int(4 * count**0.5))
    index = faiss.index_factory(dimensions, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)

    def add():
        index.train(vectors[np.random.default_rng(0).permutation(count)[: 64 * lists]])
        index.add(vectors)

    built = build(add)
    report(name="faiss: IVF with SQ8, build", lists=lists, vectors=count, **built, bytes_per_vector=stored(lambda path: faiss.write_index(index, path)))
    faiss.omp_set_num_threads(1)

    def search(query, probes):
        index.nprobe = probes
        return index.search(query, RESULTS)[1][0]

    sweep("faiss: IVF with SQ8, search, warm", truth, [("nprobe", probes) for probes in (4, 8, 16, 32, 64, 128, 256)], search)
    faiss.omp_set_num_threads(THREADS)


def faiss_hnsw(truth):
    index = faiss.IndexHNSWFlat(dimensions, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 100
    built = build(lambda: index.add(vectors))
    report(name="faiss: HNSW32, build", vectors=count, **built, bytes_per_vector=stored(lambda path: faiss.write_index(index, path)))
    faiss.omp_set_num_threads(1)

    def search(query, ef):
        index.hnsw.efSearch = ef
        return index.search(query, RESULTS)[1][0]

    sweep("faiss: HNSW32, search, warm", truth, [("ef", ef) for ef in (16, 32, 64, 128, 256, 512)], search)
    faiss.omp_set_num_threads(THREADS)


def hnsw(truth):
    index = hnswlib.Index(space="ip", dim=dimensions)
    index.init_index(max_elements=count, M=16, ef_construction=100, random_seed=1)
    built = build(lambda: index.add_items(vectors, num_threads=THREADS))
    report(name="hnswlib: M=16, build", engine="hnswlib", vectors=count, **built, bytes_per_vector=stored(index.save_index))

    def search(query, ef):
        index.set_ef(ef)
        return index.knn_query(query, k=RESULTS, num_threads=1)[0][0]

    sweep("hnswlib: M=16, search, warm", truth, [("ef", ef) for ef in (16, 32, 64, 128, 256, 512)], search)


truth = exact()
for engine in (faiss_ivf, faiss_hnsw, hnsw):
    engine(truth)
