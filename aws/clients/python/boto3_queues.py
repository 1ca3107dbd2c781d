"""The checks of boto3 that are about queues. Numbers are those of the queues' checklist."""

import gzip
import json
import os
import time

import boto3
import botocore
import botocore.awsrequest
from botocore.exceptions import EndpointProviderError

from boto3_suite import check, operation, refused, same
from suite import INSTANT, LIMITED, PACED

HORIZON = {"Type": "TRIM_HORIZON"}
ONCE = {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}


def queue(s, **attributes):
    """Creates a stream with a queue that reads all of it; returns the stream's name and the queue's ARN."""
    name, arn = s.on_demand()
    d = s.kinesis.create_queue(QueueName="q", QueueAttributes=attributes,
                               StreamConfigurationList=[{"StreamARN": arn, "StartingPosition": HORIZON}])
    return name, d["QueueDescription"]["QueueARN"]


def receive(s, arn, **more):
    return s.kinesis.receive_queue_records(QueueARN=arn, **{"WaitTimeSeconds": 1, **more})["QueueRecords"]


def receive_dead(s, arn, **more):
    return s.kinesis.receive_dead_letter_queue_records(QueueARN=arn, **{"WaitTimeSeconds": 1, **more})["QueueRecords"]


def one(records):
    same(len(records), 1)
    return records[0]


def entry(record, **more):
    return {"ReceiptHandle": record["ReceiptHandle"], **more}


def done(out, *records):
    same([e["ReceiptHandle"] for e in out["Successful"]], [r["ReceiptHandle"] for r in records])
    same(out["Failed"], [])


def dead(s):
    """A queue with a dead letter; returns its ARN and the record."""
    name, arn = queue(s, **ONCE)
    s.put(name, b"a")
    one(receive(s, arn, VisibilityTimeoutSeconds=0))
    return arn, one(receive_dead(s, arn))


@operation("CreateQueue", "DescribeQueue")
def _(s):
    _, arn = queue(s, VisibilityTimeoutSeconds=60)
    d = s.kinesis.describe_queue(QueueARN=arn)["QueueDescription"]
    same((d["QueueName"], d["QueueARN"], d["QueueStatus"]), ("q", arn, "ACTIVE"))
    same(d["QueueAttributes"], {"VisibilityTimeoutSeconds": 60,
                                "DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 6}})
    same(d["StreamConfigurationList"][0]["StartingPosition"]["Type"], "TRIM_HORIZON")


@operation("UpdateQueue")
def _(s):
    _, arn = queue(s)
    d = s.kinesis.update_queue(QueueARN=arn, QueueAttributes={"VisibilityTimeoutSeconds": 5})["QueueDescription"]
    same(d["QueueStatus"], "UPDATING")
    same(s.kinesis.describe_queue(QueueARN=arn)["QueueDescription"]["QueueAttributes"]["VisibilityTimeoutSeconds"], 5)


@operation("ListQueues")
def _(s):
    _, stream = s.on_demand()
    for name in "abc":
        s.kinesis.create_queue(QueueName=name, StreamConfigurationList=[{"StreamARN": stream}])
    pages = s.kinesis.get_paginator("list_queues").paginate(
        StreamFilter=[{"StreamARN": stream}], PaginationConfig={"PageSize": 2})
    same([[q["QueueName"] for q in page["QueueSummaries"]] for page in pages], [["a", "b"], ["c"]])


@operation("DeleteQueue")
def _(s):
    name, arn = queue(s)
    refused("ResourceInUseException", s.kinesis.delete_stream, StreamName=name, EnforceConsumerDeletion=True)
    s.kinesis.delete_queue(QueueARN=arn)
    refused("ResourceNotFoundException", s.kinesis.describe_queue, QueueARN=arn)
    s.kinesis.delete_stream(StreamName=name)


@operation("ReceiveQueueRecords", "AcknowledgeQueueRecords")
def _(s):
    name, arn = queue(s)
    s.put(name, b"\x00\xff", key="a key")
    r = one(receive(s, arn))
    same((r["Data"], r["PartitionKey"], r["ReceiveCount"]), (b"\x00\xff", "a key", 1))
    assert r["FirstReceiveTimestamp"] >= r["ApproximateArrivalTimestamp"]
    same(set(r), {"ReceiptHandle", "RecordId", "Data", "PartitionKey", "ApproximateArrivalTimestamp",
                  "FirstReceiveTimestamp", "ReceiveCount"})
    out = s.kinesis.acknowledge_queue_records(QueueARN=arn, Entries=[entry(r), {"ReceiptHandle": "garbage"}])
    same([e["ReceiptHandle"] for e in out["Successful"]], [r["ReceiptHandle"]])
    same([(e["ReceiptHandle"], e["ErrorCode"]) for e in out["Failed"]], [("garbage", "InvalidArgumentException")])
    same(receive(s, arn), [])


@operation("UpdateQueueRecordsVisibility")
def _(s):
    name, arn = queue(s)
    s.put(name, b"a")
    r = one(receive(s, arn))
    done(s.kinesis.update_queue_records_visibility(QueueARN=arn, Entries=[entry(r, VisibilityTimeoutSeconds=0)]), r)
    again = one(receive(s, arn))
    same((again["RecordId"], again["ReceiveCount"]), (r["RecordId"], 2))


@operation("ReceiveDeadLetterQueueRecords", "AcknowledgeDeadLetterQueueRecords")
def _(s):
    arn, r = dead(s)
    same(r["Data"], b"a")
    done(s.kinesis.acknowledge_dead_letter_queue_records(QueueARN=arn, Entries=[entry(r)]), r)
    same(receive_dead(s, arn), [])


@operation("UpdateDeadLetterQueueRecordsVisibility")
def _(s):
    arn, r = dead(s)
    done(s.kinesis.update_dead_letter_queue_records_visibility(
        QueueARN=arn, Entries=[entry(r, VisibilityTimeoutSeconds=0)]), r)
    same(one(receive_dead(s, arn))["RecordId"], r["RecordId"])


@operation("RestoreDeadLetterQueueRecords")
def _(s):
    arn, r = dead(s)
    done(s.kinesis.restore_dead_letter_queue_records(QueueARN=arn, Entries=[entry(r)]), r)
    again = one(receive(s, arn))
    same((again["RecordId"], again["ReceiveCount"]), (r["RecordId"], 1))


@check("Queues: a receive waits for a record, and no longer than it was told")
def _(s):
    name, arn = queue(s)
    began = time.monotonic()
    same(receive(s, arn, WaitTimeSeconds=2), [])
    assert 1.9 < time.monotonic() - began < 5
    s.put(name, b"a")
    began = time.monotonic()
    one(receive(s, arn, WaitTimeSeconds=20))
    assert time.monotonic() - began < 5


@check("Queues: error classes")
def _(s):
    name, arn = queue(s)
    _, provisioned = s.stream()
    refused("ValidationException", s.kinesis.create_queue, QueueName="r",
            StreamConfigurationList=[{"StreamARN": provisioned}])
    refused("ResourceInUseException", s.kinesis.create_queue, QueueName="q",
            StreamConfigurationList=[{"StreamARN": f"arn:aws:kinesis:{INSTANT}:{s.account}:stream/{name}"}])
    refused("ResourceNotFoundException", s.kinesis.receive_queue_records, QueueARN=arn + "x")
    refused("ValidationException", s.kinesis.receive_queue_records, QueueARN=arn, Limit=11)
    limited = s.client(LIMITED)
    for _ in range(100):  # five a second, but the machine may be slow
        try:
            limited.list_queues()
        except limited.exceptions.LimitExceededException:
            break
    else:
        raise AssertionError("a hundred calls were not too many")


@check("Queues: CREATING and DELETING take a moment")
def _(s):
    paced = s.client(PACED)
    paced.create_stream(StreamName="s", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    paced.get_waiter("stream_exists").wait(StreamName="s", WaiterConfig={"Delay": 1})
    arn = paced.create_queue(QueueName="q", StreamConfigurationList=[
        {"StreamARN": f"arn:aws:kinesis:{PACED}:{s.account}:stream/s"}])["QueueDescription"]["QueueARN"]

    def status():
        return paced.describe_queue(QueueARN=arn)["QueueDescription"]["QueueStatus"]

    same(status(), "CREATING")
    while status() == "CREATING":
        time.sleep(0.05)
    same(status(), "ACTIVE")
    paced.delete_queue(QueueARN=arn)
    same(status(), "DELETING")


def hosts(**more):
    """A client without an endpoint of its own, and where it would have sent its request."""
    client = boto3.session.Session().client("kinesis", region_name=INSTANT, aws_access_key_id="a",
                                            aws_secret_access_key="b", **more)
    sent = []

    def send(request, **_):
        sent.append((request.url.split("/")[2], request.headers["X-Amz-Target"]))
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, _Body())

    client.meta.events.register("before-send.kinesis", send)
    return client, sent


class _Body:
    def stream(self, **_):
        yield b'{"QueueRecords":[]}'


# What the client does by itself, with or without an endpoint.
SOME_QUEUE = f"arn:aws:kinesis:{INSTANT}:123456789012:queue/"


@check("Queues: 124 the host of the queue")
def _(s):
    arn = SOME_QUEUE
    client, sent = hosts()
    client.receive_queue_records(QueueARN=arn + "abc-1")
    host, target = sent[0]
    same(host, f"abc-1.data-kinesis-queues.{INSTANT}.amazonaws.com")
    same(target.decode() if isinstance(target, bytes) else target, "Kinesis_20131202.ReceiveQueueRecords")


@check("Queues: 126 ids that can be none")
def _(s):
    client, sent = hosts()
    for bad in ("a_b", "a" * 64):
        try:
            client.receive_queue_records(QueueARN=SOME_QUEUE + bad)
        except EndpointProviderError as e:
            assert "Invalid queue id" in str(e), e
        else:
            raise AssertionError(f"{bad} was sent")
    same(sent, [])


@check("Queues: 125 an endpoint of one's own takes all calls")
def _(s):
    client, sent = hosts(endpoint_url="http://localhost:1")
    client.receive_queue_records(QueueARN=SOME_QUEUE + "a_b")
    same(sent[0][0], "localhost:1")


@check("Queues: every id is one that the client takes for a host's label")
def _(s):
    _, arn = queue(s)
    client, sent = hosts()
    client.receive_queue_records(QueueARN=arn)
    assert sent[0][0].endswith(f".data-kinesis-queues.{INSTANT}.amazonaws.com"), sent


@check("Queues: the model's bounds are the server's")
def _(s):
    """Whatever the client's model bounds is refused past its bounds, and taken at them."""
    path = os.path.join(os.path.dirname(botocore.__file__), "data", "kinesis", "2013-12-02", "service-2.json.gz")
    with gzip.open(path) as f:
        shapes = json.load(f)["shapes"]
    want = {"QueueName": (1, 128), "VisibilityTimeoutSeconds": (0, 43200), "MaxReceiveCount": (1, 1000),
            "ReceiveQueueRecordsInputLimit": (1, 10), "ReceiveQueueRecordsWaitTimeSeconds": (1, 20),
            "ReceiptHandle": (1, 1024), "ListQueuesInputLimit": (1, 10000)}
    same({name: (shapes[name]["min"], shapes[name]["max"]) for name in want}, want)
    same(shapes["QueueARN"]["pattern"], r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+")
    same(shapes["QueueStartingPositionType"]["enum"], ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
