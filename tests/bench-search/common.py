"""What the comparisons share: the corpora's files, how times are told, and how results are printed (a line of JSON each)."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

RESULTS = 10


def report(**result):
    print(json.dumps(result), flush=True)


def rounded(number):
    """Four significant digits are more than such a measurement has."""
    return float(f"{number:.4g}")


def percentiles(times):
    """Of times in seconds, in ms."""
    p50, p90, p99 = np.percentile(times, [50, 90, 99]) * 1e3
    return {"p50_ms": rounded(p50), "p90_ms": rounded(p90), "p99_ms": rounded(p99), "max_ms": rounded(max(times) * 1e3)}


def resident_mb():
    """Memory of this process that is not a mapped file, in MB."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon:"))
    return rounded(int(line.split()[1]) * 1024 / 1e6)


def size(path):
    """Bytes of a file, or of all files of a folder."""
    path = Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def read_vectors(path):
    """The rows of an `fvecs` file; shape (rows, dimensions)."""
    dimensions = int(np.fromfile(path, dtype="<i4", count=1)[0])
    return np.ascontiguousarray(np.fromfile(path, dtype="<f4").reshape(-1, dimensions + 1)[:, 1:])


def write_results(path, rows):
    """Numbers of documents, best first, for each query, as an `ivecs` file."""
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        for row in rows:
            np.array([len(row), *row], dtype="<u4").tofile(file)
    os.replace(partial, path)


def read_results(path):
    numbers = np.fromfile(path, dtype="<u4")
    rows, at = [], 0
    while at < len(numbers):
        rows.append(numbers[at + 1 : at + 1 + numbers[at]])
        at += 1 + int(numbers[at])
    return rows


def recall(found, truth):
    """Which share of the best results was found."""
    hits = sum(len(set(map(int, found_row)) & set(map(int, row[:RESULTS]))) for found_row, row in zip(found, truth))
    return rounded(hits / sum(min(len(row), RESULTS) for row in truth))


def timed(run, queries, warmups=1):
    """The results of each query and how long each took, in seconds, after rounds whose times do not count."""
    for _ in range(warmups):
        for query in queries:
            run(query)
    results, times = [], []
    for query in queries:
        begun = time.perf_counter()
        results.append(run(query))
        times.append(time.perf_counter() - begun)
    return results, times


def directory():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} CORPUS")
    return Path(sys.argv[1])
