package kinesisclient_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// readCount reads until it has n records, and counts the throttles that Next
// returned on the way.
func readCount(t *testing.T, r client.Reader, n int) (data []string, throttles int) {
	for len(data) < n {
		b, err := r.Next(t.Context())
		if err != nil {
			if !assert.ErrorIs(t, err, weir.ErrThroughputExceeded) {
				return data, throttles
			}
			throttles++
		}
		for _, record := range b.Records {
			data = append(data, string(record.Data))
		}
	}
	return data, throttles
}

// Readers of one shard take turns: none is throttled, none is starved.
func TestStream_readersOfAShardShareItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		s := stream(t, k)
		const records, readers = 60, 3
		for i := range records {
			k.Put("orders", "k", fmt.Sprint(i))
		}
		begin := time.Now()
		var took [readers]time.Duration
		var all sync.WaitGroup
		for i := range readers {
			r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1})
			require.NoError(t, err)
			all.Go(func() {
				defer r.Close()
				data, throttles := readCount(t, r, records)
				assert.Len(t, data, records)
				assert.Zero(t, throttles)
				took[i] = time.Since(begin)
			})
		}
		all.Wait()
		for _, d := range took { // 180 polls, five a second
			assert.InDelta(t, 36, d.Seconds(), 1)
		}
	})
}

// A call that is given up keeps its turn: callers that are short of time do not
// push the others, or themselves, into the future.
func TestStream_aTurnOutlivesTheCallThatTookIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		s := stream(t, k)
		k.Put("orders", "k", "one")
		var readers []client.Reader
		for range 2 {
			r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{})
			require.NoError(t, err)
			defer r.Close()
			readers = append(readers, r)
		}
		_, err := readers[0].Next(t.Context())
		require.NoError(t, err)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := readers[1].Next(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		begin := time.Now()
		b, err := readers[1].Next(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.Records, 1)
		assert.LessOrEqual(t, time.Since(begin), 100*time.Millisecond)
	})
}

// Throttles in a row are further and further apart, up to a bound; a success
// ends that.
func TestStream_backsOffWhenThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{})
		require.NoError(t, err)
		defer r.Close()
		for range 2 {
			k.Fail("GetRecords").Times(6).With(kinesistest.ThroughputExceeded)
			_, err = r.Next(t.Context())
			require.ErrorIs(t, err, weir.ErrThroughputExceeded)
			for i, most := range []time.Duration{1, 2, 4, 8, 8, 8} {
				begin := time.Now()
				_, err = r.Next(t.Context())
				waited, most := time.Since(begin), most*time.Second
				assert.GreaterOrEqual(t, waited, most/2, "after %d throttles", i+1)
				assert.LessOrEqual(t, waited, most, "after %d throttles", i+1)
				if i < 5 {
					require.ErrorIs(t, err, weir.ErrThroughputExceeded)
				}
			}
			require.NoError(t, err)
		}
	})
}

// Groups that do not know of each other all come to the end of a shard, though
// together they ask for more than it gives.
func TestStream_strangersOnAShardAllMakeProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		const records = 40
		for i := range records {
			k.Put("orders", "k", fmt.Sprint(i))
		}
		var all sync.WaitGroup
		throttled := make([]int, 4)
		for i := range throttled {
			r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1})
			require.NoError(t, err)
			all.Go(func() {
				defer r.Close()
				begin := time.Now()
				data, throttles := readCount(t, r, records)
				assert.Len(t, data, records)
				assert.Less(t, time.Since(begin), 3*time.Minute)
				throttled[i] = throttles
			})
		}
		all.Wait()
		assert.NotZero(t, throttled[0]+throttled[1]+throttled[2]+throttled[3])
	})
}

// A subscription that says nothing for a minute of waiting is replaced, also if
// each call waits for less, and none that a caller comes late to.
func TestStream_replacesASilentSubscription(t *testing.T) {
	for name, each := range map[string]time.Duration{"one call": time.Hour, "many calls": 7 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
				k.Fail("SubscribeToShard").Nth(1).FallSilent(1)
				r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{Consumer: "c"})
				require.NoError(t, err)
				defer r.Close()
				k.Put("orders", "k", "one")
				begin := time.Now()
				var got []string
				for i := 0; len(got) < 2; {
					ctx, cancel := context.WithTimeout(t.Context(), each)
					b, err := r.Next(ctx)
					cancel()
					if err != nil {
						require.ErrorIs(t, err, context.DeadlineExceeded)
					}
					for _, record := range b.Records {
						got = append(got, string(record.Data))
					}
					if i++; i == 1 {
						k.Put("orders", "k", "two")
					}
				}
				assert.Equal(t, []string{"one", "two"}, got)
				assert.InDelta(t, 60, time.Since(begin).Seconds(), 10)
				k.AssertCalls("SubscribeToShard", 2)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
		r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{Consumer: "c"})
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		_, err = r.Next(t.Context())
		require.NoError(t, err)
		k.AssertCalls("SubscribeToShard", 1)
	})
}

// An iterator that has expired is replaced by one after the last record.
func TestStream_resumesAfterTheLastRecordWhenAnIteratorExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		r, err := stream(t, k).Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1})
		require.NoError(t, err)
		defer r.Close()
		for i := range 6 {
			k.Put("orders", "k", fmt.Sprint(i))
		}
		k.Fail("GetRecords").Nth(3, 5).With(kinesistest.ExpiredIterator)
		data, throttles := readCount(t, r, 6)
		assert.Equal(t, []string{"0", "1", "2", "3", "4", "5"}, data)
		assert.Zero(t, throttles)
		k.AssertCalls("GetShardIterator", 3)
	})
}

// A registration is tried again while the service is busy, and not for longer.
func TestStream_registersWhenTheServiceIsBusy(t *testing.T) {
	for _, c := range []struct {
		with  kinesistest.Code
		times int
		is    error
	}{
		{kinesistest.LimitExceeded, 9, nil},
		{kinesistest.LimitExceeded, 10, weir.ErrLimitExceeded},
		{kinesistest.ResourceInUse, 9, nil},
		{kinesistest.ResourceInUse, 10, weir.ErrConsumerExists},
	} {
		t.Run(fmt.Sprintf("%s %d times", c.with, c.times), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kinesistest.New(t, kinesistest.Stream("orders", 1))
				k.Fail("RegisterStreamConsumer").Times(c.times).With(c.with)
				begin := time.Now()
				assert.ErrorIs(t, stream(t, k).RegisterConsumer(t.Context(), "c"), c.is)
				assert.Less(t, time.Since(begin), 15*time.Second)
			})
		})
	}
}

// The name is that of the Kinesis Client Library's leases of several streams.
func TestStream_identifiesItself(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	id, err := stream(t, k).StreamIdentifier(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]{12}:orders:[0-9]{10}$`, id)
	none, err := kinesisclient.New(k.Client(once), "none")
	require.NoError(t, err)
	_, err = none.StreamIdentifier(t.Context())
	require.Error(t, err)
}
