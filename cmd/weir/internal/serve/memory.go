package serve

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
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
	// limitPercent is where the collector begins to work as hard as it must.
	limitPercent = 90
)

// MinMemory is the least bound that leaves room for a request.
const MinMemory = 64 << 20

// DefaultMemory returns three quarters of the memory that the process may have:
// what its control group or the machine has. It is the limit itself if the
// environment sets one with GOMEMLIMIT. Zero means that it is not known.
func DefaultMemory() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return max(limit/limitPercent*100, MinMemory)
	}
	return defaultMemory("/")
}

// defaultMemory is DefaultMemory without the environment, for files below root.
func defaultMemory(root string) int64 {
	most := machineMemory(filepath.Join(root, "proc/meminfo"))
	if group := groupMemory(root); group > 0 && (most == 0 || group < most) {
		most = group
	}
	if most == 0 {
		return 0
	}
	return max(most/4*3, MinMemory)
}

// machineMemory reads how much memory the machine has; zero if it cannot tell.
func machineMemory(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// groupMemory reads the least bound of the process's control group and those
// around it, of either version; zero if there is none.
func groupMemory(root string) (least int64) {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		base, file := "sys/fs/cgroup", "memory.max"
		if controllers != "" { // version 1
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		if controllers != "" && controllers != "memory" {
			continue
		}
		for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
			if n := readBytes(filepath.Join(root, base, path, file)); n > 0 && (least == 0 || n < least) {
				least = n
			}
			if path == "/" {
				break
			}
		}
	}
	return least
}

// readBytes reads a number from a file. Version 1 says a number that no machine
// has, and version 2 "max", where there is no bound.
func readBytes(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= math.MaxInt64>>12 {
		return 0
	}
	return n
}

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
		debug.SetMemoryLimit(c.MaxMemory / 100 * limitPercent)
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
