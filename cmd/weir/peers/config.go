package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A config says what is run and how it is printed.
type config struct {
	rounds int
	size   int // bytes of data in a record
	peers  []peer
	disk   bool   // what is on disk only
	quick  bool   // a twentieth of the records
	http   string // file with what aws/peers found, or ""
	format string // of the output
}

// The formats of the output.
const (
	formatText     = "text"
	formatMarkdown = "markdown"
	formatJSON     = "json"
)

// Bounds of the flags.
const (
	defaultRounds = 5
	maxRounds     = 1000
	defaultSize   = 100
	maxSize       = 64 << 10
)

// parse reads the command line.
func parse(args []string, output io.Writer) (c config, err error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		fmt.Fprintf(output, "Measures weir beside other Go libraries: %s.\n", strings.Join(names(peers[1:]), ", "))
		flags.PrintDefaults()
	}
	flags.IntVar(&c.rounds, "rounds", defaultRounds, "`rounds` of which the median counts; 0 measures nothing")
	size := flags.String("size", "100B", "data of a record in `bytes`, such as 100B or 1KiB")
	only := flags.String("only", "", "`peers` to measure beside weir, separated by commas; none is weir alone")
	flags.BoolVar(&c.disk, "durable", false, "measure what is on disk only")
	flags.BoolVar(&c.quick, "quick", false, "measure with a twentieth of the records, to try out")
	flags.StringVar(&c.http, "http", "", "add what is in the `file` that aws/peers wrote with -json")
	asJSON := flags.Bool("json", false, "print one JSON object")
	markdown := flags.Bool("markdown", false, "print tables in Markdown")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if c.rounds < 0 || c.rounds > maxRounds {
		return c, fmt.Errorf("-rounds %d: must be a number from 0 to %d", c.rounds, maxRounds)
	}
	if c.size, err = parseSize(*size); err != nil {
		return c, fmt.Errorf("-size %s: %w", *size, err)
	}
	if c.peers, err = choose(*only); err != nil {
		return c, fmt.Errorf("-only %s: %w", *only, err)
	}
	if c.disk {
		c.peers = slices.DeleteFunc(slices.Clone(c.peers), func(p peer) bool { return p.openDisk == nil })
	}
	c.format, err = format(*asJSON, *markdown)
	return c, err
}

func format(asJSON, markdown bool) (string, error) {
	switch {
	case asJSON && markdown:
		return "", errors.New("-json and -markdown exclude each other")
	case asJSON:
		return formatJSON, nil
	case markdown:
		return formatMarkdown, nil
	}
	return formatText, nil
}

// parseSize reads a number of bytes with or without a unit, B or KiB.
func parseSize(s string) (int, error) {
	unit, number := 1, s
	if n, ok := strings.CutSuffix(s, "KiB"); ok {
		unit, number = 1024, n
	} else if n, ok := strings.CutSuffix(s, "B"); ok {
		number = n
	}
	n, err := strconv.Atoi(number)
	if err != nil || n > maxSize/unit || n*unit < stampBytes {
		return 0, fmt.Errorf("must be from %d to %d bytes, such as 100B or 1KiB", stampBytes, maxSize)
	}
	return n * unit, nil
}

// choose returns weir and the peers with these names, all if there are none, in
// the order of the table.
func choose(list string) ([]peer, error) {
	if list == "" {
		return peers, nil
	}
	wanted := strings.Split(list, ",")
	if list == "none" {
		wanted = nil
	}
	for _, name := range wanted {
		if !slices.Contains(names(peers), name) {
			return nil, fmt.Errorf("there is no %q; there are %s", name, strings.Join(names(peers), ", "))
		}
	}
	var chosen []peer
	for _, p := range peers {
		if p.name == nameWeir || slices.Contains(wanted, p.name) {
			chosen = append(chosen, p)
		}
	}
	return chosen, nil
}

func names(list []peer) []string {
	var all []string
	for _, p := range list {
		all = append(all, p.name)
	}
	return all
}

// quickPart is by how much a quick run does less.
const quickPart = 20

// atLeast returns how long a cell is repeated that takes less.
func (c config) atLeast() time.Duration {
	if c.quick {
		return 300 * time.Millisecond / quickPart
	}
	return 300 * time.Millisecond
}

// The same disk takes other times for a sync from one second to the next. So that
// all peers meet the same, they take short turns, several in a round.
const (
	diskTime  = 200 * time.Millisecond
	diskTurns = 5
)

// turns returns how often all peers take a part in a round.
func (c config) turns(p part) int {
	if p.onDisk && !c.quick {
		return diskTurns
	}
	return 1
}

// diskTime returns how long records are put into a log on disk.
func (c config) diskTime() time.Duration {
	if c.quick {
		return diskTime / quickPart
	}
	return diskTime
}

// scaled returns how many records of an input stand for n of the default size: as
// many bytes, in whole batches.
func (c config) scaled(n, size int) int {
	if c.quick {
		n /= quickPart
	}
	if size > defaultSize {
		n = n * (keyBytes + defaultSize) / (keyBytes + size)
	}
	return max(1, n/batchSize) * batchSize
}
