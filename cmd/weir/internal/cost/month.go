package cost

import (
	"math"
	"time"
)

// Usage is what a stream takes in, holds and gives out in a period.
type Usage struct {
	Period time.Duration `json:"period_ns"`

	Records float64 `json:"records"`
	Bytes   float64 `json:"bytes"` // data and partition keys
	// PutUnits are payload units and RoundedBytes the bytes of records rounded up
	// to whole KiB, both record by record.
	PutUnits     float64 `json:"put_units"`
	RoundedBytes float64 `json:"rounded_bytes"`

	// Shards is how many shards a provisioned stream has open, on average. Need is how
	// many the traffic asks for: what was offered to the busiest shard in its busiest
	// second as a part of its limits, times the shards that were open; or what
	// readers share of them, if that is more.
	Shards float64 `json:"shards"`
	Need   float64 `json:"need"`
	// Readers and FanOutReaders are how many consumers there are, of either kind.
	// Each is taken to read everything.
	Readers       int           `json:"readers"`
	FanOutReaders int           `json:"fan_out_readers"`
	Retention     time.Duration `json:"retention_ns"`
	// OldBytes are read of records that are older than seven days.
	OldBytes float64 `json:"old_bytes"`
}

const (
	freeRetention     = 24 * time.Hour     // is in the price of a stream
	extendedRetention = 7 * 24 * time.Hour // up to this, and long-term from here
)

// scaled returns the usage of a period that is so many times as long.
func (u Usage) scaled(by float64) Usage {
	u.Period = time.Duration(float64(u.Period) * by)
	u.Records *= by
	u.Bytes *= by
	u.PutUnits *= by
	u.RoundedBytes *= by
	u.OldBytes *= by
	return u
}

// Month returns the usage of a month in which all goes on as in u.
func (u Usage) Month(p Prices) Usage {
	return u.scaled(p.HoursPerMonth * float64(time.Hour) / float64(u.Period))
}

// AtRate returns the usage with so many times the records, and with the shards that
// they need then: in proportion, and one at least.
func (u Usage) AtRate(by float64) Usage {
	period := u.Period
	u = u.scaled(by)
	u.Period = period
	u.Need *= by
	const rounding = 1e-9
	u.Shards = max(1, math.Ceil(u.Need-rounding))
	return u
}

// stored returns the bytes that are held because records stay readable from one
// age to another, by retention: what is put in that time.
func (u Usage) stored(from, to time.Duration) float64 {
	held := min(u.Retention, to) - from
	return u.Bytes * max(0, float64(held)/float64(u.Period))
}

// extendedBytes are held of an age of 24 hours to 7 days.
func (u Usage) extendedBytes() float64 { return u.stored(freeRetention, extendedRetention) }

// longBytes are held of an age above 7 days.
func (u Usage) longBytes() float64 { return u.stored(extendedRetention, math.MaxInt64) }

// RecordsPerSecond returns the mean rate.
func (u Usage) RecordsPerSecond() float64 { return u.Records / u.Period.Seconds() }
