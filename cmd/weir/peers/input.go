package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"

	"github.com/goccy/go-yaml"

	"github.com/weirstream/weir/workload"
	"github.com/weirstream/weir/workloads"
)

// An input is the records that peers are measured with.
type input struct {
	name    string // of the ready-made workload, or "" for records that are all alike
	size    int    // bytes of data in a record, on average
	records []record
}

// measure returns how a measure of the input is called.
func (in *input) measure(m measure) measure {
	if in.name == "" {
		return m
	}
	return measure(in.name) + "_" + m
}

// room returns the room that n records need. Any of the workload's keys may be hot.
func (in *input) room(n int) room { return room{records: n, skewed: in.name != ""} }

// readyMade are the workloads that peers are measured with: keys of usual skew, and
// one that most records have.
var readyMade = []string{"clickstream", "hot-key"}

const (
	// workloadRecords are taken from the beginning of a workload, and put again and
	// again.
	workloadRecords = 50_000
	// workloadBytes bounds what they take.
	workloadBytes = 64 << 20
)

// loadWorkload returns the first records of a ready-made workload, without their
// times: everything is put as fast as it goes.
func loadWorkload(name string) (*input, error) {
	text, err := fs.ReadFile(workloads.Files(), name+".yaml")
	if err != nil {
		return nil, err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w, err := workload.Parse(asJSON)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g, err := workload.NewGenerator(w, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer g.Close()
	return takeRecords(name, g)
}

func takeRecords(name string, g *workload.Generator) (*input, error) {
	in, random, total := &input{name: name}, rand.New(rand.NewPCG(1, 2)), 0
	var a workload.Arrival
	for len(in.records) < workloadRecords && total < workloadBytes && g.Next(&a) {
		in.records = append(in.records, newRecord(a.Key.Text, noise(random, a.Bytes)))
		total += a.Bytes
	}
	if err := g.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(in.records) < batchSize {
		return nil, fmt.Errorf("%s: %d records are fewer than a batch", name, len(in.records))
	}
	in.size = total / len(in.records)
	in.records = append(in.records, in.records[:batchSize]...)
	return in, nil
}
