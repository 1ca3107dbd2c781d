package kinesisclient_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// readings are the ways to read.
var readings = map[string]client.Reading{
	"ahead": {}, "one poll a call": {Polling: true}, "as a consumer": {Consumer: "c"},
}

// lost returns what a reader says to have gone.
func lost(t *testing.T, r client.Reader) int64 {
	t.Helper()
	l, ok := r.(interface{ Lost() int64 })
	require.True(t, ok)
	return l.Lost()
}

// eachReading runs a test for each way to read, in a bubble, with a stream of one
// shard that has five records, 0 to 4.
func eachReading(t *testing.T, test func(t *testing.T, k *kinesistest.Fake, as client.Reading, numbers []weir.SequenceNumber)) {
	for name, as := range readings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
				var numbers []weir.SequenceNumber
				for i := range 5 {
					numbers = append(numbers, k.Put("orders", "k", fmt.Sprint(i)).SequenceNumber)
				}
				test(t, k, as, numbers)
			})
		})
	}
}

const retention = 24 * time.Hour

// A position whose records have gone is told of, with their number; one that is
// kept is not, nor one behind which there was nothing.
func TestStream_tellsOfRecordsThatHaveGone(t *testing.T) {
	eachReading(t, func(t *testing.T, k *kinesistest.Fake, as client.Reading, numbers []weir.SequenceNumber) {
		s := stream(t, k)
		read := func(from weir.Position, want ...string) int64 {
			t.Helper()
			r, err := s.Read(t.Context(), 0, from, as)
			require.NoError(t, err)
			defer r.Close()
			got, _ := readCount(t, r, len(want))
			require.Equal(t, want, got)
			return lost(t, r)
		}
		assert.Zero(t, read(weir.AfterSequence(numbers[1]), "2", "3", "4"))
		assert.Zero(t, read(weir.AtSequence(numbers[1]), "1", "2", "3", "4"))
		assert.Zero(t, read(weir.AfterSequence(k.Stream("orders").Shards()[0].StartingSequenceNumber), "0", "1", "2", "3", "4"))
		time.Sleep(retention + time.Minute)
		k.Put("orders", "k", "5")
		time.Sleep(time.Second)
		assert.EqualValues(t, 3, read(weir.AfterSequence(numbers[1]), "5"))
		assert.EqualValues(t, 4, read(weir.AtSequence(numbers[1]), "5"))
		assert.Zero(t, read(weir.AfterSequence(numbers[4]), "5"))
		assert.Zero(t, read(weir.TrimHorizon(), "5"))
		assert.Zero(t, read(weir.AtTime(time.Now().Add(-time.Hour)), "5"))
	})
}

// So is one of a reader that was left alone for longer than records are kept.
func TestStream_tellsOfRecordsThatHaveGoneWhileNobodyRead(t *testing.T) {
	eachReading(t, func(t *testing.T, k *kinesistest.Fake, as client.Reading, numbers []weir.SequenceNumber) {
		as.MaxRecords = 0
		r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), as)
		require.NoError(t, err)
		defer r.Close()
		got, _ := readCount(t, r, 5)
		require.Len(t, got, 5)
		const more = 40
		for i := range more {
			k.Put("orders", "k", fmt.Sprint(5+i))
			time.Sleep(time.Minute)
		}
		time.Sleep(retention)
		k.Put("orders", "k", "last")
		gone := int64(0)
		for got = nil; len(got) == 0 || got[len(got)-1] != "last"; {
			b, err := r.Next(t.Context())
			if err != nil {
				t.Log(err)
				continue
			}
			for _, record := range b.Records {
				got = append(got, string(record.Data))
			}
			gone = lost(t, r)
		}
		assert.EqualValues(t, more+1-len(got), gone)
	})
}

// A shard that ended while nobody read, with nothing left of it, may have had
// more than was read.
func TestStream_tellsOfAShardThatEndedWithoutARecordLeft(t *testing.T) {
	eachReading(t, func(t *testing.T, k *kinesistest.Fake, as client.Reading, numbers []weir.SequenceNumber) {
		time.Sleep(retention / 2)
		k.Split("orders", 0)
		s := stream(t, k)
		for _, c := range []struct {
			from weir.Position
			idle time.Duration
			want int64
		}{
			{weir.AfterSequence(numbers[4]), 0, 0}, {weir.AtSequence(numbers[4]), 0, 0},
			{weir.AfterSequence(numbers[1]), retention/2 + time.Minute, 1}, {weir.AtSequence(numbers[1]), 0, 2},
		} {
			time.Sleep(c.idle)
			r, err := s.Read(t.Context(), 0, c.from, as)
			require.NoError(t, err)
			for last := false; !last; {
				b, err := r.Next(t.Context())
				require.NoError(t, err)
				last = b.Last
			}
			assert.Equal(t, c.want, lost(t, r))
			require.NoError(t, r.Close())
		}
	})
}

// While a caller works on a batch the next ones are polled, up to a bound.
func TestStream_pollsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Latency(150*time.Millisecond, 150*time.Millisecond)
		for i := range 20 {
			k.Put("orders", "k", fmt.Sprint(i))
		}
		time.Sleep(time.Minute)
		s := stream(t, k)
		r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1})
		require.NoError(t, err)
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		k.AssertCalls("GetRecords", 5) // the first one, and four that wait
		begin := time.Now()
		for i := range 4 {
			b, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i+1), string(b.Records[0].Data))
		}
		assert.Zero(t, time.Since(begin))
		require.NoError(t, r.Close())

		r, err = s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1, Polling: true})
		require.NoError(t, err)
		before := len(k.Calls("GetRecords"))
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		k.AssertCalls("GetRecords", before+1)
		require.NoError(t, r.Close())
	})
}

// What readers that nobody asks hold is bounded for all of them together: one
// batch each, and 32 MiB.
func TestStream_pollsAheadWithinItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards, size, records = 12, 1 << 20, 8
		limits := weir.Unlimited()
		k := kinesistest.New(t, kinesistest.Config{Limits: limits}, kinesistest.Stream("orders", shards))
		for _, sh := range k.Stream("orders").Shards() {
			for range records {
				_, err := k.Stream("orders").PutRecords(t.Context(), []weir.Entry{
					{PartitionKey: "k", ExplicitHashKey: &sh.HashKeyRange.Start, Data: make([]byte, size-1)}})
				require.NoError(t, err)
			}
		}
		time.Sleep(time.Minute)
		s := stream(t, k)
		var all sync.WaitGroup
		readers := make([]client.Reader, shards)
		for i := range readers {
			all.Go(func() {
				var err error
				readers[i], err = s.Read(t.Context(), weir.ShardID(i), weir.TrimHorizon(), client.Reading{MaxRecords: 1})
				assert.NoError(t, err)
				_, err = readers[i].Next(t.Context())
				assert.NoError(t, err)
			})
		}
		all.Wait()
		time.Sleep(time.Minute)
		got := len(k.Calls("GetRecords"))
		assert.GreaterOrEqual(t, got, 12+32)
		assert.LessOrEqual(t, got, 12+32+12) // those under way when the bound was met
		for _, r := range readers {          // and all comes, whoever waits for the others
			n, _ := readCount(t, r, records-1)
			assert.Len(t, n, records-1)
		}
		for _, r := range readers {
			require.NoError(t, r.Close())
		}
		s2, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1})
		require.NoError(t, err)
		defer s2.Close()
		before := len(k.Calls("GetRecords"))
		_, err = s2.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.Equal(t, before+5, len(k.Calls("GetRecords")), "what was closed holds nothing")
	})
}
