// Package memory says how much of it the command may take.
package memory

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
)

// Opened is how a command opens the stream of a directory that it looks into or
// puts to: what is in memory of it is at most half of what the process may
// take, and the rest is read from the disk when it is wanted.
func Opened() weir.Config {
	var c weir.Config
	if bound := Default(); bound > 0 {
		c.MaxBytes, c.WhenFull = bound/2, weir.Spill
	}
	return c
}

// Min is the least bound that leaves room for a request, in bytes.
const Min = 64 << 20

// limitPercent of a bound is where the collector begins to work as hard as it
// must.
const limitPercent = 90

// Limit returns what the collector is told of a bound.
func Limit(bound int64) int64 { return bound / 100 * limitPercent }

// Default returns three quarters of the memory that the process may have:
// what its control group or the machine has. It is the limit itself if the
// environment sets one with GOMEMLIMIT. Zero means that it is not known.
func Default() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return max(limit/limitPercent*100, Min)
	}
	return below("/")
}

// below is Default without the environment, for files below root.
func below(root string) int64 {
	most := machineMemory(filepath.Join(root, "proc/meminfo"))
	if group := groupMemory(root); group > 0 && (most == 0 || group < most) {
		most = group
	}
	if most == 0 {
		return 0
	}
	return max(most/4*3, Min)
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
