package window

import (
	"cmp"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
)

// Ends of time, in milliseconds.
const (
	never    = math.MaxInt64
	earliest = math.MinInt64 / 4 // a watermark before the first record
)

// A plan is what all machines of a windower go by: a Config without its
// defaults, in milliseconds.
type plan[V, A, R any] struct {
	kind                kind
	size, slide, offset int64
	count               int64
	gap                 func(V) time.Duration
	bound, lateness     int64
	ahead               int64 // never if anything goes
	earlyCount          int64
	earlyEvery          time.Duration

	add     func(*A, V)
	result  func(A) R
	merge   func(*A, A) // nil if there is none
	coding  coding[A]
	read    func(*weir.Record, []Event[V]) ([]Event[V], error)
	asItIs  func(*weir.Record) V // in place of read
	hashKey func(*weir.Record) weir.HashKey
	aside   bool // somebody takes what is rejected
	spec    string
}

func newPlan[V, A, R any](c Config[V, A, R]) (*plan[V, A, R], error) {
	w := c.Windows
	p := &plan[V, A, R]{
		kind: w.kind, size: w.size.Milliseconds(), slide: w.slide.Milliseconds(), offset: w.offset.Milliseconds(), count: w.count, gap: w.gap,
		bound: c.Bound.Milliseconds(), lateness: c.Lateness.Milliseconds(), ahead: c.Ahead.Milliseconds(), earlyCount: c.EarlyCount, earlyEvery: c.EarlyEvery,
		add: w.aggregator.Add, result: w.aggregator.Result, read: c.Read, hashKey: c.HashKey, aside: c.Aside != nil, spec: w.String(),
	}
	if c.Ahead < 0 {
		p.ahead = never
	}
	if m, ok := w.aggregator.(Merger[V, A, R]); ok {
		p.merge = m.Merge
	}
	if p.read == nil {
		p.asItIs = asItIs[V]()
	}
	var err error
	p.coding, err = codingOf[A](w.aggregator)
	return p, err
}

// A machine is the windows of one shard. It knows neither streams nor clocks:
// it is given records and times, and says what came of them. It is for one
// goroutine at a time.
type machine[V, A, R any] struct {
	plan   *plan[V, A, R]
	stream string
	shard  weir.ShardID

	entries   map[string]*entry[A]
	timers    timers[A]
	open      int     // windows
	watermark int64   // no record of that time or before is expected any more
	newest    int64   // the greatest time seen, or what the watermark says of it
	promised  int64   // what the clock will raise the watermark to, if that is later
	floors    []floor // of keys whose watermark is greater

	start, end int64 // of the tumbling window that was looked for last

	at     place // of the record that was taken last, or is being taken
	index  uint64
	record *weir.Record
	events []Event[V]

	others    []string   // new keys that are not their records' partition keys, some of them
	changed   []*pane[A] // since their last early result, where the clock asks for it
	nextEarly time.Time

	results  []Result[R] // that were not handed over
	rejected []Rejected[V]
	counts   tally
}

// maxOthers is how many keys are looked at for being in another shard, too.
const maxOthers = 64

// A place is a record, or a part of one.
type place struct {
	number weir.SequenceNumber
	sub    uint64
}

// before reports whether p is before q.
func (p place) before(q place) bool {
	c := p.number.Compare(q.number)
	return c < 0 || c == 0 && p.sub < q.sub
}

// A tally is what a machine has counted.
type tally struct {
	records, events, gaps, late, rejected int64
	results                               [Gone + 1]int64
}

// An entry is a key that has open windows.
type entry[A any] struct {
	key string
	// partition is the partition key of its first record; hash the hash key if
	// that does not follow from it.
	partition string
	hash      *weir.HashKey
	panes     []*pane[A] // by when they begin; of counted windows one after the other
}

// A pane is a window of a key.
type pane[A any] struct {
	entry      *entry[A]
	start, end int64
	due        int64 // when something is to be done, by the watermark
	records    int64
	told       int64 // how many records the last result had
	base       int64 // and the last one that the clock did not ask for
	revisions  int
	fired      bool // the watermark has passed it
	isChanged  bool // it is in machine.changed
	shown      bool // a session that the clock had told, maybe, as it is
	gone       bool
	first      place // of a counted window, with index
	index      uint64
	stale      []span // windows that have results, and that were joined to it since
	acc        A
}

// A span is a session that was.
type span struct {
	start, end int64
	revisions  int
}

func newMachine[V, A, R any](p *plan[V, A, R], stream string, shard weir.ShardID) *machine[V, A, R] {
	return &machine[V, A, R]{plan: p, stream: stream, shard: shard, entries: make(map[string]*entry[A]), watermark: earliest, promised: earliest, newest: earliest, start: never, end: never}
}

// feed takes records, of which subs are the indices in those that they came
// from; nil if each is whole. What lies before the place where the machine is
// was taken before, and is left out.
func (m *machine[V, A, R]) feed(records []weir.Record, subs []uint64) {
	i := 0
	for at := m.at; i < len(records); i++ {
		if at.before(placeOf(records, subs, i)) {
			break
		}
	}
	m.counts.records += int64(len(records) - i)
	for i < len(records) {
		i = m.feedFrom(records, subs, i)
	}
}

func placeOf(records []weir.Record, subs []uint64, i int) place {
	p := place{number: records[i].SequenceNumber}
	if subs != nil {
		p.sub = subs[i]
	}
	return p
}

// feedFrom takes records from one on, up to one at which code of the caller
// panics. It returns the next one.
func (m *machine[V, A, R]) feedFrom(records []weir.Record, subs []uint64, i int) (next int) {
	defer func() {
		m.record = nil
		if next > i || i == len(records) {
			return
		}
		if v := recover(); v != nil {
			m.reject(&records[i], Event[V]{}, &consumer.PanicError{Value: v, Stack: debug.Stack()})
			m.counts.rejected++
			next = i + 1
		}
	}()
	for ; i < len(records); i++ {
		r := &records[i]
		m.at, m.index, m.record = placeOf(records, subs, i), 0, r
		if m.plan.asItIs != nil {
			m.take(r.PartitionKey, r.ArrivalTime.UnixMilli(), m.plan.asItIs(r))
			continue
		}
		m.readRecord(r)
	}
	return i
}

// readRecord takes the events of a record.
func (m *machine[V, A, R]) readRecord(r *weir.Record) {
	var err error
	if m.events, err = m.plan.read(r, m.events[:0]); err != nil {
		m.counts.rejected++
		m.reject(r, Event[V]{}, err)
		return
	}
	arrival := r.ArrivalTime.UnixMilli()
	for i := range m.events {
		e := &m.events[i]
		m.index = uint64(i)
		ms, key := arrival, e.Key
		if !e.Time.IsZero() {
			if ms, err = m.time(e.Time, arrival); err != nil {
				m.counts.rejected++
				m.reject(r, *e, err)
				continue
			}
		}
		if key == "" {
			key = r.PartitionKey
		}
		m.take(key, ms, e.Value)
	}
	clear(m.events)
}

// time returns a time in milliseconds, if it can be one of a record.
func (m *machine[V, A, R]) time(t time.Time, arrival int64) (int64, error) {
	ms := t.UnixMilli()
	switch {
	case t.Before(firstTime) || !t.Before(lastTime):
		return 0, timeError(t, "is not within the years 1 to 9999")
	case ms-m.plan.ahead > arrival:
		return 0, timeError(t, "is more than %v after the record's arrival, %v", time.Duration(m.plan.ahead)*time.Millisecond, timeOf(arrival))
	}
	return ms, nil
}

var firstTime, lastTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// take adds an event to its windows, and lets the watermark follow it.
func (m *machine[V, A, R]) take(key string, ms int64, v V) {
	m.counts.events++
	switch m.plan.kind {
	case tumbling:
		m.takeTumbling(key, ms, v)
	case sliding:
		m.takeSliding(key, ms, v)
	case counted:
		m.takeCounted(key, ms, v)
		return
	default:
		m.takeSession(key, ms, v)
	}
	if ms > m.newest {
		m.newest = ms
		m.raise(ms - m.plan.bound - 1)
	}
}

// raise lets the watermark be that late, if it is not later, and does what is
// due by then.
func (m *machine[V, A, R]) raise(to int64) {
	if to <= m.watermark {
		return
	}
	m.watermark = to
	if to >= m.timers.next() {
		m.fireDue()
	}
	if len(m.floors) > 0 {
		m.dropFloors()
	}
}

// fireDue does what is due by the watermark: windows are completed, or given up
// when their lateness is over.
func (m *machine[V, A, R]) fireDue() {
	for m.timers.next() <= m.watermark {
		p := m.timers.pop()
		switch {
		case p.gone:
			continue
		case !p.fired:
			if p.due = p.end - 1; p.due > m.watermark { // a session that has become longer
				break
			}
			p.fired = true
			m.tell(p, Final)
			p.due = p.end - 1 + m.plan.lateness
		default:
			p.due = p.end - 1 + m.plan.lateness
		}
		if p.due > m.watermark {
			m.timers.push(p)
		} else {
			m.giveUp(p)
		}
	}
}

func (m *machine[V, A, R]) takeTumbling(key string, ms int64, v V) {
	if ms < m.start || ms >= m.end {
		m.start = startOf(ms, m.plan.slide, m.plan.offset)
		m.end = m.start + m.plan.size
	}
	e := m.entries[key]
	if e != nil && len(e.panes) == 1 && !e.panes[0].fired && e.panes[0].start == m.start { // as nearly always
		p := e.panes[0]
		m.plan.add(&p.acc, v)
		m.added(p)
		return
	}
	if m.isLate(key, e, m.end) {
		m.late(key, ms, v)
		return
	}
	m.addTo(m.entry(key, e), m.start, m.end, v)
}

// isLate reports whether a window that ends then is given up for a key.
func (m *machine[V, A, R]) isLate(key string, e *entry[A], end int64) bool {
	last := end - 1 + m.plan.lateness
	return last <= m.watermark || len(m.floors) > 0 && last <= m.floorOf(e)
}

func (m *machine[V, A, R]) takeSliding(key string, ms int64, v V) {
	e, some, late := m.entries[key], false, true
	for start := startOf(ms, m.plan.slide, m.plan.offset); start > ms-m.plan.size; start -= m.plan.slide {
		some = true
		if !m.isLate(key, e, start+m.plan.size) {
			late = false
			e = m.entry(key, e)
			m.addTo(e, start, start+m.plan.size, v)
		}
	}
	switch {
	case !some:
		m.counts.gaps++
	case late:
		m.late(key, ms, v)
	}
}

// addTo adds a value to a window of a key, which is opened if need be.
func (m *machine[V, A, R]) addTo(e *entry[A], start, end int64, v V) {
	i, there := slices.BinarySearchFunc(e.panes, start, func(p *pane[A], start int64) int { return cmp.Compare(p.start, start) })
	if !there {
		m.openPane(e, i, start, end)
	}
	p := e.panes[i]
	m.plan.add(&p.acc, v)
	m.added(p)
}

// added takes in that a value was added to a window.
func (m *machine[V, A, R]) added(p *pane[A]) {
	p.records++
	switch {
	case p.fired:
		m.tell(p, Late)
	case m.plan.earlyCount > 0 && p.records-p.base >= m.plan.earlyCount:
		m.tell(p, Early)
	case m.plan.earlyEvery > 0 && !p.isChanged:
		p.isChanged = true
		m.changed = append(m.changed, p)
	}
}

func (m *machine[V, A, R]) takeCounted(key string, ms int64, v V) {
	e := m.entry(key, m.entries[key])
	if len(e.panes) == 0 {
		p := m.openPane(e, 0, ms, ms+1)
		p.first, p.index = m.at, m.at.sub<<16|m.index
	}
	p := e.panes[0]
	p.start, p.end = min(p.start, ms), max(p.end, ms+1)
	m.plan.add(&p.acc, v)
	if p.records+1 < m.plan.count {
		m.added(p)
		return
	}
	p.records++
	p.fired = true
	m.tell(p, Final)
	m.giveUp(p)
}

// entry returns the entry of a key, which is made if need be.
func (m *machine[V, A, R]) entry(key string, e *entry[A]) *entry[A] {
	if e != nil && len(e.panes) > 0 {
		return e
	}
	if e == nil {
		// The record's key is a view of the stream's memory.
		e = &entry[A]{key: strings.Clone(key)}
	}
	if e.partition = e.key; m.record.PartitionKey != e.key {
		e.partition = strings.Clone(m.record.PartitionKey)
		if len(m.others) < maxOthers {
			m.others = append(m.others, e.key)
		}
	}
	if m.plan.hashKey != nil {
		h := m.plan.hashKey(m.record)
		e.hash = &h
	}
	m.entries[e.key] = e
	return e
}

// openPane opens a window, the one at i of its key. One that the watermark has passed already has a
// result with each record, as one that was completed.
func (m *machine[V, A, R]) openPane(e *entry[A], i int, start, end int64) *pane[A] {
	p := &pane[A]{entry: e, start: start, end: end, due: end - 1}
	e.panes = slices.Insert(e.panes, i, p)
	m.open++
	if m.plan.kind == counted {
		return p
	}
	m.settle(p)
	m.timers.push(p)
	return p
}

// settle finds when something is due for a window that was opened, or changed
// its end.
func (m *machine[V, A, R]) settle(p *pane[A]) {
	p.fired = p.end-1 <= m.watermark || len(m.floors) > 0 && p.end-1 <= m.floorOf(p.entry)
	if p.due = p.end - 1; p.fired {
		p.due += m.plan.lateness
	}
}

// schedule takes in a window from elsewhere.
func (m *machine[V, A, R]) schedule(p *pane[A]) {
	if p.isChanged = false; m.plan.kind != counted {
		m.settle(p)
		m.timers.push(p)
	}
	if m.plan.earlyEvery > 0 && !p.fired && p.records > p.told {
		p.isChanged = true
		m.changed = append(m.changed, p)
	}
}

// giveUp forgets a window.
func (m *machine[V, A, R]) giveUp(p *pane[A]) {
	e := p.entry
	p.gone = true
	m.open--
	for i, q := range e.panes {
		if q == p {
			last := len(e.panes) - 1
			copy(e.panes[i:], e.panes[i+1:])
			e.panes[last] = nil
			e.panes = e.panes[:last]
			break
		}
	}
	if len(e.panes) == 0 {
		delete(m.entries, e.key)
	}
}

// late rejects an event that came too late.
func (m *machine[V, A, R]) late(key string, ms int64, v V) {
	m.counts.late++
	if !m.plan.aside { // the error is not made for nothing
		return
	}
	watermark := m.watermark
	if len(m.floors) > 0 {
		watermark = max(watermark, m.floorOf(m.entries[key]))
	}
	m.reject(m.record, Event[V]{Key: strings.Clone(key), Time: timeOf(ms), Value: v}, &LateError{
		Time: timeOf(ms), Watermark: timeOf(watermark), Lateness: time.Duration(m.plan.lateness) * time.Millisecond,
	})
}

func (m *machine[V, A, R]) reject(r *weir.Record, e Event[V], err error) {
	if !m.plan.aside {
		return
	}
	record := r.Clone()
	if v, is := any(e.Value).(*weir.Record); is && v == r { // the value must be the copy, too
		e.Value = asItIs[V]()(&record)
	}
	m.rejected = append(m.rejected, Rejected[V]{Stream: m.stream, Record: record, Event: e, Err: err})
}

// finish completes all windows, because nothing will follow.
func (m *machine[V, A, R]) finish() {
	m.floors = nil
	m.raise(never - 1)
}
