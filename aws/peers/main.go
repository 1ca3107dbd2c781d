// Command peers measures weir beside the emulators that npm has: kinesalite and
// kinesis-mock. See run, which builds and installs what it needs.
//
// All of them get the same requests, put together before the clock starts, from
// the same client, which does nothing but write requests and read responses up to
// their end, on the same processors. Servers take turns, in several rounds, and
// are stopped while others have theirs; the median round counts. What the client
// itself costs is told by a server that answers as many bytes as weir does, and
// does no work.
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
	"strings"
	"syscall"
	"time"
)

// deadline is when a run is given up.
const deadline = 4 * time.Minute

func init() {
	// Servers are told to die with the thread that started them, which is this
	// one: it must not end before the program does.
	runtime.LockOSThread()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// A bench is what is measured, and how.
type bench struct {
	kinds   []kind
	handler string // the test binary with the handler's benchmarks, or ""
	commit  string
	rounds  int
	only    string // a part of the run, or "" for all
}

func run(ctx context.Context) error {
	null := flag.String("null", "", "be the null server, at this `address`")
	weir := flag.String("weir", "weir", "the `program` to measure")
	peers := flag.String("peers", ".", "`directory` with node_modules")
	b := bench{}
	flag.StringVar(&b.handler, "handler", "", "test `binary` of kinesisserver")
	flag.StringVar(&b.commit, "commit", "", "what weir was built from")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of which the median counts")
	flag.StringVar(&b.only, "only", "", "`part` to run: put-records, get-records, put-record, push, handler or process")
	flag.Parse()
	if *null != "" {
		return serveNull(*null)
	}
	dir, err := filepath.Abs(*peers)
	if err != nil {
		return err
	}
	b.kinds = kinds(*weir, dir)
	return b.run(ctx, os.Stdout)
}

func (b bench) runs(part string) bool { return b.only == "" || b.only == part }

func (b bench) run(ctx context.Context, out *os.File) error {
	r := report{bench: b, begin: time.Now(), load: loadAverage(), others: busy(), rounds: make(map[string]map[string][]round)}
	err := errors.Join(b.load(ctx, &r), b.footprints(ctx, &r), b.alone(ctx, &r))
	r.end = loadAverage()
	r.print(out)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// load puts all servers under the workloads, and measures the push of weir.
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
		rounds, err := measure(w, servers, b.rounds)
		if err != nil {
			return err
		}
		r.rounds[w.id] = rounds
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
