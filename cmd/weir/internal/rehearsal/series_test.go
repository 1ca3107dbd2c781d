package rehearsal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/rehearsal"
	"github.com/weirstream/weir/simulate"
)

// second returns a second in which one shard of one was offered n records and
// took at most 1,000.
func second(at int, n int64) *simulate.Second {
	w := simulate.Writes{
		OfferedRecords: n, OfferedBytes: 100 * n, AcceptedRecords: min(n, 1000), AcceptedBytes: 100 * min(n, 1000),
		ThrottledRecords: max(0, n-1000),
	}
	return &simulate.Second{
		At: time.Duration(at) * time.Second, Writes: w, OpenShards: 1, CapacityRecords: 1000, CapacityBytes: 1 << 20,
		Shards:    []simulate.ShardSecond{{Shard: 3, Open: true, Writes: w}},
		Consumers: []simulate.ConsumerSecond{{Name: "a", Age: time.Duration(n) * time.Millisecond, ReadRecords: n}},
	}
}

func TestSeries_keepsSecondsWhileThereAreFew(t *testing.T) {
	s := rehearsal.NewSeries()
	for i, n := range []int64{500, 1500} {
		s.Add(second(i, n))
	}
	require.Len(t, s.Points, 2)
	assert.Equal(t, time.Second, s.Width)
	p := s.Points[1]
	assert.Equal(t, time.Second, p.At)
	assert.Equal(t, 1500.0, p.Offered)
	assert.Equal(t, 500.0, p.Throttled)
	assert.Equal(t, 1.5, p.MostUsed)
	assert.Equal(t, []rehearsal.ShardPoint{{Shard: 3, Accepted: 1000, Throttled: 500, Use: rehearsal.Use{Writes: 1.5}}}, p.Shards)
	assert.Equal(t, 1500*time.Millisecond, p.Consumers[0].Age)
}

// A day's seconds are 86,400, so a point stands for 64 of them: the first power
// of two that leaves at most 1,800 points. What the points say together is what
// the seconds said.
func TestSeries_isBoundedAndLosesNothing(t *testing.T) {
	const day = 86400
	s := rehearsal.NewSeries()
	var offered, throttled, most float64
	for i := range day {
		n := int64(100 + i*7919%1700)
		s.Add(second(i, n))
		offered += float64(n)
		throttled += float64(max(0, n-1000))
		most = max(most, float64(n-1000))
	}
	assert.Equal(t, 64*time.Second, s.Width)
	assert.Len(t, s.Points, day/64)
	var seconds int
	var gotOffered, gotThrottled, gotMost, shard float64
	for i, p := range s.Points {
		require.Equal(t, time.Duration(i)*64*time.Second, p.At)
		seconds += p.Seconds
		gotOffered += p.Offered * float64(p.Seconds)
		gotThrottled += p.Throttled * float64(p.Seconds)
		gotMost = max(gotMost, p.MostThrottled)
		shard += p.Shards[0].Throttled * float64(p.Seconds)
	}
	assert.Equal(t, day, seconds)
	assert.InEpsilon(t, offered, gotOffered, 1e-9)
	assert.InEpsilon(t, throttled, gotThrottled, 1e-9)
	assert.InEpsilon(t, throttled, shard, 1e-9)
	assert.Equal(t, most, gotMost)
}

// A shard that appears late has zeros before, and one that ends has them after.
func TestSeries_shardsComeAndGo(t *testing.T) {
	s := rehearsal.NewSeries()
	s.Add(second(0, 10))
	later := second(1, 20)
	later.Shards[0].Shard = 7
	s.Add(later)
	assert.Equal(t, []rehearsal.ShardPoint{{Shard: 3}, {Shard: 7, Accepted: 20, Use: rehearsal.Use{Writes: 0.02}}}, s.Points[1].Shards)
	for i := 2; i < 4000; i++ {
		s.Add(lateSecond(i))
	}
	assert.Equal(t, []rehearsal.ShardPoint{
		{Shard: 3, Accepted: 10.0 / 4, Use: rehearsal.Use{Writes: 0.01 / 4}},
		{Shard: 7, Accepted: 60.0 / 4, Use: rehearsal.Use{Writes: 0.06 / 4}},
	}, s.Points[0].Shards)
}

func lateSecond(at int) *simulate.Second {
	sec := second(at, 20)
	sec.Shards[0].Shard = 7
	return sec
}

// Of 101 shards the first 48 have a course, and the last because it throttles:
// the others are told together.
func TestSeries_manyShards(t *testing.T) {
	s := rehearsal.NewSeries()
	sec := second(0, 10)
	for i := range 100 {
		sh := simulate.ShardSecond{Shard: sec.Shards[0].Shard + 1 + weir.ShardID(i)}
		sh.AcceptedRecords = 2
		sec.Shards = append(sec.Shards, sh)
	}
	sec.Shards[100].ThrottledRecords = 7
	s.Add(sec)
	p := s.Points[0]
	assert.Len(t, p.Shards, 49)
	assert.Equal(t, rehearsal.ShardPoint{Shard: 103, Accepted: 2, Throttled: 7}, p.Shards[48])
	assert.Equal(t, 52, s.ShardsOmitted)
	assert.Equal(t, 2.0*52, p.OtherAccepted)
	assert.Zero(t, p.OtherThrottled)
}
