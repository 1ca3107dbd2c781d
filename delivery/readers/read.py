"""Reads a file, and prints what is in it.

    read.py duckdb|pyarrow FILE.parquet...    each row as JSON on a line
    read.py query SQL                         the same of a query of DuckDB
    read.py unpack CODEC FILE                 the bytes

A library is loaded where it is needed: that takes most of the time.
"""

import base64
import datetime
import decimal
import json
import sys


def plain(value):
    """What JSON has of a value; the kind of the others stands before it."""
    if isinstance(value, bytes):
        return "bytes " + base64.b64encode(value).decode()
    if isinstance(value, decimal.Decimal):
        return "decimal " + str(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return "instant " + value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, datetime.date):
        return "date " + value.isoformat()
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def rows(cursor):
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def read(how, name):
    if how == "pyarrow":
        import pyarrow.parquet

        # Maps come as pairs, and are made what DuckDB gives.
        return pyarrow.parquet.read_table(name).to_pylist(maps_as_pydicts="strict")
    import duckdb

    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    if how == "query":
        return rows(session.execute(name))
    return rows(session.execute("SELECT * FROM read_parquet(?)", [name]))


def unpack(codec, name):
    with open(name, "rb") as f:
        packed = f.read()
    if codec == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(packed).read()
    import snappy

    reader = {"snappy": snappy.StreamDecompressor, "hadoop-snappy": snappy.HadoopStreamDecompressor}[codec]()
    return reader.decompress(packed) + (reader.flush() or b"")


def main():
    how, *rest = sys.argv[1:]
    if how == "unpack":
        sys.stdout.buffer.write(unpack(*rest))
        return
    for name in rest:
        for row in read(how, name):
            print(json.dumps(plain(row), ensure_ascii=False))


main()
