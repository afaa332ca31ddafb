"""Reads open tables with DuckDB and pyiceberg, and compares them with the documents they were made from.

usage: check.py EXPECTED.json          compares; prints what differs and exits with 1
       check.py --make-bucket NAME     makes a bucket at $AWS_ENDPOINT_URL

EXPECTED.json: {"root": URL of the branch's folder, "tables": {folder: [{"ts": ns, "documents": [encoded JSON as an object]}]}}
The last publication of a table is its newest.
"""

import base64
import datetime
import glob
import json
import math
import os
import re
import struct
import sys

import duckdb
from pyiceberg.table import StaticTable


def main(arguments):
    if arguments[0] == "--make-bucket":
        return make_bucket(arguments[1])
    with open(arguments[0], encoding="utf-8") as file:
        expected = json.load(file)
    readers = [DuckDb(), PyIceberg()]
    problems, compared = [], 0
    for folder, publications in expected["tables"].items():
        location = f"{expected['root']}/{folder}"
        history = [[decode(document) for document in publication["documents"]] for publication in publications]
        for reader in readers:
            for at, publication in enumerate(publications):
                newest = at + 1 == len(publications)
                for how, read in reader.ways(location, publication["ts"], newest):
                    place = f"{reader.name}, {folder} at {publication['ts']} by {how}"
                    try:
                        rows = read()
                    except Exception as error:  # whatever a reader raises is a finding
                        problems.append(f"{place}: {error}")
                        continue
                    problems += [f"{place}: {problem}" for problem in differences(reader, rows, history[at], history[: at + 1])]
                    compared += len(rows)
    print("\n".join(problems) if problems else f"{compared} rows are as they should be")
    return 1 if problems else 0


# What the client package makes of encoded JSON.


def decode(value):
    if isinstance(value, list):
        return [decode(element) for element in value]
    if isinstance(value, dict):
        if len(value) == 1:
            (key, inner), = value.items()
            if key == "$integer":
                return int.from_bytes(base64.b64decode(inner), "little", signed=True)
            if key == "$float":
                return struct.unpack("<d", base64.b64decode(inner))[0]
            if key == "$bytes":
                return base64.b64decode(inner)
        return {name: decode(field) for name, field in value.items()}
    # Int64 is always tagged: a bare number is a float.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Comparison.


def differences(reader, rows, documents, history):
    wanted = {document["_id"]: document for document in documents}
    problems = []
    if len(rows) != len(documents) or {row["_id"] for row in rows} != set(wanted):
        problems.append(f"{len(rows)} rows, not the {len(documents)} documents")
    kinds = {}
    for document in (document for publication in history for document in publication):
        observe((), document, kinds)
    paths = Paths(kinds, reader.loses_nulls)
    for row in rows:
        document = wanted.get(row["_id"])
        if document is not None:
            paths.object((), row, document)
    return problems + paths.problems()


class Paths:
    """Compares values, and notes for each path whether its column holds the values themselves or their JSON."""

    def __init__(self, kinds, loses_nulls):
        self.kinds, self.loses_nulls = kinds, loses_nulls
        self.modes, self.found = {}, []

    def object(self, path, row, document):
        columns, seen = dict(row), set()
        for name, column in pairs(columns, document):
            seen.add(column)
            self.value((*path, name), columns.get(column), document[name])
        for column in set(columns) - seen - {"_other"}:
            if columns[column] is not None and not self.lost_null((*path, column), columns[column]):
                self.found.append(f"{'.'.join((*path, column))}: {columns[column]!r} for a missing field")

    def value(self, path, got, wanted):
        if wanted is None:
            if got is not None and not self.lost_null(path, got):
                self.found.append(f"{'.'.join(path)}: {got!r}, not null")
            return
        plain = self.plain(path, got, wanted)
        text = isinstance(got, str) and same_json(got, wanted)
        modes = {mode for mode, holds in (("plain", plain), ("json", text)) if holds}
        known = self.modes.setdefault(path, {"plain", "json"})
        if not modes & known:
            self.found.append(f"{'.'.join(path)}: {got!r} for {wanted!r}, where others are {sorted(known)}")
        else:
            self.modes[path] = modes & known

    def plain(self, path, got, wanted):
        if isinstance(wanted, dict):
            if isinstance(got, list):  # a map, as pairs
                got = dict(got)
            if not isinstance(got, dict):
                return False
            self.object((*path, "{}"), got, wanted)
            return True
        if isinstance(wanted, list):
            if not isinstance(got, list) or len(got) != len(wanted):
                return False
            for got_element, element in zip(got, wanted):
                self.value((*path, "[]"), got_element, element)
            return True
        return same_scalar(got, wanted)

    def lost_null(self, path, got):
        inner = self.kinds.get((*path, "[]"), set()) | self.kinds.get(path, set())
        return self.loses_nulls and got == [] and bool(inner & {"object", "map"})

    def problems(self):
        kinds = self.kinds
        mixed = lambda path: len(kinds.get(path, ())) > 1 or "{}" in kinds.get(path, ())
        for path, modes in self.modes.items():
            if modes == {"json"} and not any(mixed(path[:end]) for end in range(len(path) + 1)) and len(path) < 8:
                self.found.append(f"{'.'.join(path)}: JSON text, though all values are of type {kinds.get(path)}")
        return self.found[:20]


def pairs(columns, document):
    """Fields with their columns: the same name, or with a number where names differ only in case."""
    for name in document:
        column = name
        if name not in columns:
            others = (f"{name}_{n}" for n in range(2, 9))
            column = next((other for other in others if other in columns), name)
        yield name, column


def same_scalar(got, wanted):
    if type(got) is not type(wanted):
        return False
    if isinstance(wanted, float):
        if math.isnan(wanted):
            return math.isnan(got)
        return struct.pack("<d", got) == struct.pack("<d", wanted)
    return got == wanted


def same_json(text, wanted):
    try:
        return same(decode(json.loads(text)), wanted)
    except ValueError:
        return False


def same(got, wanted):
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(same(got[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(same, got, wanted))
    return same_scalar(got, wanted)


def observe(path, value, kinds):
    """Collects the types of the values at each path."""
    if value is None:
        return
    known = kinds.setdefault(path, set())
    if isinstance(value, dict):
        known.add("object" if value else "{}")
        if not all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in value):
            known.add("map")
        for name, field in value.items():
            observe((*path, name) if not path else (*path, "{}", name), field, kinds)
    elif isinstance(value, list):
        known.add("array")
        for element in value:
            observe((*path, "[]"), element, kinds)
    else:
        known.add(type(value).__name__)


# Readers.


class DuckDb:
    name = "DuckDB"
    loses_nulls = False

    def __init__(self):
        self.connection = duckdb.connect()
        for extension in ("avro", "httpfs", "iceberg"):
            package = __import__(f"duckdb_extension_{extension}")
            pattern = f"{package.__path__[0]}/extensions/*/{extension}.duckdb_extension"
            self.connection.load_extension(glob.glob(pattern)[0])
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            self.connection.execute(
                f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
                f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION 'us-east-1', "
                f"ENDPOINT '{endpoint.removeprefix('http://')}', USE_SSL false, URL_STYLE 'path')"
            )

    def ways(self, location, ts, newest):
        if newest:
            yield "name", lambda: self.read(f"iceberg_scan('{location}')")
        yield "snapshot", lambda: self.read(f"iceberg_scan('{location}', snapshot_from_id => {ts})")
        moment = datetime.datetime.fromtimestamp(ts // 1_000_000 / 1000, datetime.UTC).isoformat(timespec="milliseconds")
        timestamp = f"TIMESTAMPTZ '{moment}'::TIMESTAMP"
        yield "time", lambda: self.read(f"iceberg_scan('{location}', snapshot_from_timestamp => {timestamp})")

    def read(self, table):
        self.connection.execute("SET TimeZone = 'UTC'")
        cursor = self.connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


class PyIceberg:
    name = "pyiceberg"
    # A null list or map of objects reads as an empty one: its `ArrowProjectionVisitor` rebuilds such arrays from the offsets.
    loses_nulls = True

    def ways(self, location, ts, newest):
        if newest:
            yield "name", lambda: self.read(location, None)
        yield "snapshot", lambda: self.read(location, ts)

    def read(self, location, snapshot):
        properties = {}
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            properties = {
                "s3.endpoint": endpoint,
                "s3.region": "us-east-1",
                "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
                "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
            }
        table = StaticTable.from_metadata(location, properties)
        return table.scan(snapshot_id=snapshot).to_arrow().to_pylist()


def make_bucket(name):
    import botocore.session

    session = botocore.session.get_session()
    session.create_client("s3", region_name="us-east-1").create_bucket(Bucket=name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
