package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// A world is a stream, a store and workers that fail, and what must hold in it.
// It notes what does not.
type world struct {
	stream *weir.Stream
	store  lease.Memory
	fault  mutation
	holds  bool // handlers hold batches, and keep no state

	seed   uint64
	random *rand.Rand // for the simulation's goroutine

	mu       sync.Mutex     // guards what follows
	thrown   map[string]int // how often dice were thrown for someone
	calm     bool           // no faults any more, or none at all
	unclean  bool           // there was an event after which records may come again
	outage   time.Time
	violated []string

	records map[weir.ShardID][]weir.SequenceNumber // that were put, in order
	parents map[weir.ShardID][]weir.ShardID
	keys    map[weir.SequenceNumber]string
	order   map[string][]weir.SequenceNumber // of each key
	times   map[weir.SequenceNumber]int      // how often it was handed to a handler
	acked   map[weir.SequenceNumber]bool     // it was processed, and the group told so
	next    map[string]int                   // of each key, in order
	working map[weir.ShardID]map[*consumer.Batch]context.Context
}

// A mutation is a deliberate fault of a group, which the simulation must find.
type mutation string

const (
	none          mutation = ""
	unconditional mutation = "checkpoints are written whatever the counter is"
	ignoredParent mutation = "a child waits for one of its two parents only"
	outstaying    mutation = "handlers are not ended when others may begin"
	forgetful     mutation = "a batch counts as processed that was not"
)

func newWorld(stream *weir.Stream, seed uint64, random *rand.Rand) *world {
	return &world{
		stream: stream, seed: seed, random: random, thrown: map[string]int{}, records: map[weir.ShardID][]weir.SequenceNumber{}, parents: map[weir.ShardID][]weir.ShardID{},
		keys: map[weir.SequenceNumber]string{}, order: map[string][]weir.SequenceNumber{}, times: map[weir.SequenceNumber]int{}, acked: map[weir.SequenceNumber]bool{},
		next: map[string]int{}, working: map[weir.ShardID]map[*consumer.Batch]context.Context{},
	}
}

func (w *world) violation(format string, args ...any) {
	w.trace("violation: "+format, args...)
	if len(w.violated) < 10 {
		w.violated = append(w.violated, fmt.Sprintf(format, args...))
	}
}

// trace tells what happens, where -group-trace is set.
func (w *world) trace(format string, args ...any) {
	if *groupTrace {
		fmt.Printf("%s %s\n", time.Now().Format("04:05.000000"), fmt.Sprintf(format, args...))
	}
}

// upTo is for the goroutine of the simulation, as random is.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Float64() * float64(d))
}

// dice returns the random source of what happens to someone for the nth time.
// It does not depend on what happens to others, whose order is the scheduler's.
func (w *world) dice(who string) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.thrown[who]++
	h := fnv.New64a()
	fmt.Fprint(h, who, w.thrown[who])
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// put puts records of some keys.
func (w *world) put(n int) {
	for range n {
		w.mu.Lock() // a handler may have it before the put returns
		key := fmt.Sprint("key-", w.random.IntN(12))
		at, err := w.stream.PutRecord(context.Background(), key, []byte(key))
		if err != nil {
			w.violation("put: %v", err)
		}
		w.records[at.SequenceNumber.Shard()] = append(w.records[at.SequenceNumber.Shard()], at.SequenceNumber)
		w.keys[at.SequenceNumber] = key
		w.order[key] = append(w.order[key], at.SequenceNumber)
		w.mu.Unlock()
	}
}

// reshard changes the number of shards.
func (w *world) reshard(n int) {
	_, err := w.stream.Resize(context.Background(), n)
	shards := w.stream.Shards()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.violation("reshard: %v", err)
	}
	for _, s := range shards {
		w.parents[s.ID] = s.Parents
	}
}

// covered returns how many records of a shard lie up to a checkpoint.
func (w *world) covered(shard weir.ShardID, c lease.Checkpoint) int {
	if c.IsEnded() {
		return len(w.records[shard])
	}
	n, err := weir.ParseSequenceNumber(c.Sequence)
	if err != nil {
		return 0
	}
	at, found := slices.BinarySearchFunc(w.records[shard], n, weir.SequenceNumber.Compare)
	if found {
		at++
	}
	return at
}

// checkWrite checks a row that replaces another one: a checkpoint never goes
// back, covers what was processed only, and the state is of that very place.
func (w *world) checkWrite(was, is lease.Lease) {
	shard, _ := weir.ParseShardID(is.Key)
	w.mu.Lock()
	defer w.mu.Unlock()
	before, after := w.covered(shard, was.Checkpoint), w.covered(shard, is.Checkpoint)
	if after < before || was.Checkpoint.IsEnded() && !is.Checkpoint.IsEnded() {
		w.violation("%v: checkpoint of %s went back from record %d to %d", shard, is.Owner, before, after)
	}
	for _, n := range w.records[shard][:after] {
		if !w.acked[n] {
			w.violation("%v: checkpoint over a record that nobody processed", shard)
			break
		}
	}
	if counted := parseCount(is.State); counted != after && !w.holds {
		w.violation("%v: the state has counted %d records at the checkpoint of record %d", shard, counted, after)
	}
}

func parseCount(state []byte) int { n, _ := strconv.Atoi(string(state)); return n }

// enter checks that nobody else is at work in a shard whose time is not over.
func (w *world) enter(ctx context.Context, name string, b *consumer.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for other, its := range w.working[b.Shard] {
		if other != b && its.Err() == nil {
			w.violation("%v: %s begins while another handler is at work", b.Shard, name)
		}
	}
	if w.working[b.Shard] == nil {
		w.working[b.Shard] = map[*consumer.Batch]context.Context{}
	}
	w.working[b.Shard][b] = ctx
	for _, p := range w.parents[b.Shard] {
		for _, n := range w.records[p] {
			if !w.acked[n] {
				w.violation("%v begins before its parent %v is processed", b.Shard, p)
				break
			}
		}
	}
}

func (w *world) leave(b *consumer.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.working[b.Shard], b)
}

// processed notes that records were processed, and checks their order.
func (w *world) processed(records []weir.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		n := r.SequenceNumber
		if w.times[n]++; w.times[n] > 1 {
			if !w.unclean {
				w.violation("%v: record %v came twice without an unclean event", n.Shard(), n)
			}
			continue
		}
		key := w.keys[n]
		if w.order[key][w.next[key]] != n {
			w.violation("%s: record of %v came before one of %v", key, n.Shard(), w.order[key][w.next[key]].Shard())
		}
		w.next[key]++
	}
}

// left returns how many records are not processed.
func (w *world) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.keys) - len(w.times)
}

// A worker is one of a world, with its own way to the store.
type worker struct {
	w    *world
	name string

	mu     sync.Mutex
	dead   bool
	paused time.Time // until when
	slow   time.Duration
}

var errFault = errors.New("a fault of the store")

func (k *worker) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

func (k *worker) awake() {
	k.mu.Lock()
	until := k.paused
	k.mu.Unlock()
	time.Sleep(time.Until(until))
}

// call does something with the store, late, not at all, or without an answer.
// What is given up by the caller is done all the same.
func (k *worker) call(ctx context.Context, what string, do func() error) error {
	w := k.w
	dice := w.dice(k.name + what)
	w.mu.Lock()
	calm, unclean, outage := w.calm, w.unclean, w.outage
	w.mu.Unlock()
	before, after, lost, refused := time.Duration(0), time.Duration(0), false, false
	if !calm {
		before = time.Duration(dice.Float64() * float64(k.slow))
		after = time.Duration(dice.Float64() * float64(k.slow))
		if unclean {
			lost, refused = dice.Float64() < 0.05, dice.Float64() < 0.05
			if dice.Float64() < 0.01 {
				before += time.Duration(dice.Float64() * float64(20*time.Second))
			}
		}
	}
	answer := make(chan error, 1)
	go func() {
		k.awake()
		time.Sleep(before)
		if k.isDead() || refused || time.Now().Before(outage) {
			answer <- errFault
			return
		}
		err := do()
		time.Sleep(after)
		if lost {
			err = errFault
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *worker) List(ctx context.Context) (list []lease.Lease, err error) {
	var got []lease.Lease
	if err = k.call(ctx, "list", func() (err error) { got, err = k.w.store.List(context.Background()); return err }); err == nil {
		list = got
	}
	return list, err
}

func (k *worker) Create(ctx context.Context, l lease.Lease) error {
	if k.w.fault == ignoredParent && len(l.Parents) > 1 {
		l.Parents = l.Parents[:1]
	}
	return k.call(ctx, "create"+l.Key, func() error { return k.w.store.Create(context.Background(), l) })
}

func (k *worker) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	type result struct {
		row lease.Lease
		err error
	}
	results := make(chan result, 1)
	err := k.call(ctx, "update"+l.Key, func() error {
		was := k.w.row(l.Key)
		if k.w.fault == unconditional && was.Key != "" {
			l.Counter = was.Counter
		}
		row, err := k.w.store.Update(context.Background(), l)
		k.w.trace("%s writes %s: %v: %s, wanted by %q, ended %t, state %s", k.name, l.Key, err, l.Owner, l.Wanted, l.Checkpoint.IsEnded(), l.State)
		if err == nil {
			k.w.checkWrite(was, row)
		}
		results <- result{row, err}
		return err
	})
	if err == nil || errors.Is(err, lease.ErrConflict) {
		r := <-results
		return r.row, r.err
	}
	return lease.Lease{}, err
}

func (k *worker) Delete(ctx context.Context, l lease.Lease) error {
	return k.call(ctx, "delete"+l.Key, func() error { return k.w.store.Delete(context.Background(), l) })
}

// row returns a lease as it is.
func (w *world) row(key string) lease.Lease {
	list, _ := w.store.List(context.Background())
	for _, l := range list {
		if l.Key == key {
			return l
		}
	}
	return lease.Lease{}
}

// handle is the workers' handler. It counts the records of each shard in the
// shard's state.
func (k *worker) handle(ctx context.Context, b *consumer.Batch) error {
	w := k.w
	w.enter(ctx, k.name, b)
	defer w.leave(b)
	dice := w.dice(k.name + b.Shard.String())
	fate := dice.Float64()
	w.mu.Lock()
	calm, unclean := w.calm, w.unclean
	w.mu.Unlock()
	if !calm {
		time.Sleep(time.Duration(dice.Float64() * float64(300*time.Millisecond)))
		if unclean && fate < 0.05 {
			k.part(b, dice)
			return errors.New("a fault of the handler")
		}
		if unclean && fate < 0.06 {
			panic("a panic of the handler")
		}
		if unclean && fate < 0.09 { // it knows of no context
			time.Sleep(time.Duration(dice.Float64() * float64(30*time.Second)))
		}
	}
	k.awake()
	if k.isDead() {
		return errFault
	}
	if w.fault == forgetful && fate > 0.98 {
		return nil
	}
	w.trace("%s processes %d of %v, last %t, context %v", k.name, len(b.Records), b.Shard, b.Last, ctx.Err())
	w.processed(b.Records)
	if w.holds && len(b.Records) > 0 && dice.Float64() < 0.4 {
		k.hold(b, dice)
		return nil
	}
	w.ack(b.Records...)
	if !w.holds {
		b.SetState([]byte(strconv.Itoa(parseCount(b.State()) + len(b.Records))))
	}
	return nil
}

// part processes the first records of a batch, where there is no state that
// would have to count them.
func (k *worker) part(b *consumer.Batch, dice *rand.Rand) {
	if !k.w.holds || k.isDead() {
		return
	}
	n := dice.IntN(len(b.Records) + 1)
	k.w.processed(b.Records[:n])
	k.w.ack(b.Records[:n]...)
	for i := range n {
		b.Ack(i)
	}
}

// hold holds a batch, and acknowledges its records one by one, in any order, or
// drops it.
func (k *worker) hold(b *consumer.Batch, dice *rand.Rand) {
	w, held, records := k.w, b.Hold(), slices.Clone(b.Records)
	w.mu.Lock()
	calm, unclean := w.calm, w.unclean
	w.mu.Unlock()
	go func() {
		for _, i := range dice.Perm(len(records)) {
			time.Sleep(time.Duration(dice.Float64() * float64(200*time.Millisecond)))
			k.awake()
			if k.isDead() {
				return
			}
			if !calm && unclean && dice.Float64() < 0.01 {
				held.Drop()
				return
			}
			w.ack(records[i])
			held.Ack(i)
		}
	}()
}

// ack notes what the group is told to be processed.
func (w *world) ack(records ...weir.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range records {
		w.acked[r.SequenceNumber] = true
	}
}

// A watched worker's store tells of changes.
type watched struct{ *worker }

func (k watched) Changed() <-chan struct{} { return k.w.store.Changed() }

// unprocessed returns the keys of those records that are not processed.
func (w *world) unprocessed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, n := range slices.SortedFunc(maps.Keys(w.keys), weir.SequenceNumber.Compare) {
		if w.times[n] == 0 {
			list = append(list, n.Shard().String()+" "+n.String())
		}
	}
	return list
}
