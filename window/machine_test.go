package window

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// An ev is an event of a test: a value of a key at a millisecond.
type ev struct {
	key   string
	ms    int64
	value int64
}

// numbers returns sequence numbers, each greater than the one before.
var numbers = sync.OnceValue(func() (list []weir.SequenceNumber) {
	s, err := weir.NewStream("numbers", weir.Config{Limits: weir.Unlimited(), Hollow: true})
	if err != nil {
		panic(err)
	}
	for range 5000 {
		at, err := s.PutRecord(context.Background(), "k", nil)
		if err != nil {
			panic(err)
		}
		list = append(list, at.SequenceNumber)
	}
	return list
})

// arrival is when all records of tests of machines arrive.
var arrival = time.UnixMilli(0).UTC()

// recordsOf makes records of events, numbered from one on. The values are in
// readEvs.
func recordsOf(events []ev, from int) (list []weir.Record) {
	for i, e := range events {
		data := fmt.Appendf(nil, "%d %d", e.ms, e.value)
		list = append(list, weir.Record{SequenceNumber: numbers()[from+i], PartitionKey: e.key, Data: data, ArrivalTime: arrival})
	}
	return list
}

func readEv(r *weir.Record) (e Event[ev], err error) {
	v := ev{key: r.PartitionKey}
	if _, err = fmt.Sscan(string(r.Data), &v.ms, &v.value); err != nil {
		return e, err
	}
	return Event[ev]{Time: time.UnixMilli(v.ms), Value: v}, nil
}

// values collects values in their order, so that nothing is hidden by a sum.
func values() Merger[ev, []int64, []int64] {
	return Merging(func(to *[]int64, v ev) { *to = append(*to, v.value) }, func(to *[]int64, from []int64) { *to = append(*to, from...) },
		func(of []int64) []int64 { return append([]int64(nil), of...) })
}

type evMachine = machine[ev, []int64, []int64]

// machineOf makes a machine of a configuration that has windows.
func machineOf(t testing.TB, c Config[ev, []int64, []int64]) *evMachine {
	c.Read = One(readEv)
	if c.Aside == nil {
		c.Aside = func(context.Context, []Rejected[ev]) error { return nil }
	}
	p, err := newPlan(c.withDefaults())
	require.NoError(t, err)
	return newMachine(p, "test", 0)
}

// given feeds events and returns the lines of what came of them.
func given(m *evMachine, events ...ev) []string {
	from := 0
	for m.at.number.Compare(numbers()[from]) >= 0 {
		from++
	}
	m.feed(recordsOf(events, from), nil)
	return lines(m)
}

// lines returns what a machine has to hand over, as text, and takes it.
func lines(m *evMachine) (list []string) {
	for _, r := range m.rejected {
		list = append(list, fmt.Sprintf("aside %s %d", r.Record.PartitionKey, r.Event.Value.value))
	}
	for _, r := range m.results {
		line := fmt.Sprintf("%s [%d,%d) %v", r.Key, r.Window.Start.UnixMilli(), r.Window.End.UnixMilli(), r.Kind)
		if r.Kind != Gone {
			line += fmt.Sprint(" ", r.Value)
		}
		list = append(list, line)
	}
	m.rejected, m.results = nil, nil
	return list
}

const ms = time.Millisecond

// The worked values of tumbling windows: half open, aligned at 1970, with the
// modulo of mathematics.
func TestStartOf_workedValues(t *testing.T) {
	for _, c := range []struct{ ms, size, offset, want int64 }{
		{0, 10, 0, 0}, {9, 10, 0, 0}, {10, 10, 0, 10}, {-1, 10, 0, -10}, {-10, 10, 0, -10}, {-11, 10, 0, -20},
		{2, 10, 3, -7}, {3, 10, 3, 3}, {12, 10, 3, 3}, {13, 10, 3, 13},
		{0, 10, -3, -3}, {6, 10, -3, -3}, {7, 10, -3, 7},
	} {
		assert.Equal(t, c.want, startOf(c.ms, c.size, c.offset), "%+v", c)
	}
}

func TestMachine_tumbling(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values())})
	require.Empty(t, given(m, ev{"a", -1, 1}))
	require.Equal(t, []string{"a [-10,0) final [1]"}, given(m, ev{"a", 0, 2}))
	require.Empty(t, given(m, ev{"b", 9, 3}, ev{"a", 9, 4}))
	require.Equal(t, []string{"a [0,10) final [2 4]", "b [0,10) final [3]"}, given(m, ev{"c", 10, 5}))
	require.Equal(t, []string{"aside a 6"}, given(m, ev{"a", 9, 6}))
	require.Equal(t, 1, m.open)
	require.Len(t, m.entries, 1)
}

func TestMachine_tumblingWithOffset(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values()).Offset(3 * ms)})
	require.Equal(t, []string{"a [-7,3) final [1]"}, given(m, ev{"a", 2, 1}, ev{"a", 3, 2}))
	require.Equal(t, []string{"a [3,13) final [2]"}, given(m, ev{"a", 13, 3}))
}

// Size 10, slide 5: 12 is in two windows. Size 10, slide 20: 12 is in none.
func TestMachine_slidingWorkedValues(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Sliding(10*ms, 5*ms, values())})
	require.Empty(t, given(m, ev{"a", 12, 1}))
	require.Equal(t, 2, m.open)
	require.Equal(t, []string{"a [5,15) final [1]", "a [10,20) final [1]"}, given(m, ev{"b", 100, 2}))

	m = machineOf(t, Config[ev, []int64, []int64]{Windows: Sliding(10*ms, 20*ms, values())})
	require.Equal(t, []string{"a [0,10) final [1]"}, given(m, ev{"a", 5, 1}, ev{"a", 12, 2}))
	require.EqualValues(t, 1, m.counts.gaps)
	require.Equal(t, []string{"aside a 3"}, given(m, ev{"a", 5, 3}, ev{"a", 11, 4}), "what is in no window is not late")
}

// Gap 5: 1, 10, 4 and 8 make one session of three.
func TestMachine_sessionWorkedValues(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Session(5*ms, values()), Bound: 20 * ms})
	require.Empty(t, given(m, ev{"a", 1, 1}, ev{"a", 10, 2}))
	require.Equal(t, 2, m.open)
	require.Empty(t, given(m, ev{"a", 4, 3}))
	require.Equal(t, 2, m.open)
	require.Empty(t, given(m, ev{"a", 8, 4}))
	require.Equal(t, 1, m.open)
	require.Equal(t, []string{"a [1,15) final [1 3 2 4]"}, given(m, ev{"b", 100, 5}))
}

// Windows that touch are one session.
func TestMachine_sessionsThatTouchAreOne(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Session(5*ms, values()), Bound: 20 * ms})
	given(m, ev{"a", 1, 1}, ev{"a", 6, 2}, ev{"a", 12, 3})
	require.Equal(t, []string{"a [1,11) final [1 2]", "a [12,17) final [3]"}, given(m, ev{"b", 100, 5}))
}

// Out of order by 3, lateness 5: [0,10) fires after 13, again with 8, until 18
// was seen.
func TestMachine_latenessWorkedValues(t *testing.T) {
	m := machineOf(t, Config[ev, []int64, []int64]{Windows: Tumbling(10*ms, values()), Bound: 3 * ms, Lateness: 5 * ms})
	require.Empty(t, given(m, ev{"a", 5, 1}, ev{"b", 12, 2}))
	require.Equal(t, []string{"a [0,10) final [1]"}, given(m, ev{"b", 13, 3}))
	require.EqualValues(t, 9, m.watermark)
	require.Equal(t, []string{"a [0,10) late [1 4]"}, given(m, ev{"a", 8, 4}))
	require.Empty(t, given(m, ev{"b", 17, 5}))
	require.Equal(t, []string{"a [0,10) late [1 4 6]"}, given(m, ev{"a", 8, 6}))
	require.Empty(t, given(m, ev{"b", 18, 7}))
	require.EqualValues(t, 14, m.watermark)
	require.Equal(t, []string{"aside a 8"}, given(m, ev{"a", 8, 8}))
}

// Two shards at 9 and 4 are together at 4; the second one idle, at 9.
func TestWatermarks_workedValues(t *testing.T) {
	w := newWatermarks()
	require.Equal(t, int64(earliest), w.combined())
	a, b := shardName{"s", 0}, shardName{"s", 1}
	w.set(a, 9, false)
	w.set(b, 4, false)
	require.EqualValues(t, 4, w.combined())
	w.set(b, 4, true)
	require.EqualValues(t, 9, w.combined())
	w.set(a, 11, true)
	require.EqualValues(t, 9, w.combined(), "it stays while all are idle")
	w.set(b, 5, false)
	require.EqualValues(t, 9, w.combined(), "it never goes back")
	w.remove(b)
	w.set(a, 12, false)
	require.EqualValues(t, 12, w.combined())
}

// A record costs no allocation once its window is open.
func TestMachine_aRecordAllocatesNothing(t *testing.T) {
	p, err := newPlan(Config[*weir.Record, int64, int64]{Windows: Tumbling(time.Minute, Count[*weir.Record]())}.withDefaults())
	require.NoError(t, err)
	m := newMachine(p, "test", 0)
	records := recordsOf([]ev{{"a", 0, 0}, {"b", 0, 0}, {"c", 0, 0}}, 0)
	m.feed(records, nil)
	at := 3
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range records {
			records[i].SequenceNumber = numbers()[at]
			at++
		}
		m.feed(records, nil)
	}))
	require.EqualValues(t, at, m.counts.events)
}

// BenchmarkMachine is what a record costs in a shard of 1,000 keys.
func BenchmarkMachine(b *testing.B) {
	for name, w := range map[string]Windows[*weir.Record, int64, int64]{
		"tumbling": Tumbling(time.Minute, Count[*weir.Record]()), "sliding=6": Sliding(time.Minute, 10*time.Second, Count[*weir.Record]()),
		"session": Session(time.Minute, Count[*weir.Record]()), "counted": Counted(100, Count[*weir.Record]()),
	} {
		b.Run(name, func(b *testing.B) {
			p, err := newPlan(Config[*weir.Record, int64, int64]{Windows: w}.withDefaults())
			require.NoError(b, err)
			m := newMachine(p, "test", 0)
			events := make([]ev, 1000)
			for i := range events {
				events[i].key = fmt.Sprint("key-", i)
			}
			records := recordsOf(events, 0)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				for i := range records { // ten milliseconds later
					records[i].ArrivalTime = records[i].ArrivalTime.Add(10 * time.Millisecond)
				}
				m.at = place{}
				m.feed(records, nil)
				m.results = m.results[:0]
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/1000, "ns/record")
		})
	}
}
