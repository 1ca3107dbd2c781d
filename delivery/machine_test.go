package delivery

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

var seeds = flag.Int("delivery-seeds", 40, "how many histories TestMachine_simulated has")

// A history is a shard's records, and what a worker that is killed again and
// again makes of them. What is durable is the store's row and the directory.
type history struct {
	t       *testing.T
	random  *rand.Rand
	rules   rules
	records []weir.Record
	parts   []int
	next    int // the record that the worker gets next
	now     time.Time

	m       *machine
	settled []*cut // in the sink, and the machine was not told yet

	row struct {
		at   place
		plan []byte
	}
	directory map[string][]place
	repeats   int // how often an object was delivered by a name that was there
}

func number(i int) weir.SequenceNumber {
	n, err := weir.ParseSequenceNumber(fmt.Sprintf("49590338271490256608559692538361571095921575989136%06d", 588898+i))
	if err != nil {
		panic(err)
	}
	return n
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{t: t, random: rand.New(rand.NewPCG(seed, 16)), directory: make(map[string][]place), now: time.Unix(1e9, 0)}
	h.rules = rules{size: 40 + h.random.IntN(200), count: 1 + h.random.IntN(12), interval: time.Duration(1+h.random.IntN(30)) * time.Second,
		mostPartitions: 1000, mostEntries: 6 + h.random.IntN(40)}
	for i := range 150 {
		data := make([]byte, 1+h.random.IntN(20))
		h.records = append(h.records, weir.Record{SequenceNumber: number(i), PartitionKey: "k", Data: data, ArrivalTime: h.now})
		h.parts = append(h.parts, []int{1, 1, 1, 0, 3}[h.random.IntN(5)])
	}
	h.begin()
	return h
}

// slotOf is where a part of a record belongs: it is decided by the record.
func slotOf(i, part, slots int) slot {
	n := (i*7919 + part*104729) % 1009 % slots
	return slot{kind: kind(n % 3), id: fmt.Sprint(n)}
}

// begin begins a life with what is durable.
func (h *history) begin() {
	plan, err := parsePlan(h.row.plan)
	require.NoError(h.t, err)
	h.m, h.settled = newMachine(h.rules, plan), nil
	h.next = 0
	for h.next < len(h.records) && (place{number: h.records[h.next].SequenceNumber}).compare(h.row.at) <= 0 {
		h.next++
	}
}

func (h *history) write() {
	at, plan, ok := h.m.position()
	if ok {
		require.GreaterOrEqual(h.t, at.compare(h.row.at), 0, "the position goes forward")
		h.row.at = at
	}
	h.row.plan = appendPlan(nil, plan)
}

// step does one thing, and reports whether there is something left to do.
func (h *history) step(slots int) bool {
	switch n := h.random.IntN(100); {
	case n < 60 && h.next < len(h.records):
		h.read(slots)
	case n < 68:
		h.now = h.now.Add(time.Duration(h.random.Int64N(int64(20 * time.Second))))
		h.m.due(h.now)
	case n < 74:
		h.m.cutLargest()
	case n < 90:
		h.deliver(h.random.IntN(4))
	case n < 94:
		h.tell()
	case n < 96:
		h.write()
	case n < 98: // it is killed
		h.begin()
	case h.next == len(h.records):
		h.m.cutAll()
	}
	return h.next < len(h.records) || !h.m.idle()
}

func (h *history) read(slots int) {
	if h.m.crowded() {
		h.m.cutOldest()
		h.deliver(1000)
		h.tell()
	}
	i := h.next
	h.m.begin(place{number: h.records[i].SequenceNumber})
	for part := range h.parts[i] {
		r := Record{Record: h.records[i], Part: part}
		it := item{slot: slotOf(i, part, slots), record: r}
		require.True(h.t, h.m.admits(&it))
		h.m.take(h.now, &it)
	}
	h.next++
}

// deliver writes the plan and delivers some of what is ready; the worker may be
// killed before the rest.
func (h *history) deliver(most int) {
	cuts := h.m.ready()
	if h.random.IntN(20) == 0 {
		h.begin()
		return
	}
	h.write()
	h.random.Shuffle(len(cuts), func(i, k int) { cuts[i], cuts[k] = cuts[k], cuts[i] })
	for i, c := range cuts {
		name := fmt.Sprint(c.kind, c.first())
		if h.directory[name] != nil {
			h.repeats++
		}
		h.directory[name] = nil
		for k := range c.records {
			h.directory[name] = append(h.directory[name], c.records[k].place())
		}
		if i >= most { // killed, with this one or another delivered in part
			if h.random.IntN(2) == 0 {
				h.begin()
				return
			}
		}
		h.settled = append(h.settled, c)
	}
}

// tell tells the machine what was delivered.
func (h *history) tell() {
	for _, c := range h.settled {
		h.m.settle(c)
	}
	h.settled = nil
}

// In a directory that replaces what has the same name each part of each record
// is exactly once, however often and wherever the worker was killed.
func TestMachine_simulated(t *testing.T) {
	repeats := 0
	for seed := range *seeds {
		h := newHistory(t, uint64(seed))
		slots := 1 + h.random.IntN(12)
		for steps := 0; h.step(slots); steps++ {
			require.Less(t, steps, 100_000, "seed %d: it does not come to its end", seed)
		}
		h.write()
		require.Equal(t, number(len(h.records)-1), h.row.at.number, "seed %d", seed)
		require.Empty(t, h.row.plan, "seed %d", seed)
		h.check(seed, slots)
		repeats += h.repeats
	}
	require.NotZero(t, repeats, "no object came twice")
}

func (h *history) check(seed, slots int) {
	seen := make(map[string]int)
	for _, places := range h.directory {
		for _, p := range places {
			seen[fmt.Sprint(p)]++
		}
		require.True(h.t, slices.IsSortedFunc(places, place.compare), "seed %d: order", seed)
	}
	for i, r := range h.records {
		for part := range h.parts[i] {
			p := fmt.Sprint(place{r.SequenceNumber, 0, part})
			require.Equal(h.t, 1, seen[p], "seed %d: record %d part %d", seed, i, part)
			delete(seen, p)
		}
	}
	require.Empty(h.t, slices.Collect(maps.Keys(seen)), "seed %d", seed)
}

// A record that fails only when it is read again comes to the error output,
// though it lies between records that had failed the first time.
func TestMachine_whatFailsLaterIsNotLeftOut(t *testing.T) {
	r := rules{size: 1000, count: 1000, interval: time.Hour, mostPartitions: 1, mostEntries: 100}
	good, bad := slot{kind: delivered, id: "a"}, slot{kind: failed, id: processingFailed, byChance: true}
	take := func(m *machine, list ...slot) {
		for i, s := range list {
			it := item{slot: s, record: Record{Record: weir.Record{SequenceNumber: number(i), Data: []byte("x")}}}
			m.begin(place{number: number(i)})
			m.take(time.Time{}, &it)
		}
	}
	first := newMachine(r, nil)
	take(first, good, bad, good, bad)
	first.cut(first.open[bad])
	first.settle(first.ready()[0])
	_, plan, _ := first.position()

	plan, err := parsePlan(appendPlan(nil, plan))
	require.NoError(t, err)
	second := newMachine(r, plan)
	take(second, good, bad, bad, bad)
	second.cutAll()
	held := make(map[slot]int)
	for _, c := range second.ready() {
		held[c.slot] += len(c.records)
	}
	require.Equal(t, map[slot]int{good: 1, bad: 3}, held)
	_, plan, _ = second.position()
	require.Len(t, plan, 2, "the object of errors is planned once")
}

// A record of a partition that was filled in the life before is delivered there
// again, not to the error output, though the partitions are full now.
func TestMachine_admitsWhatItHadAdmitted(t *testing.T) {
	r := rules{size: 1000, count: 1000, interval: time.Hour, mostPartitions: 1, mostEntries: 100}
	itemOf := func(i int, partition string) *item {
		return &item{slot: slot{kind: delivered, id: partition}, record: Record{Record: weir.Record{SequenceNumber: number(i)}}}
	}
	planned := &entry{slot: slot{kind: delivered, id: "b"}.digest(), first: place{number: number(1)}, last: place{number: number(1)}, done: true}
	m := newMachine(r, []*entry{planned})
	m.begin(place{number: number(0)})
	m.take(time.Time{}, itemOf(0, "a"))
	m.begin(place{number: number(1)})
	require.True(t, m.admits(itemOf(1, "b")))
	require.False(t, m.admits(itemOf(1, "c")))
	require.False(t, m.admits(itemOf(2, "b")))
}
