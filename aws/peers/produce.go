package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/client"
)

const partProduce = "produce"

// produceTime is how long a way of putting has in a round: the least that lets the
// start of a producer not count.
const produceTime = 700 * time.Millisecond

// A produceGoal is a ratio of rates that is to be reached.
type produceGoal struct {
	id, text string
	is, base string  // ways
	must     float64 // zero: it is only told
	moonshot float64 // zero: there is none
}

var produceGoals = []produceGoal{
	{"P3", "weir's producer ÷ PutRecords of 500 by the SDK", wayWeir, wayCalls, 0.8, 0},
	{"P3", "the same, aggregating", wayWeirPacked, wayCalls, 0.8, 3},
	{"–", "the same ÷ prepared requests, which cost the client nothing", wayWeirPacked, wayRaw, 0, 0},
	{"P4", "weir's producer ÷ a8m/kinesis-producer", wayWeir, wayA8M, 3, 10},
	{"P4", "the same, both aggregating", wayWeirPacked, wayA8MPacked, 3, 10},
	{"–", "what packing needs at least ÷ a8m/kinesis-producer, aggregating", wayFloor, wayA8MPacked, 0, 0},
}

// noise is by how much a must may be missed, because others use the machine.
const noise = 0.1

// produce has each way put to a stream of its own in each round. Which of them
// begins changes.
func (b bench) produce(ctx context.Context, weir *server, r *report) error {
	if !b.runs(partProduce) {
		return nil
	}
	fmt.Fprintln(os.Stderr, "produce")
	weir.resume()
	defer weir.pause()
	r.produced = make(map[string][]round)
	for n := range b.rounds + 1 {
		for i := range ways {
			way := ways[(n+i)%len(ways)]
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			// The first warms up, and shows that all that is told to be stored is.
			d, check := produceTime, n == 0
			if check {
				d /= 10
			}
			one, err := way.put.round(weir, d, check)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			if n > 0 {
				r.produced[way.name] = append(r.produced[way.name], one)
			}
		}
	}
	return nil
}

// round measures one way once.
func (p putting) round(s *server, d time.Duration, check bool) (r round, err error) {
	stream := uniqueStream(partProduce)
	if err := s.create(stream, shards); err != nil {
		return r, err
	}
	defer s.remove(stream)
	server, own := s.processor(), ownProcessor()
	records, took, err := p(s.addr, stream, d)
	if err != nil {
		return r, err
	}
	r.rate = float64(records) / took.Seconds()
	r.cpu = (s.processor() - server) / time.Duration(records)
	r.client = (ownProcessor() - own) / time.Duration(records)
	if check {
		stored, err := count(s.addr, stream)
		if err != nil {
			return r, err
		}
		if stored != records {
			return r, fmt.Errorf("%d records were put, %d are stored", records, stored)
		}
	}
	return r, nil
}

// count returns how many user records a stream has.
func count(addr, stream string) (n int, err error) {
	ctx := context.Background()
	s, err := kinesisclient.New(sdk(addr), stream)
	if err != nil {
		return 0, err
	}
	list, err := s.Shards(ctx)
	if err != nil {
		return 0, err
	}
	for _, shard := range list {
		r, err := s.Read(ctx, shard.ID, weir.TrimHorizon(), client.Reading{Polling: true, Interval: -1})
		if err != nil {
			return 0, err
		}
		// Some of the producers put misplaced records, which are stored anyway.
		d := aggregate.Decoder{Anyway: true}
		for {
			batch, err := r.Next(ctx)
			if err != nil {
				return 0, errors.Join(err, r.Close())
			}
			for _, record := range batch.Records {
				for range d.Records(record) {
					n++
				}
			}
			if batch.Behind == 0 {
				break
			}
		}
		if err := r.Close(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (r *report) printProduced(w io.Writer) {
	if len(r.produced) == 0 {
		return
	}
	rows := [][]string{{"100 B a record, one process", "records/s", "µs of its processor time for each", "of the server's"}}
	for _, way := range ways {
		rounds := r.produced[way.name]
		rows = append(rows, []string{way.name, spread(rounds),
			micros(median(each(rounds, func(r round) float64 { return r.client.Seconds() }))), cost(rounds)})
	}
	table(w, rows...)
	rows = [][]string{{"goal", "ratio", "range", "by processor time", "at least", "moonshot", ""}}
	for _, g := range produceGoals {
		ratios := g.ratios(r.produced)
		if len(ratios) == 0 {
			continue
		}
		rows = append(rows, []string{g.id + ": " + g.text, fmt.Sprintf("**%.2f**", median(ratios)),
			fmt.Sprintf("%.2f–%.2f", slices.Min(ratios), slices.Max(ratios)),
			fmt.Sprintf("%.2f", median(g.processorRatios(r.produced))), orDash(g.must), orDash(g.moonshot), g.verdict(ratios)})
	}
	table(w, rows...)
}

// orDash prints a bound, if there is one.
func orDash(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%g", v)
}

// ratios returns those of the rounds that both ways have.
func (g produceGoal) ratios(by map[string][]round) []float64 {
	return g.of(by, func(r round) float64 { return r.rate })
}

// processorRatios returns how much more processor time, of client and server, the
// base takes for a record: what the ratio would be if each way kept the processors
// busy, and others left them alone.
func (g produceGoal) processorRatios(by map[string][]round) []float64 {
	return g.of(by, func(r round) float64 { return 1 / (r.client + r.cpu).Seconds() })
}

func (g produceGoal) of(by map[string][]round, value func(round) float64) (list []float64) {
	is, base := by[g.is], by[g.base]
	for i := range min(len(is), len(base)) {
		list = append(list, value(is[i])/value(base[i]))
	}
	return list
}

func (g produceGoal) verdict(ratios []float64) string {
	switch v := median(ratios); {
	case g.must == 0:
		return ""
	case !(v >= g.must*(1-noise)):
		return "missed"
	case v < g.must:
		return "in noise"
	case g.moonshot > 0 && v >= g.moonshot:
		return "moonshot"
	default:
		return "met"
	}
}

// judge returns an error that names the goals that are missed, or not measured.
func (r *report) judge() error {
	missed := r.missedQueues()
	for _, g := range produceGoals {
		if !r.bench.runs(partProduce) {
			break
		}
		if ratios := g.ratios(r.produced); g.verdict(ratios) == "missed" {
			missed = append(missed, fmt.Sprintf("%s, %s: %.2f, must be %g", g.id, g.text, median(ratios), g.must))
		}
	}
	if len(missed) == 0 {
		return nil
	}
	return fmt.Errorf("missed by more than the noise: %s", strings.Join(missed, "; "))
}
