package workload

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// What zero means, where it is not told with the field.
const (
	DefaultKeys = 10_000
	DefaultSize = 256 // bytes of data

	DefaultPeriod  = 24 * time.Hour
	DefaultSpread  = 2
	DefaultBatch   = 500 // the service's most
	DefaultBackoff = 100 * time.Millisecond
	DefaultPoll    = time.Second

	DefaultVisibility  = 30 * time.Second
	DefaultMaxReceives = 6
)

// The words of a workload.
const (
	ProvisionedMode     = "provisioned"
	OnDemandMode        = "on-demand"
	ByPartitionKey      = "by-partition-key"
	AutoDistribution    = "auto"
	FromLatest          = "latest"
	FromTrimHorizon     = "trim-horizon"
	BusiestShard        = "busiest"
	ColdestShards       = "coldest"
	defaultConsumerName = "consumer"
	defaultQueueName    = "queue"
)

// WithDefaults returns w with all zeros replaced by what they mean, but for those that
// mean "none", "all", "to the end of the traces" or "whoever runs it chooses". It
// shares no pointer with w that it changes.
func (w Workload) WithDefaults() Workload {
	w.Stream = w.Stream.withDefaults()
	w.Producers = w.Producers.withDefaults()
	w.Traffic = slices.Clone(w.Traffic)
	for i := range w.Traffic {
		w.Traffic[i] = w.Traffic[i].withDefaults(w.Duration)
		if w.Traffic[i].Name == "" {
			w.Traffic[i].Name = fmt.Sprintf("traffic-%d", i+1)
		}
	}
	w.Consumers = slices.Clone(w.Consumers)
	for i := range w.Consumers {
		w.Consumers[i] = w.Consumers[i].withDefaults()
	}
	w.nameConsumers()
	w.Queues = slices.Clone(w.Queues)
	for i := range w.Queues {
		w.Queues[i] = w.Queues[i].withDefaults()
	}
	w.nameQueues()
	return w
}

// nameQueues is nameConsumers for queues.
func (w Workload) nameQueues() {
	taken := make(map[string]bool, len(w.Queues))
	for _, q := range w.Queues {
		taken[q.Name] = true
	}
	for i := range w.Queues {
		for n := i + 1; w.Queues[i].Name == ""; n++ {
			if name := fmt.Sprintf("%s-%d", defaultQueueName, n); !taken[name] {
				w.Queues[i].Name, taken[name] = name, true
			}
		}
	}
}

// nameConsumers names those that have no name by their number, or a number that is
// still free.
func (w Workload) nameConsumers() {
	taken := make(map[string]bool, len(w.Consumers))
	for _, c := range w.Consumers {
		taken[c.Name] = true
	}
	for i := range w.Consumers {
		for n := i + 1; w.Consumers[i].Name == ""; n++ {
			if name := fmt.Sprintf("%s-%d", defaultConsumerName, n); !taken[name] {
				w.Consumers[i].Name, taken[name] = name, true
			}
		}
	}
}

// withDefaults fills in what zero means in a run that lasts so long.
func (t Traffic) withDefaults(run Duration) Traffic {
	if t.For == 0 && run > t.From {
		t.For = run - t.From
	}
	if t.Trace != nil {
		trace := *t.Trace
		trace.Speed = or(trace.Speed, 1)
		t.Trace = &trace
		return t
	}
	t.Arrivals = or(t.Arrivals, Even)
	if t.Rate.Wave != nil {
		wave := t.Rate.Wave.byLowAndHigh()
		wave.Period = or(wave.Period, Duration(DefaultPeriod))
		t.Rate.Wave = &wave
	}
	t.Keys = t.Keys.withDefaults()
	t.Sizes = t.Sizes.withDefaults()
	return t
}

// byLowAndHigh returns the same wave without mean and peak.
func (w Wave) byLowAndHigh() Wave {
	if w.Mean > 0 {
		w.Low, w.High = 2*w.Mean-w.Peak, w.Peak
		w.Mean, w.Peak = 0, 0
	}
	return w
}

func (k Keys) withDefaults() Keys {
	if !k.Unique && k.File == "" && len(k.Weighted) == 0 {
		k.Count = or(k.Count, DefaultKeys)
	}
	return k
}

func (z Sizes) withDefaults() Sizes {
	switch {
	case len(z.Weighted) > 0:
	case z.lognormal():
		z.Spread = or(z.Spread, DefaultSpread)
		z.Max = or(z.Max, weir.MaxRecordBytes)
	case z.Max == 0:
		z.Fixed = or(z.Fixed, DefaultSize)
	}
	return z
}

func (s Stream) withDefaults() Stream {
	s.Mode = or(s.Mode, ProvisionedMode)
	if s.Mode == ProvisionedMode {
		s.Shards = or(s.Shards, 1)
	}
	s.Distribution = or(s.Distribution, ByPartitionKey)
	s.Retention = or(s.Retention, Duration(weir.ServiceLimits().MinRetention))
	s.RecordBytes = or(s.RecordBytes, s.Limits.recordBytes())
	s.Limits = s.Limits.withDefaults()
	return s
}

// recordBytes returns how large a record may be if the stream does not say.
func (l Limits) recordBytes() Size {
	if l.None {
		return weir.MaxRecordBytes
	}
	return Size(weir.ServiceLimits().RecordBytes)
}

func (l Limits) withDefaults() Limits {
	if l.None {
		return l
	}
	service := weir.ServiceLimits()
	l.WriteRecords = or(l.WriteRecords, float64(service.WriteRecordsPerSecond))
	l.WriteBytes = or(l.WriteBytes, Size(service.WriteBytesPerSecond))
	l.ReadCalls = or(l.ReadCalls, float64(service.ReadCallsPerSecond))
	l.ReadBytes = or(l.ReadBytes, Size(service.ReadBytesPerSecond))
	return l
}

func (p Producers) withDefaults() Producers {
	p.Count = or(p.Count, 1)
	p.Batch = or(p.Batch, DefaultBatch)
	p.Backoff = or(p.Backoff, Duration(DefaultBackoff))
	return p
}

func (c Consumer) withDefaults() Consumer {
	c.Count = or(c.Count, 1)
	c.From = or(c.From, FromTrimHorizon)
	c.Poll = or(c.Poll, Duration(DefaultPoll))
	c.Limit = or(c.Limit, weir.ServiceLimits().ReadRecords)
	return c
}

func (q Queue) withDefaults() Queue {
	q.Workers = or(q.Workers, 1)
	q.Batch = or(q.Batch, MaxQueueBatch)
	q.Visibility = or(q.Visibility, Duration(DefaultVisibility))
	q.MaxReceives = or(q.MaxReceives, DefaultMaxReceives)
	return q
}

// or returns v, or what it means if it is zero.
func or[T comparable](v, meaning T) T {
	var zero T
	if v == zero {
		return meaning
	}
	return v
}
