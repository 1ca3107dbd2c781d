package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

const mib = 1 << 20

func (f *fixture) tryPut(in account.PutRecordInput) (*account.PutRecordOutput, error) {
	in.StreamName = S()
	return f.PutRecord(f.ctx, &in)
}

func TestChecklist_putRecord(t *testing.T) {
	explicit := func(key string) account.PutRecordInput {
		return account.PutRecordInput{PartitionKey: ptr("k"), ExplicitHashKey: &key}
	}
	ordering := func(number string) func(*fixture) {
		return func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), SequenceNumberForOrdering: &number})
			f.fails(err, account.CodeInvalidArgument, "ExclusiveMinimumSequenceNumber "+number+" used in PutRecord on stream S under account 123456789012 is invalid.")
		}
	}
	runRows(t, account.Instant(), []row{
		{32, "no data", func(f *fixture) {
			out := f.put("a", "")
			assert.Equal(f, shardID(0), out.ShardId)
			assert.Len(f, out.SequenceNumber, 56)
			assert.Empty(f, out.EncryptionType)
		}},
		{33, "a key of 256 characters", func(f *fixture) { f.put(strings.Repeat("é", 256), "") }},
		{36, "no key", func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{})
			f.fails(err, account.CodeValidation, "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null")
			_, err = f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: S(), Records: []account.PutRecordsRequestEntry{{PartitionKey: ptr("a")}, {}}})
			f.fails(err, account.CodeValidation, "1 validation error detected: Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null")
			_, _, err = f.PutRecordEntry(f.ctx, account.StreamRef{Name: "S"}, weir.Entry{})
			f.failsAs(err, account.CodeValidation)
		}},
		{37, "no key on an AUTO stream", func(f *fixture) {
			f.createOnDemand("T", account.DistributionAuto)
			out, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("T"), Data: []byte("x")})
			require.NoError(f, err)
			it, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: ptr("T"), ShardId: &out.ShardId, ShardIteratorType: ptr("TRIM_HORIZON")})
			require.NoError(f, err)
			got := f.read(it.ShardIterator)
			require.Len(f, got.Records, 1)
			assert.Empty(f, got.Records[0].PartitionKey)
			assert.Equal(f, account.DistributionAuto, f.summary("T").RecordDistributionStrategy)
		}},
		{38, "ordering on an AUTO stream", func(f *fixture) {
			f.createOnDemand("T", account.DistributionAuto)
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("T"), SequenceNumberForOrdering: ptr("1")})
			f.failsAs(err, account.CodeInvalidArgument)
		}},
		{39, "the greatest explicit hash key", func(f *fixture) {
			out, err := f.tryPut(explicit(lastShard))
			require.NoError(f, err)
			assert.Equal(f, shardID(2), out.ShardId)
		}},
		{40, "an explicit hash key of 2^128", func(f *fixture) {
			_, err := f.tryPut(explicit("340282366920938463463374607431768211456"))
			f.fails(err, account.CodeInvalidArgument, "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456")
		}},
		{41, "explicit hash keys that are none", func(f *fixture) {
			for _, key := range []string{"01", "-1", "", "0x1", strings.Repeat("9", 40)} {
				_, err := f.tryPut(explicit(key))
				f.failsAs(err, account.CodeValidation)
			}
		}},
		{42, "explicit hash keys at a border", func(f *fixture) {
			out, err := f.tryPut(explicit("113427455640312821154458202477256070484"))
			require.NoError(f, err)
			assert.Equal(f, shardID(0), out.ShardId)
			out, err = f.tryPut(explicit("113427455640312821154458202477256070485"))
			require.NoError(f, err)
			assert.Equal(f, shardID(1), out.ShardId)
		}},
		{43, "more than 10 MiB of data", func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 10*mib+1)})
			f.fails(err, account.CodeValidation, "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760")
		}},
		{44, "2 MiB by default", func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 2*mib)})
			f.fails(err, account.CodeValidation, tooLong("data", mib))
		}},
		{45, "2 MiB where allowed", func(f *fixture) {
			_, err := f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: ptr(arnS), MaxRecordSizeInKiB: ptr(int32(10240))})
			require.NoError(f, err)
			_, err = f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 2*mib)})
			require.NoError(f, err)
			assert.Equal(f, int32(10240), f.summary("S").MaxRecordSizeInKiB)
		}},
		{46, "ordering after the last number", func(f *fixture) {
			last := f.put("a", "x").SequenceNumber
			out, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), SequenceNumberForOrdering: &last})
			require.NoError(f, err)
			assert.Positive(f, parse(f, out.SequenceNumber).Compare(parse(f, last)))
		}},
		{47, "ordering after the future", func(f *fixture) {
			g := newFixture(f.T, account.Instant())
			g.clock.Advance(time.Hour)
			ordering(g.put("a", "x").SequenceNumber)(f)
		}},
		{48, "ordering by unknown versions", func(f *fixture) {
			ordering("49590338271490256608559692538361571095921575989136588899")(f) // last hexadecimal digit 3
			ordering("49590338271490256608559692538361571095921575989136588900")(f) // 4
			ordering("0")(f)
			ordering("1" + strings.Repeat("0", 128))(f)
		}},
		{155, "a known hash", func(f *fixture) { assert.Equal(f, shardID(2), f.put("user-1", "x").ShardId) }},
	})
}

func TestChecklist_putRecords(t *testing.T) {
	entries := func(n, size int) []account.PutRecordsRequestEntry {
		list := make([]account.PutRecordsRequestEntry, n)
		for i := range list {
			list[i] = account.PutRecordsRequestEntry{PartitionKey: ptr("a"), Data: make([]byte, size)}
		}
		return list
	}
	put := func(f *fixture, list []account.PutRecordsRequestEntry) (*account.PutRecordsOutput, error) {
		return f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: S(), Records: list})
	}
	runRows(t, account.Instant(), []row{
		{49, "501 entries", func(f *fixture) {
			_, err := put(f, entries(501, 1))
			f.fails(err, account.CodeValidation, tooLong("records", 500))
		}},
		{50, "no entries", func(f *fixture) {
			_, err := put(f, nil)
			f.failsAs(err, account.CodeValidation)
		}},
		{51, "a bad explicit hash key in the second entry", func(f *fixture) {
			list := entries(3, 1)
			list[1].ExplicitHashKey = ptr("340282366920938463463374607431768211456")
			_, err := put(f, list)
			f.failsAs(err, account.CodeInvalidArgument)
			assert.Empty(f, data(f.read(f.iterator(0, "TRIM_HORIZON"))))
		}},
		{53, "more than 10 MiB together", func(f *fixture) {
			_, err := put(f, entries(11, mib-1))
			f.fails(err, account.CodeInvalidArgument, "Records size exceeds 10 MB limit")
			assert.Empty(f, data(f.read(f.iterator(0, "TRIM_HORIZON"))))
		}},
	})
	config := account.Instant()
	config.Stream = weir.Config{}
	const throttled = "Rate exceeded for shard shardId-000000000000 " + inS + "."
	runRows(t, config, []row{
		{54, "one shard throttled", func(f *fixture) {
			for range 2 {
				_, err := put(f, entries(500, 1))
				require.NoError(f, err)
			}
			out, err := put(f, []account.PutRecordsRequestEntry{{PartitionKey: ptr("a")}, {PartitionKey: ptr("user-1")}})
			require.NoError(f, err)
			assert.Equal(f, int32(1), out.FailedRecordCount)
			assert.Equal(f, account.PutRecordsResultEntry{ErrorCode: account.CodeThroughputExceeded, ErrorMessage: throttled}, out.Records[0])
			assert.Equal(f, shardID(2), out.Records[1].ShardId)
			assert.Empty(f, out.Records[1].ErrorCode)
		}},
		{55, "every record throttled", func(f *fixture) {
			for range 2 {
				_, err := put(f, entries(500, 1))
				require.NoError(f, err)
			}
			out, err := put(f, entries(7, 1))
			require.NoError(f, err)
			assert.Equal(f, int32(7), out.FailedRecordCount)
		}},
		{56, "1,001 records in a second", func(f *fixture) {
			for range 1000 {
				f.put("a", "x")
			}
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a")})
			f.fails(err, account.CodeThroughputExceeded, throttled)
		}},
		{57, "twice 600 KiB in a second", func(f *fixture) {
			in := account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 600<<10)}
			_, err := f.tryPut(in)
			require.NoError(f, err)
			_, err = f.tryPut(in)
			f.fails(err, account.CodeThroughputExceeded, throttled)
		}},
		{79, "a sixth GetRecords in a second", func(f *fixture) {
			it := f.iterator(0, "TRIM_HORIZON")
			for range 5 {
				f.read(it)
			}
			_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it})
			f.fails(err, account.CodeThroughputExceeded, throttled)
			f.clock.Advance(time.Second)
			f.read(it)
		}},
		{80, "GetRecords after one of 10 MiB", func(f *fixture) {
			it := f.iterator(0, "TRIM_HORIZON")
			for range 10 {
				_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, mib-1)})
				require.NoError(f, err)
				f.clock.Advance(time.Second)
			}
			require.Len(f, f.read(it).Records, 10)
			f.clock.Advance(5*time.Second - time.Millisecond)
			_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it})
			f.fails(err, account.CodeThroughputExceeded, throttled)
			f.clock.Advance(time.Millisecond)
			f.read(it)
		}},
	})
}

func TestChecklist_iterators(t *testing.T) {
	get := func(f *fixture, shard, kind string, number *string, at *time.Time) (string, error) {
		out, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: &shard,
			ShardIteratorType: &kind, StartingSequenceNumber: number, Timestamp: at})
		if err != nil {
			return "", err
		}
		return out.ShardIterator, nil
	}
	const rule = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
	runRows(t, account.Instant(), []row{
		{58, "AT_SEQUENCE_NUMBER without number", func(f *fixture) {
			_, err := get(f, "0", "AT_SEQUENCE_NUMBER", nil, nil)
			f.fails(err, account.CodeInvalidArgument, rule+"AT_SEQUENCE_NUMBER and no StartingSequenceNumber.")
		}},
		{59, "LATEST with number", func(f *fixture) {
			_, err := get(f, "0", "LATEST", ptr("5"), nil)
			f.fails(err, account.CodeInvalidArgument, rule+"LATEST and also a StartingSequenceNumber.")
		}},
		{60, "AT_TIMESTAMP without timestamp", func(f *fixture) {
			_, err := get(f, "0", "AT_TIMESTAMP", nil, nil)
			f.fails(err, account.CodeInvalidArgument, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.")
		}},
		{61, "AT_TIMESTAMP in the future", func(f *fixture) {
			at := f.clock.Now().Add(time.Minute)
			_, err := get(f, "0", "AT_TIMESTAMP", nil, &at)
			f.fails(err, account.CodeInvalidArgument, fmt.Sprintf("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: %d, currentTimestampInMillis: %d", at.UnixMilli(), f.clock.Now().UnixMilli()))
		}},
		{62, "AT_TIMESTAMP a year ago", func(f *fixture) {
			f.put("a", "x")
			it, err := get(f, "0", "AT_TIMESTAMP", nil, ptr(f.clock.Now().AddDate(-1, 0, 0)))
			require.NoError(f, err)
			assert.Equal(f, []string{"x"}, data(f.read(it)))
		}},
		{63, "no type", func(f *fixture) {
			_, err := get(f, "0", "", nil, nil)
			f.failsAs(err, account.CodeValidation)
		}},
		{64, "a missing shard", func(f *fixture) {
			_, err := get(f, "shardId-000000000005", "LATEST", nil, nil)
			f.fails(err, account.CodeResourceNotFound, "Shard shardId-000000000005 "+inS+" does not exist")
		}},
		{65, "a bad shard id", func(f *fixture) {
			_, err := get(f, "ABKLFD8", "LATEST", nil, nil)
			f.fails(err, account.CodeResourceNotFound, "Could not find shard ABKLFD8 "+inS+".")
		}},
		{66, "a short shard id", func(f *fixture) {
			for _, shard := range []string{"shardId-0", "shard-0", "anything-0", "0"} {
				_, err := get(f, shard, "LATEST", nil, nil)
				require.NoError(f, err)
			}
		}},
		{67, "a number of another shard", func(f *fixture) {
			n := f.put("a", "x").SequenceNumber
			_, err := get(f, "shardId-1", "AT_SEQUENCE_NUMBER", &n, nil)
			f.fails(err, account.CodeInvalidArgument, "Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001")
			_, err = get(f, "shardId-1", "AT_SEQUENCE_NUMBER", ptr("5"), nil)
			f.failsAs(err, account.CodeInvalidArgument)
			_, err = get(f, "shardId-0", "AT_SEQUENCE_NUMBER", ptr("0"), nil)
			f.fails(err, account.CodeInternalFailure, "Internal service failure.")
		}},
		{68, "a number of another stream", func(f *fixture) {
			n := f.put("a", "x").SequenceNumber
			f.clock.Advance(time.Minute)
			f.create("T", 1)
			_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: ptr("T"), ShardId: ptr("0"), ShardIteratorType: ptr("AFTER_SEQUENCE_NUMBER"), StartingSequenceNumber: &n})
			f.fails(err, account.CodeInvalidArgument, "StartingSequenceNumber "+n+" used in GetShardIterator on shard shardId-000000000000 in stream T under account 123456789012 is invalid because it did not come from this stream.")
			bad := "1" + strings.Repeat("0", 128)
			_, err = get(f, "0", "AT_SEQUENCE_NUMBER", &bad, nil)
			f.fails(err, account.CodeInvalidArgument, "StartingSequenceNumber "+bad+" used in GetShardIterator on shard shardId-000000000000 "+inS+" is invalid.")
		}},
		{69, "the shard's first number", func(f *fixture) {
			first := f.describe("S").Shards[0].SequenceNumberRange.StartingSequenceNumber
			f.put("a", "x")
			it, err := get(f, "0", "AT_SEQUENCE_NUMBER", &first, nil)
			require.NoError(f, err)
			assert.Equal(f, []string{"x"}, data(f.read(it)))
		}},
	})
}

func TestChecklist_getRecords(t *testing.T) {
	runRows(t, account.Instant(), []row{
		{70, "an iterator that is none", func(f *fixture) {
			for _, it := range []string{"x", "", `""`, f.iterator(0, "LATEST")[:60], strings.Repeat("A", 512), strings.Repeat("A", 513)} {
				_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it})
				f.fails(err, account.CodeInvalidArgument, "Invalid ShardIterator.")
			}
		}},
		{73, "limits", func(f *fixture) {
			it := f.iterator(0, "LATEST")
			for _, limit := range []int32{0, -1, 10001} {
				_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it, Limit: &limit})
				f.failsAs(err, account.CodeValidation)
			}
		}},
		{74, "an old iterator", func(f *fixture) {
			it := f.iterator(0, "LATEST")
			f.clock.Advance(300 * time.Second)
			f.read(it)
			f.clock.Advance(time.Millisecond)
			_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it})
			f.fails(err, account.CodeExpiredIterator, "Iterator expired. The iterator was created at time Fri Jan 02 03:04:05 UTC 2026 while right now it is Fri Jan 02 03:09:05 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.")
		}},
		{75, "the same iterator twice", func(f *fixture) {
			it := f.iterator(0, "LATEST")
			f.put("a", "1")
			assert.Equal(f, []string{"1"}, data(f.read(it)))
			f.put("a", "2")
			assert.Equal(f, []string{"1", "2"}, data(f.read(it)))
			assert.Equal(f, []string{"1", "2"}, data(f.read(`"`+it+`"`)))
		}},
		{76, "LATEST", func(f *fixture) {
			f.put("a", "before")
			it := f.iterator(0, "LATEST")
			f.put("a", "after")
			assert.Equal(f, []string{"after"}, data(f.read(it)))
		}},
		{77, "one at a time", func(f *fixture) {
			it := f.iterator(0, "TRIM_HORIZON")
			for _, d := range []string{"1", "2", "3"} {
				f.put("a", d)
			}
			for _, d := range []string{"1", "2", "3"} {
				out, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it, Limit: ptr(int32(1))})
				require.NoError(f, err)
				assert.Equal(f, []string{d}, data(out))
				it = out.NextShardIterator
			}
		}},
		{78, "at the tip", func(f *fixture) {
			out := f.read(f.iterator(0, "LATEST"))
			assert.Empty(f, out.Records)
			assert.NotEmpty(f, out.NextShardIterator)
			assert.LessOrEqual(f, len(out.NextShardIterator), 512)
			assert.Zero(f, out.MillisBehindLatest)
			assert.Nil(f, out.ChildShards)
			assert.Nil(f, out.EncryptionTypes)
		}},
		{82, "the end of a closed shard", func(f *fixture) {
			it := f.iterator(0, "TRIM_HORIZON")
			f.put("a", "x")
			f.split(0, "1000")
			out := f.read(it)
			for out.NextShardIterator != "" {
				assert.Nil(f, out.ChildShards)
				out = f.read(out.NextShardIterator)
			}
			assert.Equal(f, []account.ChildShard{
				{ShardId: shardID(3), ParentShards: shardIDs(0), HashKeyRange: account.HashKeyRange{StartingHashKey: "0", EndingHashKey: "999"}},
				{ShardId: shardID(4), ParentShards: shardIDs(0), HashKeyRange: account.HashKeyRange{StartingHashKey: "1000", EndingHashKey: "113427455640312821154458202477256070484"}},
			}, out.ChildShards)
		}},
	})
}

func TestChecklist_dryRun(t *testing.T) {
	const would = "Request would have succeeded, but DryRun flag is set."
	dry := ptr(true)
	config := account.Instant()
	config.CallRates = account.CallRates{Factor: -1, Of: map[string]float64{"DryRun": 1}}
	runRows(t, config, []row{
		{137, "valid", func(f *fixture) {
			it := f.iterator(0, "TRIM_HORIZON")
			calls := []func() error{
				func() error {
					_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), DryRun: dry})
					return err
				},
				func() error {
					_, err := f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: S(), DryRun: dry, Records: []account.PutRecordsRequestEntry{{PartitionKey: ptr("a")}}})
					return err
				},
				func() error {
					_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it, DryRun: dry})
					return err
				},
				func() error {
					_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr("0"), ShardIteratorType: ptr("LATEST"), DryRun: dry})
					return err
				},
				func() error {
					c := f.register("C")
					_, err := f.SubscribeToShard(f.ctx, &account.SubscribeToShardInput{ConsumerARN: &c.ConsumerARN, ShardId: ptr("0"), StartingPosition: position("LATEST"), DryRun: dry})
					return err
				},
			}
			for _, call := range calls {
				f.fails(call(), account.CodeDryRun, would)
				f.clock.Advance(time.Second)
			}
			assert.Empty(f, data(f.read(it)))
		}},
		{138, "twice in a second", func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), DryRun: dry})
			f.failsAs(err, account.CodeDryRun)
			it := f.iterator(0, "LATEST")
			_, err = f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &it, DryRun: dry})
			f.fails(err, account.CodeThrottling, "Rate exceeded for stream S under account 123456789012.")
		}},
		{139, "an unknown stream", func(f *fixture) {
			_, err := f.PutRecord(f.ctx, &account.PutRecordInput{StreamName: ptr("X"), PartitionKey: ptr("a"), DryRun: dry})
			f.fails(err, account.CodeResourceNotFound, "Stream X under account 123456789012 not found.")
		}},
		{0, "what would have failed", func(f *fixture) {
			_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 2*mib), DryRun: dry})
			f.failsAs(err, account.CodeValidation)
		}},
	})
}

// The ending number of a closed shard has the greatest index that there is,
// 2^63 - 1: no record can have one after it, so that the service refuses the
// question. To ask from the number itself is to stand at the shard's end.
func TestClosedShard_nothingIsAfterItsEndingNumber(t *testing.T) {
	f := newFixture(t, account.Instant())
	c := f.register("C")
	f.put("a", "x")
	f.split(0, "1000")
	end := f.describe("S").Shards[0].SequenceNumberRange.EndingSequenceNumber
	const words = "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has reached max possible value for the shard."
	ask := func(kind string, shard int) error {
		in := &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr(shardID(shard)), ShardIteratorType: &kind, StartingSequenceNumber: &end}
		out, err := f.GetShardIterator(f.ctx, in)
		if err == nil {
			got := f.read(out.ShardIterator)
			assert.Empty(t, got.Records)
			assert.Empty(t, got.NextShardIterator)
			assert.Len(t, got.ChildShards, 2)
		}
		return err
	}
	subscribe := func(kind string, dry bool) error {
		sub, err := f.SubscribeToShard(f.ctx, &account.SubscribeToShardInput{ConsumerARN: &c.ConsumerARN, ShardId: ptr(shardID(0)),
			StartingPosition: &account.StartingPosition{Type: &kind, SequenceNumber: &end}, DryRun: &dry})
		if err == nil {
			sub.Close()
		}
		return err
	}
	f.fails(ask(account.IteratorAfterSequenceNumber, 0), account.CodeInvalidArgument, words)
	require.NoError(t, ask(account.IteratorAtSequenceNumber, 0))
	f.fails(subscribe(account.IteratorAfterSequenceNumber, true), account.CodeInvalidArgument, words)
	f.clock.Advance(time.Second) // a dry run a second
	f.fails(subscribe(account.IteratorAfterSequenceNumber, false), account.CodeInvalidArgument, words)
	require.NoError(t, subscribe(account.IteratorAtSequenceNumber, false))
	// To another shard it is a number of another shard, as any.
	f.fails(ask(account.IteratorAfterSequenceNumber, 1), account.CodeInvalidArgument,
		"Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001")
}

func tooLong(member string, most int) string {
	return fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", member, most)
}

// The validator that refuses a name or a number refuses a record too, by the
// limit of its stream: it names the data by its place in the request, from 1
// on, and the limit in bytes. Key and data together are over the limit before
// data alone is, and the words are the same.
func TestRecord_overItsStreamsLimit(t *testing.T) {
	f := newFixture(t, account.Instant())
	batch := func(sizes ...int) error {
		in := &account.PutRecordsInput{StreamName: S()}
		for _, size := range sizes {
			in.Records = append(in.Records, account.PutRecordsRequestEntry{PartitionKey: ptr("a"), Data: make([]byte, size)})
		}
		_, err := f.PutRecords(f.ctx, in)
		return err
	}
	single := func(size int) error {
		_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, size)})
		return err
	}
	f.fails(batch(mib+1), account.CodeValidation, tooLong("records.1.member.data", mib))
	f.fails(batch(1, mib), account.CodeValidation, tooLong("records.2.member.data", mib))
	f.fails(single(mib), account.CodeValidation, tooLong("data", mib))
	require.NoError(t, single(mib-1))
	_, err := f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: ptr(arnS), MaxRecordSizeInKiB: ptr(int32(2048))})
	require.NoError(t, err)
	f.fails(batch(2*mib), account.CodeValidation, tooLong("records.1.member.data", 2*mib))
	f.fails(single(10*mib+1), account.CodeValidation, tooLong("data", 10*mib))
}
