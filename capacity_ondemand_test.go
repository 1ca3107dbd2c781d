package weir_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// shardUnit is the write limit of a shard in most of these tests, in bytes per
// second: loads are small where limits are, and the rules are the same.
const shardUnit = 1000

// onDemandConfig is an on-demand stream with small shards that holds next to
// nothing.
func onDemandConfig() weir.Config {
	return weir.Config{
		Settings: weir.Settings{Mode: weir.OnDemand, Retention: time.Minute}, MetricsWindow: time.Minute,
		Limits: weir.Limits{
			WriteBytesPerSecond: shardUnit, WriteRecordsPerSecond: -1, MinRetention: -1,
			OnDemandWriteBytesPerSecond: 100 * shardUnit,
		},
	}
}

// A demand is what is put in one second: n records of size bytes, spread evenly
// over the lower share-th part of the key space; all under one hash key if
// share is zero.
type demand struct{ n, size, share int }

func (d demand) entries() []weir.Entry {
	entries := make([]weir.Entry, d.n)
	data := make([]byte, max(0, d.size-1))
	ranges := weir.EvenRanges(max(1, d.n*d.share))
	for i := range entries {
		entries[i] = weir.Entry{PartitionKey: "k", Data: data, ExplicitHashKey: &ranges[min(i, len(ranges)-1)].Start}
	}
	return entries
}

// A rig drives a stream with a demand second by second, and notes when the
// number of shards changed and when records were refused.
type rig struct {
	t       *testing.T
	s       *weir.Stream
	clock   *manualClock
	entries map[demand][]weir.Entry

	second    int
	shards    int
	events    []string
	throttled bool
}

func newRig(t *testing.T, c weir.Config) *rig {
	s, clock := clocked(t, c)
	return &rig{t: t, s: s, clock: clock, entries: map[demand][]weir.Entry{}, shards: s.Capacity().OpenShards}
}

// run drives the stream until a second, exclusively.
func (r *rig) run(until int, demandAt func(second int) demand) {
	for ; r.second < until; r.second++ {
		d := demandAt(r.second)
		if r.entries[d] == nil {
			r.entries[d] = d.entries()
		}
		r.put(r.entries[d])
		r.clock.Advance(time.Second)
	}
}

func (r *rig) put(entries []weir.Entry) {
	refused := false
	if len(entries) > 0 {
		results, err := r.s.PutRecords(r.t.Context(), entries)
		require.NoError(r.t, err)
		refused = slices.ContainsFunc(results, func(p weir.PutResult) bool { return p.Err != nil })
	}
	if n := r.s.Capacity().OpenShards; n != r.shards {
		r.note(fmt.Sprint(n, " shards"))
		r.shards = n
	}
	if refused != r.throttled {
		r.throttled = refused
		r.note(map[bool]string{true: "throttled", false: "no longer"}[refused])
	}
}

func (r *rig) note(event string) {
	r.events = append(r.events, fmt.Sprint(r.second, ": ", event))
}

// pause moves the clock without any puts.
func (r *rig) pause(d time.Duration) {
	r.clock.Advance(d)
	r.second += int(d / time.Second)
}

// steps is a demand of 16 records that changes its size at given seconds.
func steps(at ...[2]int) func(int) demand {
	return func(second int) demand {
		size := 0
		for _, step := range at {
			if second >= step[0] {
				size = step[1]
			}
		}
		return demand{16, size, 1}
	}
}

// always is a demand that does not change.
func always(d demand) func(int) demand { return func(int) demand { return d } }

const hour = 3600

// The stream begins on the hour with 4 shards of 1,000 bytes/s. 16 records of
// 125 bytes are 500 for each shard, which is its share.
func TestCapacity_loadCurves(t *testing.T) {
	tests := []struct {
		name   string
		until  int
		demand func(int) demand
		events []string
	}{
		{"nothing", 2 * hour, always(demand{}), nil},
		{"constant at the share", 1000, steps([2]int{0, 125}), nil},
		{"constant just above the share", 1500, steps([2]int{0, 126}), []string{"660: 8 shards"}},
		{"a byte above the share for a second of a minute", 800, steps([2]int{0, 125}, [2]int{60, 126}, [2]int{61, 125}),
			[]string{"720: 8 shards"}},
		{"above the share for a part of a minute that averages out", 1000,
			steps([2]int{0, 124}, [2]int{90, 126}, [2]int{120, 124}), nil},

		// 237 is 3.8 shards' limits, 262 is 4.2.
		{"step to 1.9 times the peak", 1500, steps([2]int{0, 125}, [2]int{300, 237}), []string{"960: 8 shards"}},
		{"step to exactly twice the peak", 1500, steps([2]int{0, 125}, [2]int{300, 250}), []string{"960: 8 shards"}},
		{"step to 2.1 times the peak", 2000, steps([2]int{0, 125}, [2]int{300, 262}),
			[]string{"300: throttled", "960: 8 shards", "960: no longer", "1620: 16 shards"}},
		{"step in the middle of a minute", 1500, steps([2]int{0, 125}, [2]int{330, 262}),
			[]string{"330: throttled", "960: 8 shards", "960: no longer"}},
		{"step late in a minute", 1500, steps([2]int{0, 100}, [2]int{350, 262}),
			[]string{"350: throttled", "1020: 8 shards", "1020: no longer"}},
		{"step to seven times the peak", 2300, steps([2]int{0, 125}, [2]int{300, 900}),
			[]string{"300: throttled", "960: 8 shards", "1620: 16 shards", "1620: no longer", "2280: 32 shards"}},

		{"ramp that stays ahead", 2500, ramp(10), []string{"1440: 8 shards", "2220: 16 shards"}},
		{"ramp that doubles within the reaction time", 2500, ramp(20), []string{"780: throttled", "1080: 8 shards", "1080: no longer",
			"1560: throttled", "1740: 16 shards", "1740: no longer", "2400: 32 shards"}},

		{"spike of a minute", 1500, steps([2]int{0, 62}, [2]int{600, 375}, [2]int{660, 62}),
			[]string{"600: throttled", "660: no longer", "1260: 8 shards"}},
		{"the same spike once more", 2200, steps([2]int{0, 62}, [2]int{600, 375}, [2]int{660, 62}, [2]int{1500, 375}, [2]int{1560, 62}),
			[]string{"600: throttled", "660: no longer", "1260: 8 shards", "2160: 16 shards"}},
		{"spike of a second", 1500, steps([2]int{0, 62}, [2]int{600, 375}, [2]int{601, 62}),
			[]string{"600: throttled", "601: no longer"}},

		{"one hot key within the limit", 5 * hour, minuteInFive(always(demand{1, 900, 0})),
			[]string{"660: 5 shards", "1560: 6 shards", "2460: 7 shards", "7200: 6 shards", "10800: 5 shards"}},
		{"one hot key beyond the limit", 2100, always(demand{3, 500, 0}),
			[]string{"0: throttled", "660: 5 shards", "1320: 6 shards", "1980: 7 shards"}},
		{"decline and merge", 3 * hour, minuteInFive(decline(5)), []string{"660: 5 shards", "7200: 4 shards"}},
		{"decline to just above a quarter", 3 * hour, minuteInFive(decline(16)), []string{"660: 5 shards"}},
		{"wave of three days", 72 * hour, wave, []string{strconv.Itoa(9*hour+660) + ": 8 shards"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, onDemandConfig())
			r.run(tt.until, tt.demand)
			assert.Equal(t, tt.events, r.events)
		})
	}
}

// ramp grows by so many bytes a record each minute.
func ramp(size int) func(int) demand {
	return func(second int) demand { return demand{16, size * (second / 60), 1} }
}

// decline loads a quarter of the key space beyond its share, and less after
// 1800 seconds.
func decline(size int) func(int) demand {
	return func(second int) demand {
		if second < 1800 {
			return demand{16, 60, 4}
		}
		return demand{16, size, 4}
	}
}

// minuteInFive leaves four of five minutes without load.
func minuteInFive(d func(int) demand) func(int) demand {
	return func(second int) demand {
		if second%300 >= 60 {
			return demand{}
		}
		return d(second)
	}
}

// wave rises from 0.4 to 2.8 shards' limits until noon and falls again. Only
// the first minute of each hour has load.
func wave(second int) demand {
	if second%hour >= 60 {
		return demand{}
	}
	level := second / hour % 24
	if level > 12 {
		level = 24 - level
	}
	return demand{8, 50 + 25*level, 1}
}

// A peak counts for 30 days after its hour, to the second.
func TestOnDemand_peakIsForgottenAfter30Days(t *testing.T) {
	r := newRig(t, onDemandConfig())
	r.run(600, steps([2]int{0, 237}))
	for r.second < 31*24*hour {
		r.run(r.second+1, steps([2]int{0, 30}))
		r.pause(time.Hour - time.Second - time.Duration(r.second%hour-1)*time.Second)
	}
	forgotten := 721 * hour
	assert.Equal(t, []string{"3600: 8 shards", strconv.Itoa(forgotten) + ": 4 shards"}, r.events)
	for _, sh := range r.s.Shards() {
		assert.Equal(t, epoch.Add(time.Duration(forgotten)*time.Second), sh.OpenedAt)
	}
}

// A peak that outlives a release is forgotten 30 days after its own hour.
func TestOnDemand_releasedPeakKeepsItsHour(t *testing.T) {
	r := newRig(t, onDemandConfig())
	r.run(60, steps([2]int{0, 60}))
	r.pause(time.Hour - 60*time.Second)
	require.NoError(t, r.s.SetWarmThroughput(context.Background(), 0))
	assert.EqualValues(t, 960, r.s.Capacity().PeakBytesPerSecond)
	r.pause(30*24*time.Hour - time.Second)
	assert.EqualValues(t, 960, r.s.Capacity().PeakBytesPerSecond)
	r.pause(time.Second)
	assert.Zero(t, r.s.Capacity().PeakBytesPerSecond)
}

// What falls due while nobody calls takes effect at its own time.
func TestOnDemand_longRest(t *testing.T) {
	c := onDemandConfig()
	c.Retention = 365 * 24 * time.Hour
	r := newRig(t, c)
	r.run(60, steps([2]int{0, 900}))
	r.pause(300 * 24 * time.Hour)
	type change struct {
		second int
		open   bool
	}
	var got []change
	for _, sh := range r.s.Shards() {
		got = append(got, change{int(sh.OpenedAt.Sub(epoch) / time.Second), sh.IsOpen()})
	}
	want := slices.Concat(slices.Repeat([]change{{0, false}}, 4), slices.Repeat([]change{{660, false}}, 8),
		slices.Repeat([]change{{721 * hour, true}}, 4))
	assert.Equal(t, want, got)
}

// A stream that nobody asks and one that is asked every minute come to the same
// shards at the same times, at the maximum of shards too.
func TestOnDemand_sameHoweverOftenItIsAsked(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		c := onDemandConfig()
		c.Retention, c.Shards = 365*24*time.Hour, 1+random.IntN(8)
		c.Limits.OnDemandWriteBytesPerSecond = rate.Limit(shardUnit * (4 + random.IntN(8)))
		asked, rests := newRig(t, c), newRig(t, c)
		for range 12 {
			second, minutes := demand{8, 100 * random.IntN(20), random.IntN(5)}, 1+random.IntN(200)
			for _, r := range []*rig{asked, rests} {
				r.run(r.second+60, minuteInFive(always(second)))
			}
			for range minutes {
				asked.pause(time.Minute)
				asked.s.Capacity()
			}
			rests.pause(time.Duration(minutes) * time.Minute)
		}
		require.Equal(t, asked.s.Shards(), rests.s.Shards(), "seed %d", seed)
	}
}

func TestOnDemand_veryLongRestIsCheap(t *testing.T) {
	r := newRig(t, onDemandConfig())
	r.run(60, steps([2]int{0, 900}))
	begin := time.Now()
	r.pause(100 * 365 * 24 * time.Hour)
	assert.Equal(t, 4, r.s.Capacity().OpenShards)
	assert.Zero(t, r.s.Capacity().PeakBytesPerSecond)
	assert.Less(t, time.Since(begin), time.Minute, "milliseconds; minute by minute it would be hours")
}

func TestOnDemand_recordsCountLikeBytes(t *testing.T) {
	c := onDemandConfig()
	c.Limits = weir.Limits{WriteBytesPerSecond: -1, WriteRecordsPerSecond: 8, MinRetention: -1}
	r := newRig(t, c)
	r.run(120, always(demand{16, 1, 1}))
	r.run(1000, always(demand{32, 1, 1}))
	assert.Equal(t, []string{"780: 8 shards"}, r.events)
	assert.EqualValues(t, 32, r.s.Capacity().PeakRecordsPerSecond)
}

func TestOnDemand_maximum(t *testing.T) {
	c := onDemandConfig()
	c.Limits.OnDemandWriteBytesPerSecond = 6 * shardUnit
	r := newRig(t, c)
	r.run(1500, always(demand{16, 230, 1}))
	assert.Equal(t, []string{"660: 6 shards"}, r.events)
	var narrow []weir.ShardID
	for _, sh := range r.s.Shards() {
		if sh.IsOpen() && sh.HashKeyRange.Share() < 0.2 {
			narrow = append(narrow, sh.ID)
		}
	}
	assert.Len(t, narrow, 4)
}

func TestOnDemand_unlimitedShardsNeverSplit(t *testing.T) {
	r := newRig(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Unlimited()})
	r.run(1000, always(demand{16, 1000, 1}))
	assert.Empty(t, r.events)
	assert.EqualValues(t, -1, r.s.Capacity().WriteBytesPerSecond)
	_, err := json.Marshal(r.s.Snapshot())
	assert.NoError(t, err)
}

// However far a stream grows, a put carries out a bounded part of it, and the
// rest takes effect at the time it was due too. Records find their way
// meanwhile.
func TestOnDemand_putDoesBoundedWork(t *testing.T) {
	s, clock := clocked(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{OnDemandWriteBytesPerSecond: weir.Unlimited().OnDemandWriteBytesPerSecond}})
	whole, wholeClock := clocked(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{OnDemandWriteBytesPerSecond: weir.Unlimited().OnDemandWriteBytesPerSecond}})
	require.NoError(t, s.SetWarmThroughput(context.Background(), 5000))
	require.NoError(t, whole.SetWarmThroughput(context.Background(), 5000))
	clock.Advance(10*time.Minute + 90*time.Second)
	wholeClock.Advance(10*time.Minute + 90*time.Second)
	var puts []weir.Placed
	for _, want := range []int{1028, 2052, 3076, 4100, 5124, 6148, 7172, 8192, 8192} {
		put, err := s.PutRecord(t.Context(), fmt.Sprint(want), []byte("data"))
		require.NoError(t, err)
		puts = append(puts, put)
		assert.Equal(t, want, weir.OpenShards(s))
	}
	assert.Equal(t, 8192, whole.Capacity().OpenShards, "other calls carry out all")
	want, got := whole.Shards(), s.Shards()
	require.Len(t, got, len(want))
	for i := range got {
		require.Equal(t, want[i].HashKeyRange, got[i].HashKeyRange)
		if !got[i].IsOpen() && got[i].ClosedAt.After(want[i].ClosedAt) {
			continue // closed after a record that arrived meanwhile
		}
		require.Equal(t, want[i].ID, got[i].ID)
		require.Equal(t, want[i].Children, got[i].Children)
	}
	n := 0
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		require.NotEmpty(t, r.Data)
		n++
	}
	assert.Len(t, puts, n)
}

// What came into a shard counts once, also if the shard is split by a later put
// of the same minute.
func TestOnDemand_loadOfAMinuteOutlivesASplit(t *testing.T) {
	s, clock := clocked(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{OnDemandWriteBytesPerSecond: weir.Unlimited().OnDemandWriteBytesPerSecond}})
	require.NoError(t, s.SetWarmThroughput(context.Background(), 5000))
	clock.Advance(10*time.Minute + time.Minute)
	for range 9 {
		_, err := s.PutRecord(t.Context(), "k", make([]byte, 599))
		require.NoError(t, err)
	}
	require.Equal(t, 8192, weir.OpenShards(s))
	clock.Advance(time.Minute)
	assert.EqualValues(t, 9*600/60, s.Capacity().PeakBytesPerSecond)
}
