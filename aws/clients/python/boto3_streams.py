"""boto3: streams, shards, settings, tags, policies and channels."""

import datetime
import json
import os

from boto3_suite import operation, refused, same
from suite import INSTANT, SHARD0, SHARD1, SHARD2


@operation("CreateStream")
def _(s):
    name, arn = s.stream(3, Tags={"team": "web"})
    d = s.summary(name)
    same((d["StreamARN"], d["StreamStatus"], d["OpenShardCount"]), (arn, "ACTIVE", 3))
    age = datetime.datetime.now(datetime.timezone.utc) - d["StreamCreationTimestamp"]
    assert abs(age) < datetime.timedelta(minutes=1), age
    refused("ResourceInUseException", s.kinesis.create_stream, f"Stream {name} under account {s.account} already exists.",
            StreamName=name, ShardCount=1)


@operation("DeleteStream")
def _(s):
    name, arn = s.stream()
    s.register(arn)
    refused("ResourceInUseException", s.kinesis.delete_stream, StreamName=name)
    s.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    refused("ResourceNotFoundException", s.kinesis.describe_stream, f"Stream {name} under account {s.account} not found.",
            StreamName=name)


@operation("DescribeStream")
def _(s):
    name, arn = s.stream(3)
    pages = s.kinesis.get_paginator("describe_stream").paginate(StreamName=name, PaginationConfig={"PageSize": 2})
    same([sh["ShardId"] for p in pages for sh in p["StreamDescription"]["Shards"]], [SHARD0, SHARD1, SHARD2])
    d = s.kinesis.describe_stream(StreamARN=arn)["StreamDescription"]
    same((d["EncryptionType"], d["HasMoreShards"], d["EnhancedMonitoring"]), ("NONE", False, [{"ShardLevelMetrics": []}]))
    assert "KeyId" not in d


@operation("DescribeStreamSummary")
def _(s):
    name, arn = s.stream(2)
    s.register(arn)
    d = s.summary(name)
    same((d["OpenShardCount"], d["ConsumerCount"], d["RetentionPeriodHours"]), (2, 1, 24))


@operation("ListStreams")
def _(s):
    names = sorted(s.stream()[0] for _ in range(5))
    pages = s.kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
    same([n for p in pages for n in p["StreamNames"]], names)


@operation("ListShards")
def _(s):
    name, _ = s.stream(3)
    s.split(name)
    # boto3's paginator repeats the name beside the token, which the service refuses.
    page = s.kinesis.list_shards(StreamName=name, MaxResults=2)
    shards = page["Shards"]
    while "NextToken" in page:
        page = s.kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
        shards += page["Shards"]
    same(len({sh["ShardId"] for sh in shards}), 5)
    for kind, want in {"AT_LATEST": 4, "AT_TRIM_HORIZON": 3, "FROM_TRIM_HORIZON": 5}.items():
        same(len(s.kinesis.list_shards(StreamName=name, ShardFilter={"Type": kind})["Shards"]), want)


@operation("SplitShard")
def _(s):
    name, _ = s.stream()
    s.split(name)
    shards = s.kinesis.list_shards(StreamName=name)["Shards"]
    same([sh.get("ParentShardId") for sh in shards], [None, SHARD0, SHARD0])
    refused("InvalidArgumentException", s.kinesis.split_shard,
            f"Shard {SHARD0} in stream {name} under account {s.account} has already been merged or split, "
            "and thus is not eligible for merging or splitting.",
            StreamName=name, ShardToSplit=SHARD0, NewStartingHashKey="5")


@operation("MergeShards")
def _(s):
    name, _ = s.stream(2)
    s.kinesis.merge_shards(StreamName=name, ShardToMerge=SHARD0, AdjacentShardToMerge=SHARD1)
    child = s.kinesis.list_shards(StreamName=name)["Shards"][2]
    same((child["ParentShardId"], child["AdjacentParentShardId"]), (SHARD0, SHARD1))


@operation("UpdateShardCount")
def _(s):
    name, _ = s.stream(2)
    out = s.kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    same((out["CurrentShardCount"], out["TargetShardCount"]), (2, 4))
    same(s.summary(name)["OpenShardCount"], 4)
    refused("LimitExceededException", s.kinesis.update_shard_count,
            StreamName=name, TargetShardCount=9, ScalingType="UNIFORM_SCALING")


@operation("UpdateStreamMode")
def _(s):
    name, arn = s.stream(2)
    s.kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    same(s.summary(name)["StreamModeDetails"], {"StreamMode": "ON_DEMAND"})


@operation("UpdateStreamWarmThroughput")
def _(s):
    name, _ = s.on_demand()
    commit(s)
    out = s.kinesis.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=20)
    same(out["WarmThroughput"]["TargetMiBps"], 20)


def commit(s):
    return s.kinesis.update_account_settings(
        MinimumThroughputBillingCommitment={"Status": "ENABLED"})["MinimumThroughputBillingCommitment"]


@operation("UpdateAccountSettings")
def _(s):
    c = commit(s)
    same(c["Status"], "ENABLED")
    same(c["EarliestAllowedEndAt"] - c["StartedAt"], datetime.timedelta(days=1))


@operation("DescribeAccountSettings")
def _(s):
    commit(s)
    same(s.kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]["Status"], "ENABLED")


@operation("UpdateMaxRecordSize")
def _(s):
    name, arn = s.stream()
    s.kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=10240)
    large = os.urandom(9 << 20)
    s.put(name, large)
    same(s.read(s.iterator(name)), [large])


@operation("UpdateStreamRecordDistributionStrategy")
def _(s):
    name, arn = s.on_demand()
    s.kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="AUTO")
    same(s.summary(name)["RecordDistributionStrategy"], "AUTO")


@operation("IncreaseStreamRetentionPeriod")
def _(s):
    name, _ = s.stream()
    s.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=8760)
    same(s.summary(name)["RetentionPeriodHours"], 8760)
    refused("InvalidArgumentException", s.kinesis.increase_stream_retention_period,
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
            StreamName=name, RetentionPeriodHours=23)


@operation("DecreaseStreamRetentionPeriod")
def _(s):
    name, arn = s.stream()
    s.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    s.kinesis.decrease_stream_retention_period(StreamARN=arn, RetentionPeriodHours=25)
    same(s.summary(name)["RetentionPeriodHours"], 25)


@operation("EnableEnhancedMonitoring")
def _(s):
    name, _ = s.stream()
    out = s.kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    same((out["CurrentShardLevelMetrics"], len(out["DesiredShardLevelMetrics"])), ([], 7))


@operation("DisableEnhancedMonitoring")
def _(s):
    name, _ = s.stream()
    s.kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    out = s.kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["IncomingBytes"])
    same((len(out["CurrentShardLevelMetrics"]), len(out["DesiredShardLevelMetrics"])), (7, 6))


KEY = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}


@operation("StartStreamEncryption")
def _(s):
    name, _ = s.stream()
    s.kinesis.start_stream_encryption(StreamName=name, **KEY)
    same(s.put(name, b"x")["EncryptionType"], "KMS")
    same(s.kinesis.get_records(ShardIterator=s.iterator(name))["Records"][0]["EncryptionType"], "KMS")


@operation("StopStreamEncryption")
def _(s):
    name, _ = s.stream()
    s.kinesis.start_stream_encryption(StreamName=name, **KEY)
    s.kinesis.stop_stream_encryption(StreamName=name, **KEY)
    assert "EncryptionType" not in s.put(name, b"x")


def tag_map(tags):
    return {t["Key"]: t.get("Value", "") for t in tags}


@operation("AddTagsToStream")
def _(s):
    name, _ = s.stream()
    s.kinesis.add_tags_to_stream(StreamName=name, Tags={"größe": "1", "b": ""})
    same(tag_map(s.kinesis.list_tags_for_stream(StreamName=name)["Tags"]), {"größe": "1", "b": ""})
    refused("InvalidArgumentException", s.kinesis.add_tags_to_stream, StreamName=name, Tags={"a;b": ""})


@operation("RemoveTagsFromStream")
def _(s):
    name, _ = s.stream(Tags={"a": "1", "b": "2"})
    s.kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a", "unknown"])
    same(tag_map(s.kinesis.list_tags_for_stream(StreamName=name)["Tags"]), {"b": "2"})


@operation("ListTagsForStream")
def _(s):
    name, _ = s.stream(Tags={"c": "3", "a": "1", "b": "2"})
    out = s.kinesis.list_tags_for_stream(StreamName=name, Limit=2)
    same((out["HasMoreTags"], [t["Key"] for t in out["Tags"]]), (True, ["a", "b"]))


@operation("TagResource")
def _(s):
    _, arn = s.stream()
    for resource in arn, s.register(arn):
        s.kinesis.tag_resource(ResourceARN=resource, Tags={"x": "y"})
        same(tag_map(s.kinesis.list_tags_for_resource(ResourceARN=resource)["Tags"]), {"x": "y"})


@operation("UntagResource")
def _(s):
    _, arn = s.stream(Tags={"a": "1", "b": "2"})
    s.kinesis.untag_resource(ResourceARN=arn, TagKeys=["a"])
    same(tag_map(s.kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]), {"b": "2"})


@operation("ListTagsForResource")
def _(s):
    _, arn = s.stream()
    same(s.kinesis.list_tags_for_resource(ResourceARN=arn).get("Tags"), [])


def policy(arn):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["kinesis:GetRecords"], "Resource": arn}]})


@operation("PutResourcePolicy")
def _(s):
    _, arn = s.stream()
    s.kinesis.put_resource_policy(ResourceARN=arn, Policy=policy(arn))
    same(json.loads(s.kinesis.get_resource_policy(ResourceARN=arn)["Policy"]), json.loads(policy(arn)))


@operation("GetResourcePolicy")
def _(s):
    _, arn = s.stream()
    same(s.kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "{}")


@operation("DeleteResourcePolicy")
def _(s):
    _, arn = s.stream()
    s.kinesis.put_resource_policy(ResourceARN=arn, Policy=policy(arn))
    s.kinesis.delete_resource_policy(ResourceARN=arn)
    same(s.kinesis.get_resource_policy(ResourceARN=arn)["Policy"], "{}")


@operation("DescribeLimits")
def _(s):
    s.stream(3)
    d = s.kinesis.describe_limits()
    same((d["ShardLimit"], d["OpenShardCount"], d["OnDemandStreamCountLimit"]), (20000, 3, 50))


def channel(s):
    _, arn = s.on_demand()
    return s.kinesis.create_channel(
        ChannelName="channel", ServiceExecutionRoleARN=f"arn:aws:iam::{s.account}:role/delivery",
        StreamConfigurationList=[{"StreamARN": arn, "RecordConfiguration": {"RecordFormatType": "JSON"}}],
        S3DestinationConfiguration={"StorageConfiguration": {
            "BucketARN": "arn:aws:s3:::some-bucket", "ExpectedBucketOwner": s.account, "CompressionType": "GZIP"}},
    )["ChannelDescription"]


@operation("CreateChannel")
def _(s):
    d = channel(s)
    same(d["ChannelARN"], f"arn:aws:kinesis:{INSTANT}:{s.account}:channel/{d['ChannelId']}")


@operation("DescribeChannel")
def _(s):
    d = channel(s)
    same(s.kinesis.describe_channel(ChannelARN=d["ChannelARN"])["ChannelDescription"]["ChannelStatus"], "ACTIVE")


@operation("UpdateChannel")
def _(s):
    arn = channel(s)["ChannelARN"]
    s.kinesis.update_channel(ChannelARN=arn, S3DestinationConfiguration={"DataFreshnessInSeconds": 600})
    d = s.kinesis.describe_channel(ChannelARN=arn)["ChannelDescription"]
    same(d["S3DestinationConfiguration"]["DataFreshnessInSeconds"], 600)


@operation("ListChannels")
def _(s):
    arn = channel(s)["ChannelARN"]
    same([c["ChannelARN"] for c in s.kinesis.list_channels()["ChannelSummaries"]], [arn])


@operation("DeleteChannel")
def _(s):
    arn = channel(s)["ChannelARN"]
    s.kinesis.delete_channel(ChannelARN=arn)
    refused("ResourceNotFoundException", s.kinesis.describe_channel, ChannelARN=arn)
