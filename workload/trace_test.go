package workload_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// traced returns a record so many seconds after noon.
func traced(seconds float64, key string) workload.Traced {
	return workload.Traced{At: noon.Add(time.Duration(seconds * 1e9)), Key: key, Bytes: 100}
}

// opening returns an Open whose file is records, followed by an error unless it is nil.
func opening(records []workload.Traced, broken error) workload.Open {
	return func(string) (iter.Seq2[workload.Traced, error], error) {
		return func(yield func(workload.Traced, error) bool) {
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			if broken != nil {
				yield(workload.Traced{}, broken)
			}
		}, nil
	}
}

func traceOf(speed float64) workload.Workload {
	return workload.Workload{Traffic: []workload.Traffic{{Trace: &workload.Trace{File: "log", Speed: speed}}}}
}

// played returns what a generator gives, as "seconds key".
func played(t *testing.T, g *workload.Generator) (all []string) {
	t.Helper()
	for a := (workload.Arrival{}); g.Next(&a); {
		require.Equal(t, weir.HashPartitionKey(a.Key.Text), a.Key.Hash)
		require.Equal(t, 100, a.Bytes)
		all = append(all, fmt.Sprintf("%v %s", a.At, a.Key.Text))
	}
	return all
}

func TestTrace_playsInOrderOfTime(t *testing.T) {
	records := []workload.Traced{traced(30, "c"), traced(10, "a"), traced(10, "b"), traced(40, "d"), traced(35, "e")}
	for speed, want := range map[float64][]string{
		0:   {"0s a", "0s b", "20s c", "25s e", "30s d"},
		1:   {"0s a", "0s b", "20s c", "25s e", "30s d"},
		10:  {"0s a", "0s b", "2s c", "2.5s e", "3s d"},
		0.5: {"0s a", "0s b", "40s c", "50s e", "1m0s d"},
	} {
		g, err := workload.NewGenerator(traceOf(speed), opening(records, nil))
		require.NoError(t, err)
		assert.Equal(t, want, played(t, g), "speed %v", speed)
		require.NoError(t, g.Err())
		assert.Zero(t, g.Late())
	}
}

func TestTrace_beginsAndEndsWithItsTraffic(t *testing.T) {
	records := []workload.Traced{traced(0, "a"), traced(1, "b"), traced(2, "c"), traced(3, "d")}
	for name, test := range map[string]struct {
		from, lasts, run time.Duration
		records          int64
		want             []string
	}{
		"from":             {from: time.Minute, want: []string{"1m0s a", "1m1s b", "1m2s c", "1m3s d"}},
		"for":              {from: time.Minute, lasts: 2 * time.Second, want: []string{"1m0s a", "1m1s b"}},
		"run":              {run: 3 * time.Second, want: []string{"0s a", "1s b", "2s c"}},
		"run after from":   {from: time.Second, run: 3 * time.Second, want: []string{"1s a", "2s b"}},
		"number of them":   {records: 3, want: []string{"0s a", "1s b", "2s c"}},
		"longer than that": {run: time.Hour, want: []string{"0s a", "1s b", "2s c", "3s d"}},
	} {
		w := traceOf(1)
		w.Duration, w.Records = workload.Duration(test.run), test.records
		w.Traffic[0].From, w.Traffic[0].For = workload.Duration(test.from), workload.Duration(test.lasts)
		g, err := workload.NewGenerator(w, opening(records, nil))
		require.NoError(t, err)
		assert.Equal(t, test.want, played(t, g), name)
	}
}

// What stands further from its place than the window reaches comes late, and is
// counted.
func TestTrace_lateRecordsAreCounted(t *testing.T) {
	records := []workload.Traced{
		traced(0, "a"), traced(120, "b"), traced(-1, "in time"),
		traced(240, "c"), traced(361, "d"), traced(119, "late"), traced(400, "e"),
	}
	g, err := workload.NewGenerator(traceOf(1), opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"0s in time", "1s a", "2m1s b", "4m1s c", "4m1s late", "6m2s d", "6m41s e"}, played(t, g))
	assert.EqualValues(t, 1, g.Late())
}

// The disorder of a log whose minutes come in order, and whose seconds do not.
func TestTrace_sortsWithinMinutes(t *testing.T) {
	seed := newSeed(t)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	var records []workload.Traced
	for minute := range 500 {
		for range r.IntN(40) {
			records = append(records, traced(float64(60*minute+r.IntN(60)), fmt.Sprint("key-", r.IntN(50))))
		}
	}
	g, err := workload.NewGenerator(traceOf(1), opening(records, nil))
	require.NoError(t, err)
	got := played(t, g)
	slices.SortStableFunc(records, func(a, b workload.Traced) int { return a.At.Compare(b.At) })
	var want []string
	for _, record := range records {
		want = append(want, fmt.Sprintf("%v %s", record.At.Sub(records[0].At), record.Key))
	}
	assert.Equal(t, want, got)
	assert.Zero(t, g.Late())
}

func TestTrace_besideARate(t *testing.T) {
	w := traceOf(1)
	w.Duration = workload.Duration(2 * time.Second)
	w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{Count: 1}, Sizes: workload.Sizes{Fixed: 100}})
	g, err := workload.NewGenerator(w, opening([]workload.Traced{traced(0, "a"), traced(1.5, "b")}, nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"0s a", "0s key-0", "1s key-0", "1.5s b"}, played(t, g))
}

func TestTrace_errorComesAfterWhatWasRead(t *testing.T) {
	broken := errors.New("cut off")
	g, err := workload.NewGenerator(traceOf(1), opening([]workload.Traced{traced(1, "b"), traced(0, "a")}, broken))
	require.NoError(t, err)
	assert.Equal(t, []string{"0s a", "1s b"}, played(t, g))
	require.ErrorIs(t, g.Err(), broken)
	assert.EqualError(t, g.Err(), "trace log: record 3: cut off")
}

func TestTrace_refusesRecordsThatNoStreamTakes(t *testing.T) {
	for want, r := range map[string]workload.Traced{
		"trace log: record 1: key: is empty":                                    {At: noon},
		`trace log: record 1: key: "\xff" is not UTF-8`:                         {At: noon, Key: "\xff"},
		"trace log: record 1: key: has 257 characters; at most 256 are allowed": {At: noon, Key: strings.Repeat("é", 257)},
		"trace log: record 1: -1 bytes of data are outside 0 to 10485760":       {At: noon, Key: "k", Bytes: -1},
		"trace log: record 1: 10485761 bytes of data are outside 0 to 10485760": {At: noon, Key: "k", Bytes: 10<<20 + 1},
	} {
		g, err := workload.NewGenerator(traceOf(1), opening([]workload.Traced{r}, nil))
		require.NoError(t, err)
		assert.Empty(t, played(t, g))
		assert.EqualError(t, g.Err(), want)
	}
}

// One time that is wrong by decades is told, and not taken for the end.
func TestTrace_isTooLong(t *testing.T) {
	records := []workload.Traced{{At: time.Unix(0, 0), Key: "a", Bytes: 100}, traced(0, "b"), traced(1, "c")}
	g, err := workload.NewGenerator(traceOf(1), opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"0s a"}, played(t, g))
	assert.EqualError(t, g.Err(), "trace log: record 2 comes 20759d12h after the first one; a run lasts at most 3650d")

	records = []workload.Traced{{Key: "a", Bytes: 100}, traced(0, "b"), {At: time.Unix(1<<40, 0), Key: "c", Bytes: 100}}
	w := traceOf(1)
	w.Duration = workload.Duration(workload.MaxDuration) - 1
	g, err = workload.NewGenerator(w, opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"0s a"}, played(t, g), "nor does it overflow")
	assert.NoError(t, g.Err())
}

func TestTrace_cannotBeOpened(t *testing.T) {
	_, err := workload.NewGenerator(traceOf(1), nil)
	assert.EqualError(t, err, "traffic[0]: trace log: nobody opens traces here")
	missing := errors.New("no such file")
	_, err = workload.NewGenerator(traceOf(1), func(string) (iter.Seq2[workload.Traced, error], error) { return nil, missing })
	require.ErrorIs(t, err, missing)
	assert.EqualError(t, err, "traffic[0]: trace log: no such file")
}

// Whoever stops early closes, and the sequence is left.
func TestGenerator_closeLeavesTheTrace(t *testing.T) {
	left := false
	endless := func(string) (iter.Seq2[workload.Traced, error], error) {
		return func(yield func(workload.Traced, error) bool) {
			defer func() { left = true }()
			for i := 0; yield(traced(float64(i), "k"), nil); i++ {
			}
		}, nil
	}
	g, err := workload.NewGenerator(traceOf(1), endless)
	require.NoError(t, err)
	var a workload.Arrival
	require.True(t, g.Next(&a))
	g.Close()
	assert.True(t, left)
	assert.False(t, g.Next(&a))
	g.Close()

	left = false
	w := traceOf(1)
	w.Duration = workload.Duration(time.Hour)
	g, err = workload.NewGenerator(w, endless)
	require.NoError(t, err)
	assert.Len(t, played(t, g), 3600)
	assert.True(t, left, "the end of the run closes too")
}

// Of a trace without an end, all of it at one time, no more is held than promised,
// and the order among equals is that of the file.
func TestTrace_windowIsBounded(t *testing.T) {
	read := 0
	endless := func(string) (iter.Seq2[workload.Traced, error], error) {
		return func(yield func(workload.Traced, error) bool) {
			for yield(workload.Traced{At: noon, Key: "key", Bytes: read}, nil) {
				read++
			}
		}, nil
	}
	g, err := workload.NewGenerator(traceOf(1), endless)
	require.NoError(t, err)
	defer g.Close()
	var a workload.Arrival
	for i := range 1000 {
		require.True(t, g.Next(&a))
		require.Equal(t, i, a.Bytes)
	}
	assert.LessOrEqual(t, read, workload.TraceWindowRecords+1001)
}
