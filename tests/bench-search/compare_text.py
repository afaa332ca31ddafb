"""The text corpus in tantivy: the same words, the same searches, BM25, the ten best.

usage: compare_text.py CORPUS        writes tantivy.ivecs beside the corpus
"""

import bisect
import shutil
import tempfile
import time

import tantivy
from common import RESULTS, directory, percentiles, report, resident_mb, rounded, size, timed, write_results

# As many terms as a prefix stands for, and what they count beside the exact term.
PREFIX_TERMS, PREFIX_BOOST = 16, 0.5
WRITER_BYTES = 256 << 20

corpus = directory()
vocabulary = sorted(line.rstrip("\n") for line in open(corpus / "words.txt"))
queries = [line.rstrip("\n").split("\t") for line in open(corpus / "text-queries.tsv")]


def schema():
    builder = tantivy.SchemaBuilder()
    # All words are of lower-case letters: splitting and lowering is all that is done to them. No positions.
    builder.add_text_field("body", stored=False, tokenizer_name="default", index_option="freq")
    builder.add_integer_field("n", stored=True, fast=True)
    return builder.build()


def parsed(schema, text):
    """Any of the words; the last one also stands for words that begin like it."""
    words = text.split(" ")
    should = [tantivy.Query.term_query(schema, "body", word) for word in words]
    last = words[-1]
    at = bisect.bisect_left(vocabulary, last)
    expanded = [word for word in vocabulary[at : at + PREFIX_TERMS + 1] if word.startswith(last) and word != last]
    for word in expanded[:PREFIX_TERMS]:
        should.append(tantivy.Query.boost_query(tantivy.Query.term_query(schema, "body", word), PREFIX_BOOST))
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in should])


def main():
    shape = schema()
    folder = tempfile.mkdtemp(prefix="bench-tantivy-")
    try:
        index = tantivy.Index(shape, path=folder)
        before = resident_mb()
        begun = time.perf_counter()
        writer = index.writer(WRITER_BYTES, num_threads=2)
        count = 0
        for line in open(corpus / "texts.tsv"):
            n, text = line.rstrip("\n").split("\t")
            writer.add_document(tantivy.Document(body=text, n=int(n)))
            count += 1
        writer.commit()
        committed = time.perf_counter() - begun
        writer.wait_merging_threads()
        merged = time.perf_counter() - begun
        report(
            name="tantivy: indexing", engine=f"tantivy {tantivy.__version__}", documents=count, threads=2,
            documents_per_second=rounded(count / committed), with_merges_s=rounded(merged),
            bytes_per_document=rounded(size(folder) / count), memory_mb=rounded(resident_mb() - before),
        )

        index.reload()
        searcher = index.searcher()
        prepared = [(kind, parsed(shape, text)) for kind, text in queries]
        found, times = timed(lambda query: searcher.search(query[1], RESULTS, count=False).hits, prepared)
        numbers = [[searcher.doc(address)["n"][0] for _, address in hits] for hits in found]
        write_results(corpus / "tantivy.ivecs", numbers)
        by_kind = {}
        for (kind, _), seconds in zip(queries, times):
            by_kind.setdefault(kind, []).append(seconds)
        report(
            name="tantivy: search, warm", documents=count, segments=searcher.num_segments, latency=percentiles(times),
            by_kind={kind: percentiles(of_kind) for kind, of_kind in sorted(by_kind.items())},
            without_result=sum(not row for row in numbers),
        )
        # As a user's request does it: the words are looked up and the documents are read.
        whole = lambda query: [searcher.doc(hit[1]) for hit in searcher.search(parsed(shape, query[1]), RESULTS, count=False).hits]
        _, times = timed(whole, queries)
        report(name="tantivy: search, warm, with making the query and reading stored fields", documents=count, latency=percentiles(times))
    finally:
        shutil.rmtree(folder)


main()
