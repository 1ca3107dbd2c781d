package cost_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
)

const day = 24 * time.Hour

// month returns the usage of 730 hours of so many records a second, all of size bytes.
func month(perSecond, size float64, shards float64) cost.Usage {
	records := perSecond * 3600 * 730
	return cost.Usage{
		Period: 730 * time.Hour, Records: records, Bytes: records * size,
		PutUnits: records * float64((int(size)+25599)/25600), RoundedBytes: records * float64((int(size)+1023)/1024*1024),
		Shards: shards, Need: shards, Retention: day,
	}
}

// TestPrices_Bill compares bills with what a pocket calculator says of the prices in
// prices.yaml.
func TestPrices_Bill(t *testing.T) {
	small := month(1000, 100, 1)  // 2,628 million records, 244.75 GB, 2,506.26 GB in whole KiB
	large := month(100, 20480, 4) // 262.8 million records, 5,012.51 GB
	huge := month(1, 26*1024, 1)  // 2.628 million records of two units each
	for name, tt := range map[string]struct {
		plan  cost.Plan
		month func() cost.Usage
		want  map[string]float64
	}{
		"shards and payload units": {cost.Provisioned, func() cost.Usage { return large }, map[string]float64{
			"shards":            4 * 730 * 0.015, // 43.80
			"payload units put": 262.8 * 0.014,   // 3.6792
		}},
		"26 KB are two units": {cost.Provisioned, func() cost.Usage { return huge }, map[string]float64{
			"shards":            10.95,
			"payload units put": 2 * 2.628 * 0.014,
		}},
		"fan-out by data and by shard": {cost.Provisioned, func() cost.Usage {
			u := large
			u.FanOutReaders = 2
			return u
		}, map[string]float64{
			"shards":            43.80,
			"payload units put": 3.6792,
			"fan-out data":      130.3253, // 2 × 5,012.51 × 0.013
			"fan-out consumers": 87.60,    // 2 × 4 × 730 × 0.015
		}},
		"readers without fan-out read for nothing": {cost.Provisioned, func() cost.Usage {
			u := large
			u.Readers = 5
			return u
		}, map[string]float64{"shards": 43.80, "payload units put": 3.6792}},
		"retention of 24 h is free": {cost.Provisioned, func() cost.Usage { return huge }, map[string]float64{
			"shards": 10.95, "payload units put": 0.073584,
		}},
		"retention of 25 h is charged by shard": {cost.Provisioned, func() cost.Usage {
			u := huge
			u.Retention = 25 * time.Hour
			return u
		}, map[string]float64{"shards": 10.95, "payload units put": 0.073584, "extended retention": 14.60}},
		"a month of retention, and reading it again": {cost.Provisioned, func() cost.Usage {
			u := small
			u.Retention, u.OldBytes = 30*day, 10*(1<<30)
			return u
		}, map[string]float64{
			"shards": 10.95, "payload units put": 36.792, "extended retention": 14.60,
			"long-term retention": 4.2567, // 185.07 GB of the 23 days from 7 to 30
			"long-term retrieval": 0.21,
		}},
		"a small record is charged as a KiB": {cost.OnDemand, func() cost.Usage {
			u := small
			u.Readers = 2
			return u
		}, map[string]float64{
			"stream":                29.20,
			"data in, in whole KiB": 200.5005,
			"data out":              19.5801,
		}},
		"on-demand retention by what is held": {cost.OnDemand, func() cost.Usage {
			u := small
			u.Retention = 30 * day
			return u
		}, map[string]float64{
			"stream":                29.20,
			"data in, in whole KiB": 200.5005,
			"extended retention":    4.8280, // 48.28 GB of the 6 days from 1 to 7
			"long-term retention":   4.2567,
		}},
		"advantage has a minimum": {cost.Advantage, func() cost.Usage { return month(0, 100, 1) }, map[string]float64{
			"data in, short of the minimum":  2053.125, // 64,160.16 GB
			"data out, short of the minimum": 1026.5625,
		}},
		"advantage above its minimum": {cost.Advantage, func() cost.Usage {
			u := month(30*1024, 1024, 30) // 30 MiB/s: 76,992.19 GB
			u.Readers, u.FanOutReaders = 1, 1
			return u
		}, map[string]float64{
			"data in, in whole KiB": 2463.75,
			"data out":              1231.875,
			"fan-out data":          1231.875,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bill := cost.BuiltIn().Bill(tt.plan, tt.month())
			got, total := make(map[string]float64), 0.0
			for _, item := range bill.Items {
				got[item.What] = item.Amount
				total += item.Amount
			}
			assert.Equal(t, tt.plan, bill.Plan)
			assert.InDeltaMapValues(t, tt.want, got, 0.0001)
			assert.InDelta(t, total, bill.Total, 1e-9)
		})
	}
}

func TestUsage_Month(t *testing.T) {
	u := cost.Usage{Period: 73 * time.Hour, Records: 10, Bytes: 20, PutUnits: 30, RoundedBytes: 40, OldBytes: 50, Shards: 3}
	assert.Equal(t, cost.Usage{
		Period: 730 * time.Hour, Records: 100, Bytes: 200, PutUnits: 300, RoundedBytes: 400, OldBytes: 500, Shards: 3,
	}, u.Month(cost.BuiltIn()))
}

func TestUsage_AtRate(t *testing.T) {
	u := month(1000, 100, 2)
	u.Need = 1.5
	for by, want := range map[float64]float64{0.01: 1, 0.66: 1, 2.0 / 3: 1, 0.67: 2, 1: 2, 10: 15, 10.1: 16} {
		assert.Equal(t, want, u.AtRate(by).Shards, "%v times", by)
	}
	assert.Equal(t, u.Period, u.AtRate(3).Period)
	assert.InDelta(t, 3000, u.AtRate(3).RecordsPerSecond(), 1e-6)
}
