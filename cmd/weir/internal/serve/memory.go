package serve

import (
	"cmp"
	"math"
	"runtime/debug"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/memory"
)

// How a bound of memory is divided. What is counted is not all there is: the
// collector needs room, the pools of buffers, stacks and connections take some,
// and an answer is made of records that were read.
const (
	// heldPart of the bound is for what accounts hold: one part in so many.
	heldPart = 2
	// flightPart is for the bodies and events under way. There may be as many bytes
	// again of small ones, and some more of what they are made of.
	flightPart = 16
	minFlight  = kinesisserver.DefaultMaxBodyBytes // or the largest body could not be sent
	// connectionPart is for connections, of connectionBytes each, and as much again
	// for subscriptions.
	connectionPart  = 16
	connectionBytes = 64 << 10
	// coldBytes is what a subscription may hold beside that of records that it reads
	// from the disk: a block.
	coldBytes = 256 << 10
)

// bound divides Config.MaxMemory among what takes memory, and tells the
// collector, until undo is called. What the configuration sets lower stays.
func (c *Config) bound() (undo func()) {
	if c.MaxMemory <= 0 {
		return func() {}
	}
	c.Account.Memory = account.NewMemory(c.MaxMemory / heldPart)
	s := &c.Server
	s.MaxInFlightBytes = lower(s.MaxInFlightBytes, kinesisserver.DefaultMaxInFlightBytes, max(c.MaxMemory/flightPart, minFlight))
	most := int(c.MaxMemory / connectionPart / connectionBytes)
	s.MaxConnections = lower(s.MaxConnections, kinesisserver.DefaultMaxConnections, most)
	if c.Account.Stream.WhenFull == weir.Spill {
		most = int(c.MaxMemory / connectionPart / (connectionBytes + coldBytes))
	}
	s.MaxSubscriptions = lower(s.MaxSubscriptions, kinesisserver.DefaultMaxSubscriptions, most)
	before := debug.SetMemoryLimit(-1)
	if before == math.MaxInt64 { // else GOMEMLIMIT says
		debug.SetMemoryLimit(memory.Limit(c.MaxMemory))
	}
	return func() { debug.SetMemoryLimit(before) }
}

// lower returns the lower of a setting, whose zero means standard and whose
// negative any number, and a bound.
func lower[T int | int64](set, standard, most T) T {
	if set < 0 {
		return most
	}
	return min(cmp.Or(set, standard), most)
}
