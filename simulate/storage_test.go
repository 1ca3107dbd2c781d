package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// 100 bytes a second for three days, kept for one or two: the held bytes rise in a
// straight line until the first ones expire, and stay there.
func TestStorage_byHand(t *testing.T) {
	const day = 24 * 3600.0 // seconds
	hours := func(byteSeconds float64) float64 { return byteSeconds / 3600 }
	for _, c := range []struct {
		name                          string
		retention                     time.Duration
		days                          int
		peak, bytes, long, archive, e float64
	}{
		{"a day", 24 * time.Hour, 3, 100 * day, hours(100 * day * day * 2.5), 0, 0, 0.0001},
		// In its second day a record is kept long: none in the first day, and as many as
		// are older than a day in the second, a day's in the third.
		{"two days", 48 * time.Hour, 3, 200 * day, hours(100 * day * day * (2 + 2)), hours(100 * day * day * 1.5), 0, 0.0001},
		// On day T of ten, T-7 days' records are older than a week, and from then on six
		// days' are older than a day but not than a week.
		{"thirty days", 30 * 24 * time.Hour, 10, 1000 * day, hours(100 * day * day * 50),
			hours(100 * day * day * (18 + 18)), hours(100 * day * day * 4.5), 0.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := simulate.HeldOver(c.retention, time.Duration(c.days)*24*time.Hour, 100)
			assert.InEpsilon(t, c.peak, got.PeakBytes, c.e)
			assert.InEpsilon(t, c.peak/100, got.PeakRecords, c.e)
			assert.InEpsilon(t, c.bytes, got.ByteHours, c.e)
			assert.InDelta(t, c.long, got.LongByteHours, c.e*c.bytes)
			assert.InDelta(t, c.archive, got.ArchiveByteHours, c.e*c.bytes)
		})
	}
}

// The same for a run of a day and an hour, on two shards.
func TestRun_storage(t *testing.T) {
	r := simulated(t, workload.Workload{
		Duration: lasts(25 * time.Hour), Stream: workload.Stream{Shards: 2}, Traffic: steady(1, 100),
	}, time.Second)
	assert.Equal(t, 24*time.Hour, r.Storage.Retention)
	assert.InEpsilon(t, 24*3600*100, r.Storage.PeakBytes, 1e-4)
	assert.InEpsilon(t, 24*3600*100*(12+1), r.Storage.ByteHours, 1e-4)
	assert.InEpsilon(t, 2*25, r.ShardHours, 1e-9)
}

// What is held is what the service would hold, also where nobody reads it or all have
// read it.
func TestRun_heldDoesNotDependOnConsumers(t *testing.T) {
	held := func(consumers ...workload.Consumer) (list []int64) {
		c := simulate.Config{Workload: workload.Workload{
			Duration: lasts(2 * time.Minute), Traffic: steady(500, 100), Consumers: consumers,
		}}
		c.Each = func(s *simulate.Second) { list = append(list, s.HeldRecords, s.HeldBytes) }
		second(t, c)
		return list
	}
	assert.Equal(t, held(), held(workload.Consumer{}, workload.Consumer{FanOut: true}))
}
