package store_test

import (
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/internal/notes"
	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/store"
)

// A shard is a log and what a store has of it.
type shard struct {
	log    shardlog.Log
	stored *store.Shard[*shard]
}

// A rig is a store with one shard.
type rig struct {
	t    *testing.T
	disk *journaltest.FS
	s    *store.Store[*shard]
	sh   *shard
}

func newRig(t *testing.T, o journal.Options[store.Touch[*shard]]) *rig {
	r := &rig{t: t, disk: journaltest.New(), sh: new(shard)}
	r.sh.log.Init(shardlog.Options{})
	r.s = store.New(store.Options[*shard]{
		Journal:  o,
		Show:     func(sh *shard, upTo uint64) { sh.log.PublishTo(upTo) },
		TakeBack: func(sh *shard, _ shardlog.Extent) { sh.log.Retract() },
	})
	r.sh.stored = r.s.Add(r.sh, &r.sh.log, store.ShardState{ID: 0, About: []byte(`"zero"`)})
	d, err := journal.Claim(r.disk)
	require.NoError(t, err)
	require.NoError(t, r.s.Create(d, []byte(`"new"`)))
	return r
}

// put notes a record and appends it.
func (r *rig) put(sh *shard, data string) error {
	g, err := sh.stored.Record("k", []byte(data), 1)
	if err != nil {
		return err
	}
	sh.log.Append("k", []byte(data), 1)
	return r.s.Commit(g)
}

// written is what a journal says, in order.
type written struct {
	states  []store.State // of heads and of changes
	records []string
}

func (w *written) Head(_ uint64, state []byte) error { return w.state(state) }

func (w *written) Repaired(uint64, []byte) error { return nil }

func (w *written) state(text []byte) error {
	var s store.State
	err := json.Unmarshal(text, &s)
	w.states = append(w.states, s)
	return err
}

func (w *written) Group(_ uint64, b []byte) error {
	for in := notes.NewReader(b); ; {
		n, err := in.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n.Kind == notes.KindChange:
			err = w.state(n.Text)
		case n.Kind == notes.KindRun:
			for range n.Count {
				_, data, _ := in.Record()
				w.records = append(w.records, fmt.Sprint(n.Shard, " ", string(data)))
			}
		case n.Kind == notes.KindCopies:
			_, data, _ := in.Record()
			w.records = append(w.records, fmt.Sprint(n.Shard, " ", n.Count, "x", string(data)))
		}
		if err != nil {
			return err
		}
	}
}

// read returns what is on disk.
func (r *rig) read() *written {
	d, err := journal.Claim(r.disk)
	require.NoError(r.t, err)
	defer d.Close()
	w := new(written)
	found, err := d.Replay(w, true)
	require.NoError(r.t, err)
	found.Abandon()
	return w
}

func (r *rig) open(sh *shard, id int64) store.Change[*shard] {
	sh.log.Init(shardlog.Options{})
	return store.Change[*shard]{
		Stream: []byte(`"split"`), Set: map[int64][]byte{0: []byte(`"closed"`)},
		Open: []store.Opening[*shard]{{Of: sh, Log: &sh.log, ID: id, About: []byte(`"one"`), Into: &sh.stored}},
	}
}

func TestStore_notesRecordsAndChanges(t *testing.T) {
	r := newRig(t, journal.Options[store.Touch[*shard]]{})
	require.NoError(t, r.put(r.sh, "a"))
	child := new(shard)
	require.NoError(t, r.s.Change(r.open(child, 1)))
	require.NoError(t, r.put(child, "b"))
	g, err := child.stored.Copies("k", []byte("c"), 3, 2)
	require.NoError(t, err)
	child.log.AppendCopies("k", []byte("c"), 2, 3)
	require.NoError(t, r.s.Commit(g))
	assert.EqualValues(t, 5, child.log.End())
	require.NoError(t, r.s.Close())
	require.NoError(t, r.s.Close(), "twice")
	assert.ErrorIs(t, r.put(r.sh, "later"), journal.ErrClosed)

	w := r.read()
	assert.Equal(t, []string{"0 a", "1 b", "1 3xc"}, w.records)
	require.Len(t, w.states, 2)
	assert.Equal(t, store.State{Stream: []byte(`"split"`), Shards: []store.ShardState{
		{ID: 0, About: []byte(`"closed"`), First: 1, End: 2, Bytes: 2, LastMs: 1}, {ID: 1, About: []byte(`"one"`), First: 1, End: 1},
	}}, w.states[1])
}

// What a full disk refuses is taken back before anything else is noted, a
// change and what came after it while it was being written: the next file's
// head knows nothing of it.
func TestStore_takesBackChangesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, journal.Options[store.Touch[*shard]]{FileBytes: 1})
		require.NoError(t, r.put(r.sh, "a"))
		full := make(chan struct{})
		r.disk.FailWith(func(op journaltest.Op) error {
			if op.Kind == "write" {
				<-full
				return syscall.ENOSPC
			}
			return nil
		})
		errs := make(chan error, 2)
		require.NoError(t, r.s.ChangeLater(r.open(new(shard), 1)))
		go func() { errs <- r.put(r.sh, "refused") }()
		synctest.Wait()
		require.NoError(t, r.s.ChangeLater(store.Change[*shard]{Stream: []byte(`"later"`)}))
		go func() { errs <- r.put(r.sh, "refused") }()
		synctest.Wait()
		close(full)
		for range 2 {
			assert.ErrorIs(t, <-errs, syscall.ENOSPC)
		}
		assert.EqualValues(t, 2, r.sh.log.End())
		assert.EqualValues(t, 2, r.sh.log.Next())

		r.disk.FailWith(nil)
		require.NoError(t, r.put(r.sh, "b"))
		r.s.Abandon()
		w := r.read()
		assert.Equal(t, []string{"0 a", "0 b"}, w.records)
		for _, s := range w.states {
			assert.Equal(t, `"new"`, string(s.Stream))
			require.Len(t, s.Shards, 1)
			assert.Equal(t, `"zero"`, string(s.Shards[0].About))
		}
		assert.EqualValues(t, 3, w.states[len(w.states)-1].Shards[0].End)
	})
}

// A store that is closed leaves the files alone, whatever is trimmed later: the
// directory may be somebody else's by then.
func TestStore_removesNothingAfterClose(t *testing.T) {
	r := newRig(t, journal.Options[store.Touch[*shard]]{FileBytes: 1})
	for range 5 {
		require.NoError(t, r.put(r.sh, "a"))
	}
	r.sh.log.TrimTo(3)
	r.s.Sweep()
	files := len(r.disk.Files())
	assert.Equal(t, 4, files, "three records, and the one that is being written")
	require.NoError(t, r.s.Close())
	r.sh.log.TrimTo(6)
	r.s.Sweep()
	assert.Len(t, r.disk.Files(), files)
	assert.Equal(t, []string{"0 a", "0 a", "0 a"}, r.read().records)
}

// What was acknowledged before it was written is written as soon as the disk
// has room, though nobody notes anything more; and by Close.
func TestStore_intervalTriesAgain(t *testing.T) {
	for _, closing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, journal.Options[store.Touch[*shard]]{Policy: journal.Interval, Every: time.Second})
			r.disk.FailWith(func(op journaltest.Op) error {
				if op.Kind == "write" {
					return syscall.ENOSPC
				}
				return nil
			})
			require.NoError(t, r.put(r.sh, "a"))
			time.Sleep(10500 * time.Millisecond)
			synctest.Wait()
			assert.ErrorIs(t, r.s.Stats().Refused, syscall.ENOSPC)
			r.disk.FailWith(nil)
			if closing {
				require.NoError(t, r.s.Close())
			} else {
				time.Sleep(time.Second)
				synctest.Wait()
				assert.NoError(t, r.s.Stats().Refused)
				r.s.Abandon()
			}
			assert.Equal(t, []string{"0 a"}, r.read().records)
		})
	}
}
