package kinesisclient_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

func newProducer(t *testing.T, k *kinesistest.Fake, c producer.Config) *producer.Producer {
	c.Stream = stream(t, k)
	p, err := producer.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) }) // the test's context has ended
	return p
}

// consumed returns the data of what consumers get of a stream, who discard
// aggregates with records of other shards: shard by shard, parents first.
func consumed(t *testing.T, s *weir.Stream) (list []string) {
	for _, sh := range s.Shards() {
		as := client.Reading{Polling: true, Interval: time.Second}
		r, err := client.Embedded(s).Read(t.Context(), sh.ID, weir.TrimHorizon(), as)
		require.NoError(t, err)
		d := aggregate.Decoder{Within: &sh.HashKeyRange}
		for {
			b, err := r.Next(t.Context())
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			for _, outer := range b.Records {
				for u := range d.Records(outer) {
					list = append(list, string(u.Data))
				}
			}
			if b.Last || len(b.Records) == 0 && b.Behind == 0 {
				break
			}
		}
		require.NoError(t, r.Close())
	}
	return list
}

// On the worst of days a producer delivers each record, and an ordered one each
// key's in order; nothing that it told to be delivered is lost to consumers.
func TestProducer_deliversWhenThingsFail(t *testing.T) {
	for _, c := range []producer.Config{{}, {Aggregate: true}, {Ordered: true}, {Ordered: true, Aggregate: true}} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("aggregate=%t/ordered=%t/seed=%d", c.Aggregate, c.Ordered, seed+1), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { deliver(t, seed+1, c) })
			})
		}
	}
}

func deliver(t *testing.T, seed uint64, c producer.Config) {
	chaos := kinesistest.Rough()
	chaos.ReshardEvery = time.Minute
	k := kinesistest.New(t, kinesistest.Stream("orders", 2), kinesistest.Chaos(seed, chaos))
	c.TTL = time.Hour
	p := newProducer(t, k, c)
	const records, keys = 1500, 20
	var mu sync.Mutex
	told := map[int]producer.Outcome{}
	for i := range records {
		e := weir.Entry{PartitionKey: fmt.Sprint("key-", i%keys), Data: []byte(strconv.Itoa(i))}
		require.NoError(t, p.PutAsync(t.Context(), e, func(o producer.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			assert.NotContains(t, told, i, "told twice")
			told[i] = o
		}))
		time.Sleep(200 * time.Millisecond)
	}
	require.NoError(t, p.Flush(t.Context()))
	k.Calm()
	require.Len(t, told, records)
	seen := map[int]bool{}
	newest := map[int]int{}
	for _, text := range consumed(t, k.Stream("orders")) {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		if seen[n] {
			continue
		}
		seen[n] = true
		if c.Ordered {
			require.GreaterOrEqual(t, n, newest[n%keys], "in order")
		}
		newest[n%keys] = n
	}
	for i, o := range told {
		require.NoError(t, o.Err)
		require.True(t, seen[i], "record %d: %+v", i, o)
	}
	m := p.Metrics()
	assert.Positive(t, m.Retries)
	assert.Positive(t, m.Throttled)
	assert.Positive(t, m.Mispredicted)
	if c.Aggregate {
		assert.Positive(t, m.Aggregates)
	}
}

func TestProducer_tellsTheServicesWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").Nth(1).FailRecords(kinesistest.InternalFailure, 0).Required()
		k.Fail("PutRecords").Nth(1).ThrottleRecords(0).Required() // of the second call
		p := newProducer(t, k, producer.Config{})
		o, err := p.Put(t.Context(), weir.Entry{PartitionKey: "a", Data: []byte("x")})
		require.NoError(t, err)
		var codes []string
		for _, a := range o.Attempts {
			codes = append(codes, a.Code)
		}
		assert.Equal(t, []string{"InternalFailure", "ProvisionedThroughputExceededException", ""}, codes)
		assert.Equal(t, o.SequenceNumber, k.Records("orders")[0].SequenceNumber)

		k.Fail("PutRecords").With(kinesistest.AccessDenied).Required()
		o, err = p.Put(t.Context(), weir.Entry{PartitionKey: "a", Data: []byte("x")})
		require.ErrorContains(t, err, "AccessDeniedException")
		require.Len(t, o.Attempts, 1, "it would not help")
	})
}

// One record that the stream does not take does not harm the others of its call.
func TestProducer_findsTheRecordThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		p := newProducer(t, k, producer.Config{RecordBytes: 2 << 20})
		var mu sync.Mutex
		errs := map[int]error{}
		for i := range 9 {
			data := []byte("x")
			if i == 4 {
				data = make([]byte, 1<<20+1)
			}
			require.NoError(t, p.PutAsync(t.Context(), weir.Entry{PartitionKey: "a", Data: data}, func(o producer.Outcome) {
				mu.Lock()
				defer mu.Unlock()
				errs[i] = o.Err
			}))
		}
		require.NoError(t, p.Flush(t.Context()))
		require.Len(t, errs, 9)
		for i, err := range errs {
			if i == 4 {
				require.ErrorIs(t, err, weir.ErrInvalidArgument)
			} else {
				require.NoError(t, err)
			}
		}
		assert.Len(t, k.Records("orders"), 8)
	})
}

func TestProducer_anAnswerOfTheWrongLengthFailsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		kinesistest.Edit(k.Fail("PutRecords").Times(1), func(_ *kinesistest.Call, out *kinesis.PutRecordsOutput) {
			out.Records = append(out.Records, out.Records[0])
		}).Required()
		p := newProducer(t, k, producer.Config{})
		_, err := p.Put(t.Context(), weir.Entry{PartitionKey: "a"})
		require.ErrorIs(t, err, producer.ErrMismatch)
		assert.Equal(t, int64(1), p.Metrics().Mismatches)
		assert.Len(t, k.Calls("PutRecords"), 1)
	})
}

// Records of a stream whose shards nobody may list are put as they are.
func TestProducer_worksWithoutAListOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 3))
		k.Fail("ListShards").With(kinesistest.AccessDenied)
		p := newProducer(t, k, producer.Config{Aggregate: true})
		for i := range 100 {
			require.NoError(t, p.PutAsync(t.Context(), weir.Entry{PartitionKey: fmt.Sprint(i), Data: []byte("x")}, nil))
		}
		require.NoError(t, p.Flush(t.Context()))
		assert.Len(t, k.Records("orders"), 100)
		assert.Zero(t, p.Metrics().Aggregates)
	})
}

// A second's worth of records of 100 bytes for one shard goes in some records.
func TestProducer_aggregatesForTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		p := newProducer(t, k, producer.Config{Aggregate: true})
		for i := range 9000 {
			e := weir.Entry{PartitionKey: fmt.Sprint("key-", i%100), Data: []byte(strings.Repeat("x", 90))}
			require.NoError(t, p.PutAsync(t.Context(), e, nil))
		}
		require.NoError(t, p.Flush(t.Context()))
		assert.Empty(t, k.Throttles("orders"))
		assert.Len(t, k.Records("orders").Deaggregate(), 9000)
		assert.Less(t, len(k.Records("orders")), 50)
	})
}
