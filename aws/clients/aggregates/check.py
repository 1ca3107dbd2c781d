"""Compares awslabs' aggregation for Python with the aggregates that ./main.go
writes, and packs some for it to read: check.py WRITTEN PACKED."""

import base64
import importlib.metadata
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))

from aws_kinesis_agg import aggregator, deaggregator  # noqa: E402
from suite import Suite  # noqa: E402


def decode(text):
    return base64.b64decode(text)


def encode(data):
    return base64.b64encode(data).decode()


def check_written(name):
    """Takes apart each aggregate that is as a producer makes it."""
    n = 0
    for line in open(name):
        name, key, data, _, _, *users = line.rstrip("\n").split("\t")
        if not name.startswith("sound"):
            continue
        record = {"kinesis": {"data": data, "partitionKey": decode(key).decode(), "sequenceNumber": "1",
                              "kinesisSchemaVersion": "1.0", "approximateArrivalTimestamp": 1}}
        got = []
        for u in deaggregator.deaggregate_records([record]):
            k = u["kinesis"]
            got += [encode(k["partitionKey"].encode()), k.get("explicitHashKey") or "", k["data"] if isinstance(k["data"], str)
                    else k["data"].decode(), str(k["subSequenceNumber"])]
        # Of a user record without a hash key it names the first one of the table.
        got[1::4] = [hash_key if want else "" for hash_key, want in zip(got[1::4], users[1::4])]
        assert got == users, f"{name}: got {got}, want {users}"
        n += 1
    assert n > 0, "nothing was written"


def pack(name):
    """Packs aggregates."""
    chance = random.Random(7)
    with open(name, "w") as out:
        for i in range(200):
            a = aggregator.RecordAggregator()
            users = []
            for sub in range(2 + chance.randrange(20)):
                key = chance.choice(["a", "b", "c é", "日本"])
                hash_key = chance.choice([None, str(chance.randrange(2**128))])
                data = chance.randbytes(chance.randrange(300))
                assert a.add_user_record(key, data, hash_key) is None
                users += [encode(key.encode()), hash_key, encode(data), str(sub)]
            key, _, data = a.clear_and_get().get_contents()
            out.write("\t".join([f"packed {i}", encode(key.encode()), encode(data), "", "", *(u or "" for u in users)]) + "\n")


def main():
    suite = Suite("awslabs' aggregation for Python", importlib.metadata.version("aws-kinesis-agg"))
    written, packed = sys.argv[1:]
    suite.check("it takes apart what package aggregate packs")(lambda: check_written(written))
    passed = suite.run("-")
    pack(packed)
    sys.exit(0 if passed else 1)


main()
