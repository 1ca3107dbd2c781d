package kinesistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"
)

// grace is how long a test outside a bubble has to come to rest when it is
// over.
const grace = 2 * time.Second

// finish ends the fake with its test.
func (k *Fake) finish() {
	k.t.Helper()
	k.rest()
	if !k.t.Failed() {
		k.reportFaults()
		k.reportCheckers()
		k.reportLeaks()
	} else if k.clock.bubble { // the deadlock that comes of them needs its reason
		k.reportBodies()
		k.reportStreams()
	}
	k.ended.Store(true)
	k.mu.Lock()
	if k.watch != nil {
		k.watch.Stop()
	}
	k.mu.Unlock()
	k.bodies.closeAll()
	if k.listener != nil {
		k.listener.server.Close()
		<-k.listener.done
	}
	if k.t.Failed() {
		k.explain()
	}
}

// rest waits until what the test began has ended, if it does. The test's
// context is cancelled already.
func (k *Fake) rest() {
	if k.clock.bubble {
		k.comeToRest()
		return
	}
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for {
		changed := k.bodies.wait()
		if changed == nil {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			return
		}
	}
}

// comeToRest waits until all of the bubble wait for something.
func (k *Fake) comeToRest() {
	defer func() { _ = recover() }() // another goroutine waits for it; then this one need not
	synctest.Wait()
}

// wait returns a channel that is closed when a body is, or nil if none is open.
func (b *bodies) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.open) == 0 {
		return nil
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

func (b *bodies) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, name := range b.open {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func (b *bodies) closeAll() {
	b.mu.Lock()
	open := b.open
	b.open = nil
	b.mu.Unlock()
	for body := range open {
		body.Close()
	}
}

func (k *Fake) reportLeaks() {
	k.t.Helper()
	k.reportBodies()
	k.reportStreams()
	left := k.goroutines() // gives calls time to end as well
	running := k.callsLeft()
	for _, c := range running {
		k.t.Errorf("kinesistest: leak: a call was not over before the test was: %v", c)
	}
	if left != "" {
		k.t.Errorf("kinesistest: leak: goroutines that the test started are still there:\n%s", left)
	}
}

// reportBodies reports answers whose bodies are open.
func (k *Fake) reportBodies() {
	k.t.Helper()
	for _, name := range k.bodies.list() {
		k.t.Errorf("kinesistest: leak: %s was not closed before the test was over", name)
	}
}

// reportStreams reports event streams that keep a bubble from ending.
func (k *Fake) reportStreams() {
	k.t.Helper()
	if k.streamsLeft() {
		k.t.Errorf("kinesistest: leak: an event stream of SubscribeToShard was not closed before the test was over, and its events were not read: " +
			"the bubble cannot end, but in a deadlock. Call Close of what GetStream returns, in the bubble")
	}
}

// callsLeft returns the calls that are not over. A client over HTTP has its
// answer before the server's side of the call has ended; that is given a moment.
func (k *Fake) callsLeft() Calls {
	for wait := 100 * time.Microsecond; ; wait *= 2 {
		var running Calls
		k.mu.Lock()
		for c := range k.running {
			if c.Op != "SubscribeToShard" {
				running = append(running, c)
			}
		}
		served := k.listener != nil
		k.mu.Unlock()
		if len(running) == 0 || !served || wait >= grace {
			return running
		}
		time.Sleep(wait)
	}
}

// streamsLeft reports whether goroutines of an event stream are left in the
// bubble. The SDK closes the body of a stream whose context has ended, and then
// still waits for somebody to take its last event.
func (k *Fake) streamsLeft() bool {
	k.mu.Lock()
	any := slices.ContainsFunc(k.calls, func(c *Call) bool { return c.Op == "SubscribeToShard" })
	k.mu.Unlock()
	if !any || !k.clock.virtual() || len(k.bodies.list()) > 0 {
		return false
	}
	for range 2 { // its reader may be busy, and close it when it is done
		if !pending(traces(), k.clock.mark) {
			return false
		}
		time.Sleep(grace)
		k.comeToRest()
	}
	return pending(traces(), k.clock.mark)
}

// pending reports whether a goroutine of a bubble waits for somebody to take an
// event of a subscription.
func pending(traces, mark string) bool {
	for trace := range strings.SplitSeq(traces, "\n\n") {
		head, _, _ := strings.Cut(trace, "\n")
		if strings.HasSuffix(head, mark) && strings.Contains(head, "[select (durable)") && strings.Contains(trace, "ToShardEventStreamReader).pipe") {
			return true
		}
	}
	return false
}

// maxTold is how many calls and reshards are shown of a test that failed.
const maxTold = 15

// explain logs what led to a failure.
func (k *Fake) explain() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "kinesistest: seed %d", k.seed)
	if k.number > 0 {
		fmt.Fprintf(&b, "; the calls that led there, of %d:\n%s", k.number, Calls(k.calls).told(maxTold))
	}
	for _, e := range k.events[max(0, len(k.events)-maxTold):] {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	k.t.Log(b.String())
}

// late answers a request that comes after the end of the test. A poller that
// goes on for ever would keep a bubble from ending; after some calls it is
// stopped.
func (k *Fake) late(r *http.Request) error {
	const patience = 1000
	message := fmt.Sprintf("kinesistest: %s after the end of test %s: stop what calls it before the test returns", operationOf(r), k.t.Name())
	if k.lateBy.Add(1) > patience {
		panic(message)
	}
	return errors.New(message)
}

// goroutineLabel is the key of the label that goroutines inherit from a test's.
const goroutineLabel = "kinesistest"

var labels atomic.Int64

// labelGoroutines marks the test's goroutine and thereby all that it starts
// from now on, so that those left behind can be told from other tests'. In a
// bubble there is no need: the bubble waits for them.
func (k *Fake) labelGoroutines() {
	if k.clock.bubble {
		return
	}
	k.label = strconv.FormatInt(labels.Add(1), 10)
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(goroutineLabel, k.label)))
}

// goroutines returns the traces of goroutines that the test left behind, after
// giving them time to end.
func (k *Fake) goroutines() string {
	if k.label == "" {
		return ""
	}
	pprof.SetGoroutineLabels(context.Background())
	left := ""
	for wait := 100 * time.Microsecond; wait < grace; wait *= 2 {
		if left = labelled(k.label); left == "" {
			return ""
		}
		time.Sleep(wait)
	}
	return left
}

// labelled returns the traces of goroutines with a label, but for those of HTTP
// clients' idle connections and the test's own.
func labelled(label string) string {
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1)
	mark := fmt.Sprintf("%q:%q", goroutineLabel, label)
	var left []string
	for entry := range strings.SplitSeq(profile.String(), "\n\n") {
		own := strings.Contains(entry, "testing.tRunner") || strings.Contains(entry, "net/http.(*persistConn)") ||
			strings.Contains(entry, "net/http.(*Server)") || strings.Contains(entry, "net/http.(*conn)") ||
			strings.Contains(entry, "net/http.(*connReader)")
		if strings.Contains(entry, mark) && !own {
			left = append(left, entry)
		}
	}
	return strings.Join(left, "\n\n")
}
