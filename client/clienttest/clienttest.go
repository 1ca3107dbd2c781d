// Package clienttest tests implementations of [client.Stream]. One that passes
// [Run] can take the place of any other under what is written against the
// interface.
//
//	func TestStream_conforms(t *testing.T) {
//		clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
//			return newStream(t, shards) // empty, with the service's limits
//		})
//	}
//
// Each test runs in a bubble of testing/synctest, so that a day of retention
// takes no time, and a goroutine that is left behind is a failure. An
// implementation that cannot live in one, or cannot do something else, says so:
// see [Capability].
package clienttest

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/client"
)

// A Capability is what an implementation may lack. Tests that need it are
// skipped then, each with a word; [Run] checks that what is declared is true,
// where that can be seen.
type Capability string

const (
	// Bubble is to live in the time of a testing/synctest bubble. Without it
	// tests that let iterators expire and shards vanish are left out, and the
	// others take the time that they take, side by side.
	Bubble Capability = "Bubble"
	// Limits is to have the service's limits of throughput.
	Limits Capability = "Limits"
	// Resharding is to implement [client.Resharder].
	Resharding Capability = "Resharding"
	// FanOut is to implement [client.Registrar], and to read as a consumer.
	FanOut Capability = "FanOut"
	// SinglePuts is to implement [client.Putter].
	SinglePuts Capability = "SinglePuts"
)

// Run tests an implementation. open returns a new stream with so many open
// shards, no records and no consumers, and removes it with the test's Cleanup;
// with the stream's context and in its bubble, it may do what it likes.
func Run(t *testing.T, open func(t *testing.T, shards int) client.Stream, lacks ...Capability) {
	k := kit{open, lacks}
	k.run(t, test{name: "declares what it lacks", run: k.declares})
	for _, tests := range [][]test{puts, reads, ends, lives} {
		for _, test := range tests {
			if !test.reads {
				k.run(t, test)
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				for _, r := range readings {
					each := test
					each.name = r.name
					each.needs = slices.Concat(test.needs, r.needs)
					each.run = func(st *stand) { st.begin(k.brisk(r.as)); test.run(st) }
					k.run(t, each)
				}
			})
		}
	}
}

// A kit is what Run was given.
type kit struct {
	open  func(t *testing.T, shards int) client.Stream
	lacks []Capability
}

// A test is one promise of the interface.
type test struct {
	name  string
	needs []Capability
	reads bool // once for each way of reading
	run   func(st *stand)
}

// readings are the ways of reading.
var readings = []struct {
	name  string
	as    client.Reading
	needs []Capability
}{
	{"at its best", client.Reading{}, nil},
	{"polling", client.Reading{Polling: true}, nil},
	{"by few", client.Reading{Polling: true, MaxRecords: 7}, nil},
	{"as a consumer", client.Reading{Consumer: "kit"}, []Capability{FanOut}},
}

// brisk makes polling as quick as the service lets it be where that takes real
// time.
func (k kit) brisk(as client.Reading) client.Reading {
	if slices.Contains(k.lacks, Bubble) && as.Consumer == "" {
		as.Interval = time.Second / 5
	}
	return as
}

// run runs a test, in a bubble if that is possible.
func (k kit) run(t *testing.T, test test) {
	t.Run(test.name, func(t *testing.T) {
		for _, need := range test.needs {
			if slices.Contains(k.lacks, need) {
				t.Skipf("lacks %s, as is declared", need)
			}
		}
		if slices.Contains(k.lacks, Bubble) {
			t.Parallel() // most of the time they wait
			test.run(&stand{T: t, kit: k})
			return
		}
		synctest.Test(t, func(t *testing.T) { test.run(&stand{T: t, kit: k}) })
	})
}

func (k kit) declares(st *stand) {
	s := k.open(st.T, 1)
	for c, has := range map[Capability]bool{
		Resharding: is[client.Resharder](s), FanOut: is[client.Registrar](s), SinglePuts: is[client.Putter](s),
	} {
		assert.NotEqual(st, has, slices.Contains(k.lacks, c), "%s is implemented: %t", c, has)
	}
	assert.NotEmpty(st, s.Name())
}

func is[I any](s client.Stream) bool {
	_, ok := s.(I)
	return ok
}
