package consumer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

const failover, patience = 10 * time.Second, 30 * time.Second

func newMachine() consumer.Machine {
	return consumer.NewMachine(consumer.Config{Worker: "me", Failover: failover, Patience: patience})
}

// owned returns a lease that somebody has.
func owned(key, owner string, counter int64) lease.Lease {
	return lease.Lease{Key: key, Owner: owner, Counter: counter, Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}
}

func TestMachine_takesWhatHasNotMovedForLongerThanTheFailoverTime(t *testing.T) {
	m := newMachine()
	at := time.Hour // clocks begin anywhere
	m.List(at, owned("a", "other", 7))
	take, _, next := m.Decide(at)
	assert.Empty(t, take, "it may have been renewed just now")
	assert.Equal(t, at+failover+1, next)
	take, _, _ = m.Decide(at + failover)
	assert.Empty(t, take)
	take, _, _ = m.Decide(at + failover + 1)
	assert.Equal(t, []string{"a"}, take)

	m.List(at+failover, owned("a", "other", 8))
	take, _, _ = m.Decide(at + 2*failover)
	assert.Empty(t, take, "its counter has moved")
	take, _, _ = m.Decide(at + 2*failover + 1)
	assert.Equal(t, []string{"a"}, take)
}

func TestMachine_takesItsShareOfWhatIsFree(t *testing.T) {
	for _, row := range []struct {
		name string
		most int
		rows []lease.Lease
		want int
	}{
		{"alone", 0, []lease.Lease{owned("a", "", 0), owned("b", "", 0), owned("c", "", 0)}, 3},
		{"alone, bounded", 2, []lease.Lease{owned("a", "", 0), owned("b", "", 0), owned("c", "", 0)}, 2},
		{"one of two", 0, []lease.Lease{owned("a", "", 0), owned("b", "", 0), owned("c", "other", 1), owned("d", "", 0)}, 2},
		{"rounded up", 0, []lease.Lease{owned("a", "", 0), owned("b", "", 0), owned("c", "other", 1)}, 2},
		{"enough already", 0, []lease.Lease{owned("a", "me", 1), owned("b", "", 0), owned("c", "other", 1)}, 1},
		{"one at its end is nobody's", 0, []lease.Lease{{Key: "a", Checkpoint: lease.Checkpoint{Sequence: lease.ShardEnd}}}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := consumer.NewMachine(consumer.Config{Worker: "me", MaxLeases: row.most})
			m.List(1, row.rows...)
			take, ask, _ := m.Decide(1)
			assert.Len(t, take, row.want)
			assert.Empty(t, ask)
		})
	}
}

func TestMachine_asksOnlyWhereTheOwnerKeepsAsMany(t *testing.T) {
	for _, row := range []struct {
		name string
		rows []lease.Lease
		asks bool
	}{
		{"none against one", []lease.Lease{owned("a", "other", 1)}, false},
		{"none against two", []lease.Lease{owned("a", "other", 1), owned("b", "other", 1)}, true},
		{"one against two", []lease.Lease{owned("a", "other", 1), owned("b", "other", 1), owned("c", "me", 1)}, false},
		{"one against three", []lease.Lease{owned("a", "other", 1), owned("b", "other", 1), owned("d", "other", 1), owned("c", "me", 1)}, true},
		{"none against two of which one is asked for", []lease.Lease{owned("a", "other", 1), {Key: "b", Owner: "other", Wanted: "third"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMachine()
			m.List(1, row.rows...)
			take, ask, _ := m.Decide(1)
			assert.Empty(t, take)
			assert.Equal(t, row.asks, ask != "", ask)
		})
	}
}

func TestMachine_asksForOneAtATimeAndTakesItByForceAfterThePatience(t *testing.T) {
	m := newMachine()
	rows := []lease.Lease{owned("a", "other", 1), owned("b", "other", 1), owned("c", "other", 1), owned("d", "other", 1)}
	now := time.Minute
	m.List(now, rows...)
	_, ask, _ := m.Decide(now)
	m.Asked(ask, now)
	for i := range rows {
		if rows[i].Key == ask {
			rows[i].Wanted = "me"
		}
	}
	for ; now <= time.Minute+patience; now += failover / 3 {
		for i := range rows {
			rows[i].Counter++ // the owner is alive
		}
		m.List(now, rows...)
		take, another, _ := m.Decide(now)
		assert.Empty(t, take)
		assert.Empty(t, another, "one at a time")
	}
	take, _, _ := m.Decide(time.Minute + patience)
	assert.Empty(t, take)
	take, _, _ = m.Decide(time.Minute + patience + 1)
	assert.Equal(t, []string{ask}, take)
}

func TestMachine_blocksAChildUntilEveryParentThatHasALeaseIsAtItsEnd(t *testing.T) {
	child := lease.Lease{Key: "c", Parents: []string{"a", "b"}}
	ended := func(key string) lease.Lease {
		return lease.Lease{Key: key, Checkpoint: lease.Checkpoint{Sequence: lease.ShardEnd}}
	}
	for _, row := range []struct {
		name string
		rows []lease.Lease
		want bool
	}{
		{"no parent has a lease", nil, false},
		{"one is at work", []lease.Lease{owned("a", "x", 1)}, true},
		{"the other is at work", []lease.Lease{ended("a"), owned("b", "x", 1)}, true},
		{"both are at their end", []lease.Lease{ended("a"), ended("b")}, false},
		{"one at its end, the other without a lease", []lease.Lease{ended("b")}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMachine()
			m.List(1, append(row.rows, child)...)
			assert.Equal(t, row.want, m.Blocked(child))
		})
	}
}

func TestMachine_aLeaseIsDisposableWhenItsChildrenHaveBegun(t *testing.T) {
	ended := lease.Lease{Key: "b", Parents: []string{"a"}, Children: []string{"c"}, Checkpoint: lease.Checkpoint{Sequence: lease.ShardEnd}}
	begun := lease.Lease{Key: "c", Checkpoint: lease.Checkpoint{Sequence: "123"}}
	for _, row := range []struct {
		name string
		rows []lease.Lease
		want []string
	}{
		{"its child has no lease", []lease.Lease{ended}, nil},
		{"its child has not begun", []lease.Lease{ended, owned("c", "x", 1)}, nil},
		{"its child has begun", []lease.Lease{ended, begun}, []string{"b"}},
		{"its parent is still there", []lease.Lease{ended, begun, owned("a", "x", 1)}, nil},
		{"its parent goes before it", []lease.Lease{ended, begun, {Key: "a", Children: []string{"b"}, Checkpoint: ended.Checkpoint}}, []string{"a", "b"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMachine()
			m.List(1, row.rows...)
			assert.Equal(t, row.want, m.Disposable())
		})
	}
}
