"""The checks of boto3: their suite, the session that each is given, and what they
expect with."""

import os
import time

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

from suite import INSTANT, SHARD0, Suite, new_account

suite = Suite("boto3", f"boto3 {boto3.__version__}, botocore {botocore.__version__}")
operation, check = suite.operation, suite.check


class Session:
    """An account of its own, reached over one protocol."""

    def __init__(self, endpoint):
        self.endpoint, self.account = endpoint, new_account(2)
        self.kinesis = self.client(INSTANT)

    def client(self, region, **more):
        more = {"aws_access_key_id": self.account, "aws_secret_access_key": "secret", **more}
        return boto3.session.Session().client(
            "kinesis", region_name=region, endpoint_url=self.endpoint, verify=os.environ["WEIR_CA"],
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20), **more)

    def stream(self, shards=1, **more):
        """Creates a stream and returns its name and ARN."""
        name = f"stream-{time.monotonic_ns()}"
        if "StreamModeDetails" not in more:
            more["ShardCount"] = shards
        self.kinesis.create_stream(StreamName=name, **more)
        return name, f"arn:aws:kinesis:{INSTANT}:{self.account}:stream/{name}"

    def on_demand(self):
        return self.stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})

    def summary(self, name):
        return self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]

    def put(self, name, data, key="k", **more):
        return self.kinesis.put_record(StreamName=name, PartitionKey=key, Data=data, **more)

    def iterator(self, name, kind="TRIM_HORIZON", shard=SHARD0, **more):
        return self.kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]

    def read(self, iterator):
        return [r["Data"] for r in self.kinesis.get_records(ShardIterator=iterator)["Records"]]

    def register(self, arn, name="c"):
        return self.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"]["ConsumerARN"]

    def split(self, name, shard=SHARD0):
        time.sleep(0.002)  # not in the millisecond in which it began
        keys = next(s for s in self.kinesis.list_shards(StreamName=name)["Shards"] if s["ShardId"] == shard)["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self.kinesis.split_shard(StreamName=name, ShardToSplit=shard, NewStartingHashKey=str(middle))

    def subscribe(self, consumer, shard=SHARD0, kind="TRIM_HORIZON", **more):
        return self.kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": kind, **more})["EventStream"]


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def refused(code, call, message=None, **arguments):
    """Calls and expects the modelled exception with a code; returns its message."""
    client = call.__self__
    try:
        call(**arguments)
    except ClientError as e:
        same(e.response["Error"]["Code"], code)
        same(e.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        assert e.response["ResponseMetadata"]["RequestId"]
        assert isinstance(e, getattr(client.exceptions, code)), f"{code} is not modelled"
        if message is not None:
            same(e.response["Error"]["Message"], message)
        return e.response["Error"]["Message"]
    raise AssertionError(f"was not refused with {code}")
