package simulate

import (
	"context"
	"time"

	deliver "github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/workload"
)

// A workQueue is a queue of the workload with its workers. It is the engine's,
// with the simulation's clock.
type workQueue struct {
	sim    *simulation
	spec   workload.Queue
	engine *deliver.Queue

	hands   [][]deliver.Delivery // what each worker has received
	idle    []int                // those that have nothing, who has waited longest first
	working int                  // the others
	accrued time.Duration        // until when their work is counted
	asked   bool                 // a look is due now

	second  QueueSecond
	expired int64 // so far
	sums    QueueResult
	waits   ages          // from a record's arrival until it was first received
	dones   ages          // from a record's arrival until it was acknowledged
	had     time.Duration // that the workers had in all
}

// addQueues makes the queues of the workload.
func (s *simulation) addQueues(specs []workload.Queue) error {
	for _, spec := range specs {
		q := &workQueue{sim: s, spec: spec, hands: make([][]deliver.Delivery, spec.Workers), sums: QueueResult{Name: spec.Name, Workers: spec.Workers}}
		var err error
		q.engine, err = deliver.New(s.stream, deliver.Config{
			MaxInFlight: spec.Workers*spec.Batch + serviceInFlight,
			Settings:    deliver.Settings{Visibility: time.Duration(spec.Visibility), MaxReceives: spec.MaxReceives},
		})
		if err != nil {
			return err
		}
		for worker := range spec.Workers {
			q.idle = append(q.idle, worker)
		}
		s.queues = append(s.queues, q)
	}
	return nil
}

// serviceInFlight is how many records of a queue may be in flight on the service.
const serviceInFlight = 120_000

// stored is told that records were stored.
func (q *workQueue) stored() {
	if len(q.idle) > 0 && !q.asked {
		q.asked = true
		q.sim.queue.add(q.sim.now, receiveDue, q, nobody)
	}
}

// nobody says that a look is due and no worker is done.
const nobody = -1

func (q *workQueue) due(_ kind, worker int) {
	q.accrue()
	if worker == nobody {
		q.asked = false
	} else {
		q.finish(worker)
		q.idle = append(q.idle, worker)
	}
	q.hand()
}

// accrue counts how long its workers have processed since the last time.
func (q *workQueue) accrue() {
	q.second.Busy += time.Duration(q.working) * (q.sim.now - q.accrued)
	q.accrued = q.sim.now
}

// hand gives records to idle workers, as long as there are some of both.
func (q *workQueue) hand() {
	for len(q.idle) > 0 {
		list, err := q.engine.ReceiveWith(context.Background(), deliver.Request{Max: q.spec.Batch})
		if err != nil && err != deliver.ErrTooManyInFlight {
			q.sim.fail(err)
			return
		}
		if len(list) == 0 {
			return
		}
		q.take(q.idle[0], list)
		q.idle = append(q.idle[:0], q.idle[1:]...)
	}
}

// take has a worker process a batch.
func (q *workQueue) take(worker int, list []deliver.Delivery) {
	s := q.sim
	q.hands[worker] = list
	q.working++
	until := s.now + takes(q.spec.PerBatch, q.spec.PerRecord, int64(len(list)))
	if back := s.now + time.Duration(q.spec.Visibility); back < until {
		s.queue.add(back, receiveDue, q, nobody) // they come back while they are processed
	}
	s.queue.add(until, receiveDue, q, worker)
	sec := &q.second
	sec.Receives++
	for i := range list {
		d := &list[i]
		sec.ReceivedRecords++
		sec.ReceivedBytes += int64(d.Size())
		if d.Receives > 1 {
			sec.RedeliveredRecords++
			continue
		}
		wait := s.clock.Sub(d.ArrivalTime)
		sec.MaxWait = max(sec.MaxWait, wait)
		if q.measured() {
			q.waits.add(wait)
		}
	}
}

// measured reports whether what happens now is behind the warm-up.
func (q *workQueue) measured() bool { return q.sim.now >= q.sim.meter.warmUp }

// finish acknowledges what a worker has processed, but for what has failed.
func (q *workQueue) finish(worker int) {
	s, batch := q.sim, q.hands[worker]
	q.hands[worker] = nil
	q.working--
	var receipts []deliver.Receipt
	var arrivals []time.Time
	for i := range batch {
		if q.spec.Failures > 0 && s.random.Float64() < q.spec.Failures {
			if back := batch[i].Until.Sub(s.start); back > s.now {
				s.queue.add(back, receiveDue, q, nobody)
			}
			continue
		}
		receipts, arrivals = append(receipts, batch[i].Receipt), append(arrivals, batch[i].ArrivalTime)
	}
	errs, err := q.engine.Acknowledge(context.Background(), receipts...)
	if err != nil {
		s.fail(err)
		return
	}
	for i := range receipts {
		if errs != nil && errs[i] != nil { // it was received again meanwhile, or has expired
			q.second.LateRecords++
			continue
		}
		done := s.clock.Sub(arrivals[i])
		q.second.AcknowledgedRecords++
		q.second.MaxDone = max(q.second.MaxDone, done)
		if q.measured() {
			q.dones.add(done)
		}
	}
}

// endSecond returns the second that is over, and adds it to the result.
func (q *workQueue) endSecond(measured bool) QueueSecond {
	c, err := q.engine.Counts()
	if err != nil {
		q.sim.fail(err)
		return QueueSecond{}
	}
	q.accrue()
	sec := q.second
	q.second = QueueSecond{}
	sec.Name = q.spec.Name
	sec.LagRecords, sec.InFlightRecords, sec.DeadRecords = c.Visible, c.InFlight, c.DeadVisible
	sec.LostRecords, q.expired = max(0, c.Expired-q.expired), max(q.expired, c.Expired)
	r := &q.sums
	r.LagRecords, r.InFlightRecords, r.DeadRecords, r.ExpiredRecords = c.Visible, c.InFlight, c.DeadVisible, c.Expired
	if measured {
		r.add(&sec, q.sim.now)
		q.had += time.Duration(r.Workers) * time.Second
	}
	return sec
}

// add adds a second that ends now.
func (r *QueueResult) add(s *QueueSecond, now time.Duration) {
	r.Receives += s.Receives
	r.ReceivedRecords += s.ReceivedRecords
	r.ReceivedBytes += s.ReceivedBytes
	r.RedeliveredRecords += s.RedeliveredRecords
	r.AcknowledgedRecords += s.AcknowledgedRecords
	r.LateRecords += s.LateRecords
	r.Busy += s.Busy
	r.MaxWait, r.MaxDone = max(r.MaxWait, s.MaxWait), max(r.MaxDone, s.MaxDone)
	if s.LagRecords > r.MaxLagRecords {
		r.MaxLagRecords, r.MaxLagAt = s.LagRecords, now
	}
}

func (q *workQueue) result() QueueResult {
	r := q.sums
	r.MeanWait, r.P99Wait = q.waits.figures(r.MaxWait)
	r.MeanDone, r.P99Done = q.dones.figures(r.MaxDone)
	r.Utilisation = utilisation(r.Busy, q.had)
	return r
}

// A QueueResult is how a queue fared. All but the counts at the end leave the
// warm-up out.
type QueueResult struct {
	Name    string `json:"name"`
	Workers int    `json:"workers"`
	// Receives is the calls that returned records, each of which is followed by
	// one that acknowledges. ReceivedRecords and ReceivedBytes are what they
	// returned, RedeliveredRecords those of them that were received before.
	Receives           int64 `json:"receives"`
	ReceivedRecords    int64 `json:"received_records"`
	ReceivedBytes      int64 `json:"received_bytes"`
	RedeliveredRecords int64 `json:"redelivered_records"`
	// AcknowledgedRecords are done. LateRecords were processed, but their time was
	// over and somebody else had received them.
	AcknowledgedRecords int64 `json:"acknowledged_records"`
	LateRecords         int64 `json:"late_records"`
	// LagRecords could be received at the end, InFlightRecords were, and
	// DeadRecords are dead letters. ExpiredRecords were lost to the retention.
	LagRecords      int64 `json:"lag_records"`
	InFlightRecords int64 `json:"in_flight_records"`
	DeadRecords     int64 `json:"dead_records"`
	ExpiredRecords  int64 `json:"expired_records"`
	// MaxLagRecords is the most that could be received at the end of a second.
	MaxLagRecords int64         `json:"max_lag_records"`
	MaxLagAt      time.Duration `json:"max_lag_at_ns"`
	// A wait is from a record's arrival until it was received first, and what is
	// called done until it was acknowledged. The P99 are exact to 2 %.
	MeanWait time.Duration `json:"mean_wait_ns"`
	P99Wait  time.Duration `json:"p99_wait_ns"`
	MaxWait  time.Duration `json:"max_wait_ns"`
	MeanDone time.Duration `json:"mean_done_ns"`
	P99Done  time.Duration `json:"p99_done_ns"`
	MaxDone  time.Duration `json:"max_done_ns"`
	// Busy is how long the workers processed, all together, and Utilisation that as
	// part of the time that they had.
	Busy        time.Duration `json:"busy_ns"`
	Utilisation float64       `json:"utilisation"`
}
