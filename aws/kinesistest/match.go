package kinesistest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// idle reports whether it was not said yet what happens.
func (s *faultSpec) idle() bool {
	return s.action.kind == actNothing && s.do == nil && s.latency[1] == 0
}

// apply reports whether the fault applies to a call, and counts it. The latency
// of the spec that it returns is the one that this call has.
func (f *Fault) apply(c *Call) (faultSpec, bool) {
	f.mu.Lock()
	s, stopped := f.spec, f.stopped
	f.mu.Unlock()
	if stopped || s.idle() {
		return s, false
	}
	why := s.misses(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known = f.known || why == "" || why == refusedByWhen; why != "" {
		return s, false
	}
	f.matched++
	if f.seen == nil {
		f.seen = make(map[string]uint64)
	}
	f.seen[c.about()]++
	switch {
	case s.times > 0 && f.applied >= s.times,
		len(s.nth) > 0 && !slices.Contains(s.nth, f.matched),
		s.probability < 1 && f.drawLocked(s.seed, "fault", c) >= s.probability:
		return s, false
	}
	f.applied++
	if s.latency[0] < s.latency[1] {
		s.latency[0] += time.Duration(f.drawLocked(f.fake.seed, "latency", c) * float64(s.latency[1]-s.latency[0]))
		s.latency[1] = s.latency[0]
	}
	return s, true
}

const refusedByWhen = "refused by When"

// misses returns in what way a call is not one that the fault is about; "" if
// it is.
func (s *faultSpec) misses(c *Call) string {
	switch {
	case s.op != "" && s.op != c.Op:
		return "another operation"
	case s.stream != "" && s.stream != c.Stream:
		return "another stream"
	case s.consumer != "" && s.consumer != c.Consumer:
		return "another consumer"
	case s.queue != "" && s.queue != c.Queue:
		return "another queue"
	case !s.until.IsZero() && (c.At.Before(s.from) || !c.At.Before(s.until)):
		return "another time"
	case s.shard >= 0 && !c.on(s.shard):
		return "another shard"
	case s.when != nil && !s.when(c):
		return refusedByWhen
	}
	return ""
}

// drawLocked draws a number from 0 to 1 for a call: see [Fault.Probability].
func (f *Fault) drawLocked(seed uint64, what string, c *Call) float64 {
	about := c.about()
	return chance(seed, fmt.Sprintf("%s %d %s", what, f.index, about), f.seen[about])
}

// about returns what a call is about, as chance tells calls apart.
func (c *Call) about() string {
	return fmt.Sprintf("%s/%s/%d/%s", c.Op, c.Stream, c.Shard, cmp.Or(c.Consumer, c.Queue))
}

// reportFaults fails the test for faults that should have happened, and for
// those that cannot because it was not said what happens.
func (k *Fake) reportFaults() {
	k.t.Helper()
	k.mu.Lock()
	faults := slices.Clone(k.faults)
	k.mu.Unlock()
	for _, f := range faults {
		f.mu.Lock()
		spec, applied, matched, known := f.spec, f.applied, f.matched, f.known
		f.mu.Unlock()
		want := max(1, spec.times, len(spec.nth))
		switch {
		case spec.idle():
			k.t.Errorf("kinesistest: the fault declared at %s does nothing: say what happens, as by With: %v", f.where, spec)
		case spec.required && applied < want:
			k.t.Errorf("kinesistest: the fault declared at %s did not happen: %v\nwant %d times, got %d; %s",
				f.where, spec, want, applied, spec.nearMisses(k.Calls(), matched))
		case !known:
			if nobody := k.unknown(spec); nobody != "" {
				k.t.Errorf("kinesistest: the fault declared at %s cannot happen: %v\n%s", f.where, spec, nobody)
			}
		}
	}
}

// unknown says which of what a fault is about there never was, or returns "".
func (k *Fake) unknown(s faultSpec) string {
	k.drain()
	k.mu.Lock()
	defer k.mu.Unlock()
	var streams, consumers, queues []string
	shards := make(map[weir.ShardID]bool)
	for _, l := range k.logs {
		streams = append(streams, l.stream.Name())
		if s.stream != "" && s.stream != l.stream.Name() {
			continue
		}
		l.lookAtShards()
		for id := range l.shards {
			shards[id] = true
		}
		for _, c := range l.stream.Consumers() {
			consumers = append(consumers, c.Name)
		}
	}
	for _, c := range k.calls { // what is gone by now
		if c.Err != nil {
			continue
		}
		streams = append(streams, c.Stream)
		queues = append(queues, c.Queue)
		if s.stream == "" || s.stream == c.Stream {
			consumers, shards[c.Shard] = append(consumers, c.Consumer), true
		}
	}
	for _, q := range k.account.QueueStats() {
		queues = append(queues, q.Name)
	}
	delete(shards, -1)
	none := func(name string) bool { return name == "" }
	streams, consumers, queues = slices.DeleteFunc(streams, none), slices.DeleteFunc(consumers, none), slices.DeleteFunc(queues, none)
	switch {
	case s.stream != "" && !slices.Contains(streams, s.stream):
		return fmt.Sprintf("there was no stream %q, but %s", s.stream, listed(streams))
	case s.shard >= 0 && !shards[s.shard]:
		return fmt.Sprintf("there was no %v, but %s", s.shard, listed(slices.Collect(maps.Keys(shards))))
	case s.consumer != "" && !slices.Contains(consumers, s.consumer):
		return fmt.Sprintf("there was no consumer %q, but %s", s.consumer, listed(consumers))
	case s.queue != "" && !slices.Contains(queues, s.queue):
		return fmt.Sprintf("there was no queue %q, but %s", s.queue, listed(queues))
	}
	return ""
}

// listed returns the first few of a list in words.
func listed[T cmp.Ordered](list []T) string {
	const most = 10
	var names []string
	for i, x := range slices.Compact(slices.Sorted(slices.Values(list))) {
		if i == most {
			names = append(names, "others")
			break
		}
		names = append(names, fmt.Sprint(x))
	}
	return cmp.Or(strings.Join(names, ", "), "none at all")
}

// nearMisses says in words which calls there were for the fault, and the last
// of them.
func (s *faultSpec) nearMisses(cs Calls, matched int) string {
	if s.op != "" {
		cs = cs.Of(s.op)
	}
	text := fmt.Sprintf("%d of %d calls matched it", matched, len(cs))
	missed := make(map[string]int)
	for _, c := range cs {
		missed[s.misses(c)]++
	}
	delete(missed, "")
	for _, why := range slices.Sorted(maps.Keys(missed)) {
		text += fmt.Sprintf("; %s: %d", why, missed[why])
	}
	return text + "\n" + cs.told(maxTold)
}
