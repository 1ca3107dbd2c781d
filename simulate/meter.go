package simulate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// A meter makes seconds of what was counted, and the result of the seconds.
type meter struct {
	sim       *simulation
	warmUp    time.Duration
	retention time.Duration
	second    Second
	sum       Result
	storage   storage

	measured int64         // seconds in the result
	shards   int64         // open shards, summed up over these seconds
	capacity weir.Capacity // of the stream at the end of this second
	last     time.Duration // end of the last second in which a record was throttled
}

func (m *meter) begin(s *simulation) {
	w := s.config.Workload
	m.sim, m.warmUp = s, wholeSeconds(time.Duration(w.WarmUp))
	m.storage = newStorage(m.retention)
	m.sum = Result{
		Name: w.Name, Seed: w.Seed, Start: s.start, WarmUp: m.warmUp, Step: s.config.Step,
		Storage: Storage{Retention: m.retention},
	}
}

// began notes the shards that there are at first.
func (m *meter) began() {
	n := len(m.sim.shards.open)
	m.sum.FirstShards, m.sum.LastShards, m.sum.MostShards = n, n, n
}

// endSecond reports the second that is over.
func (m *meter) endSecond() {
	s, sec := m.sim, &m.second
	*sec = Second{At: s.now - time.Second, Shards: sec.Shards[:0], Consumers: sec.Consumers[:0], Queues: sec.Queues[:0]}
	sec.WarmUp = sec.At < m.warmUp
	sec.OpenShards = len(s.shards.open)
	sec.CapacityRecords, sec.CapacityBytes = m.capacity.WriteRecordsPerSecond, m.capacity.WriteBytesPerSecond
	m.takeShards()
	m.storage.add(sec.AcceptedRecords, sec.AcceptedBytes, s.now)
	sec.HeldRecords, sec.HeldBytes = m.storage.records, m.storage.bytes
	m.takeConsumers()
	for _, q := range s.queues {
		sec.Queues = append(sec.Queues, q.endSecond(!sec.WarmUp))
	}
	s.hot.endSecond(!sec.WarmUp)
	if !sec.WarmUp {
		m.add()
	}
	m.sum.Duration, m.sum.PendingRecords = s.now, s.producer.pending
	if s.config.Each != nil {
		s.config.Each(sec)
	}
}

// takeShards moves the counts of the shards into the second.
func (m *meter) takeShards() {
	sec, l := &m.second, m.sim.limits
	for _, sh := range m.sim.shards.live {
		sh.load = sh.load*(1-1.0/60) + sh.use(l)/60
		if !sh.open && !sh.busy {
			continue
		}
		count := &sh.second
		count.Shard, count.Open = sh.id, sh.open
		count.use(l, 1)
		sec.Writes.add(&count.Writes)
		sec.Reads.add(&count.Reads)
		if !sec.WarmUp {
			sh.total.Writes.add(&count.Writes)
			sh.total.Reads.add(&count.Reads)
		}
		sec.Shards = append(sec.Shards, *count)
		sh.second, sh.busy = ShardSecond{}, false
	}
	sec.Reads.use(l, float64(sec.OpenShards))
}

// use returns what part of its write limits, or of the service's where it has none,
// was asked of the shard in this second.
func (sh *shard) use(l weir.Limits) float64 {
	asked := &sh.second.Writes
	service := weir.ServiceLimits()
	records := min(l.WriteRecordsPerSecond, service.WriteRecordsPerSecond*unlimited)
	bytes := min(l.WriteBytesPerSecond, service.WriteBytesPerSecond*unlimited)
	return max(part(float64(asked.AcceptedRecords+asked.ThrottledRecords), records),
		part(float64(asked.AcceptedBytes+asked.ThrottledBytes), bytes))
}

// unlimited is how many times the service's limit is as good as none.
const unlimited = 1e6

// use fills in what part of the read limits was used in so many seconds of one
// shard.
func (r *Reads) use(l weir.Limits, shardSeconds float64) {
	r.CallQuotaUse = part(float64(r.ReadCalls), l.ReadCallsPerSecond) / max(1, shardSeconds)
	r.ByteQuotaUse = part(float64(r.ReadBytes), l.ReadBytesPerSecond) / max(1, shardSeconds)
}

// part returns n as a part of a limit, which is 0 if there is none.
func part(n float64, limit rate.Limit) float64 {
	if limit == rate.Inf || limit <= 0 {
		return 0
	}
	return n / float64(limit)
}

// takeConsumers moves the counts of the consumers into the second.
func (m *meter) takeConsumers() {
	m.findExpired()
	for _, c := range m.sim.consumers {
		c.accrue()
		sec := &c.second
		sec.Name, sec.Running = c.name, c.started && !c.down
		if c.started {
			sec.Age, sec.LagRecords = c.age(), c.lag()
		}
		c.report.endSecond(c, m.sim.now, !m.second.WarmUp)
		m.second.Consumers = append(m.second.Consumers, *sec)
		c.second = ConsumerSecond{}
	}
}

// findExpired looks how many records have expired that consumers were not given
// yet. That takes a snapshot of the stream, so it is done only when a reader is that
// far behind.
func (m *meter) findExpired() {
	var before map[weir.ShardID]int64
	for _, c := range m.sim.consumers {
		c.expired = 0
		if !c.started || !c.nearHorizon() {
			continue
		}
		if before == nil {
			before = m.sim.expired()
		}
		for _, r := range c.readers {
			c.expired += max(0, before[r.sh.id]-r.position)
		}
		for sh := range c.waiting() {
			c.expired += before[sh.id] - sh.began[c.index]
		}
	}
}

// expired returns how many records of each shard have expired. Those that were
// released because all consumers have read them count too.
func (s *simulation) expired() map[weir.ShardID]int64 {
	n := make(map[weir.ShardID]int64)
	for _, sh := range s.stream.Snapshot().Shards {
		n[sh.Shard] = sh.Total.IncomingRecords - sh.RecordsHeld
	}
	return n
}

// nearHorizon reports whether records may have expired that it was not given. A
// reader that came near stays so until it is given a record: after those that have
// expired the next may be a young one.
func (c *consumer) nearHorizon() bool {
	for _, r := range c.readers {
		if r.unread() == 0 {
			continue
		}
		if r.near = r.near || c.sim.isNear(r.age()); r.near {
			return true
		}
	}
	for sh := range c.waiting() {
		if sh.stored > 0 && c.sim.isNear(c.sim.now-sh.opened) {
			return true
		}
	}
	return false
}

// isNear reports whether a record of an age has expired, or will before a second has
// ended that has begun by then.
func (s *simulation) isNear(age time.Duration) bool {
	const margin = 2 * time.Second
	return age > s.meter.retention-margin
}

// age returns how old the oldest record is that it was not given yet.
func (c *consumer) age() (age time.Duration) {
	for _, r := range c.readers {
		age = max(age, r.age())
	}
	for sh := range c.waiting() {
		if sh.stored == 0 {
			continue
		}
		if it, err := c.sim.stream.Iterator(context.Background(), sh.id, weir.TrimHorizon()); err == nil {
			age = max(age, c.sim.ageOf(it))
		}
	}
	return age
}

// lag returns how many records it was not given yet and can still be.
func (c *consumer) lag() int64 {
	var n int64
	for _, r := range c.readers {
		n += r.unread()
	}
	for sh := range c.waiting() {
		n += sh.stored - sh.began[c.index]
	}
	return max(0, n-c.expired)
}

// add adds the second to the result.
func (m *meter) add() {
	sec, sum := &m.second, &m.sum
	m.measured++
	m.shards += int64(sec.OpenShards)
	sum.Writes.add(&sec.Writes)
	sum.Reads.add(&sec.Reads)
	sum.PeakRecords.offer(sec.OfferedRecords, sec.At)
	sum.PeakBytes.offer(sec.OfferedBytes, sec.At)
	m.storage.charge(&sum.Storage)
	if sec.ThrottledRecords > 0 {
		m.addEpisode()
		m.addWorst()
		m.last = sec.At + time.Second
	}
}

func (p *Peak) offer(n int64, at time.Duration) {
	if n > p.N {
		*p = Peak{n, at}
	}
}

// addEpisode adds a second with throttled records to the last episode or begins
// another one.
func (m *meter) addEpisode() {
	sec, sum := &m.second, &m.sum
	end := sec.At + time.Second
	if m.last > 0 && sec.At-m.last < EpisodeGap {
		if sum.EpisodesOmitted > 0 {
			return
		}
		e := &sum.Episodes[len(sum.Episodes)-1]
		e.To = end
		e.ThrottledRecords += sec.ThrottledRecords
		e.ThrottledBytes += sec.ThrottledBytes
		return
	}
	if len(sum.Episodes) == MaxListed {
		sum.EpisodesOmitted++
		return
	}
	sum.Episodes = append(sum.Episodes, Episode{sec.At, end, sec.ThrottledRecords, sec.ThrottledBytes})
}

// addWorst keeps a second if it is one of the worst.
func (m *meter) addWorst() {
	sec, sum := &m.second, &m.sum
	place, _ := slices.BinarySearchFunc(sum.Worst, sec.ThrottledRecords, func(w WorstSecond, n int64) int {
		if w.ThrottledRecords >= n { // the earlier one first
			return -1
		}
		return 1
	})
	if place == MaxWorst {
		return
	}
	sum.Worst = slices.Insert(sum.Worst, place, WorstSecond{sec.At, sec.OpenShards, sec.Writes})
	sum.Worst = sum.Worst[:min(len(sum.Worst), MaxWorst)]
}

// changed notes a change of the open shards.
func (m *meter) changed(c CapacityChange) {
	m.sum.LastShards = c.After
	m.sum.MostShards = max(m.sum.MostShards, c.After)
	if len(m.sum.Changes) == MaxListed {
		m.sum.ChangesOmitted++
		return
	}
	m.sum.Changes = append(m.sum.Changes, c)
}

// forget keeps the totals of a shard that has vanished.
func (m *meter) forget(sh *shard) {
	if len(m.sum.Shards) == MaxListed {
		m.sum.ShardsOmitted++
		return
	}
	m.sum.Shards = append(m.sum.Shards, sh.summary())
}

func (sh *shard) summary() ShardTotal {
	t := sh.total
	t.Shard, t.Open, t.Opened, t.Closed, t.KeyShare = sh.id, sh.open, sh.opened, sh.closed, sh.keys.Share()
	return t
}

// result returns the result of what was measured.
func (m *meter) result() *Result {
	r := m.sum
	s := m.sim
	r.ShardHours = float64(m.shards) / 3600
	r.Reads.use(s.limits, float64(m.shards))
	r.HottestKey = s.hot.result(s.limits, s.auto, r.OfferedRecords, m.measured)
	for _, sh := range s.shards.live {
		if len(r.Shards) == MaxListed {
			r.ShardsOmitted++
			continue
		}
		r.Shards = append(r.Shards, sh.summary())
	}
	slices.SortFunc(r.Shards, func(a, b ShardTotal) int { return cmp.Compare(a.Shard, b.Shard) })
	for i := range r.Shards {
		sh := &r.Shards[i]
		sh.Share = float64(sh.OfferedRecords) / float64(max(1, r.OfferedRecords))
		until := sh.Closed
		if sh.Open {
			until = r.Duration
		}
		sh.Reads.use(s.limits, (until - max(sh.Opened, m.warmUp)).Seconds())
	}
	for _, c := range s.consumers {
		r.Consumers = append(r.Consumers, c.report.result(c))
	}
	for _, q := range s.queues {
		r.Queues = append(r.Queues, q.result())
	}
	if m.capacity.Mode == weir.OnDemand {
		r.OnDemand = m.onDemand(&r)
	}
	return &r
}

func (m *meter) onDemand(r *Result) *OnDemand {
	o := &OnDemand{
		PeakBytesPerSecond: m.capacity.PeakBytesPerSecond, PeakRecordsPerSecond: m.capacity.PeakRecordsPerSecond,
	}
	if len(r.Episodes) > 0 {
		o.Throttled, o.FirstThrottled = true, r.Episodes[0].From
		o.HasRecovered = r.Duration-m.last >= EpisodeGap
	}
	if o.HasRecovered {
		o.Recovered = m.last
	}
	return o
}

// refusedReshard notes a reshard that the stream refused.
func (m *meter) refusedReshard(r RefusedReshard) {
	if len(m.sum.RefusedReshards) < MaxListed {
		m.sum.RefusedReshards = append(m.sum.RefusedReshards, r)
	}
}
