package rehearsal

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/weirstream/weir/simulate"
)

// Rows writes each second as comma-separated values: a row of the stream, one
// for each shard, one for each consumer and one for each queue. Columns that a row has nothing for
// are empty. A nil *Rows writes nothing.
type Rows struct {
	csv *csv.Writer
	row []string
}

// rowHeader names the columns. Times are in seconds, ages in milliseconds.
var rowHeader = []string{
	"second", "kind", "name",
	"offered_records", "offered_bytes", "accepted_records", "accepted_bytes", "throttled_records", "throttled_bytes",
	"retried_records", "lost_records", "open_shards", "capacity_records", "capacity_bytes", "held_records", "held_bytes",
	"read_calls", "read_records", "read_bytes", "read_throttled", "fan_out_records", "fan_out_bytes",
	"call_quota_use", "byte_quota_use", "age_ms", "behind_latest_ms", "lag_records", "processed_records", "busy_ms",
	"redelivered_records", "late_records", "in_flight_records", "dead_records", "max_wait_ms", "max_done_ms",
}

// NewRows begins a file.
func NewRows(w io.Writer) *Rows {
	r := &Rows{csv: csv.NewWriter(w)}
	_ = r.csv.Write(rowHeader) // Close says what became of it
	return r
}

// add writes a second.
func (r *Rows) add(s *simulate.Second) {
	if r == nil {
		return
	}
	r.begin(s.At, "stream", "")
	r.writes(s.Writes)
	r.ints(int64(s.OpenShards), s.CapacityRecords, s.CapacityBytes, s.HeldRecords, s.HeldBytes)
	r.reads(s.Reads)
	r.end()
	for i := range s.Shards {
		sh := &s.Shards[i]
		r.begin(s.At, "shard", sh.Shard.String())
		r.writes(sh.Writes)
		r.skip(5)
		r.reads(sh.Reads)
		r.end()
	}
	for i := range s.Consumers {
		r.consumer(s.At, &s.Consumers[i])
	}
	for i := range s.Queues {
		r.queue(s.At, &s.Queues[i])
	}
}

func (r *Rows) consumer(at time.Duration, c *simulate.ConsumerSecond) {
	r.begin(at, "consumer", c.Name)
	r.skip(7)
	r.ints(c.LostRecords)
	r.skip(6)
	r.ints(c.ReadRecords, c.ReadBytes, c.Throttled)
	r.skip(4)
	r.ints(c.Age.Milliseconds(), c.BehindLatest.Milliseconds(), c.LagRecords, c.ProcessedRecords, c.Busy.Milliseconds())
	r.end()
}

func (r *Rows) queue(at time.Duration, q *simulate.QueueSecond) {
	r.begin(at, "queue", q.Name)
	r.skip(7)
	r.ints(q.LostRecords)
	r.skip(5)
	r.ints(q.Receives, q.ReceivedRecords, q.ReceivedBytes)
	r.skip(7)
	r.ints(q.LagRecords, q.AcknowledgedRecords, q.Busy.Milliseconds())
	r.ints(q.RedeliveredRecords, q.LateRecords, q.InFlightRecords, q.DeadRecords, q.MaxWait.Milliseconds(), q.MaxDone.Milliseconds())
	r.end()
}

func (r *Rows) begin(at time.Duration, kind, name string) {
	r.row = append(r.row[:0], strconv.FormatInt(int64(at/time.Second), 10), kind, name)
}

func (r *Rows) writes(w simulate.Writes) {
	r.ints(w.OfferedRecords, w.OfferedBytes, w.AcceptedRecords, w.AcceptedBytes, w.ThrottledRecords, w.ThrottledBytes,
		w.RetriedRecords, w.LostRecords)
}

func (r *Rows) reads(d simulate.Reads) {
	r.ints(d.ReadCalls, d.ReadRecords, d.ReadBytes, d.ReadThrottled, d.FanOutRecords, d.FanOutBytes)
	r.row = append(r.row, share(d.CallQuotaUse), share(d.ByteQuotaUse))
}

func (r *Rows) ints(values ...int64) {
	for _, v := range values {
		r.row = append(r.row, strconv.FormatInt(v, 10))
	}
}

func (r *Rows) skip(columns int) {
	for range columns {
		r.row = append(r.row, "")
	}
}

func (r *Rows) end() {
	r.skip(len(rowHeader) - len(r.row))
	_ = r.csv.Write(r.row)
}

// Close writes what is left, and returns the first error of any row. The file
// is not closed.
func (r *Rows) Close() error {
	if r == nil {
		return nil
	}
	r.csv.Flush()
	return r.csv.Error()
}

func share(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
