"""Drives a running server with the AWS CLI, as a user at a prompt would."""

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile

import botocore

from suite import INSTANT, SHARD0, SHARD1, Suite, new_account

AWS = os.path.join(os.path.dirname(sys.executable), "aws")


# The newest CLI has the service's model of before queues. As `aws configure add-model` would, this
# gives it that of boto3.
MODELS = tempfile.mkdtemp()


def add_model():
    directory = os.path.join(MODELS, "kinesis", "2013-12-02")
    os.makedirs(directory)
    source = os.path.join(os.path.dirname(botocore.__file__), "data", "kinesis", "2013-12-02", "service-2.json.gz")
    with gzip.open(source) as model, open(os.path.join(directory, "service-2.json"), "wb") as copy:
        copy.write(model.read())


class Failed(Exception):
    """What the CLI printed when it failed."""


class Shell:
    """The CLI with an account of its own. Its methods are commands of `aws kinesis`."""

    def __init__(self, endpoint):
        self.endpoint, self.account = endpoint, new_account(3)

    def __call__(self, command, *options, **arguments):
        line = [AWS, "kinesis", command, "--endpoint-url", self.endpoint, "--region", INSTANT, "--output", "json",
                "--ca-bundle", os.environ["WEIR_CA"], *options]
        for name, value in arguments.items():
            line += ["--" + name.replace("_", "-"), value]
        env = dict(os.environ, AWS_DATA_PATH=MODELS, AWS_ACCESS_KEY_ID=self.account, AWS_SECRET_ACCESS_KEY="secret", AWS_MAX_ATTEMPTS="1",
                   AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_PAGER="")
        done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise Failed(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None


version = subprocess.run([AWS, "--version"], capture_output=True, text=True).stdout.split()[0].replace("/", " ")
suite = Suite("AWS CLI", f"{version}, with the model of botocore {botocore.__version__}")
operation = suite.operation


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def stream(aws, name, shards="1"):
    same(aws("create-stream", stream_name=name, shard_count=shards), None)
    aws("wait", "stream-exists", stream_name=name)
    return f"arn:aws:kinesis:{INSTANT}:{aws.account}:stream/{name}"




@operation("CreateStream", "DescribeStreamSummary")
def _(aws):
    stream(aws, "s", "2")
    d = aws("describe-stream-summary", stream_name="s")["StreamDescriptionSummary"]
    same((d["StreamStatus"], d["OpenShardCount"]), ("ACTIVE", 2))


@operation("DeleteStream")
def _(aws):
    stream(aws, "s")
    same(aws("delete-stream", stream_name="s"), None)
    aws("wait", "stream-not-exists", stream_name="s")
    same(aws("list-streams")["StreamNames"], [])
    try:
        aws("describe-stream", stream_name="s")
    except Failed as e:
        assert "(ResourceNotFoundException)" in str(e) and f"Stream s under account {aws.account} not found." in str(e), e
    else:
        raise AssertionError("it is still there")


@operation("DescribeStream")
def _(aws):
    arn = stream(aws, "s", "3")
    d = aws("describe-stream", stream_arn=arn)["StreamDescription"]
    same((d["StreamARN"], len(d["Shards"])), (arn, 3))


@operation("ListStreams")
def _(aws):
    stream(aws, "a")
    stream(aws, "b")
    same(aws("list-streams")["StreamNames"], ["a", "b"])


@operation("PutRecord")
def _(aws):
    stream(aws, "s")
    out = aws("put-record", stream_name="s", partition_key="k", data="hello")
    same(set(out), {"ShardId", "SequenceNumber"})


@operation("PutRecords")
def _(aws):
    stream(aws, "s", "2")
    entries = [{"PartitionKey": str(i), "Data": "x"} for i in range(10)]
    same(aws("put-records", stream_name="s", records=json.dumps(entries))["FailedRecordCount"], 0)


@operation("GetRecords")
def _(aws):
    stream(aws, "s")
    aws("put-record", stream_name="s", partition_key="k", data="hello")
    iterator = aws("get-shard-iterator", stream_name="s", shard_id=SHARD0, shard_iterator_type="TRIM_HORIZON")["ShardIterator"]
    out = aws("get-records", shard_iterator=iterator)
    same([base64.b64decode(r["Data"]) for r in out["Records"]], [b"hello"])
    same(out["MillisBehindLatest"], 0)


@operation("GetShardIterator")
def _(aws):
    stream(aws, "s")
    number = aws("put-record", stream_name="s", partition_key="k", data="x")["SequenceNumber"]
    for kind, more in (("LATEST", {}), ("AT_SEQUENCE_NUMBER", {"starting_sequence_number": number}),
                       ("AFTER_SEQUENCE_NUMBER", {"starting_sequence_number": number}),
                       ("AT_TIMESTAMP", {"timestamp": "2020-01-01T00:00:00Z"})):
        assert aws("get-shard-iterator", stream_name="s", shard_id=SHARD0, shard_iterator_type=kind, **more)["ShardIterator"]


@operation("SplitShard")
def _(aws):
    stream(aws, "s")
    aws("split-shard", stream_name="s", shard_to_split=SHARD0, new_starting_hash_key=str(2**127))
    same([s.get("ParentShardId") for s in aws("list-shards", stream_name="s")["Shards"]], [None, SHARD0, SHARD0])


@operation("MergeShards")
def _(aws):
    stream(aws, "s", "2")
    aws("merge-shards", stream_name="s", shard_to_merge=SHARD0, adjacent_shard_to_merge=SHARD1)
    same(len(aws("list-shards", stream_name="s")["Shards"]), 3)


@operation("UpdateShardCount")
def _(aws):
    stream(aws, "s")
    same(aws("update-shard-count", stream_name="s", target_shard_count="2", scaling_type="UNIFORM_SCALING")["TargetShardCount"], 2)


@operation("ListShards")
def _(aws):
    stream(aws, "s", "3")
    same(len(aws("list-shards", stream_name="s", shard_filter="Type=AT_LATEST")["Shards"]), 3)


@operation("RegisterStreamConsumer", "ListStreamConsumers", "DescribeStreamConsumer", "DeregisterStreamConsumer")
def _(aws):
    arn = stream(aws, "s")
    consumer = aws("register-stream-consumer", stream_arn=arn, consumer_name="c")["Consumer"]["ConsumerARN"]
    same([c["ConsumerARN"] for c in aws("list-stream-consumers", stream_arn=arn)["Consumers"]], [consumer])
    same(aws("describe-stream-consumer", consumer_arn=consumer)["ConsumerDescription"]["ConsumerStatus"], "ACTIVE")
    same(aws("deregister-stream-consumer", consumer_arn=consumer), None)


@operation("AddTagsToStream", "RemoveTagsFromStream", "ListTagsForStream", "ListTagsForResource")
def _(aws):
    arn = stream(aws, "s")
    same(aws("add-tags-to-stream", stream_name="s", tags="a=1,b=2"), None)
    aws("remove-tags-from-stream", stream_name="s", tag_keys="a")
    same(aws("list-tags-for-stream", stream_name="s")["Tags"], [{"Key": "b", "Value": "2"}])
    same(aws("list-tags-for-resource", resource_arn=arn)["Tags"], [{"Key": "b", "Value": "2"}])


@operation("IncreaseStreamRetentionPeriod", "DecreaseStreamRetentionPeriod")
def _(aws):
    stream(aws, "s")
    aws("increase-stream-retention-period", stream_name="s", retention_period_hours="48")
    aws("decrease-stream-retention-period", stream_name="s", retention_period_hours="36")
    same(aws("describe-stream-summary", stream_name="s")["StreamDescriptionSummary"]["RetentionPeriodHours"], 36)


@operation("CreateQueue", "DescribeQueue", "ListQueues", "UpdateQueue", "DeleteQueue", "ReceiveQueueRecords",
           "AcknowledgeQueueRecords", "UpdateQueueRecordsVisibility", "ReceiveDeadLetterQueueRecords",
           "AcknowledgeDeadLetterQueueRecords", "UpdateDeadLetterQueueRecordsVisibility", "RestoreDeadLetterQueueRecords")
def _(aws):
    same(aws("create-stream", stream_name="s"), None)
    arn = aws("create-queue", queue_name="q", stream_configuration_list=json.dumps([
        {"StreamARN": f"arn:aws:kinesis:{INSTANT}:{aws.account}:stream/s", "StartingPosition": {"Type": "TRIM_HORIZON"}}]),
        queue_attributes="VisibilityTimeoutSeconds=60")["QueueDescription"]["QueueARN"]
    same(aws("describe-queue", queue_arn=arn)["QueueDescription"]["QueueStatus"], "ACTIVE")
    same([q["QueueARN"] for q in aws("list-queues")["QueueSummaries"]], [arn])
    d = aws("update-queue", queue_arn=arn, queue_attributes=json.dumps(
        {"DeadLetterConfiguration": {"TargetType": "BUILT_IN", "MaxReceiveCount": 1}}))
    same(d["QueueDescription"]["QueueAttributes"]["VisibilityTimeoutSeconds"], 60)
    aws("put-record", stream_name="s", partition_key="k", data="a")

    def receive(kind, *options):
        records = aws(f"receive-{kind}queue-records", "--wait-time-seconds", "1", *options, queue_arn=arn)["QueueRecords"]
        same([base64.b64decode(r["Data"]) for r in records], [b"a"])
        return records[0]["ReceiptHandle"]

    def change(command, handle, more=""):
        out = aws(command, queue_arn=arn, entries=f"ReceiptHandle={handle}{more}")
        same(([e["ReceiptHandle"] for e in out["Successful"]], out["Failed"]), ([handle], []))

    change("update-queue-records-visibility", receive(""), ",VisibilityTimeoutSeconds=0")
    change("update-dead-letter-queue-records-visibility", receive("dead-letter-"), ",VisibilityTimeoutSeconds=0")
    change("restore-dead-letter-queue-records", receive("dead-letter-"))
    receive("", "--visibility-timeout-seconds", "0")
    change("acknowledge-dead-letter-queue-records", receive("dead-letter-"))
    aws("put-record", stream_name="s", partition_key="k", data="a")
    change("acknowledge-queue-records", receive(""))
    same(aws("delete-queue", queue_arn=arn), None)
    same(aws("list-queues")["QueueSummaries"], [])


@operation("DescribeLimits")
def _(aws):
    same(aws("describe-limits")["ShardLimit"], 20000)


def main():
    add_model()
    checks = Suite(suite.client, suite.version)
    checks.checks = [(kind, name, lambda e, f=function: f(Shell(e))) for kind, name, function in suite.checks]
    passed = checks.run("JSON, HTTP/1.1", os.environ["WEIR_HTTP"])
    checks.checks = checks.checks[:1]  # the same code speaks TLS: once is enough
    return 0 if checks.run("JSON, HTTP/1.1 TLS", os.environ["WEIR_HTTPS"]) and passed else 1


if __name__ == "__main__":
    sys.exit(main())
