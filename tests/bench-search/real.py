"""A corpus of real sentences, in the files that the benchmark reads: what the standard library of this Python says of itself.

Its vectors are those of WordLlama, a small model of sentences whose weights are in the package: 256 numbers, filled up with
zeros to the 384 of the benchmark, which changes no angle.

usage: real.py CORPUS       writes texts.tsv, vectors.fvecs and the rest; prints what some searches find by brute force
then:  node tests/bench-search/run.mjs --corpus CORPUS --documents N --vectors N       with the N that it prints
"""

import ast
import re
import shutil
import sysconfig
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import wordllama
from common import directory, report
from wordllama import WordLlama

DIMENSIONS = 384
SENTENCES = 20_000
QUERIES = [
    "remove a directory and everything in it",
    "how long a function takes to run",
    "read the lines of a compressed file",
    "wait until another thread is done",
    "random number between two values",
    "parse the arguments of the command line",
    "send an email with an attachment",
    "largest element of a list",
    "decode text from bytes",
    "difference between two dates",
]


def sentences():
    """First sentences of docstrings in the order of the files, each once."""
    seen = set()
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.parts):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            text = " ".join((ast.get_docstring(node) or "").split())
            for sentence in re.split(r"(?<=[.!?])\s", text)[:3]:
                if 5 <= len(sentence.split()) <= 60 and sentence not in seen:
                    seen.add(sentence)
                    yield sentence
                    if len(seen) == SENTENCES:
                        return


def tokens(text):
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if len(word.encode()) <= 32]


def write_vectors(path, vectors):
    lengths = np.full((len(vectors), 1), vectors.shape[1], dtype="<i4").view("<f4")
    np.hstack([lengths, vectors.astype("<f4")]).tofile(path)


corpus = directory()
corpus.mkdir(parents=True, exist_ok=True)
texts = list(sentences())
counts = Counter(word for text in texts for word in set(tokens(text)))
# The package has its tokenizer in a folder where it does not look for it.
folder = corpus / "model" / "tokenizers"
folder.mkdir(parents=True, exist_ok=True)
for file in (Path(wordllama.__file__).parent / "tokenizers").glob("*.json"):
    shutil.copy(file, folder)
model = WordLlama.load(dim=256, cache_dir=folder.parent, disable_download=True)


def embedded(some):
    vectors = np.zeros((len(some), DIMENSIONS), dtype=np.float32)
    vectors[:, :256] = model.embed(some, norm=True)
    return np.round(vectors, 4)


# The handful above, and sentences that are cut in half.
halves = [" ".join(text.split()[: len(text.split()) // 2]) for text in texts[:: max(1, len(texts) // 500)]]
queries = QUERIES + halves
vectors, searched = embedded(texts), embedded(queries)
write_vectors(corpus / "vectors.fvecs", vectors)
write_vectors(corpus / "vector-queries.fvecs", searched)
(corpus / "texts.tsv").write_text("".join(f"{n}\t{text}\n" for n, text in enumerate(texts)), encoding="utf-8")
(corpus / "words.txt").write_text("".join(f"{word}\n" for word in sorted(set(counts))), encoding="utf-8")
(corpus / "text-queries.tsv").write_text(
    "".join(f"real\t{' '.join(tokens(text)[:16])}\n" for text in queries if tokens(text)), encoding="utf-8"
)
for text, scores in zip(QUERIES, searched @ vectors.T):
    best = np.argsort(-scores)[:3]
    report(query=text, nearest=[[round(float(scores[n]), 2), texts[n]] for n in best])
report(name="real sentences", documents=len(texts), vectors=len(texts))
