package window_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/window"
)

// A note is what the tests aggregate: each has its own name, so that one that is
// lost or counted twice is seen.
type note struct {
	key  string
	at   time.Time
	name string
}

func readNote(r *weir.Record) (e window.Event[note], err error) {
	at, name, _ := strings.Cut(string(r.Data), " ")
	n := note{key: r.PartitionKey, name: name}
	n.at, err = time.Parse(time.RFC3339Nano, at)
	return window.Event[note]{Time: n.at, Value: n}, err
}

// names collects names.
func names() window.Merger[note, []string, string] {
	return window.Merging(
		func(to *[]string, n note) { *to = append(*to, n.name) },
		func(to *[]string, from []string) { *to = append(*to, from...) },
		func(of []string) string {
			return strings.Join(slices.Sorted(slices.Values(of)), " ")
		},
	)
}

type (
	config  = window.Config[note, []string, string]
	windows = window.Windows[note, []string, string]
	result  = window.Result[string]
)

// A world is a stream, a store, a table, and workers that are killed.
type world struct {
	t      *testing.T
	stream *weir.Stream
	store  lease.Memory
	table  window.Memory[string]
	shelf  map[string][]byte // of snapshots, guarded by mu
	room   int               // for windows in a lease; 0 if it is as it is
	notes  []note
	config config
	random *rand.Rand

	mu       sync.Mutex // guards what follows
	faults   *rand.Rand // nil if there are none
	passed   int        // points that were passed
	kills    []int      // the points at which a worker is killed, in order
	rejected []string
}

var errDead = errors.New("the worker is dead")

// A worker is one that can be killed: from then on it changes nothing.
type worker struct {
	w    *world
	stop context.CancelFunc
	done chan error

	mu   sync.Mutex // guards what follows
	dead bool
}

func (k *worker) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// point is a place between two steps at which the worker may be killed.
func (k *worker) point() error {
	w := k.w
	w.mu.Lock()
	w.passed++
	kill := len(w.kills) > 0 && w.passed == w.kills[0]
	if kill {
		w.kills = w.kills[1:]
	}
	w.mu.Unlock()
	if kill {
		k.mu.Lock()
		k.dead = true
		k.mu.Unlock()
		k.stop()
	}
	if k.isDead() {
		return errDead
	}
	return nil
}

// step does something between two points.
func (k *worker) step(do func() error) error {
	if k.isDead() {
		return errDead
	}
	if err := k.point(); err != nil {
		return err
	}
	fault := k.w.fault()
	if fault < 0.5 { // nothing is done
		return errFault
	}
	err := do()
	if dead := k.point(); dead != nil {
		return dead
	}
	if fault < 1 { // the answer is lost
		return errFault
	}
	return err
}

var errFault = errors.New("a fault")

// fault returns less than one if there is to be one.
func (w *world) fault() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faults == nil {
		return 1
	}
	return w.faults.Float64() * 12
}

func (k *worker) List(ctx context.Context) (list []lease.Lease, err error) {
	if k.isDead() {
		return nil, errDead
	}
	return k.w.store.List(ctx)
}

func (k *worker) Create(ctx context.Context, l lease.Lease) error {
	return k.step(func() error { return k.w.store.Create(ctx, l) })
}

func (k *worker) Update(ctx context.Context, l lease.Lease) (got lease.Lease, err error) {
	err = k.step(func() (err error) { got, err = k.w.store.Update(ctx, l); return err })
	if err == errDead || err == errFault {
		got = lease.Lease{}
	}
	return got, err
}

func (k *worker) Delete(ctx context.Context, l lease.Lease) error {
	return k.step(func() error { return k.w.store.Delete(ctx, l) })
}

func (k *worker) Changed() <-chan struct{} { return k.w.store.Changed() }

// begin starts a worker.
func (w *world) begin() *worker {
	k := &worker{w: w, done: make(chan error, 1)}
	var ctx context.Context
	ctx, k.stop = context.WithCancel(context.Background())
	c := w.config
	c.Read = window.One(readNote)
	c.Handler = func(ctx context.Context, results []result) error {
		return k.step(func() error { return w.table.Upsert(ctx, results) })
	}
	c.Aside = func(_ context.Context, list []window.Rejected[note]) error {
		return k.step(func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, r := range list {
				w.rejected = append(w.rejected, fmt.Sprint(r.Event.Value.name, ": ", r.Err))
			}
			return nil
		})
	}
	c.Group.Streams, c.Group.Store = []client.Stream{client.Embedded(w.stream)}, k
	c.Group.Failover, c.Group.SyncEvery, c.Group.Patience = time.Second, 5*time.Second, time.Second
	c.Group.Random = rand.NewPCG(w.random.Uint64(), 1)
	c.Group.MaxRecords = 1 + w.random.IntN(9)
	if w.room > 0 {
		c.Snapshots = shelf{k}
	}
	g, err := window.New(c)
	require.NoError(w.t, err)
	if w.room > 0 {
		window.SetRoom(g, w.room)
	}
	go func() { k.done <- g.Run(ctx) }()
	return k
}

// A shelf keeps a worker's snapshots.
type shelf struct{ *worker }

func (s shelf) do(f func(map[string][]byte) error) error {
	return s.step(func() error {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		return f(s.w.shelf)
	})
}

func (s shelf) Write(_ context.Context, name string, b []byte) error {
	return s.do(func(all map[string][]byte) error {
		if _, there := all[name]; there {
			s.w.t.Errorf("snapshot %s is written twice", name)
		}
		all[name] = slices.Clone(b)
		return nil
	})
}

func (s shelf) Read(_ context.Context, name string) (b []byte, err error) {
	err = s.do(func(all map[string][]byte) error {
		if b = all[name]; b == nil {
			return fs.ErrNotExist
		}
		return nil
	})
	return b, err
}

func (s shelf) List(context.Context) (names []string, err error) {
	err = s.do(func(all map[string][]byte) error {
		names = slices.Sorted(maps.Keys(all))
		return nil
	})
	return names, err
}

func (s shelf) Delete(_ context.Context, name string) error {
	return s.do(func(all map[string][]byte) error { delete(all, name); return nil })
}

// put puts a record that happened some time before.
func (w *world) put(key string, ago time.Duration) {
	n := note{key: key, at: time.Now().Add(-ago).Truncate(time.Millisecond), name: fmt.Sprintf("%s%d", key, len(w.notes))}
	w.notes = append(w.notes, n)
	_, err := w.stream.PutRecord(context.Background(), key, []byte(n.at.Format(time.RFC3339Nano)+" "+n.name))
	require.NoError(w.t, err)
}

// reshard changes the number of shards.
func (w *world) reshard(n int) {
	_, err := w.stream.Resize(context.Background(), n)
	require.NoError(w.t, err)
}

// want is what the table is to have in the end: all notes by window, as one who
// has all of them sees it.
func (w *world) want(assign func(of []note) map[string][]note) (rows []string) {
	byKey := make(map[string][]note)
	for _, n := range w.notes {
		byKey[n.key] = append(byKey[n.key], n)
	}
	for key, notes := range byKey {
		for at, in := range assign(notes) {
			var names []string
			for _, n := range in {
				names = append(names, n.name)
			}
			slices.Sort(names)
			at, _, _ := strings.Cut(at, "@")
			rows = append(rows, key+" "+at+": "+strings.Join(names, " "))
		}
	}
	slices.Sort(rows)
	return rows
}

// got is what the table has.
func (w *world) got() (rows []string) {
	for _, r := range w.table.Rows(nil) {
		rows = append(rows, r.Key+" "+between(r.Window.Start, r.Window.End)+": "+r.Value)
	}
	slices.Sort(rows)
	return rows
}

func between(start, end time.Time) string {
	return fmt.Sprint(start.UnixMilli(), "-", end.UnixMilli())
}

// inFixed puts notes into tumbling or sliding windows.
func inFixed(size, slide time.Duration) func([]note) map[string][]note {
	return func(notes []note) map[string][]note {
		in := make(map[string][]note)
		for _, n := range notes {
			first := n.at.Truncate(slide)
			for start := first; n.at.Before(start.Add(size)); start = start.Add(-slide) {
				in[between(start, start.Add(size))] = append(in[between(start, start.Add(size))], n)
			}
		}
		return in
	}
}

// inSessions puts notes into sessions.
func inSessions(gap time.Duration) func([]note) map[string][]note {
	return func(notes []note) map[string][]note {
		notes = slices.Clone(notes)
		slices.SortFunc(notes, func(a, b note) int { return a.at.Compare(b.at) })
		in := make(map[string][]note)
		for len(notes) > 0 {
			n := 1
			for n < len(notes) && !notes[n].at.After(notes[n-1].at.Add(gap)) {
				n++
			}
			in[between(notes[0].at, notes[n-1].at.Add(gap))] = notes[:n]
			notes = notes[n:]
		}
		return in
	}
}

// inTurn is for counted windows: notes of a key by n, in the order of their puts.
func inTurn(n int) func([]note) map[string][]note {
	return func(notes []note) map[string][]note {
		in := make(map[string][]note)
		for ; len(notes) >= n; notes = notes[n:] {
			start, end := notes[0].at, notes[0].at
			for _, v := range notes[:n] {
				if v.at.Before(start) {
					start = v.at
				}
				if v.at.After(end) {
					end = v.at
				}
			}
			in[between(start, end.Add(time.Millisecond))+"@"+notes[0].name] = notes[:n]
		}
		return in
	}
}

// live runs a history: records, reshards, and workers of which each that is
// killed is followed by another one. It ends when all is in the table.
func (w *world) live(steps int) {
	k := w.begin()
	next := func() { // whoever was killed is replaced
		if k.isDead() {
			<-k.done
			k = w.begin()
		}
	}
	for range steps {
		switch w.random.IntN(10) {
		case 0:
			w.reshard(1 + w.random.IntN(4))
		case 1:
			time.Sleep(time.Duration(w.random.IntN(8000)) * time.Millisecond)
		default:
			for range w.random.IntN(6) {
				w.put(string(rune('a'+w.random.IntN(6))), time.Duration(w.random.IntN(2000))*time.Millisecond)
			}
			time.Sleep(time.Duration(w.random.IntN(400)) * time.Millisecond)
		}
		next()
	}
	require.NoError(w.t, w.stream.EndWrites(context.Background()))
	w.mu.Lock()
	w.faults = nil
	w.mu.Unlock()
	for range 120 {
		time.Sleep(time.Second)
		next()
	}
	k.stop()
	if err := <-k.done; !k.isDead() {
		require.NoError(w.t, err)
	}
	rows, err := w.store.List(context.Background())
	require.NoError(w.t, err)
	for _, l := range rows {
		require.True(w.t, l.Checkpoint.IsEnded(), "%s is at %v", l.Key, l.Checkpoint)
	}
}
