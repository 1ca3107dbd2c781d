package queue

import "github.com/weirstream/weir/internal/clock"

// Counts are how many records of a queue are where.
type Counts struct {
	// Visible can be received now, those included that were never read.
	Visible int64
	// InFlight were received, and their time runs.
	InFlight int64
	// Delayed wait for their [Config.Delay], as far as they were read, and Blocked
	// for others of their partition key.
	Delayed, Blocked int64
	// DeadVisible are dead letters that can be received now, and DeadInFlight
	// those that were.
	DeadVisible, DeadInFlight int64
	Totals
}

// Totals are what a queue has counted since it was made.
type Totals struct {
	// Received counts deliveries, of dead letters too, and Redelivered those of
	// them that were not the first of their record.
	Received, Redelivered int64
	// Acknowledged counts records, dead letters too.
	Acknowledged int64
	// EmptyReceives counts calls that returned no record and no error.
	EmptyReceives int64
	// DeadLettered counts how often a record became a dead letter, and Restored
	// how often one was made a record again.
	DeadLettered, Restored int64
	// Expired counts records that went from the stream before they were done,
	// delivered ones and dead letters too.
	Expired int64
	// Duplicates counts those that [Config.Duplicate] kept away.
	Duplicates int64
}

// Counts returns how many records are where. It looks at every shard.
func (q *Queue) Counts() (Counts, error) {
	if q.isNone() {
		return Counts{}, errNone()
	}
	var c Counts
	err := q.do(func(now clock.Instant) error {
		q.m.sweepAll(q, now)
		n := &q.m.number
		unread, _ := q.reader.Behind()
		c = Counts{
			Visible:  unread + int64(len(q.buffer)-q.at+n[visible]),
			InFlight: int64(n[inFlight]), Delayed: int64(n[held]), Blocked: int64(n[blocked]),
			DeadVisible: int64(n[dead]), DeadInFlight: int64(n[deadInFlight]), Totals: q.m.counted,
		}
		c.Expired += q.lostSoFar()
		c.EmptyReceives = q.m.counted.EmptyReceives + q.empty.Load()
		return nil
	})
	return c, err
}
