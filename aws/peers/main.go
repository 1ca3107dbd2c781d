// Command peers measures weir beside the emulators that npm has: kinesalite and
// kinesis-mock. See run, which builds and installs what it needs.
//
// All of them get the same requests, put together before the clock starts, from
// the same client, which does nothing but write requests and read responses up to
// their end, on the same processors. Servers take turns, in several rounds, and
// are stopped while others have theirs; the median round counts. What the client
// itself costs is told by a server that answers as many bytes as weir does, and
// does no work.
//
// On weir it also measures producers: weir's own and a8m/kinesis-producer. Its
// queues it measures beside two emulators of SQS, goaws and ElasticMQ.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A run is given up after startTime and roundTime for each of its rounds.
const (
	startTime = 4 * time.Minute
	roundTime = time.Minute
)

func init() {
	// Servers are told to die with the thread that started them, which is this
	// one: it must not end before the program does.
	runtime.LockOSThread()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// A bench is what is measured, and how.
type bench struct {
	kinds   []kind
	peers   string // directory with node_modules
	handler string // the test binary with the handler's benchmarks, or ""
	commit  string
	rounds  int
	only    []string // parts of the run, none for all
	json    bool
	judge   bool
}

func run(ctx context.Context) error {
	null := flag.String("null", "", "be the null server, at this `address`")
	weir := flag.String("weir", "weir", "the `program` to measure")
	peers := flag.String("peers", ".", "`directory` with node_modules")
	b := bench{}
	flag.StringVar(&b.handler, "handler", "", "test `binary` of kinesisserver")
	flag.StringVar(&b.commit, "commit", "", "what weir was built from")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of which the median counts")
	only := flag.String("only", "", "`parts` to run, separated by commas: "+strings.Join(partNames, ", "))
	servers := flag.String("servers", "", "`peers` to measure beside weir, separated by commas: "+strings.Join(serverNames, ", "))
	flag.BoolVar(&b.json, "json", false, "print the rates as one JSON object, as cmd/weir/peers takes it with -http")
	flag.BoolVar(&b.judge, "judge", false, "fail if a goal of the producers or the queues is missed by more than a tenth")
	flag.Parse()
	if *null != "" {
		return serveNull(*null)
	}
	dir, err := filepath.Abs(*peers)
	if err != nil {
		return err
	}
	if b.rounds < 1 || b.rounds > maxRounds {
		return fmt.Errorf("-rounds %d: must be a number from 1 to %d", b.rounds, maxRounds)
	}
	if b.only, err = choose(*only, partNames); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	chosen, err := choose(*servers, serverNames)
	if err != nil {
		return fmt.Errorf("-servers: %w", err)
	}
	b.peers = dir
	b.kinds = chooseKinds(kinds(*weir, dir), chosen)
	ctx, cancel := context.WithTimeout(ctx, startTime+time.Duration(b.rounds)*roundTime)
	defer cancel()
	return b.run(ctx, os.Stdout)
}

const maxRounds = 1000

// What -only and -servers take.
var (
	partNames   = []string{"put-records", "get-records", "put-record", "push", partProduce, partQueue, "handler", "process"}
	serverNames = []string{nameKinesalite, "kinesis-local"}
)

// choose splits a list of names, each of which must be known.
func choose(list string, known []string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return names, nil
}

// chooseKinds leaves out the peers that are not among the chosen, unless none is.
func chooseKinds(all []kind, chosen []string) []kind {
	return slices.DeleteFunc(all, func(k kind) bool {
		switch k.name {
		case nameKinesalite:
			return chosen != nil && !slices.Contains(chosen, k.name)
		case nameMock:
			return chosen != nil && !slices.Contains(chosen, "kinesis-local")
		}
		return false
	})
}

func (b bench) runs(part string) bool { return b.only == nil || slices.Contains(b.only, part) }

func (b bench) run(ctx context.Context, out *os.File) error {
	r := report{bench: b, begin: time.Now(), load: loadAverage(), others: busy(), rounds: make(map[string]map[string][]round)}
	err := errors.Join(b.load(ctx, &r), b.queues(ctx, &r), b.footprints(ctx, &r), b.alone(ctx, &r))
	r.end = loadAverage()
	r.interrupted = ctx.Err() != nil
	if b.json {
		err = errors.Join(err, r.printJSON(out))
	} else {
		r.print(out)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if b.judge {
		err = errors.Join(err, r.judge())
	}
	return err
}

// load puts all servers under the workloads, and measures producers on weir and
// its push.
func (b bench) load(ctx context.Context, r *report) error {
	var servers []*server
	for _, k := range b.kinds {
		s, err := k.start(ctx)
		if err != nil {
			return err
		}
		defer s.stop()
		s.pause()
		servers = append(servers, s)
	}
	for _, w := range workloads {
		if !b.runs(w.id) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\n", w.name)
		rounds, err := measure(ctx, w, servers, b.rounds)
		r.rounds[w.id] = rounds // those before an error, too
		if err != nil {
			return err
		}
	}
	if err := b.produce(ctx, servers[0], r); err != nil {
		return err
	}
	if !b.runs("push") {
		return nil
	}
	fmt.Fprintln(os.Stderr, "push")
	weir := servers[0]
	weir.resume()
	for _, http2 := range []bool{false, true} {
		took, err := pushAside(ctx, weir, http2)
		if err != nil {
			return fmt.Errorf("push: %w", err)
		}
		r.pushes = append(r.pushes, took)
	}
	return nil
}

// footprints measures start and memory of all servers.
func (b bench) footprints(ctx context.Context, r *report) error {
	if !b.runs("process") {
		return nil
	}
	r.footprints = make(map[string]footprint)
	for _, k := range b.kinds {
		if k.name == nameNull {
			continue
		}
		fmt.Fprintln(os.Stderr, "process:", k.name)
		f, err := k.footprint(ctx)
		if err != nil {
			return err
		}
		r.footprints[k.name] = f
	}
	return nil
}

// alone runs the benchmarks of the handler.
func (b bench) alone(ctx context.Context, r *report) (err error) {
	if b.handler == "" || !b.runs("handler") {
		return nil
	}
	fmt.Fprintln(os.Stderr, "handler")
	r.handler, err = handler(ctx, b.handler, b.rounds)
	return err
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// busy returns how many processors others use, over a second in which this program
// uses none.
func busy() float64 {
	const span = time.Second
	used := func() float64 {
		text, _ := os.ReadFile("/proc/stat")
		var user, nice, system, idle, wait, irq, softirq, steal float64
		fmt.Sscanf(string(text), "cpu %f %f %f %f %f %f %f %f", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal)
		return (user + nice + system + irq + softirq + steal) / 100 // ticks of a hundredth of a second
	}
	before := used()
	time.Sleep(span)
	return (used() - before) / span.Seconds()
}
