package eventsource_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
)

var (
	seedFlag  = flag.Uint64("seed", 1, "the first seed of tests that choose at random")
	seedsFlag = flag.Int("seeds", 80, "how many seeds such a test takes")
)

// A world is a shard, the function and the destination, and what is known of
// each record, in lists that are searched from their beginning.
type world struct {
	t        *testing.T
	random   *rand.Rand
	settings eventsource.Settings
	desk     eventsource.Desk
	now      time.Time
	seed     uint64

	facts   []*fact
	jobs    []eventsource.Job // with the function or the destination
	window  string            // of the last invocation, "" for none
	state   string            // what the function returned last for it
	calls   int
	finals  map[string]int
	perfect bool // nothing fails any more
	closing bool
	failed  map[int]bool // lanes whose last answer was not a success
}

// A fact is what is known of a record.
type fact struct {
	record   weir.Record
	key      int
	left     bool // left out by a filter
	given    int  // how often it was given to the function
	finished bool
	reports  int
}

func newWorld(t *testing.T, seed uint64) *world {
	random := rand.New(rand.NewPCG(seed, 5))
	retries := random.IntN(4) - 1
	s := eventsource.Settings{
		StartingPosition: "LATEST", BatchSize: 1 + random.IntN(8), MaximumBatchingWindowInSeconds: random.IntN(2) * random.IntN(4),
		ParallelizationFactor: 1 + random.IntN(10), MaximumRetryAttempts: &retries, BisectBatchOnFunctionError: random.IntN(2) == 0,
		MaximumRecordAgeInSeconds: 60 * random.IntN(2), FunctionResponseTypes: []string{"ReportBatchItemFailures"},
	}
	if random.IntN(3) == 0 {
		s.ParallelizationFactor, s.TumblingWindowInSeconds = 1, 1+random.IntN(5)
	}
	require.NoError(t, s.Validate())
	w := &world{t: t, random: random, settings: s, now: epoch, seed: seed, finals: make(map[string]int), failed: make(map[int]bool)}
	var err error
	w.desk, err = eventsource.NewDesk(s, nil, w.now)
	require.NoError(t, err)
	return w
}

func (w *world) where() string { return fmt.Sprintf("seed %d, %+v", w.seed, w.settings) }

// add puts some records, of which a filter leaves some out.
func (w *world) add() {
	var records []weir.Record
	var keep []bool
	for range 1 + w.random.IntN(6) {
		key := w.random.IntN(7)
		f := &fact{key: key, left: w.random.IntN(5) == 0}
		f.record = record(w.t, fmt.Sprintf("%03d", len(w.facts)), fmt.Sprint("key ", key), "x", w.now.UnixMilli())
		w.facts = append(w.facts, f)
		records, keep = append(records, f.record), append(keep, !f.left)
	}
	w.desk.Add(w.now, records, keep, true)
}

// look takes what the desk wants to be done, and checks that it may.
func (w *world) look() {
	jobs, wake := w.desk.Next(w.now)
	for _, j := range jobs {
		for _, other := range w.jobs {
			require.NotEqual(w.t, other.Lane, j.Lane, w.where())
		}
		w.checkJob(j)
		w.jobs = append(w.jobs, j)
	}
	if len(jobs) == 0 && len(w.jobs) == 0 && !w.allDone() && !w.closing {
		require.False(w.t, wake.IsZero(), "nothing is done, and never will be: %s", w.where())
	}
	require.True(w.t, wake.IsZero() || wake.After(w.now), w.where())
}

// checkJob checks that the records of a job are the first unfinished ones of
// their keys' lane, in order, and that none is with somebody else.
func (w *world) checkJob(j eventsource.Job) {
	require.LessOrEqual(w.t, len(j.Records), w.settings.BatchSize, w.where())
	at := 0
	for _, f := range w.facts {
		if at == len(j.Records) {
			break
		}
		if f.left || f.finished || w.laneOf(f) != j.Lane {
			continue
		}
		require.Equal(w.t, f.record, j.Records[at], "out of order: %s", w.where())
		if at++; !j.Report {
			f.given++
		}
	}
	require.Equal(w.t, len(j.Records), at, w.where())
	if !j.Report {
		w.checkEvent(j)
	}
}

func (w *world) laneOf(f *fact) int {
	h := fnv.New64a()
	fmt.Fprintf(h, "key %d", f.key)
	return int(h.Sum64() % uint64(w.settings.ParallelizationFactor))
}

// An invocation is what an event says.
type invocation struct {
	Records                                         []json.RawMessage
	Window                                          *struct{ Start, End time.Time }
	State                                           json.RawMessage
	IsFinalInvokeForWindow, IsWindowTerminatedEarly bool
}

// checkEvent checks windows: each record is in its own, and the state is what
// was returned before.
func (w *world) checkEvent(j eventsource.Job) {
	w.calls++
	var e invocation
	require.NoError(w.t, json.Unmarshal(j.Event, &e))
	require.Len(w.t, e.Records, len(j.Records))
	size := time.Duration(w.settings.TumblingWindowInSeconds) * time.Second
	if size == 0 {
		require.Nil(w.t, e.Window)
		return
	}
	require.Equal(w.t, e.Window.End, e.Window.Start.Add(size))
	require.Zero(w.t, e.Window.Start.UnixMilli()%size.Milliseconds())
	for _, r := range j.Records {
		require.False(w.t, r.ArrivalTime.Before(e.Window.Start) || !r.ArrivalTime.Before(e.Window.End), w.where())
	}
	window := e.Window.Start.Format(time.RFC3339)
	if w.window != window {
		require.Equal(w.t, "", w.window, "a window was not finished: %s", w.where())
		w.window, w.state = window, "{}"
	}
	require.Equal(w.t, w.state, string(e.State), w.where())
	require.Equal(w.t, len(j.Records) == 0, e.IsFinalInvokeForWindow, w.where())
	require.False(w.t, e.IsWindowTerminatedEarly)
}

// answer answers one of the jobs.
func (w *world) answer() {
	i := w.random.IntN(len(w.jobs))
	j := w.jobs[i]
	w.jobs = append(w.jobs[:i], w.jobs[i+1:]...)
	if j.Report {
		w.answerReport(j)
		return
	}
	kind := w.random.IntN(8)
	if w.perfect {
		kind = 7
	}
	state := fmt.Sprintf(`{"calls":%d}`, w.calls)
	w.failed[j.Lane] = kind <= 1 || kind <= 3 && len(j.Records) > 0
	switch n := len(j.Records); {
	case kind == 0:
		w.desk.Answer(w.now, j, w.settings, nil)
	case kind == 1:
		w.desk.Refuse(w.now, j)
	case kind <= 3 && n > 0:
		at := w.random.IntN(n)
		w.desk.Answer(w.now, j, w.settings, fmt.Appendf(nil, `{"state":%s,"batchItemFailures":[{"itemIdentifier":"%v"}]}`, state, j.Records[at].SequenceNumber))
		w.finish(j.Records[:at])
		if at > 0 {
			w.state = state
		}
	default:
		w.desk.Answer(w.now, j, w.settings, []byte(`{"state":`+state+`}`))
		w.finish(j.Records)
		w.state = state
		if n == 0 {
			w.finals[w.window]++
			w.window = ""
		}
	}
}

func (w *world) answerReport(j eventsource.Job) {
	delivered := w.perfect || w.random.IntN(3) > 0
	w.desk.Delivered(w.now, j, delivered)
	if !delivered {
		w.failed[j.Lane] = true
		return
	}
	if len(j.Records) == 0 {
		w.window = "" // its final invocation is given up
	}
	w.finish(j.Records)
	for _, f := range w.facts {
		for _, r := range j.Records {
			if f.record.SequenceNumber == r.SequenceNumber {
				f.reports++
			}
		}
	}
	if j.Aged {
		require.LessOrEqual(w.t, len(j.Records), 1)
		for _, r := range j.Records {
			require.Greater(w.t, w.now.Sub(r.ArrivalTime), time.Minute)
		}
	}
}

func (w *world) finish(records []weir.Record) {
	for _, r := range records {
		for _, f := range w.facts {
			if f.record.SequenceNumber == r.SequenceNumber {
				f.finished = true
			}
		}
	}
}

func (w *world) allDone() bool {
	for _, f := range w.facts {
		if !f.left && !f.finished {
			return false
		}
	}
	return w.window == ""
}

// checkPosition checks that the position is before the first unfinished record.
func (w *world) checkPosition() {
	var want weir.SequenceNumber
	for _, f := range w.facts {
		if !f.left && !f.finished {
			break
		}
		want = f.record.SequenceNumber
	}
	at, state, ok := w.desk.Position()
	require.True(w.t, ok)
	require.Equal(w.t, want, at, w.where())
	if w.window != "" {
		require.Contains(w.t, state, `"state":`+w.state+`}`)
	}
}

// The desk does what it promises, whatever happens in whichever order.
func TestDesk_agreesWithAModel(t *testing.T) {
	windows, reports, calls := 0, 0, 0
	for seed := *seedFlag; seed < *seedFlag+uint64(*seedsFlag); seed++ {
		w := newWorld(t, seed)
		for range 300 {
			switch k := w.random.IntN(10); {
			case k < 2 && len(w.facts) < 150:
				w.add()
			case k < 6 && len(w.jobs) > 0:
				w.answer()
			case k < 7:
				w.now = w.now.Add(time.Duration(w.random.IntN(20_000)) * time.Millisecond)
			default:
				w.now = w.now.Add(time.Duration(w.random.IntN(1000)) * time.Millisecond)
			}
			w.look()
			w.checkPosition()
		}
		if seed%2 == 0 {
			w.close()
			continue
		}
		w.end()
		for _, f := range w.facts {
			require.True(t, f.left || f.finished)
			require.True(t, f.left || f.given > 0 || f.reports > 0, w.where())
			require.False(t, f.left && f.given > 0)
			require.LessOrEqual(t, f.reports, 1)
			reports += f.reports
		}
		for window, n := range w.finals {
			require.Equal(t, 1, n, "%s: %s", window, w.where())
		}
		windows, calls = windows+len(w.finals), calls+w.calls
	}
	t.Logf("%d calls, %d reports, %d windows", calls, reports, windows)
	assert.NotZero(t, windows*reports)
}

// close ends the work on the shard: what lies before finished records is
// finished, but in lanes that failed, and nothing behind them is begun.
func (w *world) close() {
	w.perfect, w.closing = true, true
	w.desk.Close()
	for {
		before, had := w.lastFinished(), len(w.jobs)
		w.look()
		for _, j := range w.jobs[had:] {
			if len(j.Records) > 0 {
				require.Less(w.t, w.indexOf(j.Records[len(j.Records)-1]), before, w.where())
			}
		}
		w.checkPosition()
		if len(w.jobs) == 0 {
			break
		}
		w.answer()
	}
	last := w.lastFinished()
	for i, f := range w.facts {
		if i < last && !f.left && !f.finished {
			require.True(w.t, w.failed[w.laneOf(f)], "record %d of %d: %s", i, last, w.where())
		}
	}
}

func (w *world) lastFinished() int {
	last := -1
	for i, f := range w.facts {
		if f.finished {
			last = i
		}
	}
	return last
}

func (w *world) indexOf(r weir.Record) int {
	for i, f := range w.facts {
		if f.record.SequenceNumber == r.SequenceNumber {
			return i
		}
	}
	return -1
}

// end lets everything succeed, and ends the shard.
func (w *world) end() {
	w.perfect = true
	w.desk.End()
	for range 10_000 {
		w.look()
		w.checkPosition()
		if len(w.jobs) > 0 {
			w.answer()
			continue
		}
		if w.desk.Idle() {
			break
		}
		_, wake := w.desk.Next(w.now)
		w.now = wake
	}
	require.True(w.t, w.desk.Idle() && w.allDone(), w.where())
	require.Zero(w.t, w.desk.Held(), "what is held is released: %s", w.where())
	_, state, _ := w.desk.Position()
	require.Empty(w.t, state)
}
