package twins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// changeMode changes who chooses shards and what decides a record's shard.
func (w *twins) changeMode() {
	switch op := w.src.below(10); {
	case op == 0:
		w.setMode()
	case op < 3:
		w.setDistribution()
	case op < 5:
		w.setWarm()
	default:
		w.compareCapacity()
	}
}

// set changes the stream's settings.
func (w *twins) set(change func(*weir.Settings)) error {
	return w.got.Set(context.Background(), change)
}

func (w *twins) setMode() {
	mode := pick(w.src, weir.Provisioned, weir.OnDemand)
	w.op = fmt.Sprintf("set mode to %v", mode)
	wait, fault := w.want.SetMode(mode == weir.OnDemand, w.now)
	err := w.set(func(c *weir.Settings) { c.Mode = mode })
	w.sameFault(fault, nil, 0, err)
	var often *weir.LimitError
	if errors.As(err, &often) {
		w.equal(wait, often.RetryAfter)
		w.equal(w.config.ModeSwitchesPerDay, often.Most)
	}
	w.compareCapacity()
}

func (w *twins) setDistribution() {
	d := pick(w.src, weir.DistributeAuto, weir.ByPartitionKey)
	w.op = fmt.Sprintf("distribute %v", d)
	w.sameFault(w.want.SetAuto(d == weir.DistributeAuto, w.now), nil, 0, w.set(func(c *weir.Settings) { c.Distribution = d }))
}

func (w *twins) setWarm() {
	mib := pick(w.src, 0, 1, 2, 8, 9, -1)
	w.op = fmt.Sprintf("set warm throughput to %d MiB/s", mib)
	w.sameFault(w.want.SetWarm(mib, w.now), nil, 0, w.got.SetWarmThroughput(context.Background(), mib))
}

// compareCapacity compares what on-demand mode came to.
func (w *twins) compareCapacity() {
	w.op += ", then capacity"
	w.want.CatchUp(w.now)
	c := w.got.Capacity()
	w.equal(w.want.OnDemand(), c.Mode == weir.OnDemand)
	w.equal(w.want.Auto(), c.Distribution == weir.DistributeAuto)
	w.equal(w.want.Warm(), c.WarmThroughput)
	w.equal(len(w.want.Open()), c.OpenShards)
	bytes, records := w.want.Peak()
	w.equal([2]int64{bytes, records}, [2]int64{c.PeakBytesPerSecond, c.PeakRecordsPerSecond})
	if w.want.OnDemand() {
		w.compareShards()
	}
}

// goOn puts some records into a stream that was saved and will be lost, splits
// a shard of it, and returns the numbers that it gives out.
func (w *twins) goOn(s *weir.Stream) (lost []weir.SequenceNumber) {
	put := func() {
		for i := range 4 {
			if r, err := s.PutRecord(w.t.Context(), fmt.Sprint(i), nil); err == nil {
				lost = append(lost, r.SequenceNumber)
			}
		}
	}
	put()
	for _, sh := range s.Shards() {
		if !sh.ClosedAt.IsZero() {
			continue
		}
		if _, err := s.SplitShard(w.t.Context(), sh.ID, sh.HashKeyRange.Middle()); err == nil {
			put()
			i := slices.IndexFunc(s.Shards(), func(o weir.Shard) bool { return o.ID == sh.ID })
			if i >= 0 {
				lost = append(lost, s.Shards()[i].EndingSequenceNumber)
			}
		}
		break
	}
	return lost
}

// saveAndLoad goes on with the stream as it is saved and loaded. Readers resume
// where they stood, iterators go on as text; subscriptions end.
func (w *twins) saveAndLoad() {
	w.op = "save and load"
	goOn := w.takeAlong()
	before := w.got
	var file bytes.Buffer
	require.NoError(w.t, before.Save(&file), w.op)
	lost := w.goOn(before)
	var err error
	w.got, err = weir.LoadStream(&file, w.engineConfig())
	require.NoError(w.t, err, w.op)
	w.checkAtEnd(w.got)
	for _, n := range lost {
		_, err := w.got.Iterator(w.t.Context(), n.Shard(), weir.AfterSequence(n))
		if !errors.Is(err, weir.ErrShardNotFound) {
			require.ErrorIs(w.t, err, weir.ErrInvalidSequenceNumber, "%s: %v was given out after the save", w.op, n)
		}
	}
	w.want.Load(w.now)
	goOn()
}

// reopen goes on with the stream as it is on disk after it was closed, or after
// a crash, unless that may take back what needs no promise: how far on-demand
// mode has reckoned, what was dropped for memory, which shards had vanished by
// a clock that was set back since.
func (w *twins) reopen() {
	w.op = "reopen"
	goOn := w.takeAlong()
	w.disk.Leave(w.got, w.want.OnDemand() || w.config.DropOldest || w.back || w.src.oneIn(2))
	var err error
	w.got, err = w.disk.Open(w.engineConfig())
	require.NoError(w.t, err, w.op)
	w.checkAtEnd(w.got)
	w.want.Reopen(w.now)
	goOn()
}

// takeAlong returns what lets readers and iterators go on in another process.
func (w *twins) takeAlong() (goOn func()) {
	var readers []heldPlace
	for _, r := range w.readers {
		readers = append(readers, place(r))
	}
	tokens := make(map[weir.Iterator]string)
	for _, it := range w.iterators {
		tokens[it.got] = w.got.Token(it.got)
	}
	return func() { w.resumeAll(readers, tokens) }
}

// resumeAll lets readers and iterators go on, and compares all there is.
func (w *twins) resumeAll(readers []heldPlace, tokens map[weir.Iterator]string) {
	w.subs, w.readers = nil, nil
	for _, p := range readers {
		w.readers = append(w.readers, w.resume(p))
	}
	var kept []heldIterator
	for _, it := range w.iterators {
		got, err := w.got.ParseToken(tokens[it.got])
		if err == nil {
			kept = append(kept, heldIterator{got, it.want})
			continue
		}
		if w.want.Beyond(it.want) { // what it waits for might have been put and lost
			require.ErrorIs(w.t, err, weir.ErrInvalidIterator, w.op)
			continue
		}
		require.ErrorIs(w.t, err, weir.ErrShardNotFound, w.op)
		_, fault := w.want.Iterator(it.want.Shard, model.Position{}, w.now)
		w.equal(model.ShardNotFound, fault)
	}
	w.iterators = kept
	w.compareShards()
	w.compareConsumers()
	w.compareCapacity()
	w.compareMetrics()
}
