package queue_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/queue"
)

// The naive queue: all records that were ever put in one slice, looked through
// at every call.

type where int

const (
	unread where = iota
	ready
	flying
	lost
	lostFlying
	over // acknowledged or expired
)

type item struct {
	shard    weir.ShardID
	index    uint64
	arrived  time.Time
	data     string
	is       where
	count    int
	first    time.Time
	deadline time.Time
	entered  int // when it came to where it is, by the order of changes
	last     queue.Receipt
	expired  bool
}

type naive struct {
	settings queue.Settings
	most     int
	items    []*item
	turn     int
	done     map[uint64]doneBy // receipts used last, by their place in memory
}

type doneBy struct {
	receipt queue.Receipt
	by      *item
}

// placeOf is the place of a record among those whose last receipt is
// remembered.
func placeOf(it *item) uint64 { return (it.index + uint64(it.shard)*1021) % 4096 }

func (m *naive) move(it *item, to where) {
	m.turn++
	it.is, it.entered = to, m.turn
}

// settle ends a delivery that was in vain.
func (m *naive) settle(it *item) {
	switch {
	case it.is == lostFlying:
		m.move(it, lost)
	case m.spent(it):
		m.move(it, lost)
	default:
		m.move(it, ready)
	}
}

func (m *naive) spent(it *item) bool {
	return m.settings.MaxReceives > 0 && it.count >= m.settings.MaxReceives
}

// pass does what time has brought.
func (m *naive) pass(now time.Time, retention time.Duration) {
	var due []*item
	for _, it := range m.items {
		if (it.is == flying || it.is == lostFlying) && !it.deadline.After(now) {
			due = append(due, it)
		}
	}
	slices.SortFunc(due, func(a, b *item) int {
		if c := a.deadline.Compare(b.deadline); c != 0 {
			return c
		}
		if a.shard != b.shard {
			return int(a.shard) - int(b.shard)
		}
		return int(a.index) - int(b.index)
	})
	for _, it := range due {
		m.settle(it)
	}
	for _, it := range m.items {
		if it.is != over && !it.arrived.After(now.Add(-retention)) {
			it.is, it.expired = over, true
		}
	}
}

// queued returns the items that are somewhere, in the order in which they came.
func (m *naive) queued(at where) (list []*item) {
	for _, it := range m.items {
		if it.is == at {
			list = append(list, it)
		}
	}
	slices.SortFunc(list, func(a, b *item) int { return a.entered - b.entered })
	return list
}

func (m *naive) inFlight() int { return len(m.queued(flying)) + len(m.queued(lostFlying)) }

// find returns what a receipt is good for.
func (m *naive) find(r queue.Receipt, states ...where) *item {
	for _, it := range m.items {
		if it.last == r && slices.Contains(states, it.is) {
			return it
		}
	}
	return nil
}

// A match is the queue and the naive one beside it.
type match struct {
	t      *testing.T
	clock  *aClock
	s      *weir.Stream
	q      *queue.Queue
	m      *naive
	disk   *journaltest.FS // nil in memory
	random *rand.Rand
	config queue.Config
	given  []given // receipts, the good and the stale
	puts   int
}

type given struct {
	queue.Receipt
	dead bool
}

func newMatch(t *testing.T, random *rand.Rand, onDisk bool) *match {
	x := &match{t: t, clock: newClock(), random: random}
	x.s = newStream(t, weir.Config{Now: x.clock.Now, Shards: 1 + random.IntN(2), Settings: weir.Settings{Retention: time.Hour}})
	x.config = queue.Config{
		MaxInFlight: []int{5, 1000}[random.IntN(2)],
		Settings:    queue.Settings{MaxReceives: []int{-1, 1, 2, 3}[random.IntN(4)]},
	}
	if onDisk {
		x.disk = journaltest.New()
		x.disk.RoomFrom = int64(random.IntN(2) * 300)
		x.open()
	} else {
		var err error
		x.q, err = queue.New(x.s, x.config)
		require.NoError(t, err)
	}
	x.m = &naive{settings: x.q.Settings(), most: x.config.MaxInFlight, done: make(map[uint64]doneBy)}
	return x
}

func (x *match) open() {
	var err error
	x.q, err = queue.OpenIn(x.s, x.config, x.disk)
	require.NoError(x.t, err)
}

// step does one thing to both, and compares.
func (x *match) step() {
	n := x.random.IntN
	switch n(20) {
	case 0, 1, 2:
		x.put(1 + n(8))
	case 3, 4, 5, 6:
		x.receive(false)
	case 7:
		x.receive(true)
	case 8, 9, 10:
		x.acknowledge(n(3) == 0)
	case 11, 12:
		x.extend(n(3) == 0)
	case 13:
		x.restore()
	case 14, 15:
		x.clock.advance([]time.Duration{1, time.Second, 29 * time.Second, 30 * time.Second, 30*time.Second - 1, 20 * time.Minute}[n(6)])
	case 16:
		x.reshard()
	case 17:
		x.settings()
	case 18:
		x.again()
	case 19:
		if n(4) == 0 {
			x.retention()
		}
	}
	require.NoError(x.t, x.q.CheckInvariants())
	if n(4) == 0 { // counting looks at everything, and would hide what nobody else does
		x.counts()
	}
}

func (x *match) pass() { x.m.pass(x.clock.now, x.s.Settings().Retention) }

func (x *match) put(n int) {
	for range n {
		x.puts++
		data := strconv.Itoa(x.puts)
		at, err := x.s.PutRecord(x.t.Context(), fmt.Sprint("k", x.random.IntN(5)), []byte(data))
		require.NoError(x.t, err)
		x.m.items = append(x.m.items, &item{
			shard: at.ShardID, index: at.SequenceNumber.Index(), arrived: x.clock.now.Truncate(time.Millisecond), data: data,
		})
	}
}

func (x *match) receive(dead bool) {
	most := 1 + x.random.IntN(12)
	visibility := []time.Duration{0, 0, -1, 5 * time.Second, 10 * time.Minute}[x.random.IntN(5)]
	r := queue.Request{Max: most, Visibility: visibility}
	var list []queue.Delivery
	var err error
	from, to := ready, flying
	if dead {
		from, to = lost, lostFlying
		list, err = x.q.DeadLetters().ReceiveWith(x.t.Context(), r)
	} else {
		list, err = x.q.ReceiveWith(x.t.Context(), r)
	}
	x.pass()
	if visibility == 0 {
		visibility = x.m.settings.Visibility
	}
	until := x.clock.now.Add(max(0, visibility))
	if !dead {
		for _, it := range x.m.queued(ready) {
			// Looked at before all others, up to the first that can be delivered.
			if !x.m.spent(it) {
				break
			}
			x.m.move(it, lost)
		}
	}
	waiting := x.m.queued(from)
	room := min(most, x.m.most-x.m.inFlight())
	for i, d := range list {
		var it *item
		for len(waiting) > 0 && !dead && x.m.spent(waiting[0]) {
			x.m.move(waiting[0], lost)
			waiting = waiting[1:]
		}
		if len(waiting) > 0 {
			it, waiting = waiting[0], waiting[1:]
			require.Equal(x.t, it.data, string(d.Data), "delivery %d: what came back is first, in order", i)
		} else {
			require.False(x.t, dead)
			it = x.unread(d)
		}
		it.count++
		if it.first.IsZero() {
			it.first = x.clock.now.Truncate(time.Millisecond)
		}
		it.deadline, it.last = until, d.Receipt
		x.m.move(it, to)
		x.given = append(x.given, given{d.Receipt, dead})
		require.Equal(x.t, it.count, d.Receives)
		require.Equal(x.t, it.first, d.FirstReceived)
		require.Equal(x.t, it.deadline, d.Until)
		require.Equal(x.t, it.arrived, d.ArrivalTime)
	}
	for len(waiting) > 0 && !dead && len(list) < room && x.m.spent(waiting[0]) {
		x.m.move(waiting[0], lost)
		waiting = waiting[1:]
	}
	there := len(list) + len(waiting)
	if !dead {
		there += len(x.m.queued(unread))
	}
	require.Len(x.t, list, min(there, max(0, room)))
	if there > 0 && room <= 0 {
		require.ErrorIs(x.t, err, queue.ErrTooManyInFlight)
	} else {
		require.NoError(x.t, err)
	}
}

// unread returns the record of a delivery, which must be the next of its shard.
func (x *match) unread(d queue.Delivery) *item {
	for _, it := range x.m.items {
		if it.is == unread && it.shard == d.ShardID() {
			require.Equal(x.t, it.data, string(d.Data), "what was never delivered comes by shard and in order")
			return it
		}
	}
	require.Fail(x.t, "delivered though it is not there", "%s", d.Data)
	return nil
}

// some returns some receipts, not all of them good.
func (x *match) some() (list []given) {
	for range x.random.IntN(4) {
		if len(x.given) > 0 {
			// The latest more often than others.
			back := min(x.random.IntN(len(x.given)), x.random.IntN(len(x.given)))
			list = append(list, x.given[len(x.given)-1-back])
		}
	}
	return list
}

// expect compares what became of receipts with what should have.
func (x *match) expect(errs []error, err error, list []given, dead bool, good func(i int) error) {
	require.NoError(x.t, err)
	x.pass()
	for i, r := range list {
		var want error
		if r.dead != dead {
			want = queue.ErrInvalidReceipt
		} else {
			want = good(i)
		}
		var got error
		if errs != nil {
			got = errs[i]
		}
		if want == nil {
			require.NoError(x.t, got, "receipt %d", i)
		} else {
			require.ErrorIs(x.t, got, want, "receipt %d", i)
		}
	}
}

func (x *match) acknowledge(dead bool) {
	list := x.some()
	var errs []error
	var err error
	if dead {
		errs, err = x.q.DeadLetters().Acknowledge(x.t.Context(), receipts(list)...)
	} else {
		errs, err = x.q.Acknowledge(x.t.Context(), receipts(list)...)
	}
	states := []where{flying, ready}
	if dead {
		states = []where{lostFlying, lost}
	}
	x.expect(errs, err, list, dead, func(i int) error {
		r := list[i].Receipt
		if it := x.m.find(r, states...); it != nil {
			it.is = over
			x.m.done[placeOf(it)] = doneBy{r, it}
			return nil
		}
		for _, by := range x.m.done {
			if by.receipt == r {
				return nil
			}
		}
		return queue.ErrStaleReceipt
	})
}

func receipts(list []given) (all []queue.Receipt) {
	for _, g := range list {
		all = append(all, g.Receipt)
	}
	return all
}

func (x *match) extend(dead bool) {
	list, by := x.some(), []time.Duration{0, time.Second, time.Minute}[x.random.IntN(3)]
	var extensions []queue.Extension
	for _, g := range list {
		extensions = append(extensions, queue.Extension{Receipt: g.Receipt, Visibility: by})
	}
	var errs []error
	var err error
	resting, moving := ready, flying
	if dead {
		resting, moving = lost, lostFlying
		errs, err = x.q.DeadLetters().Extend(x.t.Context(), extensions...)
	} else {
		errs, err = x.q.Extend(x.t.Context(), extensions...)
	}
	x.expect(errs, err, list, dead, func(i int) error {
		it := x.m.find(list[i].Receipt, resting, moving)
		switch {
		case it == nil || it.is == ready && it.count == 0:
			return queue.ErrStaleReceipt
		case by == 0 && it.is == moving:
			x.m.settle(it)
		case by == 0:
		case it.is == resting && x.m.inFlight() >= x.m.most:
			return queue.ErrTooManyInFlight
		default:
			it.deadline = x.clock.now.Add(by)
			x.m.move(it, moving)
		}
		return nil
	})
}

func (x *match) restore() {
	list := x.some()
	errs, err := x.q.DeadLetters().Restore(x.t.Context(), receipts(list)...)
	x.expect(errs, err, list, true, func(i int) error {
		it := x.m.find(list[i].Receipt, lost, lostFlying)
		if it == nil {
			return queue.ErrStaleReceipt
		}
		it.count = 0
		x.m.move(it, ready)
		return nil
	})
}

func (x *match) reshard() {
	var open []weir.Shard
	for _, sh := range x.s.Shards() {
		if sh.IsOpen() {
			open = append(open, sh)
		}
	}
	x.pass() // what vanishes meanwhile has expired
	i := x.random.IntN(len(open))
	if len(open) < 4 && x.random.IntN(2) == 0 {
		_, err := x.s.SplitShard(x.t.Context(), open[i].ID, open[i].HashKeyRange.Middle())
		require.NoError(x.t, err)
	} else if i > 0 {
		slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
		_, err := x.s.MergeShards(x.t.Context(), open[i-1].ID, open[i].ID)
		require.NoError(x.t, err)
	}
}

func (x *match) settings() {
	to := queue.Settings{
		Visibility:  []time.Duration{-1, 5 * time.Second, 30 * time.Second}[x.random.IntN(3)],
		MaxReceives: []int{-1, 1, 2, 3}[x.random.IntN(4)],
	}
	require.NoError(x.t, x.q.Set(x.t.Context(), func(s *queue.Settings) { *s = to }))
	x.pass()
	x.m.settings = to
}

func (x *match) retention() {
	x.pass()
	to := []time.Duration{10 * time.Minute, time.Hour, 2 * time.Hour}[x.random.IntN(3)]
	require.NoError(x.t, x.s.Set(x.t.Context(), func(s *weir.Settings) { s.Retention = to }))
	// It is noticed at a call; two changes between two calls may not be.
	_, err := x.q.Counts()
	require.NoError(x.t, err)
}

// again goes on with the queue in another process, as it were.
func (x *match) again() {
	x.pass()
	if x.disk == nil {
		saved, err := x.q.Save()
		require.NoError(x.t, err)
		require.NoError(x.t, x.q.Close())
		x.q, err = queue.Load(x.s, x.config, saved)
		require.NoError(x.t, err)
		clear(x.m.done)
		return
	}
	if x.random.IntN(2) == 0 {
		require.NoError(x.t, x.q.Close())
	} else {
		x.disk.Crash(x.random)
		x.q.Abandon()
	}
	x.open()
	require.Equal(x.t, x.m.settings, x.q.Settings())
	x.forget()
}

// forget takes over which receipts are still remembered: those that were used
// since the journal's file began.
func (x *match) forget() {
	for p, by := range x.m.done {
		if by.by.expired {
			continue
		}
		errs, err := x.q.Acknowledge(x.t.Context(), by.receipt)
		require.NoError(x.t, err)
		if errs != nil {
			errs, err = x.q.DeadLetters().Acknowledge(x.t.Context(), by.receipt)
			require.NoError(x.t, err)
		}
		if errs != nil {
			delete(x.m.done, p)
		}
	}
}

func (x *match) counts() {
	got, err := x.q.Counts()
	require.NoError(x.t, err)
	x.pass()
	n := func(at where) int64 { return int64(len(x.m.queued(at))) }
	require.Equal(x.t, queue.Counts{
		Visible: n(unread) + n(ready), InFlight: n(flying), DeadVisible: n(lost), DeadInFlight: n(lostFlying), Totals: got.Totals,
	}, got)
	lags, err := x.q.Lags()
	require.NoError(x.t, err)
	require.Equal(x.t, x.m.lags(x.clock.now), lags)
}

// lags returns what there is by shard.
func (m *naive) lags(now time.Time) map[weir.ShardID]queue.Lag {
	lags := make(map[weir.ShardID]queue.Lag)
	for _, it := range m.items {
		lag := lags[it.shard]
		switch it.is {
		case over:
			continue
		case lost, lostFlying:
			lag.Dead++
		default:
			lag.Records, lag.Age = lag.Records+1, max(lag.Age, time.Duration(now.UnixMilli()-it.arrived.UnixMilli())*time.Millisecond)
		}
		lags[it.shard] = lag
	}
	return lags
}

// seeds returns how many random runs there are to be.
func seeds() uint64 {
	n, err := strconv.ParseUint(os.Getenv("WEIR_QUEUE_SEEDS"), 10, 64)
	if err != nil {
		return 60
	}
	return n
}

func TestQueue_doesWhatANaiveOneDoes(t *testing.T) {
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			x := newMatch(t, rand.New(rand.NewPCG(seed, 17)), seed%2 == 1)
			for range 400 {
				x.step()
			}
		})
	}
}

func FuzzQueue(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, uint16(200), seed%2 == 1)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16, onDisk bool) {
		x := newMatch(t, rand.New(rand.NewPCG(seed, 3)), onDisk)
		for range min(steps, 2000) {
			x.step()
		}
	})
}
