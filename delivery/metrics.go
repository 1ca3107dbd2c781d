package delivery

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
)

// Metrics are what a delivery has done since it was made, and where it stands.
// The service's names are in brackets.
type Metrics struct {
	// IncomingRecords and IncomingBytes (of data) are what was read of the
	// stream, user records of aggregates each. [IncomingRecords,
	// DataReadFromKinesisStream.Records and .Bytes]
	IncomingRecords, IncomingBytes int64
	// Delivered is what went to the sink, Errors what to the error output, and
	// Backup what to the backup. [DeliveryToS3.*, BackupToS3.*]
	Delivered, Errors, Backup OutputMetrics
	// Transforms is how often the transform was called, TransformErrors how often
	// that failed, and TransformTime how long it took in all.
	// [ExecuteProcessing.Duration, .Success]
	Transforms, TransformErrors int64
	TransformTime               time.Duration
	// Dropped is how many records the transform left out.
	Dropped int64
	// Converted and ConversionsFailed are how many records the format has taken,
	// and rejected. [SucceedConversion.Records, FailedConversion.Records]
	Converted, ConversionsFailed int64
	// Partitions is how many are being filled, and PartitionsExceeded how many
	// records came for one too many. [PartitionCount, PartitionCountExceeded]
	Partitions         int
	PartitionsExceeded int64
	// Freshness is the age of the oldest record that is held, by its arrival;
	// zero if none is. [DeliveryToS3.DataFreshness]
	Freshness time.Duration
	// Behind is how far the shard is behind that is most: the age of the last
	// record that was read of it. [KinesisMillisBehindLatest]
	Behind time.Duration
	// Held is how much memory records take, and HeldMost the most that they
	// took.
	Held, HeldMost int
	// Shards are those that the worker delivers, by id.
	Shards []ShardMetrics
	// Group is what reading did. [ThrottledGetRecords]
	Group consumer.Metrics
}

// OutputMetrics are what went to one of the outputs.
type OutputMetrics struct {
	// Objects were delivered, with Records in them and Bytes of their data, which
	// were BodyBytes as formatted and compressed.
	Objects, Records, Bytes, BodyBytes int64
	// Failures is how often a delivery failed, and Refused how many records the
	// output will not take. [.Success]
	Failures, Refused int64
}

// ShardMetrics are where the work on a shard stands.
type ShardMetrics struct {
	Shard weir.ShardID
	// Position is the number up to which all is delivered, zero if nothing was
	// yet.
	Position weir.SequenceNumber
	// Buffers is how many objects are being filled, and Delivering how many were
	// cut and not delivered.
	Buffers, Delivering int
	// Behind is how old the last record was that was read, zero if there were no
	// more.
	Behind time.Duration
}

// counters are the counts of Metrics.
type counters struct {
	records, bytes               atomic.Int64
	outputs                      [3]outputCounters // by kind
	transforms, transformErrors  atomic.Int64
	transformTime                atomic.Int64
	dropped, exceeded            atomic.Int64
	convertedN, conversionFailed atomic.Int64
}

type outputCounters struct {
	objects, records, bytes, body, failed, refused atomic.Int64
}

func (c *counters) read(records []weir.Record) {
	bytes := 0
	for i := range records {
		bytes += len(records[i].Data)
	}
	c.records.Add(int64(len(records)))
	c.bytes.Add(int64(bytes))
}

func (c *counters) of(k kind) *outputCounters { return &c.outputs[k] }

func (o *outputCounters) delivered(of *Object) {
	o.objects.Add(1)
	o.records.Add(int64(of.Count))
	o.bytes.Add(int64(of.Size))
	o.body.Add(int64(len(of.Body)))
}

func (o *outputCounters) metrics() OutputMetrics {
	return OutputMetrics{o.objects.Load(), o.records.Load(), o.bytes.Load(), o.body.Load(), o.failed.Load(), o.refused.Load()}
}

func (c *counters) transformed(took time.Duration, err error) {
	c.transforms.Add(1)
	c.transformTime.Add(int64(took))
	if err != nil {
		c.transformErrors.Add(1)
	}
}

func (c *counters) converted(of *cut, rejected []Rejection) {
	c.conversionFailed.Add(int64(len(rejected)))
	c.convertedN.Add(int64(len(of.records) - len(rejected)))
}

// Metrics returns what the delivery has done, and where its shards stand.
func (d *Delivery) Metrics() Metrics {
	c, now := &d.counts, time.Now()
	m := Metrics{
		IncomingRecords: c.records.Load(), IncomingBytes: c.bytes.Load(),
		Delivered: c.of(delivered).metrics(), Errors: c.of(failed).metrics(), Backup: c.of(backup).metrics(),
		Transforms: c.transforms.Load(), TransformErrors: c.transformErrors.Load(), TransformTime: time.Duration(c.transformTime.Load()),
		Dropped: c.dropped.Load(), PartitionsExceeded: c.exceeded.Load(),
		Converted: c.convertedN.Load(), ConversionsFailed: c.conversionFailed.Load(), Group: d.group.Metrics(),
	}
	m.Held, m.HeldMost = d.memory.state()
	for _, r := range d.crew.Members() {
		r.mu.Lock()
		at, _, _ := r.m.position()
		m.Shards = append(m.Shards, ShardMetrics{r.progress.Shard(), at.number, len(r.m.open), len(r.m.fresh) + len(r.m.flying), r.behind})
		m.Partitions += r.m.partitions
		m.Behind = max(m.Behind, r.behind)
		if oldest := r.m.oldestArrival(); !oldest.IsZero() {
			m.Freshness = max(m.Freshness, now.Sub(oldest))
		}
		r.mu.Unlock()
	}
	slices.SortFunc(m.Shards, func(a, b ShardMetrics) int { return cmp.Compare(a.Shard, b.Shard) })
	return m
}
