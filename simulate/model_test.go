package simulate_test

import (
	"cmp"
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/simulate"
	"github.com/weirstream/weir/workload"
)

// A twin is a naive model of a simulation, record by record, of one stream whose
// shards do not change: plain slices and floating point, written from what the
// documentation promises of limits, reading and retention. Times count from the
// beginning of the run.
type twin struct {
	w         workload.Workload
	retention time.Duration
	shards    []*twinShard
	consumers []*twinConsumer
	draws     *rand.Rand // of poll intervals
	now       time.Duration
	todo      []twinEvent // in order

	recordBytes, readBytes int64 // that a record has, and that a read returns, at most
}

// A twinEvent happens at a time. At the same time a lesser kind comes first, and
// what was planned first.
type twinEvent struct {
	at   time.Duration
	kind int
	do   func()
}

const (
	twinStarts = iota
	twinTriesAgain
	twinArrives
	twinIsDone
	twinPolls
)

type twinShard struct {
	id                    int
	keys                  weir.HashKeyRange
	records, bytes, large *twinBucket // large is nil unless there may be records above 1 MiB
	calls, out            *twinBucket
	blocked               time.Duration
	log                   []twinRecord
	total                 simulate.ShardTotal
}

// A twinRecord is a stored record: when it arrived, in milliseconds, and its size.
type twinRecord struct{ ms, size int64 }

type twinConsumer struct {
	workload.Consumer
	place   int
	started bool
	readers []*twinReader
	working int
	queue   []*twinReader
	total   simulate.ConsumerResult
	ages    []time.Duration // at the end of each second
	lags    []int64
}

type twinReader struct {
	c      *twinConsumer
	sh     *twinShard
	next   int // in the log
	polled time.Duration
	inHand int64
}

// A twinBucket holds a second's worth of a rate, or none if there is no limit.
type twinBucket struct {
	rate, size, tokens float64
	at                 time.Duration
}

func newTwinBucket(rate, size float64) *twinBucket {
	size = max(1, math.Floor(size))
	return &twinBucket{rate: rate, size: size, tokens: size}
}

// has reports whether there are n tokens, but for less than comes in a nanosecond.
func (b *twinBucket) has(now time.Duration, n float64) bool {
	if b.rate == 0 {
		return true
	}
	if now > b.at {
		b.tokens = min(b.size, b.tokens+(now-b.at).Seconds()*b.rate)
		b.at = now
	}
	return b.tokens+b.rate*1e-9 > n
}

// take takes n tokens or, if there are less, as many whole ones as there are.
func (b *twinBucket) take(n float64) {
	if b.tokens+b.rate*1e-9 > n {
		b.tokens -= n
	} else {
		b.tokens -= max(0, math.Floor(b.tokens))
	}
}

// write takes a record's share of the limits if it passes: one larger than its
// bucket does so when the bucket is full.
func (sh *twinShard) write(now time.Duration, size float64) (byRecords, ok bool) {
	bytes := sh.bytes
	if sh.large != nil && size > bytes.size {
		bytes = sh.large
	}
	if !bytes.has(now, min(size, bytes.size)) {
		return false, false
	}
	if !sh.records.has(now, 1) {
		return true, false
	}
	sh.records.take(1)
	for _, b := range []*twinBucket{sh.bytes, sh.large} {
		if b != nil {
			b.has(now, 0)
			b.take(size)
		}
	}
	return false, true
}

// admit admits a read, or says how long to wait. A refused one costs nothing.
func (sh *twinShard) admit(now time.Duration) (wait time.Duration, byCalls bool) {
	if now < sh.blocked {
		return sh.blocked - now, false
	}
	if !sh.calls.has(now, 1) {
		return time.Duration(math.Ceil((1 - sh.calls.tokens) / sh.calls.rate * 1e9)), true
	}
	sh.calls.take(1)
	return 0, false
}

// charge pays for what a read returned: from the bucket, or by a time in which
// nobody reads.
func (sh *twinShard) charge(now time.Duration, size float64) {
	if sh.out.rate == 0 || size == 0 {
		return
	}
	if sh.out.has(now, size) {
		sh.out.take(size)
		return
	}
	sh.blocked = max(sh.blocked, now) + time.Duration(math.Ceil(size/sh.out.rate*1e9))
	sh.out.tokens, sh.out.at = 0, sh.blocked
}

func newTwin(w workload.Workload) *twin {
	m := &twin{w: w, draws: rand.New(rand.NewPCG(uint64(w.Seed), 0)), retention: time.Duration(w.Stream.Retention)}
	l := w.Stream.Limits
	m.recordBytes, m.readBytes = int64(cmp.Or(w.Stream.RecordBytes, mib)), 10*mib
	if l.None {
		m.recordBytes, m.readBytes = 10*mib, math.MaxInt64
	}
	bucket := func(own, service float64) *twinBucket {
		if l.None {
			return newTwinBucket(0, 0)
		}
		return newTwinBucket(cmp.Or(own, service), cmp.Or(own, service))
	}
	for i, keys := range weir.EvenRanges(w.Stream.Shards) {
		sh := &twinShard{
			id: i, keys: keys,
			records: bucket(l.WriteRecords, 1000), bytes: bucket(float64(l.WriteBytes), mib),
			calls: bucket(l.ReadCalls, 5), out: bucket(float64(l.ReadBytes), 2*mib),
		}
		if w.Stream.RecordBytes > mib {
			sh.large = newTwinBucket(sh.bytes.rate, 10*mib)
		}
		m.shards = append(m.shards, sh)
	}
	for i, c := range w.Consumers {
		c := &twinConsumer{Consumer: c, place: i}
		m.consumers = append(m.consumers, c)
		m.plan(time.Duration(c.Start), twinStarts, func() { m.start(c) })
	}
	return m
}

// plan has something happen after all that is planned for the time and kind.
func (m *twin) plan(at time.Duration, kind int, do func()) {
	i, _ := slices.BinarySearchFunc(m.todo, at, func(e twinEvent, at time.Duration) int {
		if e.before(at, kind+1) {
			return -1
		}
		return 1
	})
	m.todo = slices.Insert(m.todo, i, twinEvent{at, kind, do})
}

func (e twinEvent) before(at time.Duration, kind int) bool {
	return e.at < at || e.at == at && e.kind < kind
}

// run lets the arrivals happen and what comes of them, and looks at the consumers at the
// end of each second.
func (m *twin) run(arrivals []twinArrival) {
	for end := time.Second; end <= time.Duration(m.w.Duration); end += time.Second {
		for ; len(arrivals) > 0 && arrivals[0].at < end; arrivals = arrivals[1:] {
			m.advance(arrivals[0].at, twinArrives)
			m.put(arrivals[0], 0)
		}
		m.advance(end, 0)
		for _, c := range m.consumers {
			age, lag := m.behind(c)
			c.ages, c.lags = append(c.ages, age), append(c.lags, lag)
		}
	}
}

// advance lets happen what is planned before a time and kind.
func (m *twin) advance(to time.Duration, kind int) {
	for len(m.todo) > 0 && m.todo[0].before(to, kind) {
		e := m.todo[0]
		m.todo = m.todo[1:]
		m.now = e.at
		e.do()
	}
	m.now = to
}

type twinArrival struct {
	at   time.Duration
	hash weir.HashKey
	size int64
}

// put tries a record, and plans to try it again if it is throttled.
func (m *twin) put(a twinArrival, tries int) {
	i := slices.IndexFunc(m.shards, func(sh *twinShard) bool { return sh.keys.Contains(a.hash) })
	sh := m.shards[i]
	w := &sh.total.Writes
	if tries == 0 {
		w.OfferedRecords++
		w.OfferedBytes += a.size
	} else {
		w.RetriedRecords++
	}
	if a.size > m.recordBytes {
		w.RefusedRecords++
		return
	}
	byRecords, ok := sh.write(m.now, float64(a.size))
	if ok {
		w.AcceptedRecords++
		w.AcceptedBytes += a.size
		sh.log = append(sh.log, twinRecord{m.now.Milliseconds(), a.size})
		return
	}
	w.ThrottledRecords++
	w.ThrottledBytes += a.size
	if byRecords {
		w.ThrottledByRecords++
	}
	if tries == m.w.Producers.Retries {
		w.LostRecords++
		w.LostBytes += a.size
		return
	}
	m.plan(m.now+time.Duration(m.w.Producers.Backoff)<<tries, twinTriesAgain, func() { m.put(a, tries+1) })
}

// start has a consumer read each shard, from what can be read or from now on.
func (m *twin) start(c *twinConsumer) {
	c.started = true
	for _, sh := range m.shards {
		r := &twinReader{c: c, sh: sh, next: m.expired(sh)}
		if c.From == workload.FromLatest {
			r.next = len(sh.log)
		}
		c.readers = append(c.readers, r)
		wait := simulate.FirstPoll(sh.id, c.place, time.Duration(c.Poll))
		r.polled = m.now + wait - time.Duration(c.Poll)
		m.plan(m.now+wait, twinPolls, func() { m.poll(r) })
	}
}

// expired returns how many records of a shard arrived a retention ago or before.
func (m *twin) expired(sh *twinShard) int {
	if m.now < m.retention {
		return 0
	}
	n := 0
	for n < len(sh.log) && sh.log[n].ms <= (m.now-m.retention).Milliseconds() {
		n++
	}
	return n
}

// skip passes over what has expired, and counts it as lost.
func (m *twin) skip(r *twinReader) {
	n := m.expired(r.sh)
	r.c.total.LostRecords += int64(max(0, n-r.next))
	r.next = max(r.next, n)
}

// poll reads once.
func (m *twin) poll(r *twinReader) {
	c, sh := r.c, r.sh
	if m.away(c, m.now) > 0 {
		m.pollAt(r, m.now)
		return
	}
	r.polled = m.now
	if wait, byCalls := sh.admit(m.now); wait > 0 {
		c.total.Throttled++
		sh.total.ReadThrottled++
		if byCalls {
			sh.total.ReadThrottledByCalls++
		}
		m.pollAt(r, max(m.now+m.interval(c), m.now+wait))
		return
	}
	m.skip(r)
	var n, bytes int64
	for r.next < len(sh.log) && n < int64(c.Limit) && (n == 0 || bytes+sh.log[r.next].size <= m.readBytes) {
		bytes += sh.log[r.next].size
		n++
		r.next++
	}
	if n > 0 && r.next < len(sh.log) {
		behind := time.Duration(m.now.Milliseconds()-sh.log[r.next-1].ms) * time.Millisecond
		c.total.MaxBehindLatest = max(c.total.MaxBehindLatest, behind)
	}
	sh.charge(m.now, float64(bytes))
	sh.total.ReadCalls++
	sh.total.ReadRecords += n
	sh.total.ReadBytes += bytes
	c.total.ReadRecords += n
	c.total.ReadBytes += bytes
	if r.inHand = n; n > 0 && c.PerBatch+c.PerRecord > 0 {
		m.work(r)
		return
	}
	c.total.ProcessedRecords += n
	m.pollAt(r, r.polled+m.interval(c))
}

// work processes what is in hand when a worker is free.
func (m *twin) work(r *twinReader) {
	c := r.c
	if c.Workers > 0 && c.working == c.Workers {
		c.queue = append(c.queue, r)
		return
	}
	c.working++
	left := time.Duration(c.PerBatch) + time.Duration(r.inHand)*time.Duration(c.PerRecord)
	at := m.now
	for _, o := range c.Outages { // work stands still in them
		if begin := time.Duration(o.At); at+left > begin && at < begin+time.Duration(o.For) {
			left -= max(0, begin-at)
			at = begin + time.Duration(o.For)
		}
	}
	m.plan(at+left, twinIsDone, func() {
		c.working--
		c.total.ProcessedRecords += r.inHand
		if len(c.queue) > 0 {
			next := c.queue[0]
			c.queue = c.queue[1:]
			m.work(next)
		}
		m.pollAt(r, max(m.now, r.polled+m.interval(c)))
	})
}

// pollAt plans the next poll or, if that lies in an outage, as many intervals later
// as it takes.
func (m *twin) pollAt(r *twinReader, at time.Duration) {
	for away := m.away(r.c, at); away > 0; away -= time.Duration(r.c.Poll) {
		at += time.Duration(r.c.Poll)
	}
	m.plan(at, twinPolls, func() { m.poll(r) })
}

// away returns how long an outage lasts from a moment on.
func (m *twin) away(c *twinConsumer, t time.Duration) time.Duration {
	for _, o := range c.Outages {
		if end := time.Duration(o.At + o.For); time.Duration(o.At) <= t && t < end {
			return end - t
		}
	}
	return 0
}

// interval returns the time to the next poll: where several share, up to a tenth more
// or less.
func (m *twin) interval(c *twinConsumer) time.Duration {
	poll := time.Duration(c.Poll)
	if len(m.consumers) < 2 {
		return poll
	}
	return poll - poll/10 + time.Duration(m.draws.Int64N(int64(2*poll/10)+1))
}

// behind returns the age of the oldest record that a consumer was not given, and how
// many those are.
func (m *twin) behind(c *twinConsumer) (age time.Duration, lag int64) {
	for _, r := range c.readers {
		next := max(r.next, m.expired(r.sh))
		if next < len(r.sh.log) {
			age = max(age, time.Duration(m.now.Milliseconds()-r.sh.log[next].ms)*time.Millisecond)
			lag += int64(len(r.sh.log) - next)
		}
	}
	return age, lag
}

var modelSeed = flag.Int64("model.seed", 0, "seed of the one workload that TestRun_agreesWithItsTwin compares; 0 for all")

// Record by record a run does what a naive twin does, to the record, the byte and
// the millisecond.
func TestRun_agreesWithItsTwin(t *testing.T) {
	seeds := []int64{*modelSeed}
	if *modelSeed == 0 {
		seeds = seeds[:0]
		for seed := range int64(30) {
			seeds = append(seeds, seed+1)
		}
	}
	for _, seed := range seeds {
		w := randomWorkload(seed)
		m := newTwin(w)
		m.run(arrivalsOf(t, w))
		second := 0
		ages, lags := make([][]time.Duration, len(w.Consumers)), make([][]int64, len(w.Consumers))
		r, err := simulate.Run(t.Context(), simulate.Config{Workload: w, Each: func(s *simulate.Second) {
			for i, c := range s.Consumers {
				ages[i], lags[i] = append(ages[i], c.Age), append(lags[i], c.LagRecords)
			}
			second++
		}})
		require.NoError(t, err, "seed %d", seed)
		same := assert.Len(t, r.Shards, len(m.shards))
		for i, sh := range m.shards {
			got := r.Shards[i]
			got.CallQuotaUse, got.ByteQuotaUse = 0, 0
			same = assert.Equal(t, sh.total.Writes, got.Writes, "shard %d", i) && assert.Equal(t, sh.total.Reads, got.Reads, "shard %d", i) && same
		}
		for i, c := range m.consumers {
			same = assert.Equal(t, c.want(m), got(r.Consumers[i]), "consumer %d", i) &&
				assert.Equal(t, c.ages, ages[i], "ages of consumer %d", i) && assert.Equal(t, c.lags, lags[i], "lags of consumer %d", i) && same
		}
		if !same {
			t.Fatalf("seed %d (-model.seed=%[1]d): %+v", seed, w)
		}
	}
}

// want returns what a run is to report of the consumer.
func (c *twinConsumer) want(m *twin) simulate.ConsumerResult {
	for _, r := range c.readers {
		m.skip(r)
	}
	_, c.total.LagRecords = m.behind(c)
	return c.total
}

// got returns of a result what the twin knows.
func got(r simulate.ConsumerResult) simulate.ConsumerResult {
	return simulate.ConsumerResult{
		ReadRecords: r.ReadRecords, ReadBytes: r.ReadBytes, ProcessedRecords: r.ProcessedRecords,
		Throttled: r.Throttled, LagRecords: r.LagRecords, MaxBehindLatest: r.MaxBehindLatest, LostRecords: r.LostRecords,
	}
}

// arrivalsOf generates the records of a workload.
func arrivalsOf(t *testing.T, w workload.Workload) (list []twinArrival) {
	g, err := workload.NewGenerator(w, nil)
	require.NoError(t, err)
	defer g.Close()
	for a := (workload.Arrival{}); g.Next(&a); {
		list = append(list, twinArrival{a.At, a.Key.Hash, int64(len(a.Key.Text) + a.Bytes)})
	}
	return list
}
