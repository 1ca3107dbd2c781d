package workload

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// Config returns the engine's configuration of s, whose defaults need not be filled
// in, or an error that says which field is out of bounds. The name is not part of it;
// the fields that a workload does not tell are zero.
func (s Stream) Config() (weir.Config, error) {
	var check checker
	if check.checkStream("stream.", s); check.err != nil {
		return weir.Config{}, check.err
	}
	limits := s.Limits.engine(s.RecordBytes)
	s = s.withDefaults()
	c := weir.Config{
		Shards: s.Shards, Settings: weir.Settings{WarmThroughput: s.WarmThroughput, Retention: time.Duration(s.Retention)}, Limits: limits,
	}
	if s.Mode == OnDemandMode {
		c.Mode = weir.OnDemand
	}
	if s.Distribution == AutoDistribution {
		c.Distribution = weir.DistributeAuto
	}
	return c, nil
}

// engine returns the limits of a stream whose records may be so large. To the engine
// as well zero means the service's own.
func (l Limits) engine(recordBytes Size) weir.Limits {
	if l.None {
		limits := weir.Unlimited()
		if recordBytes > 0 {
			limits.RecordBytes = int(recordBytes)
		}
		return limits
	}
	return weir.Limits{
		RecordBytes:           int(recordBytes),
		WriteRecordsPerSecond: rate.Limit(l.WriteRecords),
		WriteBytesPerSecond:   rate.Limit(l.WriteBytes),
		ReadCallsPerSecond:    rate.Limit(l.ReadCalls),
		ReadBytesPerSecond:    rate.Limit(l.ReadBytes),
	}
}
