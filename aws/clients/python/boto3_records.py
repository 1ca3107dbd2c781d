"""boto3: consumers, records, subscriptions, and what takes several operations."""

import datetime
import hashlib
import os
import threading
import time

from botocore.exceptions import ClientError

from boto3_suite import Session, check, operation, refused, same
from suite import HASTY, INSTANT, LIMITED, PACED, SHARD0, SHARD2


@operation("RegisterStreamConsumer")
def _(s):
    _, arn = s.stream()
    c = s.kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="one")["Consumer"]
    same(c["ConsumerARN"], f"{arn}/consumer/one:{int(c['ConsumerCreationTimestamp'].timestamp())}")
    refused("ResourceInUseException", s.kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="one")


@operation("DescribeStreamConsumer")
def _(s):
    _, arn = s.stream()
    consumer = s.register(arn)
    for by in {"ConsumerARN": consumer}, {"StreamARN": arn, "ConsumerName": "c"}:
        d = s.kinesis.describe_stream_consumer(**by)["ConsumerDescription"]
        same((d["ConsumerARN"], d["StreamARN"], d["ConsumerStatus"]), (consumer, arn, "ACTIVE"))


@operation("ListStreamConsumers")
def _(s):
    _, arn = s.stream()
    for i in range(5):
        s.register(arn, f"c{i}")
    pages = s.kinesis.get_paginator("list_stream_consumers").paginate(StreamARN=arn, PaginationConfig={"PageSize": 2})
    same(sum(len(p["Consumers"]) for p in pages), 5)


@operation("DeregisterStreamConsumer")
def _(s):
    _, arn = s.stream()
    consumer = s.register(arn)
    s.kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    refused("ResourceNotFoundException", s.kinesis.describe_stream_consumer, ConsumerARN=consumer)


@operation("PutRecord")
def _(s):
    name, _ = s.stream(3)
    out = s.put(name, b"\x00\xff", key="user-1")
    same(out["ShardId"], SHARD2)
    same(set(out) - {"ResponseMetadata"}, {"ShardId", "SequenceNumber"})
    after = s.put(name, b"", key="user-1", SequenceNumberForOrdering=out["SequenceNumber"])
    assert int(after["SequenceNumber"]) > int(out["SequenceNumber"])
    same(s.read(s.iterator(name, shard=SHARD2)), [b"\x00\xff", b""])


@operation("PutRecords")
def _(s):
    name, _ = s.stream(4)
    out = s.kinesis.put_records(StreamName=name, Records=[
        {"PartitionKey": str(i), "Data": str(i).encode()} for i in range(500)])
    same((out["FailedRecordCount"], len(out["Records"])), (0, 500))
    for i, r in enumerate(out["Records"]):
        same(r["ShardId"], f"shardId-{hashlib.md5(str(i).encode()).digest()[0] >> 6:012d}")
    refused("ValidationException", s.kinesis.put_records, StreamName=name,
            Records=[{"PartitionKey": "k", "Data": b""}] * 501)


@operation("GetShardIterator")
def _(s):
    name, _ = s.stream()
    s.put(name, b"a")
    time.sleep(0.005)
    at = datetime.datetime.now(datetime.timezone.utc)
    b = s.put(name, b"b")["SequenceNumber"]
    latest = s.iterator(name, "LATEST")
    s.put(name, b"c")
    for want, kind, more in (
        ([b"a", b"b", b"c"], "TRIM_HORIZON", {}),
        ([b"b", b"c"], "AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": b}),
        ([b"c"], "AFTER_SEQUENCE_NUMBER", {"StartingSequenceNumber": b}),
        ([b"b", b"c"], "AT_TIMESTAMP", {"Timestamp": at}),
        ([b"a", b"b", b"c"], "AT_TIMESTAMP", {"Timestamp": at - datetime.timedelta(days=365)}),
    ):
        same((kind, s.read(s.iterator(name, kind, **more))), (kind, want))
    same(s.read(latest), [b"c"])
    same(s.read(latest), [b"c"])


@operation("GetRecords")
def _(s):
    name, _ = s.stream()
    s.put(name, b"a")
    s.put(name, b"b")
    first = s.kinesis.get_records(ShardIterator=s.iterator(name), Limit=1)
    r = first["Records"][0]
    same(set(r), {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"})
    assert "ChildShards" not in first
    rest = s.kinesis.get_records(ShardIterator=first["NextShardIterator"])
    same(([r["Data"] for r in rest["Records"]], rest["MillisBehindLatest"]), ([b"b"], 0))
    s.split(name)
    out = rest
    while "NextShardIterator" in out:
        out = s.kinesis.get_records(ShardIterator=out["NextShardIterator"])
    same([c["ParentShards"] for c in out["ChildShards"]], [[SHARD0]] * 2)
    refused("InvalidArgumentException", s.kinesis.get_records, "Invalid ShardIterator.", ShardIterator="x")


@operation("SubscribeToShard")
def _(s):
    name, arn = s.stream()
    consumer = s.register(arn)
    s.put(name, b"a")
    events = s.subscribe(consumer)
    refused("ResourceInUseException", s.kinesis.subscribe_to_shard, ConsumerARN=consumer, ShardId=SHARD0,
            StartingPosition={"Type": "LATEST"})
    got, times = [], {}
    threading.Timer(0.3, lambda: times.update(put=time.monotonic()) or s.put(name, b"b")).start()
    for event in events:
        ev = event["SubscribeToShardEvent"]
        assert "ChildShards" not in ev and ev["ContinuationSequenceNumber"]
        got += [r["Data"] for r in ev["Records"]]
        if len(got) == 2:
            break
    assert time.monotonic() - times["put"] < 4, "records are pushed, and do not wait for the next idle event"
    same(got, [b"a", b"b"])
    events.close()


@check("SubscribeToShard: a closed shard ends with its children")
def _(s):
    name, arn = s.stream()
    s.put(name, b"a")
    s.split(name)
    last = None
    for event in s.subscribe(s.register(arn)):
        last = event["SubscribeToShardEvent"]
    assert "ContinuationSequenceNumber" not in last, last
    same([c["ParentShards"] for c in last["ChildShards"]], [[SHARD0]] * 2)


@check("SubscribeToShard: an event about every 5 s when idle")
def _(s):
    _, arn = s.stream()
    begin, n = time.monotonic(), 0
    events = s.subscribe(s.register(arn))
    for event in events:
        same(event["SubscribeToShardEvent"]["Records"], [])
        n += 1
        if time.monotonic() - begin > 4:
            break
    assert n <= 3, f"{n} events"
    assert time.monotonic() - begin < 9.5
    events.close()


@check("Waiters: stream_exists and stream_not_exists")
def _(s):
    c = s.client(PACED)
    c.create_stream(StreamName="waited-for", ShardCount=1)
    same(c.describe_stream(StreamName="waited-for")["StreamDescription"]["StreamStatus"], "CREATING")
    often = {"Delay": 1, "MaxAttempts": 60}
    c.get_waiter("stream_exists").wait(StreamName="waited-for", WaiterConfig=often)
    c.delete_stream(StreamName="waited-for")
    c.get_waiter("stream_not_exists").wait(StreamName="waited-for", WaiterConfig=often)


@check("Error classes: validation, limits, expiry, dry run")
def _(s):
    name, _ = s.stream()
    refused("ValidationException", s.kinesis.describe_stream,
            "2 validation errors detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value "
            "less than or equal to 10000; Value 'a/b' at 'streamName' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: [a-zA-Z0-9_.-]+", StreamName="a/b", Limit=10001)
    refused("LimitExceededException", s.kinesis.create_stream, StreamName="huge", ShardCount=30000)
    refused("DryRunOperationException", s.kinesis.put_record, StreamName=name, PartitionKey="k", Data=b"", DryRun=True)
    same(s.read(s.iterator(name)), [])
    old = s.client(HASTY)
    old.create_stream(StreamName="old", ShardCount=1)
    it = old.get_shard_iterator(StreamName="old", ShardId=SHARD0, ShardIteratorType="LATEST")["ShardIterator"]
    time.sleep(3.1)  # 310 s of the server's
    assert refused("ExpiredIteratorException", old.get_records, ShardIterator=it).startswith("Iterator expired.")


@check("Throttling: writes, reads and calls")
def _(s):
    c = s.client(LIMITED)
    c.create_stream(StreamName="busy", ShardCount=1)

    def until_refused(code, call, **arguments):
        end = time.monotonic() + 30  # a slow machine may stay below any limit for a while
        while time.monotonic() < end:
            try:
                call(**arguments)
            except ClientError as e:
                return same(e.response["Error"]["Code"], code)
        raise AssertionError(f"never {code}")

    until_refused("ProvisionedThroughputExceededException", c.put_record,
                  StreamName="busy", PartitionKey="k", Data=bytes(900 << 10))
    it = c.get_shard_iterator(StreamName="busy", ShardId=SHARD0, ShardIteratorType="LATEST")["ShardIterator"]
    until_refused("ProvisionedThroughputExceededException", c.get_records, ShardIterator=it)
    until_refused("LimitExceededException", c.describe_limits)


@check("PutRecords: partial failure of a throttled shard")
def _(s):
    c = s.client(LIMITED)
    c.create_stream(StreamName="partly", ShardCount=2)
    entry = {"PartitionKey": "k", "Data": bytes(700 << 10), "ExplicitHashKey": "0"}
    out = c.put_records(StreamName="partly", Records=[entry] * 3 + [{**entry, "ExplicitHashKey": str(2**128 - 1)}])
    failed = [r for r in out["Records"] if "ErrorCode" in r]
    same(out["FailedRecordCount"], len(failed))
    assert failed and "ErrorCode" not in out["Records"][3]
    same(failed[0], {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage":
                     f"Rate exceeded for shard {SHARD0} in stream partly under account {s.account}."})


@check("SigV4: right signatures pass, others do not")
def _(s):
    keys = {"aws_access_key_id": os.environ["WEIR_SIGNED_KEY"], "aws_secret_access_key": os.environ["WEIR_SIGNED_SECRET"]}
    signed = Session(os.environ["WEIR_SIGNED_HTTP"])
    c = signed.client(INSTANT, **keys)
    name = f"signed-{time.monotonic_ns()}"
    c.create_stream(StreamName=name, ShardCount=1)
    arn = c.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    same(arn.split(":")[4], os.environ["WEIR_SIGNED_ACCOUNT"])
    for wrong, code in ((dict(keys, aws_secret_access_key="wrong"), "InvalidSignatureException"),
                        (dict(keys, aws_access_key_id="AKIAUNKNOWN"), "UnrecognizedClientException")):
        try:
            signed.client(INSTANT, **wrong).list_streams()
        except ClientError as e:
            same(e.response["Error"]["Code"], code)
        else:
            raise AssertionError(f"was not refused with {code}")
