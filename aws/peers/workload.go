package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A workload is a load that all servers are put under.
type workload struct {
	id, name string
	unit     string // of what is counted
	conns    int
	shards   int
	perCall  int  // units in a call
	reads    bool // and changes nothing
	// prepare fills a stream with what is read, and returns what to send.
	prepare func(a api, stream string) (prepared, error)
}

// prepared is what is sent, and how large the answer to each is.
type prepared struct {
	operation string
	bodies    []string
	answer    int
}

const (
	getRecordsSize = 10_000
	shards         = 4
)

var workloads = []workload{
	{"put-records", "PutRecords, 500 × 100 B, 4 connections", "records/s", 4, shards, batchSize, false, preparePutRecords},
	{"get-records", "GetRecords, 10,000 × 100 B, 4 connections", "records/s", 4, 1, getRecordsSize, true, prepareGetRecords},
	{"put-record", "PutRecord, 100 B, 16 connections", "calls/s", 16, shards, 1, false, preparePutRecord},
}

func preparePutRecords(a api, stream string) (p prepared, err error) {
	p.operation = "PutRecords"
	for i := range distinct {
		p.bodies = append(p.bodies, putRecords(stream, i))
	}
	if err = a.putBatch(stream, 0); err == nil {
		p.answer, err = a.call(p.operation, json.RawMessage(p.bodies[0]), nil)
	}
	return p, err
}

func preparePutRecord(a api, stream string) (p prepared, err error) {
	p.operation = "PutRecord"
	for i := range distinct * batchSize {
		p.bodies = append(p.bodies, putRecord(stream, i))
	}
	p.answer, err = a.call(p.operation, json.RawMessage(p.bodies[0]), nil)
	return p, err
}

func prepareGetRecords(a api, stream string) (p prepared, err error) {
	p.operation = "GetRecords"
	if err = a.fill(stream, getRecordsSize/batchSize); err != nil {
		return p, err
	}
	iterator, err := a.iterator(stream)
	if err != nil {
		return p, err
	}
	p.bodies = []string{fmt.Sprintf(`{"ShardIterator":%q}`, iterator)}
	var out struct{ Records []json.RawMessage }
	p.answer, err = a.call(p.operation, json.RawMessage(p.bodies[0]), &out)
	if err == nil && len(out.Records) != getRecordsSize {
		err = fmt.Errorf("GetRecords: %d records", len(out.Records))
	}
	return p, err
}

// requests returns the requests that are sent to a path.
func (p prepared) requests(path string) [][]byte {
	requests := make([][]byte, len(p.bodies))
	for i, body := range p.bodies {
		requests[i] = request(path, p.operation, body)
	}
	return requests
}

// A round is what one server did in one round.
type round struct {
	rate   float64       // units a second
	cpu    time.Duration // of the server, for each unit
	client time.Duration // of the client, for each unit
}

// times says how long a server is measured in a round: long enough for some calls
// of the slow ones, and short enough for the fast ones' records to fit into memory.
func times(name string) time.Duration {
	if name == nameKinesalite || name == nameMock {
		return 1500 * time.Millisecond
	}
	return 700 * time.Millisecond
}

// A contender is a server under a workload.
type contender struct {
	*server
	prepared
	stream string
	path   string // of its requests
}

// measure puts the servers under a workload, one after the other in each round, and
// returns their rounds by name, those before an error or the end of ctx too. Servers
// whose turn it is not are stopped.
func measure(ctx context.Context, w workload, servers []*server, rounds int) (map[string][]round, error) {
	contenders := make([]contender, len(servers))
	results := make(map[string][]round)
	for n := range rounds + 1 {
		for i, s := range servers {
			if s.name == nameMock && n > (rounds+1)/2 {
				continue // it is slow, and far away
			}
			if ctx.Err() != nil {
				return results, context.Cause(ctx)
			}
			c := &contenders[i]
			c.server = s
			s.resume()
			r, err := w.round(c, contenders[0].prepared)
			s.pause()
			if err != nil {
				return results, fmt.Errorf("%s: %s: %w", s.name, w.id, err)
			}
			if n > 0 { // the first warms up
				results[s.name] = append(results[s.name], r)
			}
		}
	}
	for _, c := range contenders {
		c.resume()
		c.leave()
		c.pause()
	}
	return results, nil
}

// round measures one server. The null server gets what the first server got.
func (w workload) round(c *contender, first prepared) (r round, err error) {
	if c.name == nameNull {
		c.prepared, c.path = first, fmt.Sprintf("/%d", first.answer)
	} else if err := w.enter(c); err != nil {
		return r, err
	}
	requests := c.requests(c.path)
	server, client := c.processor(), ownProcessor()
	calls, took, err := drive(c.addr, w.conns, requests, times(c.name))
	if err != nil {
		return r, err
	}
	units := calls * w.perCall
	r.rate = float64(units) / took.Seconds()
	r.cpu = (c.processor() - server) / time.Duration(units)
	r.client = (ownProcessor() - client) / time.Duration(units)
	return r, nil
}

// enter gives a server a stream: a new one in each round, unless it is only read.
func (w workload) enter(c *contender) (err error) {
	if c.stream != "" && w.reads {
		return nil
	}
	c.leave()
	c.stream, c.path = uniqueStream(w.id), "/"
	if err := c.create(c.stream, w.shards); err != nil {
		return err
	}
	c.prepared, err = w.prepare(c.api, c.stream)
	return err
}

// leave deletes the server's stream.
func (c *contender) leave() {
	if c.stream != "" {
		c.remove(c.stream)
	}
}

func rates(rounds []round) []float64 { return each(rounds, func(r round) float64 { return r.rate }) }

func each[T any](list []T, f func(T) float64) []float64 {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = f(v)
	}
	return values
}

// median returns the middle of some values, and 0 for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
