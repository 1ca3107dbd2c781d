// Package leasetest tests implementations of [lease.Store], and has one with
// faults for the tests of those who use a store. One that passes [Run] can take
// the place of any other.
//
//	func TestMemory_conforms(t *testing.T) {
//		leasetest.Run(t, func(t *testing.T) func() lease.Store {
//			m := new(lease.Memory)
//			return func() lease.Store { return m }
//		})
//	}
package leasetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

// Run tests a store. open makes a place without leases, which it removes with
// the test's Cleanup, and returns what opens a store there as another process
// would; a store that is kept in the process is returned each time. A store that
// is an [io.Closer] is closed before the test is over.
func Run(t *testing.T, open func(t *testing.T) func() lease.Store) {
	for _, tests := range [][]test{rows, races} {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				test.run(&place{T: t, open: open(t)})
			})
		}
	}
}

// A test is one promise of the interface.
type test struct {
	name string
	run  func(p *place)
}

// A place is where the leases of one test are.
type place struct {
	*testing.T
	open func() lease.Store
}

// store opens a store, until the test is over.
func (p *place) store() lease.Store {
	s, done := p.opened()
	p.Cleanup(done)
	return s
}

// opened opens a store until done is called.
func (p *place) opened() (s lease.Store, done func()) {
	s = p.open()
	require.NotNil(p, s)
	return s, func() {
		if c, ok := s.(io.Closer); ok {
			assert.NoError(p, c.Close())
		}
	}
}

// create makes leases.
func (p *place) create(s lease.Store, leases ...lease.Lease) {
	p.Helper()
	for _, l := range leases {
		require.NoError(p, s.Create(p.Context(), l))
	}
}

// holds checks which leases there are.
func (p *place) holds(s lease.Store, want ...lease.Lease) {
	p.Helper()
	list, err := s.List(p.Context())
	require.NoError(p, err)
	require.Len(p, list, len(want))
	for i, l := range list {
		p.same(want[i], l)
	}
}

// same checks that two leases are equal, whatever the order of relatives.
func (p *place) same(want, got lease.Lease) {
	p.Helper()
	require.Equal(p, plain(want), plain(got))
}

// plain returns a lease with its relatives in order, and nil for what is empty.
func plain(l lease.Lease) lease.Lease {
	l = l.Clone()
	slices.Sort(l.Parents)
	slices.Sort(l.Children)
	l.State, l.Parents, l.Children = orNil(l.State), orNil(l.Parents), orNil(l.Children)
	return l
}

func orNil[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return s
}

// full returns a lease with something in each field.
func full(key string) lease.Lease {
	return lease.Lease{
		Key: key, Stream: "orders", Owner: "worker-1", Wanted: "worker-2", Counter: 41, Switches: 3,
		Checkpoint: lease.Checkpoint{Sequence: "49590338271490256608559692538361571095921575989136588898", Sub: 7},
		State:      []byte("sum=12"), Parents: []string{"shard-b", "shard-a"}, Children: []string{"shard-d", "shard-c"},
		FirstHashKey: "0", LastHashKey: "340282366920938463463374607431768211455", Throughput: 812.5,
	}
}

// rows are what a store does for one who is alone.
var rows = []test{
	{"a place begins without leases", func(p *place) { p.holds(p.store()) }},
	{"leases are listed by key", func(p *place) {
		s := p.store()
		p.create(s, lease.Lease{Key: "c"}, full("a"), lease.Lease{Key: "b", Counter: 9}, lease.Lease{Key: "B"})
		p.holds(s, lease.Lease{Key: "B"}, full("a"), lease.Lease{Key: "b", Counter: 9}, lease.Lease{Key: "c"})
	}},
	{"many leases are listed", manyLeases},
	{"each field is kept", eachField},
	{"a key is made once", func(p *place) {
		s := p.store()
		p.create(s, full("a"))
		require.ErrorIs(p, s.Create(p.Context(), lease.Lease{Key: "a"}), lease.ErrConflict)
		require.ErrorIs(p, s.Create(p.Context(), full("a")), lease.ErrConflict)
		p.holds(s, full("a"))
	}},
	{"an update counts", func(p *place) {
		s := p.store()
		p.create(s, full("a"), full("b"))
		l := lease.Lease{Key: "a", Counter: 41, Owner: "me"}
		for range 3 {
			got, err := s.Update(p.Context(), l)
			require.NoError(p, err)
			l.Counter++
			p.same(l, got)
			p.holds(s, l, full("b"))
		}
	}},
	{"an update of what has changed returns what is there", func(p *place) {
		s := p.store()
		p.create(s, full("a"))
		for _, counter := range []int64{0, 40, 42, 1 << 40} {
			got, err := s.Update(p.Context(), lease.Lease{Key: "a", Counter: counter, Owner: "me"})
			require.ErrorIs(p, err, lease.ErrConflict, "counter %d", counter)
			p.same(full("a"), got)
		}
		p.holds(s, full("a"))
	}},
	{"an update of what is gone returns nothing", func(p *place) {
		s := p.store()
		for _, counter := range []int64{0, 41} {
			got, err := s.Update(p.Context(), lease.Lease{Key: "a", Counter: counter})
			require.ErrorIs(p, err, lease.ErrConflict)
			p.same(lease.Lease{}, got)
		}
		p.holds(s)
	}},
	{"a delete is of what was seen", func(p *place) {
		s := p.store()
		p.create(s, full("a"), full("b"))
		require.ErrorIs(p, s.Delete(p.Context(), lease.Lease{Key: "a", Counter: 40}), lease.ErrConflict)
		p.holds(s, full("a"), full("b"))
		require.NoError(p, s.Delete(p.Context(), lease.Lease{Key: "a", Counter: 41}))
		require.NoError(p, s.Delete(p.Context(), lease.Lease{Key: "a", Counter: 41}), "it is gone, which is fine")
		require.NoError(p, s.Delete(p.Context(), lease.Lease{Key: "never"}))
		p.holds(s, full("b"))
		p.create(s, lease.Lease{Key: "a"})
		p.holds(s, lease.Lease{Key: "a"}, full("b"))
	}},
	{"what is too large is refused by name", tooLarge},
	{"keys are what they are", keys},
	{"a context that has ended ends a call", func(p *place) {
		s := p.store()
		p.create(s, full("a"))
		ctx, cancel := context.WithCancel(p.Context())
		cancel()
		_, err := s.List(ctx)
		require.ErrorIs(p, err, context.Canceled)
		require.ErrorIs(p, s.Create(ctx, lease.Lease{Key: "b"}), context.Canceled)
		_, err = s.Update(ctx, lease.Lease{Key: "a", Counter: 41})
		require.ErrorIs(p, err, context.Canceled)
		require.ErrorIs(p, s.Delete(ctx, lease.Lease{Key: "a", Counter: 41}), context.Canceled)
		p.holds(s, full("a"))
	}},
	{"nothing is shared", nothingShared},
	{"what was written is there when it is opened again", reopened},
}

func manyLeases(p *place) {
	s := p.store()
	const n = 150
	state := make([]byte, 20<<10) // 3 MB in all: more than a page of a database
	var want []lease.Lease
	for i := range n {
		l := full("shardId-" + strings.Repeat("0", 3) + string([]byte{byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10)}))
		state[0] = byte(i)
		l.State = slices.Clone(state)
		want = append(want, l)
	}
	p.create(s, want...)
	p.holds(s, want...)
}

func eachField(p *place) {
	s := p.store()
	cases := map[string]func(l *lease.Lease){
		"nothing but a key": func(l *lease.Lease) { *l = lease.Lease{Key: l.Key} },
		"everything":        func(l *lease.Lease) { *l = full(l.Key) },
		"empty and not nil": func(l *lease.Lease) { l.State, l.Parents, l.Children = []byte{}, []string{}, []string{} },
		"words of many languages": func(l *lease.Lease) {
			l.Owner, l.Wanted, l.Stream = "wörker 一号", "работник \"'\\\n%_", "🐟"
		},
		"a state of 100 KB":       func(l *lease.Lease) { l.State = noise(100_000) },
		"a state as large as any": func(l *lease.Lease) { l.State = noise(lease.MaxStateBytes) },
		"bytes that are no text":  func(l *lease.Lease) { l.State = []byte{0, 0xff, 0xfe, '\'', 0} },
		"a large counter":         func(l *lease.Lease) { l.Counter = 1<<62 + 1 },
		"many switches":           func(l *lease.Lease) { l.Switches = 1<<62 + 1 },
		"a large index":           func(l *lease.Lease) { l.Checkpoint.Sub = 1<<62 + 1 },
		"the end":                 func(l *lease.Lease) { l.Checkpoint = lease.Checkpoint{Sequence: lease.ShardEnd} },
		"a fraction":              func(l *lease.Lease) { l.Throughput = 1.0 / 3 },
		"a child":                 func(l *lease.Lease) { l.Children = []string{"shard-c"} },
		"many relatives": func(l *lease.Lease) {
			for i := range lease.MaxRelatives {
				l.Parents = append(l.Parents, strings.Repeat("p", i+1))
				l.Children = append(l.Children, strings.Repeat("c", i+1))
			}
		},
	}
	for name, change := range cases {
		p.Run(name, func(t *testing.T) {
			q := &place{T: t, open: p.open}
			l := lease.Lease{Key: name}
			change(&l)
			q.create(s, l)
			q.same(l, q.find(s, name))
			was := full(name)
			was.Key, was.Counter = "updated to "+name, 0
			q.create(s, was)
			l.Key, l.Counter = was.Key, 0
			got, err := s.Update(t.Context(), l)
			require.NoError(t, err)
			l.Counter = 1
			q.same(l, got)
			q.same(l, q.find(s, l.Key))
		})
	}
}

// find returns the lease of a key.
func (p *place) find(s lease.Store, key string) lease.Lease {
	p.Helper()
	list, err := s.List(p.Context())
	require.NoError(p, err)
	i := slices.IndexFunc(list, func(l lease.Lease) bool { return l.Key == key })
	require.GreaterOrEqual(p, i, 0, "no lease %s", key)
	return list[i]
}

// noise returns bytes that no compression makes shorter.
func noise(n int) []byte {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func tooLarge(p *place) {
	s := p.store()
	long := strings.Repeat("x", lease.MaxKeyBytes+1)
	cases := map[string]lease.Lease{
		"key: 0 bytes":       {},
		"key: 1025 bytes":    {Key: long},
		"owner: 1025 bytes":  {Key: "a", Owner: long},
		"state: 262145":      {Key: "a", State: make([]byte, lease.MaxStateBytes+1)},
		"parents: 61 keys":   {Key: "a", Parents: make([]string, lease.MaxRelatives+1)},
		"children: \"b\"":    {Key: "a", Children: []string{"b", "b"}},
		"counter: -1":        {Key: "a", Counter: -1},
		"stream: \"a\\x00\"": {Key: "a", Stream: "a\x00"},
		"wanted: \"\\xff\"":  {Key: "a", Wanted: "\xff"},
	}
	for says, l := range cases {
		require.ErrorContains(p, s.Create(p.Context(), l), says)
		_, err := s.Update(p.Context(), l)
		require.ErrorContains(p, err, says)
		require.NotErrorIs(p, err, lease.ErrConflict)
		require.ErrorContains(p, s.Delete(p.Context(), l), says)
	}
	p.holds(s)
}

func keys(p *place) {
	s := p.store()
	longest := strings.Repeat("k", lease.MaxKeyBytes-1)
	var want []lease.Lease
	for i, key := range []string{
		"..", "../x", "/", "\\", "123456789012:orders:1700000000:shardId-000000000000", "A", "a", "a ", "a%", "a/b", "a:b", "con",
		longest + "a", longest + "b", "ä",
	} {
		want = append(want, lease.Lease{Key: key, Counter: int64(i)})
	}
	slices.SortFunc(want, func(a, b lease.Lease) int { return strings.Compare(a.Key, b.Key) })
	p.create(s, want...)
	p.holds(s, want...)
	for i, l := range want {
		l.Owner = "me"
		got, err := s.Update(p.Context(), l)
		require.NoError(p, err)
		want[i] = got
	}
	p.holds(s, want...)
	for _, l := range want {
		require.NoError(p, s.Delete(p.Context(), l))
	}
	p.holds(s)
}

func nothingShared(p *place) {
	s := p.store()
	spoil := func(l lease.Lease) {
		clear(l.State)
		clear(l.Parents)
		clear(l.Children)
	}
	l := full("a")
	p.create(s, l)
	spoil(l)
	p.holds(s, full("a"))
	list, err := s.List(p.Context())
	require.NoError(p, err)
	spoil(list[0])
	p.holds(s, full("a"))

	l = full("a")
	got, err := s.Update(p.Context(), l)
	require.NoError(p, err)
	spoil(l)
	want := full("a")
	want.Counter++
	p.same(want, got)
	spoil(got)
	p.holds(s, want)

	there, err := s.Update(p.Context(), full("a"))
	require.ErrorIs(p, err, lease.ErrConflict)
	spoil(there)
	p.holds(s, want)
}

func reopened(p *place) {
	s, done := p.opened()
	p.create(s, full("a"), full("b"), full("c"))
	_, err := s.Update(p.Context(), lease.Lease{Key: "b", Counter: 41, Owner: "me"})
	require.NoError(p, err)
	require.NoError(p, s.Delete(p.Context(), lease.Lease{Key: "c", Counter: 41}))
	done()

	s, done = p.opened()
	want := []lease.Lease{full("a"), {Key: "b", Counter: 42, Owner: "me"}}
	p.holds(s, want...)
	p.create(s, full("d"))
	done()
	p.holds(p.store(), append(want, full("d"))...)
}

// isConflict reports whether a write was refused, and fails the test for any
// other error.
func (p *place) isConflict(err error) bool {
	if err != nil && !errors.Is(err, lease.ErrConflict) {
		assert.NoError(p, err)
	}
	return err != nil
}
