package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownProcessor returns the processor time that this process, the client, has used.
func ownProcessor() time.Duration {
	var use syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// A footprint is what a server takes of the machine.
type footprint struct {
	startups  []float64 // seconds
	idle      int64     // bytes resident after the start
	perRecord float64   // bytes resident for each record stored
	records   int
}

// starts says how often a server is started, and stored how many records it is
// given to keep.
func (k kind) starts() (starts, stored int) {
	switch k.name {
	case nameWeir:
		return 20, 2_000_000
	case nameKinesalite:
		return 3, 40_000
	}
	return 3, 5_000
}

// footprint starts a server some times, and fills the last one.
func (k kind) footprint(ctx context.Context) (f footprint, err error) {
	starts, stored := k.starts()
	for n := range starts {
		s, err := k.start(ctx)
		if err != nil {
			return f, err
		}
		f.startups = append(f.startups, s.startup.Seconds())
		if n == starts-1 {
			err = f.fill(s, stored)
		}
		s.stop()
		if err != nil {
			return f, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return f, nil
}

// fill measures a server without records and with so many.
func (f *footprint) fill(s *server, stored int) (err error) {
	if f.idle, err = s.settled(); err != nil {
		return err
	}
	const stream = "memory"
	if err := s.create(stream, shards); err != nil {
		return err
	}
	requests := make([][]byte, distinct)
	for i := range requests {
		requests[i] = request("/", "PutRecords", putRecords(stream, i))
	}
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for n := range stored / batchSize {
		if err := c.ok(requests[n%distinct]); err != nil {
			return fmt.Errorf("PutRecords: %w", err)
		}
	}
	full, err := s.settled()
	f.records = stored / batchSize * batchSize
	f.perRecord = float64(full-f.idle) / float64(f.records)
	return err
}

// settled returns a server's resident memory once it does not rise any more.
func (s *server) settled() (int64, error) {
	const interval, most = 100 * time.Millisecond, 20
	last, err := s.resident()
	for range most {
		time.Sleep(interval)
		now, err := s.resident()
		if err != nil || now <= last {
			return now, err
		}
		last = now
	}
	return last, err
}

// A handlerRate is what one benchmark of the handler alone found: records a second,
// of the clock and of the processor.
type handlerRate struct{ clock, processor []float64 }

// handler runs the benchmarks of the handler alone, and returns their rounds by
// name.
func handler(ctx context.Context, test string, rounds int) (map[string]*handlerRate, error) {
	const pattern = "(PutRecords|GetRecords)/protocol=json"
	out, err := exec.CommandContext(ctx, test, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime=300ms",
		"-test.count="+strconv.Itoa(rounds)).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", test, err, out)
	}
	results := make(map[string]*handlerRate)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			value, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				continue
			}
			if results[fields[0]] == nil {
				results[fields[0]] = new(handlerRate)
			}
			r := results[fields[0]]
			switch fields[i] {
			case "records/s":
				r.clock = append(r.clock, value)
			case "records/cpu-s":
				r.processor = append(r.processor, value)
			}
		}
	}
	return results, nil
}
