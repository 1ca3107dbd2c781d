package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A producer puts the records, and tries those again that were throttled.
type producer struct {
	sim       *simulation
	retries   int
	backoff   time.Duration
	most      int // bytes of a record
	generated int64
	skipped   int64 // of them not put after the warm-up, because only one key's are

	fresh   attempt // what is put for the first time; used again and again
	waiting []lot   // to be tried again
	free    []int   // places in waiting
	pending int64   // records that are to be tried again
	dealer  dealer
}

// MaxPending is how many records may wait to be tried again. More are given up at
// once, as by a producer whose buffer is full.
const MaxPending = 1 << 20

// zeros is the data of all records. It is never written; only its length counts.
var zeros [weir.MaxRecordBytes]byte

// An attempt is a record on its way to the stream.
type attempt struct {
	key   string
	hash  weir.HashKey
	size  int // of data and key
	tries int // so far
}

func (p *producer) begin(s *simulation) {
	w := s.config.Workload.Producers
	p.sim, p.retries, p.backoff = s, w.Retries, time.Duration(w.Backoff)
	p.most = s.stream.Settings().RecordBytes
	p.dealer.partsOf = -1
}

// put puts one record of the workload.
func (p *producer) put(a *workload.Arrival) {
	p.generated++
	size := len(a.Key.Text) + a.Bytes
	if a.Key.Hash == p.sim.hot.key.Hash {
		p.sim.hot.count(1, int64(size))
	} else if p.sim.only {
		p.skip(1)
		return
	}
	p.fresh = attempt{key: a.Key.Text, hash: a.Key.Hash, size: size}
	p.try(&p.fresh)
}

// skip counts records that are not put.
func (p *producer) skip(n int64) {
	if p.sim.now >= p.sim.meter.warmUp {
		p.skipped += n
	}
}

// try puts a record, and has it tried again if it is throttled.
func (p *producer) try(a *attempt) {
	p.sim.look()
	sh, err := p.send(a)
	if sh == nil {
		p.sim.fail(fmt.Errorf("put: %w", err))
		return
	}
	sh.busy = true
	w := &sh.second.Writes
	if a.tries == 0 {
		w.OfferedRecords++
		w.OfferedBytes += int64(a.size)
	} else {
		w.RetriedRecords++
	}
	if err == nil {
		sh.accept(p.sim, 1, int64(a.size))
		return
	}
	if p.refused(w, 1, int64(a.size), err) && p.mayRetry(a.tries, 1, int64(a.size), w) {
		p.tryLater(lot{
			single: true, key: a.key, keys: weir.HashKeyRange{Start: a.hash}, copies: 1, bytes: int64(a.size), tries: a.tries + 1,
		})
	}
}

// accept counts records that the shard stored.
func (sh *shard) accept(s *simulation, records, bytes int64) {
	sh.second.AcceptedRecords += records
	sh.second.AcceptedBytes += bytes
	sh.stored += records
	if len(sh.idle) > 0 {
		sh.wake(s)
	}
	for _, q := range s.queues {
		q.stored()
	}
}

// send puts a record and returns the shard that it belongs to, and why it was not
// stored.
func (p *producer) send(a *attempt) (*shard, error) {
	s := p.sim
	if a.size > p.most {
		return s.shards.at(a.hash), errTooLarge
	}
	r, err := s.stream.Put(context.Background(), weir.Entry{
		PartitionKey: a.key, Data: zeros[:a.size-len(a.key)], ExplicitHashKey: &a.hash,
	})
	if err == nil {
		return s.shards.get(r.ShardID), nil
	}
	if limit, ok := err.(*weir.LimitError); ok {
		return s.shards.get(limit.Shard), err
	}
	return s.shards.at(a.hash), err
}

var errTooLarge = errors.New("larger than the stream takes")

// refused accounts for records that were not stored, and reports whether it was a
// limit that refused them.
func (p *producer) refused(w *Writes, records, bytes int64, err error) (throttled bool) {
	limit, throttled := err.(*weir.LimitError)
	if !throttled {
		w.RefusedRecords += records
		if err != errTooLarge && !errors.Is(err, weir.ErrInvalidArgument) {
			p.sim.fail(fmt.Errorf("put: %w", err))
		}
		return false
	}
	w.ThrottledRecords += records
	w.ThrottledBytes += bytes
	if limit.Quota == weir.QuotaWriteRecords {
		w.ThrottledByRecords += records
	}
	return true
}

// mayRetry reports whether records that were tried so often before are tried again.
// If not they are lost.
func (p *producer) mayRetry(tries int, records, bytes int64, w *Writes) bool {
	if tries < p.retries && p.pending+records <= MaxPending {
		return true
	}
	w.LostRecords += records
	w.LostBytes += bytes
	return false
}

// tryLater has records tried again after the back-off, which doubles each time.
func (p *producer) tryLater(l lot) {
	wait := p.backoff
	for range l.tries - 1 {
		wait = min(2*wait, math.MaxInt64/4)
	}
	p.pending += l.copies
	place := len(p.waiting)
	if n := len(p.free); n > 0 {
		place, p.free = p.free[n-1], p.free[:n-1]
		p.waiting[place] = l
	} else {
		p.waiting = append(p.waiting, l)
	}
	p.sim.queue.add(p.sim.now+wait, retryDue, p, place)
}

// due tries the records again that wait at a place, or keeps them for the end of
// the step.
func (p *producer) due(_ kind, place int) {
	l := p.waiting[place]
	p.waiting[place] = lot{}
	p.free = append(p.free, place)
	if !l.single {
		p.dealer.again = append(p.dealer.again, l)
		return
	}
	p.pending -= l.copies
	p.try(&attempt{key: l.key, hash: l.keys.Start, size: int(l.bytes), tries: l.tries})
}
