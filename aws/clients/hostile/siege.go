package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// siege makes the attacks one after the other and prints how each went. It
// returns how many were not withstood.
func (o options) siege(ctx context.Context) (failed int, err error) {
	fmt.Printf("seed %d; the server may have %d MiB, a put at p99 %v\n", o.seed, o.memoryMiB, p99Bound)
	printHead()
	passed := 0
	for _, keys := range []bool{false, true} {
		chosen := o.chosen(keys)
		if len(chosen) == 0 {
			continue
		}
		results, err := o.besiege(ctx, keys, chosen)
		for _, r := range results {
			if r.err == nil {
				passed++
			} else {
				failed++
			}
		}
		if err != nil {
			return failed, err
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed, ctx.Err()
}

// chosen are the attacks to make on a server with keys or without.
func (o options) chosen(keys bool) []attack {
	var chosen []attack
	for _, a := range attacks {
		if a.keys == keys && (len(o.only) == 0 || slices.Contains(o.only, a.name)) {
			chosen = append(chosen, a)
		}
	}
	return chosen
}

// A result is how the server withstood an attack; err says why it did not.
type result struct {
	what  string
	tally tally
	high  int64 // bytes resident, at most
	puts  politePuts
	busy  float64 // processors that the server used
	tries int
	err   error
}

// besiege starts a server and makes attacks on it. If it ends, those that are
// left are made on another one.
func (o options) besiege(ctx context.Context, keys bool, chosen []attack) (results []*result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := startServer(ctx, o, keys)
	if err != nil {
		cancel()
		return nil, err
	}
	defer s.stop()
	p := newPolite(s)
	p.connect(ctx)
	done := make(chan struct{})
	go func() { p.run(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	before := s.sockets()
	peace := attack{what: "nobody"}
	for i, a := range append([]attack{peace}, chosen...) {
		r := o.withstand(ctx, s, p, a)
		r.print(o.verbose)
		results = append(results, r)
		if ctx.Err() != nil {
			return results, nil
		}
		if !s.alive() {
			rest, err := o.besiege(ctx, keys, chosen[i:])
			return append(results, rest...), err
		}
	}
	r := &result{what: "what is left behind", tries: 1, err: o.leftBehind(ctx, s, before), high: s.memory("VmRSS:"), puts: p.since()}
	r.print(o.verbose)
	return append(results, r), nil
}

const (
	// maxTries is how often an attack is made if nothing is wrong but the time that
	// puts take: the machine may have had something else to do.
	maxTries = 5
	// pause is what it is given to be done with that.
	pause = time.Second
)

func (o options) withstand(ctx context.Context, s *server, p *polite, a attack) *result {
	for tries := 1; ; tries++ {
		r := o.try(ctx, s, p, a)
		r.tries = tries
		if r.err != nil || tries == maxTries || ctx.Err() != nil {
			r.err = errors.Join(r.err, r.inTime())
			return r
		}
		late := r.inTime()
		if late == nil {
			return r
		}
		if o.verbose {
			fmt.Printf("    try %d of %s: %v\n", tries, a.what, late)
		}
		time.Sleep(pause)
	}
}

// inTime says whether the polite client's puts were answered soon.
func (r *result) inTime() error {
	if p99 := r.puts.quantile(0.99); p99 > p99Bound {
		err := fmt.Errorf("puts took %v at p99", p99.Round(time.Millisecond))
		if r.tally.Slow != "" {
			err = fmt.Errorf("%w, and a %s of the attackers %v", err, r.tally.Slow, r.tally.Slowest.Round(time.Millisecond))
		}
		return err
	}
	return nil
}

// try makes an attack once, and looks at all but how long puts took.
func (o options) try(ctx context.Context, s *server, p *polite, a attack) *result {
	r := &result{what: a.what}
	high := s.mark()
	p.since()
	begin, used := time.Now(), s.processor()
	if a.run == nil {
		time.Sleep(o.span)
	} else {
		r.err = o.attackers(ctx, s, a, &r.tally)
	}
	r.puts, r.high = p.since(), high()
	r.busy = (s.processor() - used).Seconds() / time.Since(begin).Seconds()
	r.err = errors.Join(r.err, r.puts.judge(a.fills))
	if r.err == nil && a.check != nil {
		r.err = a.check(&r.tally)
	}
	if r.tally.Wrong > 0 {
		r.err = errors.Join(r.err, fmt.Errorf("%d times something was wrong: %q", r.tally.Wrong, r.tally.Examples))
	}
	if bound := int64(o.memoryMiB) << 20; r.high > bound {
		r.err = errors.Join(r.err, fmt.Errorf("%d MiB were resident", r.high>>20))
	}
	if !s.alive() {
		r.err = errors.Join(r.err, errors.New("the server has ended"))
		return r
	}
	if err := errors.Join(p.tidy(ctx), p.normal(ctx)); err != nil {
		r.err = errors.Join(r.err, fmt.Errorf("afterwards: %w", err))
	}
	return r
}

// attackers runs the process that attacks, behind all others in the line for
// the processor.
func (o options) attackers(ctx context.Context, s *server, a attack, t *tally) error {
	const patience, behind = 30 * time.Second, "10"
	ctx, cancel := context.WithTimeout(ctx, o.span+patience)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{self, "-attack", a.name, "-at", s.addr, "-seed", strconv.FormatUint(o.seed, 10), "-for", o.span.String()}
	if nice, err := exec.LookPath("nice"); err == nil {
		args = append([]string{nice, "-n", behind}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	said := new(bytes.Buffer)
	cmd.Stderr = said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the attackers: %w: %s", err, start(said.Bytes()))
	}
	return json.Unmarshal(out, t)
}

// leftBehind waits until connections, requests and subscriptions of the
// attackers are gone, and says which are not. before is how many sockets there
// were without attackers.
func (o options) leftBehind(ctx context.Context, s *server, before int) error {
	const patience, interval, others = 10 * time.Second, 100 * time.Millisecond, 2
	for begin := time.Now(); ; time.Sleep(interval) {
		metrics, err := s.metrics(ctx)
		if err == nil {
			err = left(metrics, s.sockets()-before-others)
		}
		if err == nil || time.Since(begin) > patience || ctx.Err() != nil {
			return err
		}
	}
}

// left says what is left of the attacks in the server's metrics and sockets.
func left(metrics map[string]float64, sockets int) error {
	var errs []error
	if sockets > 0 {
		errs = append(errs, fmt.Errorf("%d connections are still open", sockets))
	}
	if n := metrics["weir_requests_in_flight"]; n > politeConns {
		errs = append(errs, fmt.Errorf("%v requests are still being answered", n))
	}
	for name, what := range map[string]string{"weir_subscriptions": "subscriptions are still open", "weir_panics_total": "requests panicked"} {
		if n, ok := metrics[name]; !ok || n > 0 {
			errs = append(errs, fmt.Errorf("%v %s", n, what))
		}
	}
	return errors.Join(errs...)
}
