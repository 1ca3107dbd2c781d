package kinesistest_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesistest"
)

func TestChecker_sayings(t *testing.T) {
	type step func(c *kinesistest.Checker, r kinesistest.Records)
	saw := func(which ...int) step {
		return func(c *kinesistest.Checker, r kinesistest.Records) {
			for _, i := range which {
				c.SawNumber(r[i].PartitionKey, r[i].SequenceNumber.String())
			}
		}
	}
	for name, row := range map[string]struct {
		guarantee kinesistest.Guarantee
		step      step
		want      []string
	}{
		"all":                 {kinesistest.ExactlyOnce(), saw(0, 1, 2, 3), nil},
		"keys interleave":     {kinesistest.ExactlyOnce(), saw(1, 0, 3, 2), nil},
		"lost":                {kinesistest.ExactlyOnce(), saw(0, 1, 2), []string{"3 of 4 records seen", `lost: 00:00:00.000 a/0 y: "3"`, "of its key 1 were seen, the last at 00:00:01.000", "the first fault since: #1 00:00:00.500 ListStreams"}},
		"at most once loses":  {kinesistest.AtMostOnce(), saw(0, 1, 2), nil},
		"out of order":        {kinesistest.AtLeastOnce(), saw(2, 0, 1, 3), []string{`out of order: 00:00:00.000 a/0 x: "2" was first seen at 00:00:01.000, before 00:00:00.000 a/0 x: "0"`, "the last fault before: #1"}},
		"any order":           {kinesistest.Guarantee{AnyOrder: true}, saw(2, 0, 1, 3), nil},
		"repeated":            {kinesistest.ExactlyOnce(), saw(0, 1, 2, 3, 3), []string{`repeated: 00:00:00.000 a/0 y: "3" was seen 2 times`}},
		"at least once":       {kinesistest.AtLeastOnce(), saw(0, 1, 0, 1, 2, 3), nil},
		"one repeat, not two": {kinesistest.Guarantee{Repeats: 1}, saw(0, 1, 2, 3, 3, 2, 2), []string{`repeated: 00:00:00.000 a/0 x: "2" was seen 3 times`}},
		"by data": {kinesistest.ExactlyOnce(), func(c *kinesistest.Checker, r kinesistest.Records) {
			for _, rec := range r {
				c.SawData(rec.Data)
			}
			c.SawData([]byte("?"))
		}, []string{`unknown: data "?" was never put`}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kinesistest.New(t, kinesistest.Stream("a", 1))
				k.Fail("ListStreams").With(kinesistest.Validation)
				c := k.Checker("a", row.guarantee)
				for i, key := range []string{"x", "y", "x", "y"} {
					k.Put("a", key, fmt.Sprint(i))
				}
				time.Sleep(500 * time.Millisecond)
				k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
				time.Sleep(500 * time.Millisecond)
				row.step(c, k.Records("a"))
				err := c.Err()
				if row.want == nil {
					require.NoError(t, err)
				}
				for _, want := range row.want {
					require.ErrorContains(t, err, want)
				}
			})
		})
	}
}

// A checker that nobody asked speaks at the end.
func TestChecker_failsTheTest(t *testing.T) {
	s := failing(t, func(t *spy) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Checker("a", kinesistest.AtLeastOnce())
		k.Put("a", "x", "1")
	})
	assert.Contains(t, s.said(), "lost")
}

// What happens after a checker was asked counts as well: a record that is put
// later and never seen, or seen once more. What was said is not said again.
func TestChecker_askedEarly(t *testing.T) {
	for name, ask := range map[string]func(*kinesistest.Checker){
		"Check": func(c *kinesistest.Checker) { c.Check() },
		"Err":   func(c *kinesistest.Checker) { _ = c.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			s := failing(t, func(t *spy) {
				k := kinesistest.New(t, kinesistest.Stream("a", 1))
				c := k.Checker("a", kinesistest.ExactlyOnce())
				k.Put("a", "x", "seen")
				c.SawData([]byte("seen"))
				ask(c)
				k.Put("a", "x", "never seen")
				c.SawData([]byte("seen"))
			})
			require.Len(t, s.errors, 1)
			assert.Contains(t, s.errors[0], `x: "never seen"`)
			assert.Contains(t, s.errors[0], `x: "seen" was seen 2 times`)
		})
	}
	s := failing(t, func(s *spy) {
		k := kinesistest.New(s, kinesistest.Stream("a", 1))
		c := k.Checker("a", kinesistest.ExactlyOnce())
		k.Put("a", "x", "lost")
		c.SawData([]byte("never put"))
		assert.ErrorContains(t, c.Err(), "never put")
	})
	assert.Empty(t, s.errors, "the test knows")
	s = failing(t, func(s *spy) {
		k := kinesistest.New(s, kinesistest.Stream("a", 1))
		c := k.Checker("a", kinesistest.ExactlyOnce())
		k.Put("a", "x", "lost")
		assert.ErrorContains(t, c.Err(), "lost")
		k.Put("a", "x", "lost too")
	})
	require.Len(t, s.errors, 1)
	assert.Contains(t, s.errors[0], `"lost too"`)
	assert.NotContains(t, s.errors[0], `"lost"`)
}

// poll reads a stream, parents before children, and starts again where it was
// whenever something fails. It is a correct consumer, at least once.
func poll(ctx context.Context, c *kinesis.Client, stream string, every time.Duration, saw func(...types.Record)) {
	done := make(map[string]bool)
	last := make(map[string]*string)
	at := make(map[string]*string)
	for ; ctx.Err() == nil; sleep(ctx, every) {
		list, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &stream})
		if err != nil {
			continue
		}
		there := make(map[string]bool)
		for _, sh := range list.Shards {
			there[*sh.ShardId] = true
		}
		ready := func(parent *string) bool { return parent == nil || done[*parent] || !there[*parent] }
		for _, sh := range list.Shards {
			id := *sh.ShardId
			if done[id] || !ready(sh.ParentShardId) || !ready(sh.AdjacentParentShardId) {
				continue
			}
			if at[id] == nil {
				in := &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
				if last[id] != nil {
					in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, last[id]
				}
				out, err := c.GetShardIterator(ctx, in)
				if err != nil {
					continue
				}
				at[id] = out.ShardIterator
			}
			out, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at[id]})
			if err != nil {
				delete(at, id)
				continue
			}
			saw(out.Records...)
			if n := len(out.Records); n > 0 {
				last[id] = out.Records[n-1].SequenceNumber
			}
			at[id] = out.NextShardIterator
			done[id] = out.NextShardIterator == nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// A correct consumer survives a bad day, and the same seed gives the same day.
func TestChaos(t *testing.T) {
	var runs []string
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Chaos(7, kinesistest.Rough()), kinesistest.Stream("a", 2))
			check := k.Checker("a", kinesistest.AtLeastOnce())
			ctx, cancel := context.WithCancel(t.Context())
			go poll(ctx, k.Client(), "a", 5*time.Second, check.Saw)
			k.Generate("a", kinesistest.Load{Records: 2000, Keys: 20, Over: 2 * time.Hour})
			k.Calm()
			k.WaitFor("the consumer has seen all", time.Hour, check.Complete)
			cancel()
			synctest.Wait()
			require.NoError(t, check.Err())
			assert.Positive(t, check.Repeats())
			assert.Greater(t, len(k.Stream("a").Shards()), 3)
			assert.Greater(t, len(k.Calls().Failed()), 100)
			runs = append(runs, k.Calls().String())
		})
	}
	assert.Equal(t, runs[0], runs[1])
}

// A consumer that forgets its place is found out, with what made it.
func TestChaos_findsABadConsumer(t *testing.T) {
	s := failing(t, func(s *spy) {
		k := kinesistest.New(s, kinesistest.Config{Start: time.Unix(1_700_000_000, 0)}, kinesistest.Stream("a", 1))
		check := k.Checker("a", kinesistest.AtLeastOnce())
		k.Fail("GetRecords").Nth(2).With(kinesistest.ExpiredIterator)
		c := k.Client()
		at := iterator(t, c, "a", 0, types.ShardIteratorTypeLatest)
		for i := range 4 {
			k.Put("a", "x", fmt.Sprint(i))
			out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: at})
			if err != nil { // and this is wrong
				at = iterator(t, c, "a", 0, types.ShardIteratorTypeLatest)
				continue
			}
			check.Saw(out.Records...)
			at = out.NextShardIterator
			k.Advance(time.Second)
		}
		check.Check()
	})
	assert.Contains(t, s.said(), `lost: 22:13:21.000 a/0 x: "1"`)
	assert.Contains(t, s.said(), "the first fault since: #3 22:13:21.000 GetRecords a/0 → ExpiredIteratorException")
}

func TestAssertExactlyOnce(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	k.Generate("a", kinesistest.Load{Records: 20, Keys: 3})
	out, err := k.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)})
	require.NoError(t, err)
	assert.True(t, k.AssertExactlyOnce("a", out.Records))
}

func TestWaitFor(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config)
		n := 0
		k.WaitFor("three looks", time.Minute, func() bool { n++; return n == 3 })
	})
	s := failing(t, func(t *spy) {
		defer func() { _ = recover() }()
		kinesistest.New(t, kinesistest.Config{Start: time.Unix(1, 0)}).WaitFor("never", time.Second, func() bool { return false })
	})
	assert.Contains(t, s.said(), "after 1s still not: never")
	assert.NotContains(t, s.said(), "\n")

	s = failing(t, func(t *spy) {
		defer func() { _ = recover() }()
		k := kinesistest.New(t, kinesistest.Config{Start: time.Unix(1, 0)}, kinesistest.Stream("a", 1))
		check, other := k.Checker("a", kinesistest.AtLeastOnce()), k.Checker("a", kinesistest.AtLeastOnce())
		k.Generate("a", kinesistest.Load{Records: 9, Keys: 1})
		check.SawData([]byte("key-0 0"))
		other.Complete()
		k.WaitFor("all are seen", time.Second, check.Complete)
	})
	for _, want := range []string{"after 1s still not: all are seen\n1 of 9 records seen", `lost: 00:00:01.000 a/0 key-0: "key-0 1", number 49`, "… and 3 more lost"} {
		assert.Contains(t, s.errors[0], want)
	}
	assert.NotContains(t, s.said(), "0 of 9")
}

func TestSplitAndMerge(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config, kinesistest.Stream("a", 2))
		children := k.Split("a", 0)
		assert.Equal(t, []int{2, 3, 1}, k.OpenShards("a"))
		assert.EqualValues(t, 4, k.Merge("a", 1, int(children[1])))
		assert.Equal(t, []int{2, 4}, k.OpenShards("a"))
		assert.NotEmpty(t, k.Reshard("a"))
	})
}

// A consumer that takes aggregates apart is checked by user records.
func TestChecker_userRecords(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	message := "\x0a\x01k\x1a\x05\x08\x00\x1a\x01x\x1a\x05\x08\x00\x1a\x01x\x1a\x05\x08\x00\x1a\x01y" // k: x, x again, y
	b, err := hex.DecodeString(aggregate(message))
	require.NoError(t, err)
	k.Put("a", "outer", string(b))
	k.Put("a", "plain", "p")
	promise := kinesistest.ExactlyOnce()
	promise.UserRecords = true
	records := k.Records("a")
	saw := func(c *kinesistest.Checker, record int, key, data string) {
		c.Saw(types.Record{PartitionKey: &key, Data: []byte(data), SequenceNumber: aws.String(records[record].SequenceNumber.String())})
	}

	good := k.Checker("a", promise)
	for _, data := range []string{"x", "x", "y"} {
		saw(good, 0, "k", data)
	}
	saw(good, 1, "plain", "p")
	assert.True(t, good.Complete())
	require.NoError(t, good.Err())

	bad := k.Checker("a", promise)
	saw(bad, 0, "k", "y")
	saw(bad, 0, "k", "x")
	saw(bad, 1, "plain", "p")
	require.ErrorContains(t, bad.Err(), `lost: `)
	require.ErrorContains(t, bad.Err(), `k: "y" was first seen`)
	bad.SawUserRecord("k", records[0].SequenceNumber.String(), 7)
	require.ErrorContains(t, bad.Err(), "unknown: user record 7 of number")
}

// Records of all sizes come in the order of their keys, however often the
// limits refuse one, and what can never be stored fails the test.
func TestGenerate(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config, kinesistest.Stream("a", 2))
		sizes := func(key string, i, n int) []byte { return fmt.Appendf(make([]byte, 50_000*(i%7)), "%s %d", key, n) }
		k.Generate("a", kinesistest.Load{Records: 100, Keys: 3, Data: sizes})
		require.Len(t, k.Records("a"), 100)
		for key := range 3 {
			for n, data := range k.Records("a").Key(fmt.Sprint("key-", key)).Data() {
				assert.True(t, strings.HasSuffix(data, fmt.Sprintf("key-%d %d", key, n)))
			}
		}
	})
	s := failing(t, func(s *spy) {
		k := kinesistest.New(s, kinesistest.Stream("a", 2))
		k.Generate("a", kinesistest.Load{Records: 1, Data: func(string, int, int) []byte { return make([]byte, 2<<20) }})
	})
	require.Len(t, s.errors, 1)
	assert.Contains(t, s.errors[0], "generate into a: record 0: ")
}

// The fault that is named is one that the reader met: here a subscription that
// gives events twice all along, and not the put that was throttled later.
func TestChecker_namesTheReadersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "a", Consumers: []string{"billing"}})
		k.Fail("SubscribeToShard").Nth(1).Duplicate()
		k.Fail("SubscribeToShard").Nth(2).CutStream(1000) // which it does not come to
		k.Fail("PutRecord").Throttle()
		check := k.Checker("a", kinesistest.ExactlyOnce())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go fanOut(ctx, k, "a", "billing", check.Saw)
		time.Sleep(time.Second)
		k.Put("a", "x", "0")
		time.Sleep(time.Second)
		_, err := k.Client(once).PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("x")})
		require.Error(t, err)
		k.Put("a", "x", "1")
		time.Sleep(8 * time.Minute) // the second subscription has begun

		err = check.Err()
		require.ErrorContains(t, err, `x: "1" was seen 2 times, at 00:00:02.000 and again at 00:00:02.000; the last fault before: #2 00:00:00.000 SubscribeToShard a/0 for billing`)
		assert.NotContains(t, err.Error(), "cut after")
		assert.NotContains(t, err.Error(), "PutRecord")
	})
}

// Only the violations that are told of take time in proportion to the calls.
func TestChecker_manyLost(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Config{Limits: weir.Unlimited()}, kinesistest.Stream("a", 1))
	k.Fail("ListStreams").Throttle()
	_, err := k.Client(once).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	require.Error(t, err)
	const records = 2000
	k.Generate("a", kinesistest.Load{Records: records})
	check := k.Checker("a", kinesistest.ExactlyOnce())
	assert.Less(t, testing.AllocsPerRun(1, func() { require.ErrorContains(t, check.Err(), "1995 more lost") }), 5.0*records)
}
