// Package peers measures weir beside other libraries and emulators: it builds
// and runs the programs that do so, which are in the source checkout.
package peers

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// The bounds of a Config.
const (
	MaxRounds = 1000
	MinSize   = 8
	MaxSize   = 64 << 10
)

// The peers, by the program that measures them.
var (
	embedded = []string{"weir-one-shard", "channel", "memlog", "memlog-sharded", "jetstream", "kfake", "watermill", "pebble",
		"bbolt", "tidwall-wal", "raft-wal"}
	overHTTP = []string{"kinesalite", "kinesis-local"}
)

// Embedded returns the peers that are measured in one process, with weir in it.
func Embedded() []string { return slices.Clone(embedded) }

// OverHTTP returns the peers that are measured over HTTP, beside weir serve.
func OverHTTP() []string { return slices.Clone(overHTTP) }

// A Config says what to measure.
type Config struct {
	// Dir is a directory of the source checkout. Empty means the working
	// directory.
	Dir string
	// Rounds is how many rounds there are, of which the median counts, 1 to
	// [MaxRounds].
	Rounds int
	// Size is the bytes of a record's data, [MinSize] to [MaxSize]. It is
	// always 100 over HTTP.
	Size int
	// Only names the peers to measure. None means all.
	Only []string
	// Embedded leaves out the peers over HTTP.
	Embedded bool
	// Durable measures what is on disk only, which leaves out the peers over HTTP
	// and those that hold records in memory alone.
	Durable bool
	// JSON and Markdown print the result otherwise than for a terminal. Only
	// one may be set.
	JSON, Markdown bool
}

// Check refuses what makes no sense, alone or together, as an error of usage.
func (c Config) Check() error {
	if size := flagval.Size(c.Size); size < MinSize || size > MaxSize {
		return usage.Errorf("--size %v: must be from %d bytes to 64KiB", &size, MinSize)
	}
	for _, name := range c.Only {
		switch {
		case slices.Contains(embedded, name):
		case !slices.Contains(overHTTP, name):
			return usage.Errorf("--only: there is no peer %q; there are %s", name,
				strings.Join(slices.Concat(embedded, overHTTP), ", "))
		case c.Embedded:
			return usage.Errorf("--only %s: it is measured over HTTP, which --embedded leaves out", name)
		case c.Durable:
			return usage.Errorf("--only %s: it is measured over HTTP, which --durable leaves out", name)
		}
	}
	if c.JSON && c.Markdown {
		return usage.Errorf("--json and --markdown exclude each other")
	}
	return nil
}

// chosen returns which of some peers are asked for.
func (c Config) chosen(peers []string) []string {
	if len(c.Only) == 0 {
		return peers
	}
	return slices.DeleteFunc(slices.Clone(peers), func(name string) bool { return !slices.Contains(c.Only, name) })
}

// usesHTTP reports whether peers over HTTP are asked for.
func (c Config) usesHTTP() bool { return !c.Embedded && !c.Durable && len(c.chosen(overHTTP)) > 0 }

// httpArgs are the arguments of aws/peers/run.
func (c Config) httpArgs() []string {
	return []string{"-json", "-rounds", strconv.Itoa(c.Rounds), "-only", "put-record,put-records,get-records",
		"-servers", strings.Join(c.chosen(overHTTP), ",")}
}

// embeddedArgs are the arguments of cmd/weir/peers. It measures unless it is
// only to print what file has; "" is no file.
func (c Config) embeddedArgs(file string, measure bool) []string {
	args := []string{"-size", strconv.Itoa(c.Size)}
	chosen := c.chosen(embedded)
	if !measure || len(chosen) == 0 {
		args = append(args, "-rounds", "0")
	} else {
		args = append(args, "-rounds", strconv.Itoa(c.Rounds), "-only", strings.Join(chosen, ","))
	}
	if c.Durable {
		args = append(args, "-durable")
	}
	if file != "" {
		args = append(args, "-http", file)
	}
	switch {
	case c.JSON:
		args = append(args, "-json")
	case c.Markdown:
		args = append(args, "-markdown")
	}
	return args
}
