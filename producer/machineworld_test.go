package producer

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// A world is a machine, a stream that does what streams do in bad hours, and
// what must hold. It notes what does not.
type world struct {
	random   *rand.Rand
	m        *machine
	faulty   bool
	calm     bool // no faults any more
	now      time.Duration
	violated []string
	restless bool   // shards are changed all the time
	broken   func() // what is done to the machine after each step, unless nil

	shards []weir.Shard
	nextID weir.ShardID
	stored []storedEntry
	calls  []*call
	ask    *question

	keys     []string
	reserved int64
	put      map[int]string // of each record, its key
	bad      map[int]bool   // the stream refuses it
	told     map[int]Outcome
}

// A storedEntry is a record of the stream, in the order of storing.
type storedEntry struct {
	shard weir.Shard
	entry weir.Entry
}

// A call is under way. It is stored at one time and answered at another.
type call struct {
	packer         *packer
	b              *batch
	entries        []weir.Entry // b may be used again before they are stored
	stores, answer time.Duration
	done           bool
	fate           float64
	results        []weir.PutResult
	err            error
}

// A question for the shards is answered with what they were at some time.
type question struct {
	answer time.Duration
	list   []weir.Shard
	err    error
}

func newWorld(seed uint64, faulty bool) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	w := &world{random: random, faulty: faulty, put: map[int]string{}, bad: map[int]bool{}, told: map[int]Outcome{}}
	for i := range 1 + random.IntN(20) {
		w.keys = append(w.keys, fmt.Sprint("key-", i))
	}
	w.shards = shardsOf(1 + random.IntN(4))
	w.nextID = weir.ShardID(len(w.shards))
	c := testSettings()
	c.aggregate, c.ordered, c.needsMap = random.IntN(2) == 0, random.IntN(2) == 0, true
	c.batchRecords, c.batchBytes, c.aggregateBytes = 1+random.IntN(20), 1000+random.IntN(3000), 64+random.IntN(400)
	c.linger = []time.Duration{0, 20 * time.Millisecond, time.Second}[random.IntN(3)]
	c.calls, c.maxBytes = 1+random.IntN(4), int64(4000+random.IntN(100_000))
	c.backoff, c.maxBackoff, c.ttl = 20*time.Millisecond, time.Second, time.Duration(1+random.IntN(10))*time.Second
	if random.IntN(2) == 0 {
		c.shardRecordsRate, c.shardBytesRate = float64(5+random.IntN(200)), float64(500+random.IntN(5000))
	}
	if !c.aggregate && !c.ordered && math.IsInf(c.shardBytesRate, 1) {
		c.needsMap = random.IntN(2) == 0
	}
	if !faulty {
		c.ttl = time.Hour
	}
	w.m = newMachine(c, random)
	return w
}

func (w *world) violation(format string, args ...any) {
	if len(w.violated) < 10 {
		w.violated = append(w.violated, fmt.Sprintf("%v: ", w.now)+fmt.Sprintf(format, args...))
	}
}

func (w *world) chance(p float64) bool { return w.random.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Float64() * float64(d))
}

func (w *world) run() {
	for range 120 {
		switch n := w.random.IntN(10); {
		case n < 6:
			w.add(w.random.IntN(20))
		case n == 6, w.restless && n > 7:
			w.reshard()
		case n == 7:
			w.m.flush()
		}
		w.advance(w.upTo(300 * time.Millisecond))
	}
	if w.faulty && w.chance(0.2) {
		w.m.end(weir.ErrClosed)
	}
	w.calm = true
	for range 3000 {
		if w.m.held == 0 {
			break
		}
		w.m.flush()
		w.advance(w.upTo(2 * time.Second))
	}
	w.finish()
}

// add puts records of some keys, as far as there is room.
func (w *world) add(n int) {
	for range n {
		i := len(w.put)
		e := weir.Entry{PartitionKey: w.keys[w.random.IntN(len(w.keys))], Data: fmt.Append(nil, i, " ", strings.Repeat("x", w.random.IntN(150)))}
		if w.chance(0.1) {
			e.ExplicitHashKey = &weir.HashKey{Hi: w.random.Uint64(), Lo: w.random.Uint64()}
		}
		size := w.m.sizeOf(&e)
		if !w.m.hasRoom(size) {
			return
		}
		w.m.reserve(size)
		w.reserved += int64(size)
		w.put[i] = w.keyOf(e)
		w.bad[i] = w.faulty && w.chance(0.003)
		hash := weir.HashPartitionKey(e.PartitionKey)
		if e.ExplicitHashKey != nil {
			hash = *e.ExplicitHashKey
		}
		done := func(o Outcome) { w.outcome(i, size, o) }
		if e.ExplicitHashKey == nil && w.chance(0.7) && w.m.mayComeUnhashed(size) {
			w.m.addUnhashed(&e, size, done, w.now)
		} else {
			w.m.add(&e, hash, size, done, w.now)
		}
		if w.m.bytes > w.m.c.maxBytes {
			w.violation("%d bytes are held, %d are allowed", w.m.bytes, w.m.c.maxBytes)
		}
	}
}

// keyOf is what order is kept of: a partition key, where it decides the shard.
func (w *world) keyOf(e weir.Entry) string {
	if e.ExplicitHashKey != nil {
		return e.PartitionKey + " " + e.ExplicitHashKey.String()
	}
	return e.PartitionKey
}

func (w *world) outcome(i, size int, o Outcome) {
	if _, again := w.told[i]; again {
		w.violation("the outcome of record %d is told twice", i)
	}
	w.told[i] = o
	w.reserved -= int64(size)
}

// reshard splits a shard, or merges two.
func (w *world) reshard() {
	open := openShards(w.shards)
	end := func(id weir.ShardID) {
		for i := range w.shards {
			if w.shards[i].ID == id {
				w.shards[i].EndingSequenceNumber, _ = weir.ParseSequenceNumber("49600000000000000000000000000000000000000000000000000001")
			}
		}
	}
	begin := func(r weir.HashKeyRange) {
		w.shards = append(w.shards, weir.Shard{ID: w.nextID, HashKeyRange: r})
		w.nextID++
	}
	i := w.random.IntN(len(open))
	r := open[i].HashKeyRange
	if w.chance(0.5) && i > 0 {
		end(open[i-1].ID)
		end(open[i].ID)
		begin(weir.HashKeyRange{Start: open[i-1].HashKeyRange.Start, End: r.End})
		return
	}
	if at := r.Middle(); r.CanSplitAt(at) {
		end(open[i].ID)
		begin(weir.HashKeyRange{Start: r.Start, End: at.Sub(1)})
		begin(weir.HashKeyRange{Start: at, End: r.End})
	}
}

// advance lets time pass, and what is due happen.
func (w *world) advance(d time.Duration) {
	until := w.now + d
	for steps := 0; ; steps++ {
		at := w.ask0(w.step())
		for _, c := range w.calls {
			at = min(at, c.next())
		}
		w.check()
		if steps > 20_000 {
			w.violation("it does not come to rest")
			return
		}
		if at > until {
			break
		}
		w.now = max(w.now, at)
		w.happen()
	}
	w.now = until
}

func (w *world) ask0(at time.Duration) time.Duration {
	if w.ask != nil {
		return min(at, w.ask.answer)
	}
	return at
}

func (c *call) next() time.Duration {
	if !c.done {
		return min(c.stores, c.answer)
	}
	if c.answer == never {
		return c.stores
	}
	return c.answer
}

// step asks the machine what to do until there is nothing more.
func (w *world) step() (at time.Duration) {
	for {
		if w.m.wantsShards(w.now) {
			w.m.ask()
			w.ask = w.newQuestion()
		}
		b, at := w.m.next(w.now)
		out := w.m.takeOut(outbox{})
		out.tell()
		w.m.told(&out)
		if b == nil {
			if w.m.wantsShards(w.now) {
				continue
			}
			return at
		}
		w.begin(b)
	}
}

// begin makes a call.
func (w *world) begin(b *batch) {
	p := new(packer)
	p.encode(b)
	bytes := 0
	for i := range b.entries {
		bytes += b.entries[i].Size()
	}
	if c := w.m.c; len(b.entries) == 0 || len(b.entries) > c.batchRecords || bytes > c.batchBytes {
		w.violation("a call has %d entries and %d bytes", len(b.entries), bytes)
	}
	c := &call{b: b, packer: p, entries: slices.Clone(b.entries), stores: w.now + w.upTo(50*time.Millisecond), fate: 1}
	for i := range c.entries { // as they go over the wire
		c.entries[i].Data = slices.Clone(c.entries[i].Data)
	}
	c.answer = c.stores + w.upTo(50*time.Millisecond)
	if w.faulty && !w.calm {
		c.fate = w.random.Float64()
		if w.chance(0.02) { // it is given up, and stored later
			c.stores = c.answer + w.upTo(3*time.Second)
		}
	}
	w.calls = append(w.calls, c)
}

// happen does what is due.
func (w *world) happen() {
	for _, c := range slices.Clone(w.calls) {
		if !c.done && c.stores <= w.now {
			c.done = true
			w.store(c)
		}
		if c.answer <= w.now {
			if !c.done {
				c.err = errors.New("timed out")
			}
			w.m.settle(c.b, c.results, c.err, w.now)
			data := c.packer.data[:cap(c.packer.data)] // is used for the next call
			for i := range data {
				data[i] = 0xee
			}
			c.answer = never
		}
	}
	w.calls = slices.DeleteFunc(w.calls, func(c *call) bool { return c.done && c.answer == never })
	if q := w.ask; q != nil && q.answer <= w.now {
		w.ask = nil
		w.m.learn(q.list, q.err, w.now)
	}
	if w.broken != nil {
		w.broken()
	}
}

// store stores what a call has, or what its fate lets be stored.
func (w *world) store(c *call) {
	for _, e := range c.entries {
		for _, i := range recordsIn(e, nil) {
			if w.bad[i] {
				c.err = &weir.ArgumentError{Field: "records", Reason: "one is bad"}
				return
			}
		}
	}
	partial := c.fate < 0.25 || c.fate > 0.5 && c.fate < 0.52
	if c.fate >= 0.25 && c.fate < 0.32 {
		c.err = errors.New("service unavailable")
		return
	}
	for _, e := range c.entries {
		if partial && w.chance(0.4) {
			err := error(&weir.LimitError{Quota: weir.QuotaWriteRecords})
			if w.chance(0.3) {
				err = coded("InternalFailure")
			}
			c.results = append(c.results, weir.PutResult{Err: err})
			continue
		}
		hash := weir.HashPartitionKey(e.PartitionKey)
		if e.ExplicitHashKey != nil {
			hash = *e.ExplicitHashKey
		}
		sh := w.shards[slices.IndexFunc(w.shards, func(sh weir.Shard) bool { return sh.IsOpen() && sh.HashKeyRange.Contains(hash) })]
		w.stored = append(w.stored, storedEntry{sh, e})
		c.results = append(c.results, weir.PutResult{Placed: weir.Placed{ShardID: sh.ID}})
	}
	switch {
	case c.fate >= 0.32 && c.fate < 0.40 || c.fate > 0.5 && c.fate < 0.52:
		c.err = errors.New("connection reset")
	case c.fate >= 0.40 && c.fate < 0.41:
		c.results = c.results[1:]
	}
}

// newQuestion asks for the shards.
func (w *world) newQuestion() *question {
	q := &question{answer: w.now + w.upTo(200*time.Millisecond), list: slices.Clone(w.shards)}
	if !w.faulty || w.calm {
		return q
	}
	switch f := w.random.Float64(); {
	case f < 0.2:
		q.list, q.err = nil, errors.New("not now")
	case f < 0.3: // it was listed while shards were changed
		q.list = slices.Delete(q.list, 0, 1)
	}
	return q
}

// recordsIn returns the numbers of the user records that consumers of a range
// get of an entry; of any range if it is nil.
func recordsIn(e weir.Entry, within *weir.HashKeyRange) (list []int) {
	d := aggregate.Decoder{Within: within}
	for r := range d.Records(weir.Record{PartitionKey: e.PartitionKey, Data: e.Data}) {
		text, _, _ := strings.Cut(string(r.Data), " ")
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		list = append(list, n)
	}
	return list
}

// check checks what must hold at any time.
func (w *world) check() {
	m := w.m
	if m.bytes != w.reserved || m.held != len(w.put)-len(w.told) {
		w.violation("%d records and %d bytes are held, %d and %d are counted", len(w.put)-len(w.told), w.reserved, m.held, m.bytes)
	}
	waiting, queued := 0, int64(0)
	for _, l := range m.lanes {
		n, size := 0, int64(0)
		before := uint64(0)
		for i := range l.fresh.n {
			r := l.fresh.at(i).r
			n, size = n+1, size+int64(r.bytes())
			if w.broken == nil && r.n <= before || !l.keys.Contains(r.hash) {
				w.violation("%v: record %d after %d, its hash key in the range: %t", l.id, r.n, before, l.keys.Contains(r.hash))
			}
			before = r.n
		}
		for _, r := range l.later {
			n, size = n+1, size+int64(r.bytes())
		}
		busy := 0
		for f := range m.flights {
			for _, p := range f.parts {
				if p.keys.Start.Compare(l.keys.End) <= 0 && l.keys.Start.Compare(p.keys.End) <= 0 {
					busy++
				}
			}
		}
		if n != l.count || size != l.size || busy != l.busy && w.broken == nil {
			w.violation("%v: %d records, %d bytes, %d calls; counted %d, %d and %d", l.id, n, size, busy, l.count, l.size, l.busy)
		}
		waiting, queued = waiting+n, queued+size
	}
	if waiting != m.waiting || queued != m.queued {
		w.violation("%d records and %d bytes wait, %d and %d are counted", waiting, queued, m.waiting, m.queued)
	}
	if m.calls > m.c.calls {
		w.violation("%d calls are under way", m.calls)
	}
	w.checkFlights()
}

// checkFlights checks that no hash key is part of two calls.
func (w *world) checkFlights() {
	if w.broken != nil { // then what comes of it is to be found
		return
	}
	var all []part
	for f := range w.m.flights {
		all = append(all, f.parts...)
	}
	for i, p := range all {
		for _, q := range all[:i] {
			if p.keys.Start.Compare(q.keys.End) <= 0 && q.keys.Start.Compare(p.keys.End) <= 0 {
				w.violation("two calls have records of %v and %v", p.keys, q.keys)
			}
		}
	}
}

// finish checks what must hold at the end.
func (w *world) finish() {
	if w.m.held > 0 || len(w.told) != len(w.put) {
		w.violation("of %d records %d outcomes are told", len(w.put), len(w.told))
	}
	if len(w.m.flights) > 0 || w.m.bytes != 0 || w.m.waiting != 0 {
		w.violation("at the end there are %d flights, %d bytes, %d records", len(w.m.flights), w.m.bytes, w.m.waiting)
	}
	seen := map[int]bool{}
	newest := map[string]int{}
	inOrder := w.m.c.ordered || !w.faulty && w.m.counts.retries == 0
	for _, s := range w.stored {
		for _, i := range recordsIn(s.entry, &s.shard.HashKeyRange) {
			if seen[i] {
				continue
			}
			seen[i] = true
			key := w.put[i]
			if w.told[i].Err != nil || !inOrder {
				continue
			}
			if last, before := newest[key]; before && last > i {
				w.violation("%s: record %d is stored after %d", key, i, last)
			}
			newest[key] = i
		}
	}
	for i := range len(w.put) {
		if w.told[i].Err == nil && !seen[i] {
			w.violation("record %d was told to be delivered, and nobody can read it: %+v", i, w.told[i])
		}
	}
}
