// Drives a running server with the AWS SDK for JavaScript v3, over cleartext HTTP/2,
// HTTP/2 over TLS, and HTTP/1.1.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as k from "@aws-sdk/client-kinesis";
import { HASTY, INSTANT, LIMITED, PACED, SHARD0, SHARD1, SHARD2, check, main, operation } from "./suite.js";

const text = (data) => Buffer.from(data).toString();
const bytes = (s) => Buffer.from(s);

let streams = 0;

/** Creates a stream and returns its name and ARN. */
async function stream(s, ShardCount = 1, more = {}) {
  const name = `stream-${++streams}`;
  await s.send(new k.CreateStreamCommand({
    StreamName: name, ...(more.StreamModeDetails ? {} : { ShardCount }), ...more }));
  return { name, arn: `arn:aws:kinesis:${INSTANT}:${s.account}:stream/${name}` };
}

const onDemand = (s) => stream(s, 0, { StreamModeDetails: { StreamMode: "ON_DEMAND" } });

const summary = async (s, StreamName) =>
  (await s.send(new k.DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary;

const shards = async (s, StreamName, more = {}) => (await s.send(new k.ListShardsCommand({ StreamName, ...more }))).Shards;

const put = (s, StreamName, data, PartitionKey = "k", more = {}) =>
  s.send(new k.PutRecordCommand({ StreamName, PartitionKey, Data: bytes(data), ...more }));

const iterator = async (s, StreamName, ShardIteratorType = "TRIM_HORIZON", more = {}) =>
  (await s.send(new k.GetShardIteratorCommand({ StreamName, ShardId: SHARD0, ShardIteratorType, ...more }))).ShardIterator;

const read = async (s, ShardIterator) =>
  (await s.send(new k.GetRecordsCommand({ ShardIterator }))).Records.map((r) => text(r.Data));

const register = async (s, StreamARN, ConsumerName = "c") =>
  (await s.send(new k.RegisterStreamConsumerCommand({ StreamARN, ConsumerName }))).Consumer.ConsumerARN;

const subscribe = async (s, ConsumerARN, StartingPosition = { Type: "TRIM_HORIZON" }) =>
  (await s.send(new k.SubscribeToShardCommand({ ConsumerARN, ShardId: SHARD0, StartingPosition }))).EventStream;

async function split(s, StreamName, ShardToSplit = SHARD0) {
  await sleep(2); // not in the millisecond in which it began
  const { HashKeyRange: keys } = (await shards(s, StreamName)).find((sh) => sh.ShardId === ShardToSplit);
  const middle = (BigInt(keys.StartingHashKey) + BigInt(keys.EndingHashKey)) / 2n;
  await s.send(new k.SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey: String(middle) }));
}

/** Expects a call to be refused with an exception's class, and returns the exception. */
async function refused(Exception, call, message) {
  const e = await call.then(() => assert.fail(`not refused with ${Exception.name}`), (e) => e);
  assert.ok(e instanceof Exception, `${e.name} is not a ${Exception.name}: ${e.message}`);
  assert.equal(e.$metadata.httpStatusCode, 400);
  assert.ok(e.$metadata.requestId);
  if (message) assert.equal(e.message, message);
  return e;
}

operation("CreateStream", async (s) => {
  const { name, arn } = await stream(s, 3, { Tags: { team: "web" } });
  const d = await summary(s, name);
  assert.deepEqual([d.StreamARN, d.StreamStatus, d.OpenShardCount], [arn, "ACTIVE", 3]);
  assert.ok(Math.abs(Date.now() - d.StreamCreationTimestamp) < 60_000);
  await refused(k.ResourceInUseException, s.send(new k.CreateStreamCommand({ StreamName: name, ShardCount: 1 })),
    `Stream ${name} under account ${s.account} already exists.`);
});

operation("DeleteStream", async (s) => {
  const { name: StreamName, arn } = await stream(s);
  await register(s, arn);
  await refused(k.ResourceInUseException, s.send(new k.DeleteStreamCommand({ StreamName })));
  await s.send(new k.DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
  await refused(k.ResourceNotFoundException, s.send(new k.DescribeStreamCommand({ StreamName })),
    `Stream ${StreamName} under account ${s.account} not found.`);
});

operation("DescribeStream", async (s) => {
  const { name, arn } = await stream(s, 3);
  const { StreamDescription: d } = await s.send(new k.DescribeStreamCommand({ StreamARN: arn, Limit: 2 }));
  assert.deepEqual([d.StreamName, d.Shards.length, d.HasMoreShards, d.EncryptionType], [name, 2, true, "NONE"]);
  assert.equal(d.KeyId, undefined);
});

operation("DescribeStreamSummary", async (s) => {
  const { name, arn } = await stream(s, 2);
  await register(s, arn);
  const d = await summary(s, name);
  assert.deepEqual([d.OpenShardCount, d.ConsumerCount, d.RetentionPeriodHours], [2, 1, 24]);
});

operation("ListStreams", async (s) => {
  const names = [];
  for (let i = 0; i < 5; i++) names.push((await stream(s)).name);
  const got = [];
  for await (const page of k.paginateListStreams({ client: s.kinesis, pageSize: 2 }, {})) got.push(...page.StreamNames);
  assert.deepEqual(got, names.sort());
});

operation("ListShards", async (s) => {
  const { name } = await stream(s, 3);
  await split(s, name);
  const page = await s.send(new k.ListShardsCommand({ StreamName: name, MaxResults: 4 }));
  const rest = await s.send(new k.ListShardsCommand({ NextToken: page.NextToken }));
  assert.deepEqual([page.Shards.length, rest.Shards.length, rest.NextToken], [4, 1, undefined]);
  for (const [Type, want] of [["AT_LATEST", 4], ["AT_TRIM_HORIZON", 3], ["FROM_TRIM_HORIZON", 5]])
    assert.equal((await shards(s, name, { ShardFilter: { Type } })).length, want, Type);
});

operation("SplitShard", async (s) => {
  const { name } = await stream(s);
  await split(s, name);
  assert.deepEqual((await shards(s, name)).map((sh) => sh.ParentShardId), [undefined, SHARD0, SHARD0]);
  await refused(k.InvalidArgumentException, s.send(new k.SplitShardCommand(
    { StreamName: name, ShardToSplit: SHARD0, NewStartingHashKey: "5" })),
    `Shard ${SHARD0} in stream ${name} under account ${s.account} has already been merged or split, ` +
    "and thus is not eligible for merging or splitting.");
});

operation("MergeShards", async (s) => {
  const { name: StreamName } = await stream(s, 2);
  await s.send(new k.MergeShardsCommand({ StreamName, ShardToMerge: SHARD0, AdjacentShardToMerge: SHARD1 }));
  const child = (await shards(s, StreamName))[2];
  assert.deepEqual([child.ParentShardId, child.AdjacentParentShardId], [SHARD0, SHARD1]);
});

operation("UpdateShardCount", async (s) => {
  const { name: StreamName } = await stream(s, 2);
  const out = await s.send(new k.UpdateShardCountCommand({ StreamName, TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" }));
  assert.deepEqual([out.CurrentShardCount, out.TargetShardCount], [2, 4]);
  assert.equal((await summary(s, StreamName)).OpenShardCount, 4);
});

operation("UpdateStreamMode", async (s) => {
  const { name, arn } = await stream(s, 2);
  await s.send(new k.UpdateStreamModeCommand({ StreamARN: arn, StreamModeDetails: { StreamMode: "ON_DEMAND" } }));
  assert.equal((await summary(s, name)).StreamModeDetails.StreamMode, "ON_DEMAND");
});

const commit = async (s) => (await s.send(new k.UpdateAccountSettingsCommand(
  { MinimumThroughputBillingCommitment: { Status: "ENABLED" } }))).MinimumThroughputBillingCommitment;

operation("UpdateAccountSettings", async (s) => {
  const c = await commit(s);
  assert.deepEqual([c.Status, c.EarliestAllowedEndAt - c.StartedAt], ["ENABLED", 24 * 3600 * 1000]);
});

operation("DescribeAccountSettings", async (s) => {
  await commit(s);
  const out = await s.send(new k.DescribeAccountSettingsCommand({}));
  assert.equal(out.MinimumThroughputBillingCommitment.Status, "ENABLED");
});

operation("UpdateStreamWarmThroughput", async (s) => {
  const { name: StreamName } = await onDemand(s);
  await commit(s);
  const out = await s.send(new k.UpdateStreamWarmThroughputCommand({ StreamName, WarmThroughputMiBps: 20 }));
  assert.equal(out.WarmThroughput.TargetMiBps, 20);
});

operation("UpdateMaxRecordSize", async (s) => {
  const { name, arn } = await stream(s);
  await s.send(new k.UpdateMaxRecordSizeCommand({ StreamARN: arn, MaxRecordSizeInKiB: 10240 }));
  const large = randomBytes(9 << 20);
  await put(s, name, large);
  const { Records } = await s.send(new k.GetRecordsCommand({ ShardIterator: await iterator(s, name) }));
  assert.ok(large.equals(Records[0].Data));
});

operation("UpdateStreamRecordDistributionStrategy", async (s) => {
  const { name, arn } = await onDemand(s);
  await s.send(new k.UpdateStreamRecordDistributionStrategyCommand({ StreamARN: arn, RecordDistributionStrategy: "AUTO" }));
  assert.equal((await summary(s, name)).RecordDistributionStrategy, "AUTO");
});

operation("IncreaseStreamRetentionPeriod", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 8760 }));
  assert.equal((await summary(s, StreamName)).RetentionPeriodHours, 8760);
});

operation("DecreaseStreamRetentionPeriod", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 48 }));
  await s.send(new k.DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 25 }));
  assert.equal((await summary(s, StreamName)).RetentionPeriodHours, 25);
  await refused(k.InvalidArgumentException,
    s.send(new k.DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours: 23 })));
});

operation("EnableEnhancedMonitoring", async (s) => {
  const { name: StreamName } = await stream(s);
  const out = await s.send(new k.EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: ["ALL"] }));
  assert.deepEqual([out.CurrentShardLevelMetrics, out.DesiredShardLevelMetrics.length], [[], 7]);
});

operation("DisableEnhancedMonitoring", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: ["ALL"] }));
  const out = await s.send(new k.DisableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: ["IncomingBytes"] }));
  assert.deepEqual([out.CurrentShardLevelMetrics.length, out.DesiredShardLevelMetrics.length], [7, 6]);
});

const key = { EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };

operation("StartStreamEncryption", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.StartStreamEncryptionCommand({ StreamName, ...key }));
  assert.equal((await put(s, StreamName, "x")).EncryptionType, "KMS");
  assert.equal((await summary(s, StreamName)).KeyId, key.KeyId);
});

operation("StopStreamEncryption", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.StartStreamEncryptionCommand({ StreamName, ...key }));
  await s.send(new k.StopStreamEncryptionCommand({ StreamName, ...key }));
  assert.equal((await put(s, StreamName, "x")).EncryptionType, undefined);
});

const tagMap = (tags) => Object.fromEntries(tags.map((t) => [t.Key, t.Value]));
const streamTags = async (s, StreamName) => tagMap((await s.send(new k.ListTagsForStreamCommand({ StreamName }))).Tags);
const tagsOf = async (s, ResourceARN) => tagMap((await s.send(new k.ListTagsForResourceCommand({ ResourceARN }))).Tags);

operation("AddTagsToStream", async (s) => {
  const { name: StreamName } = await stream(s);
  await s.send(new k.AddTagsToStreamCommand({ StreamName, Tags: { größe: "1", b: "" } }));
  assert.deepEqual(await streamTags(s, StreamName), { größe: "1", b: "" });
});

operation("RemoveTagsFromStream", async (s) => {
  const { name: StreamName } = await stream(s, 1, { Tags: { a: "1", b: "2" } });
  await s.send(new k.RemoveTagsFromStreamCommand({ StreamName, TagKeys: ["a", "unknown"] }));
  assert.deepEqual(await streamTags(s, StreamName), { b: "2" });
});

operation("ListTagsForStream", async (s) => {
  const { name: StreamName } = await stream(s, 1, { Tags: { c: "3", a: "1", b: "2" } });
  const out = await s.send(new k.ListTagsForStreamCommand({ StreamName, Limit: 2 }));
  assert.deepEqual([out.HasMoreTags, out.Tags.map((t) => t.Key)], [true, ["a", "b"]]);
});

operation("TagResource", async (s) => {
  const { arn } = await stream(s);
  for (const ResourceARN of [arn, await register(s, arn)]) {
    await s.send(new k.TagResourceCommand({ ResourceARN, Tags: { x: "y" } }));
    assert.deepEqual(await tagsOf(s, ResourceARN), { x: "y" });
  }
});

operation("UntagResource", async (s) => {
  const { arn } = await stream(s, 1, { Tags: { a: "1", b: "2" } });
  await s.send(new k.UntagResourceCommand({ ResourceARN: arn, TagKeys: ["a"] }));
  assert.deepEqual(await tagsOf(s, arn), { b: "2" });
});

operation("ListTagsForResource", async (s) => {
  assert.deepEqual(await tagsOf(s, (await stream(s)).arn), {});
});

const policy = (arn) => ({ Version: "2012-10-17", Statement: [{ Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::123456789012:root" }, Action: ["kinesis:GetRecords"], Resource: arn }] });
const storedPolicy = async (s, ResourceARN) => JSON.parse((await s.send(new k.GetResourcePolicyCommand({ ResourceARN }))).Policy);
const putPolicy = (s, arn) => s.send(new k.PutResourcePolicyCommand({ ResourceARN: arn, Policy: JSON.stringify(policy(arn)) }));

operation("PutResourcePolicy", async (s) => {
  const { arn } = await stream(s);
  await putPolicy(s, arn);
  assert.deepEqual(await storedPolicy(s, arn), policy(arn));
});

operation("GetResourcePolicy", async (s) => assert.deepEqual(await storedPolicy(s, (await stream(s)).arn), {}));

operation("DeleteResourcePolicy", async (s) => {
  const { arn } = await stream(s);
  await putPolicy(s, arn);
  await s.send(new k.DeleteResourcePolicyCommand({ ResourceARN: arn }));
  assert.deepEqual(await storedPolicy(s, arn), {});
});

operation("RegisterStreamConsumer", async (s) => {
  const { arn } = await stream(s);
  const command = new k.RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: "one" });
  const { Consumer: c } = await s.send(command);
  assert.equal(c.ConsumerARN, `${arn}/consumer/one:${Math.floor(c.ConsumerCreationTimestamp / 1000)}`);
  await refused(k.ResourceInUseException, s.send(command));
});

operation("DescribeStreamConsumer", async (s) => {
  const { arn } = await stream(s);
  const ConsumerARN = await register(s, arn);
  for (const by of [{ ConsumerARN }, { StreamARN: arn, ConsumerName: "c" }]) {
    const { ConsumerDescription: d } = await s.send(new k.DescribeStreamConsumerCommand(by));
    assert.deepEqual([d.ConsumerARN, d.StreamARN, d.ConsumerStatus], [ConsumerARN, arn, "ACTIVE"]);
  }
});

operation("ListStreamConsumers", async (s) => {
  const { arn: StreamARN } = await stream(s);
  for (let i = 0; i < 5; i++) await register(s, StreamARN, `c${i}`);
  let n = 0;
  for await (const page of k.paginateListStreamConsumers({ client: s.kinesis, pageSize: 2 }, { StreamARN })) n += page.Consumers.length;
  assert.equal(n, 5);
});

operation("DeregisterStreamConsumer", async (s) => {
  const ConsumerARN = await register(s, (await stream(s)).arn);
  await s.send(new k.DeregisterStreamConsumerCommand({ ConsumerARN }));
  await refused(k.ResourceNotFoundException, s.send(new k.DescribeStreamConsumerCommand({ ConsumerARN })));
});

operation("DescribeLimits", async (s) => {
  await stream(s, 3);
  const d = await s.send(new k.DescribeLimitsCommand({}));
  assert.deepEqual([d.ShardLimit, d.OpenShardCount, d.OnDemandStreamCountLimit], [20000, 3, 50]);
});

async function channel(s) {
  const { arn } = await onDemand(s);
  return (await s.send(new k.CreateChannelCommand({
    ChannelName: "channel", ServiceExecutionRoleARN: `arn:aws:iam::${s.account}:role/delivery`,
    StreamConfigurationList: [{ StreamARN: arn, RecordConfiguration: { RecordFormatType: "JSON" } }],
    S3DestinationConfiguration: { StorageConfiguration: {
      BucketARN: "arn:aws:s3:::some-bucket", ExpectedBucketOwner: s.account, CompressionType: "GZIP" } },
  }))).ChannelDescription;
}

const described = async (s, ChannelARN) => (await s.send(new k.DescribeChannelCommand({ ChannelARN }))).ChannelDescription;

operation("CreateChannel", async (s) => {
  const d = await channel(s);
  assert.equal(d.ChannelARN, `arn:aws:kinesis:${INSTANT}:${s.account}:channel/${d.ChannelId}`);
});

operation("DescribeChannel", async (s) => {
  const { ChannelARN } = await channel(s);
  assert.equal((await described(s, ChannelARN)).ChannelStatus, "ACTIVE");
});

operation("UpdateChannel", async (s) => {
  const { ChannelARN } = await channel(s);
  await s.send(new k.UpdateChannelCommand({ ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } }));
  assert.equal((await described(s, ChannelARN)).S3DestinationConfiguration.DataFreshnessInSeconds, 600);
});

operation("ListChannels", async (s) => {
  const { ChannelARN } = await channel(s);
  const { ChannelSummaries } = await s.send(new k.ListChannelsCommand({}));
  assert.deepEqual(ChannelSummaries.map((c) => c.ChannelARN), [ChannelARN]);
});

operation("DeleteChannel", async (s) => {
  const { ChannelARN } = await channel(s);
  await s.send(new k.DeleteChannelCommand({ ChannelARN }));
  await refused(k.ResourceNotFoundException, described(s, ChannelARN));
});

operation("PutRecord", async (s) => {
  const { name } = await stream(s, 3);
  const { $metadata, ...out } = await put(s, name, "a", "user-1");
  assert.deepEqual(Object.keys(out).sort(), ["SequenceNumber", "ShardId"]);
  assert.equal(out.ShardId, SHARD2);
  assert.ok($metadata.extendedRequestId);
  const after = await put(s, name, "", "user-1", { SequenceNumberForOrdering: out.SequenceNumber });
  assert.ok(BigInt(after.SequenceNumber) > BigInt(out.SequenceNumber));
});

operation("PutRecords", async (s) => {
  const { name: StreamName } = await stream(s, 4);
  const Records = Array.from({ length: 500 }, (_, i) => ({ PartitionKey: String(i), Data: bytes(String(i)) }));
  const out = await s.send(new k.PutRecordsCommand({ StreamName, Records }));
  assert.deepEqual([out.FailedRecordCount, out.Records.length], [0, 500]);
  out.Records.forEach((r, i) =>
    assert.equal(r.ShardId, `shardId-00000000000${createHash("md5").update(String(i)).digest()[0] >> 6}`));
  await refused(k.ValidationException, s.send(new k.PutRecordsCommand({ StreamName, Records: [...Records, Records[0]] })));
});

operation("GetShardIterator", async (s) => {
  const { name } = await stream(s);
  await put(s, name, "a");
  await sleep(5);
  const Timestamp = new Date();
  const { SequenceNumber: StartingSequenceNumber } = await put(s, name, "b");
  const latest = await iterator(s, name, "LATEST");
  await put(s, name, "c");
  for (const [want, type, more] of [
    ["abc", "TRIM_HORIZON"],
    ["bc", "AT_SEQUENCE_NUMBER", { StartingSequenceNumber }],
    ["c", "AFTER_SEQUENCE_NUMBER", { StartingSequenceNumber }],
    ["bc", "AT_TIMESTAMP", { Timestamp }],
    ["abc", "AT_TIMESTAMP", { Timestamp: new Date(Timestamp - 365 * 24 * 3600 * 1000) }],
  ]) assert.equal((await read(s, await iterator(s, name, type, more))).join(""), want, type);
  assert.deepEqual(await read(s, latest), ["c"]);
  assert.deepEqual(await read(s, latest), ["c"]);
});

operation("GetRecords", async (s) => {
  const { name } = await stream(s);
  await put(s, name, "a");
  await put(s, name, "b");
  const first = await s.send(new k.GetRecordsCommand({ ShardIterator: await iterator(s, name), Limit: 1 }));
  const r = first.Records[0];
  assert.deepEqual(Object.keys(r).filter((key) => r[key] !== undefined).sort(),
    ["ApproximateArrivalTimestamp", "Data", "PartitionKey", "SequenceNumber"]);
  assert.equal(first.ChildShards, undefined);
  let out = await s.send(new k.GetRecordsCommand({ ShardIterator: first.NextShardIterator }));
  assert.deepEqual([out.Records.map((r) => text(r.Data)), out.MillisBehindLatest], [["b"], 0]);
  await split(s, name);
  while (out.NextShardIterator) out = await s.send(new k.GetRecordsCommand({ ShardIterator: out.NextShardIterator }));
  assert.deepEqual(out.ChildShards.map((c) => c.ParentShards), [[SHARD0], [SHARD0]]);
  await refused(k.InvalidArgumentException, s.send(new k.GetRecordsCommand({ ShardIterator: "x" })), "Invalid ShardIterator.");
});

operation("SubscribeToShard", async (s) => {
  const { name, arn } = await stream(s);
  const consumer = await register(s, arn);
  await put(s, name, "a");
  const events = await subscribe(s, consumer);
  await refused(k.ResourceInUseException, subscribe(s, consumer));
  let got = "", begin = 0;
  for await (const { SubscribeToShardEvent: ev } of events) {
    assert.ok(ev.ContinuationSequenceNumber);
    assert.equal(ev.ChildShards, undefined);
    got += ev.Records.map((r) => text(r.Data)).join("");
    if (got === "a" && !begin) {
      begin = Date.now();
      await put(s, name, "b");
    }
    if (got === "ab") break;
  }
  assert.ok(Date.now() - begin < 4000, "records are pushed, and do not wait for the next idle event");
});

check("SubscribeToShard: a closed shard ends with its children", async (s) => {
  const { name, arn } = await stream(s);
  await put(s, name, "a");
  await split(s, name);
  let last;
  for await (const { SubscribeToShardEvent: ev } of await subscribe(s, await register(s, arn))) last = ev;
  assert.equal(last.ContinuationSequenceNumber, undefined);
  assert.deepEqual(last.ChildShards.map((c) => c.ParentShards), [[SHARD0], [SHARD0]]);
});

check("SubscribeToShard: an exception in the stream", async (s) => {
  const ConsumerARN = await register(s, (await stream(s)).arn);
  const events = await subscribe(s, ConsumerARN);
  const drain = async () => {
    for await (const _ of events);
  };
  await Promise.all([
    assert.rejects(drain(), k.ResourceNotFoundException),
    s.send(new k.DeregisterStreamConsumerCommand({ ConsumerARN })),
  ]);
});

check("SubscribeToShard: resumes after a continuation number", async (s) => {
  const { name, arn } = await stream(s);
  await put(s, name, "a");
  let number;
  for await (const { SubscribeToShardEvent: ev } of await subscribe(s, await register(s, arn, "first"))) {
    number = ev.ContinuationSequenceNumber;
    if (ev.Records.length) break;
  }
  await put(s, name, "b");
  const from = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: number };
  for await (const { SubscribeToShardEvent: ev } of await subscribe(s, await register(s, arn, "second"), from)) {
    if (!ev.Records.length) continue;
    assert.deepEqual(ev.Records.map((r) => text(r.Data)), ["b"]);
    break;
  }
});

check("Waiters: streamExists and streamNotExists", async (s) => {
  const client = (s.kinesis = s.client(PACED));
  const often = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  const { name: StreamName } = await stream(s);
  assert.equal((await client.send(new k.DescribeStreamCommand({ StreamName }))).StreamDescription.StreamStatus, "CREATING");
  await k.waitUntilStreamExists(often, { StreamName });
  await client.send(new k.DeleteStreamCommand({ StreamName }));
  await k.waitUntilStreamNotExists(often, { StreamName });
});

check("Error classes: validation, limits, expiry, dry run", async (s) => {
  const { name: StreamName } = await stream(s);
  await refused(k.ValidationException, s.send(new k.CreateStreamCommand({ StreamName: "a/b", ShardCount: 0 })),
    "2 validation errors detected: Value '0' at 'shardCount' failed to satisfy constraint: Member must have value " +
    "greater than or equal to 1; Value 'a/b' at 'streamName' failed to satisfy constraint: Member must satisfy " +
    "regular expression pattern: [a-zA-Z0-9_.-]+");
  await refused(k.LimitExceededException, s.send(new k.CreateStreamCommand({ StreamName: "huge", ShardCount: 30000 })));
  await refused(k.DryRunOperationException, put(s, StreamName, "x", "k", { DryRun: true }));
  const old = s.client(HASTY);
  await old.send(new k.CreateStreamCommand({ StreamName: "old", ShardCount: 1 }));
  const { ShardIterator } = await old.send(new k.GetShardIteratorCommand(
    { StreamName: "old", ShardId: SHARD0, ShardIteratorType: "LATEST" }));
  await sleep(3100); // 310 s of the server's
  await refused(k.ExpiredIteratorException, old.send(new k.GetRecordsCommand({ ShardIterator })));
});

check("Throttling: writes, reads and calls", async (s) => {
  s.kinesis = s.client(LIMITED);
  const { name } = await stream(s);
  const untilRefused = async (Exception, call) => {
    for (const end = Date.now() + 30_000; Date.now() < end; ) {
      try {
        await call();
      } catch (e) {
        return assert.ok(e instanceof Exception, e);
      }
    }
    assert.fail(`never a ${Exception.name}`);
  };
  await untilRefused(k.ProvisionedThroughputExceededException, () => put(s, name, Buffer.alloc(900 << 10)));
  const latest = await iterator(s, name, "LATEST");
  await untilRefused(k.ProvisionedThroughputExceededException, () => read(s, latest));
  await untilRefused(k.LimitExceededException, () => s.send(new k.DescribeLimitsCommand({})));
});

check("PutRecords: partial failure of a throttled shard, retried until nothing is left", async (s) => {
  s.kinesis = s.client(LIMITED);
  const { name: StreamName } = await stream(s, 2);
  const entry = (i, ExplicitHashKey) => ({ PartitionKey: `k${i}`, Data: Buffer.alloc(700 << 10, i), ExplicitHashKey });
  let left = [entry(0, "0"), entry(1, "0"), entry(2, "0"), entry(3, String(2n ** 128n - 1n))];
  const first = await s.send(new k.PutRecordsCommand({ StreamName, Records: left }));
  const failed = first.Records.filter((r) => r.ErrorCode);
  assert.ok(failed.length > 0 && !first.Records[3].ErrorCode);
  assert.equal(first.FailedRecordCount, failed.length);
  assert.deepEqual(failed[0], { ErrorCode: "ProvisionedThroughputExceededException",
    ErrorMessage: `Rate exceeded for shard ${SHARD0} in stream ${StreamName} under account ${s.account}.` });
  left = left.filter((_, i) => first.Records[i].ErrorCode);
  for (let i = 0; left.length && i < 60; i++) {
    await sleep(200);
    const out = await s.send(new k.PutRecordsCommand({ StreamName, Records: left }));
    left = left.filter((_, i) => out.Records[i].ErrorCode);
  }
  assert.deepEqual(left, []);
});

check("Paginator: ListChannels", async (s) => {
  await channel(s);
  let n = 0;
  for await (const page of k.paginateListChannels({ client: s.kinesis }, {})) n += page.ChannelSummaries.length;
  assert.equal(n, 1);
});

check("SigV4: right signatures pass, others do not", async (s) => {
  const endpoint = s.protocol.signed;
  const credentials = { accessKeyId: process.env.WEIR_SIGNED_KEY, secretAccessKey: process.env.WEIR_SIGNED_SECRET };
  const client = s.client(INSTANT, { endpoint, credentials });
  const StreamName = `signed-${++streams}`;
  await client.send(new k.CreateStreamCommand({ StreamName, ShardCount: 1 }));
  const { StreamDescription: d } = await client.send(new k.DescribeStreamCommand({ StreamName }));
  assert.equal(d.StreamARN.split(":")[4], process.env.WEIR_SIGNED_ACCOUNT);
  const wrong = s.client(INSTANT, { endpoint, credentials: { ...credentials, secretAccessKey: "wrong" } });
  await assert.rejects(wrong.send(new k.ListStreamsCommand({})), { name: "InvalidSignatureException" });
}, { needsSigned: true });

await main();
process.exit(); // the SDK keeps the connections of subscriptions that were left early
