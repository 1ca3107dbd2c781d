package kinesistest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// A Profile says how much goes wrong by itself. Probabilities are of each call,
// 0 to 1. The zero Profile is no chaos.
type Profile struct {
	Throttle        float64 // any call of the way of records is throttled
	ThrottleRecords float64 // a record of PutRecords is throttled
	InternalFailure float64 // the service fails
	ResetBefore     float64 // the connection breaks before the effect
	ResetAfter      float64 // the connection breaks after the effect
	ExpireIterator  float64 // GetRecords says that the iterator has expired
	Duplicate       float64 // GetRecords or an event stream gives records twice
	CutStream       float64 // an event stream breaks, by event
	StreamException float64 // an event stream ends with an exception, by event
	// Latency is the longest delay of a call or an event. Zero means
	// [DefaultLatency], which tells apart what would happen at one instant;
	// negative means none. Outside of a bubble it takes real time, unless
	// [Config.Start] is set.
	Latency time.Duration
	// ReshardEvery is how often, on average, a stream is split or merged. It
	// happens at the next call when it is due.
	ReshardEvery time.Duration
	// MaxShards is how many open shards resharding leads to. Zero means
	// [DefaultMaxShards].
	MaxShards int
}

// What zero means in a [Profile].
const (
	DefaultLatency   = time.Millisecond
	DefaultMaxShards = 8
)

// Mild is what a client meets in a week on the service: throttling, some
// latency, a broken connection.
func Mild() Profile {
	return Profile{Throttle: 0.01, ThrottleRecords: 0.01, InternalFailure: 0.002, ResetBefore: 0.002, ResetAfter: 0.002,
		ExpireIterator: 0.001, CutStream: 0.002, Latency: 200 * time.Millisecond, ReshardEvery: 6 * time.Hour}
}

// Rough is a bad day: every fault there is, and a reshard every half hour.
func Rough() Profile {
	return Profile{Throttle: 0.08, ThrottleRecords: 0.08, InternalFailure: 0.02, ResetBefore: 0.02, ResetAfter: 0.02,
		ExpireIterator: 0.02, Duplicate: 0.02, CutStream: 0.02, StreamException: 0.02,
		Latency: 2 * time.Second, ReshardEvery: 30 * time.Minute}
}

func (p Profile) any() bool { return p != Profile{} && p != Profile{}.withDefaults() }

func (p Profile) withDefaults() Profile {
	p.MaxShards = cmp.Or(p.MaxShards, DefaultMaxShards)
	p.Latency = max(0, cmp.Or(p.Latency, DefaultLatency))
	return p
}

// check says which field is out of bounds.
func (p Profile) check() error {
	for name, v := range map[string]float64{
		"Throttle": p.Throttle, "ThrottleRecords": p.ThrottleRecords, "InternalFailure": p.InternalFailure,
		"ResetBefore": p.ResetBefore, "ResetAfter": p.ResetAfter, "ExpireIterator": p.ExpireIterator,
		"Duplicate": p.Duplicate, "CutStream": p.CutStream, "StreamException": p.StreamException,
	} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("chaos: Profile.%s %v is outside 0 to 1", name, v)
		}
	}
	if p.ReshardEvery < 0 || p.MaxShards < 0 {
		return fmt.Errorf("chaos: ReshardEvery %v and MaxShards %d must not be negative", p.ReshardEvery, p.MaxShards)
	}
	return nil
}

// A ChaosSpec is chaos and its seed. It is an [Option].
type ChaosSpec struct {
	Seed    uint64
	Profile Profile
}

// Chaos makes things go wrong by themselves, the same ones for the same seed.
// Seed zero means one made for this run, which is logged when the test fails.
// What happens to a call depends on the seed, on what the call is about
// (operation, stream, shard, consumer), and on how many such calls there were
// before.
//
// In a bubble the seed decides about order too: calls of one instant are
// carried out one after the other, nanoseconds apart, in an order that is made
// of the seed and of what they say, and so are [Fake.Put] and [Fake.Generate].
// So the same seed gives the same run, call for call, for code with any number
// of goroutines, if it does not depend on chance itself (unseeded random
// numbers, the order of a map, a select with two cases ready). Outside a bubble
// goroutines take turns as they come, and only what happens to the first, the
// second, the n-th call about something is certain.
//
// In a bubble do not hold a mutex over a call while others wait for it: a mutex
// that is waited for stops a bubble's time, and a call takes some. Such a test
// hangs; after some seconds the program ends with a panic that says which
// goroutines they are.
func Chaos(seed uint64, p Profile) ChaosSpec { return ChaosSpec{seed, p} }

func (c ChaosSpec) set(to *options) error {
	if to.chaotic {
		return errors.New("two options are Chaos: give one")
	}
	to.chaos, to.chaotic = c, true
	return nil
}

// chaos is what goes wrong by itself. It is guarded by Fake.mu.
type chaos struct {
	seed     uint64
	profile  Profile
	seen     map[string]uint64 // calls by what they are about
	reshards uint64
	next     time.Time // when a reshard is due; zero: never
	calm     bool
}

func newChaos(seed uint64, p Profile, now time.Time) *chaos {
	ch := &chaos{seed: seed, profile: p, seen: make(map[string]uint64)}
	if p.ReshardEvery > 0 {
		ch.next = now.Add(ch.untilReshard())
	}
	return ch
}

// untilReshard returns how long until the next reshard: half to one and a half
// times the average.
func (ch *chaos) untilReshard() time.Duration {
	return time.Duration((0.5 + chance(ch.seed, "reshard", ch.reshards)) * float64(ch.profile.ReshardEvery))
}

// A chaosEvent is a reshard that chaos did.
type chaosEvent struct {
	at   time.Time
	text string
}

// A doneReshard is a split or a merge that was done without a call.
type doneReshard struct {
	at    time.Time
	after int // a place among the calls of its instant: twice the number of the one before, and 1
	op    string
	ask   map[string]any // what a call of the operation would say
}

func (e chaosEvent) String() string { return clockTime(e.at) + " chaos: " + e.text }

// Calm ends chaos: from now on only declared faults happen.
func (k *Fake) Calm() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.chaos != nil {
		k.chaos.calm = true
	}
}

// chaosEffect adds to the effect on a call what chaos does.
func (k *Fake) chaosEffect(ch *chaos, c *Call, e *effect) *effect {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ch.calm {
		return e
	}
	about := c.about()
	ch.seen[about]++
	n := ch.seen[about]
	draw := func(what string) float64 { return chance(ch.seed, "chaos "+what+" "+about, n) }
	if e == nil {
		e = &effect{shard: -1}
	}
	p := ch.profile
	e.latency += time.Duration(draw("latency") * draw("latency2") * float64(p.Latency))
	e.action = p.choose(c, draw("fault"), draw)
	if c.Op == "SubscribeToShard" && p.Latency > 0 {
		c.delayed = true
		e.delay = func(event int) time.Duration {
			return time.Duration(chance(ch.seed, fmt.Sprint("event ", about, n), uint64(event)) * float64(p.Latency))
		}
	}
	if e.kind != actNothing {
		c.faultedLocked("chaos: " + e.action.String())
	}
	return e
}

// choose chooses what happens to a call.
func (p Profile) choose(c *Call, x float64, draw func(string) float64) action {
	var records, reads, events bool
	switch c.Op {
	case "PutRecords", "PutRecord", "GetShardIterator":
		records = true
	case "GetRecords":
		records, reads = true, true
	case "SubscribeToShard":
		events = true
	}
	pick := func(p float64, applies bool) bool {
		if !applies {
			return false
		}
		x -= p
		return x < 0 && x >= -p
	}
	// A cut has a chance with every event, so how many pass until then is
	// geometric.
	eventsUntil := func(p float64) int { return 1 + int(draw("after")/max(p, 1e-9)) }
	switch {
	case pick(p.Throttle, records):
		return action{kind: actFail}
	case pick(p.InternalFailure, true):
		return action{kind: actFail, err: InternalFailure}
	case pick(p.ResetBefore, true):
		return action{kind: actResetBefore}
	case pick(p.ResetAfter, true):
		return action{kind: actResetAfter}
	case pick(p.ExpireIterator, reads):
		return action{kind: actFail, err: ExpiredIterator}
	case pick(p.Duplicate, reads || events):
		return action{kind: actDuplicate}
	case events && p.CutStream+p.StreamException > 0:
		both := p.CutStream + p.StreamException
		if draw("kind")*both < p.CutStream {
			return action{kind: actCut, after: eventsUntil(both)}
		}
		return action{kind: actException, after: eventsUntil(both), err: InternalFailure}
	case c.Op == "PutRecords" && p.ThrottleRecords > 0:
		return p.throttleSome(draw)
	}
	return action{}
}

// throttleSome throttles each record with a chance of its own.
func (p Profile) throttleSome(draw func(string) float64) action {
	return action{kind: actThrottleRecords, which: func(i int, _ types.PutRecordsRequestEntry) bool {
		return draw(fmt.Sprint("record", i)) < p.ThrottleRecords
	}}
}

// reshardLocked carries out the reshards that are due.
func (k *Fake) reshardLocked(ch *chaos) {
	now, done := k.Now(), len(k.reshards)
	for ; !ch.next.IsZero() && !now.Before(ch.next); ch.next = ch.next.Add(ch.untilReshard()) {
		ch.reshards++
		streams := k.account.Streams()
		if len(streams) == 0 {
			continue
		}
		s := streams[int(chance(ch.seed, "stream", ch.reshards)*float64(len(streams)))]
		if text := k.oneLocked(s, ch); text != "" {
			k.events = append(k.events, chaosEvent{now, text})
			k.drainLocked(s.Name())
		}
	}
	for i := range k.reshards[done:] {
		k.reshards[done+i].after = 0 // before the call whose turn it is
	}
}

// oneLocked splits or merges a shard, and says which.
func (k *Fake) oneLocked(s *weir.Stream, ch *chaos) string {
	open, err := s.ListShards(context.Background(), weir.ShardQuery{Filter: weir.ShardsAtLatest})
	if err != nil || len(open) == 0 {
		return ""
	}
	slices.SortFunc(open, func(a, b weir.Shard) int { return a.HashKeyRange.Start.Compare(b.HashKeyRange.Start) })
	i := int(chance(ch.seed, "shard", ch.reshards) * float64(len(open)))
	merge := len(open) >= ch.profile.MaxShards || len(open) > 1 && chance(ch.seed, "merge", ch.reshards) < 0.5
	if merge {
		i = min(i, len(open)-2)
		if err := k.mergeLocked(s.Name(), open[i].ID, open[i+1].ID); err == nil {
			return fmt.Sprintf("merged shards %d and %d of %s", open[i].ID, open[i+1].ID, s.Name())
		}
		return ""
	}
	if err := k.splitLocked(s.Name(), open[i]); err == nil {
		return fmt.Sprintf("split shard %d of %s", open[i].ID, s.Name())
	}
	return ""
}

func (k *Fake) mergeLocked(stream string, lower, upper weir.ShardID) error {
	one, other := lower.String(), upper.String()
	_, err := k.account.MergeShards(arranging, &account.MergeShardsInput{
		StreamName: &stream, ShardToMerge: &one, AdjacentShardToMerge: &other,
	})
	if err == nil {
		k.doneLocked("MergeShards", map[string]any{"StreamName": stream, "ShardToMerge": one, "AdjacentShardToMerge": other})
	}
	return err
}

func (k *Fake) splitLocked(stream string, sh weir.Shard) error {
	shard, key := sh.ID.String(), sh.HashKeyRange.Middle().String()
	_, err := k.account.SplitShard(arranging, &account.SplitShardInput{
		StreamName: &stream, ShardToSplit: &shard, NewStartingHashKey: &key,
	})
	if err == nil {
		k.doneLocked("SplitShard", map[string]any{"StreamName": stream, "ShardToSplit": shard, "NewStartingHashKey": key})
	}
	return err
}

func (k *Fake) doneLocked(op string, ask map[string]any) {
	k.reshards = append(k.reshards, doneReshard{k.Now(), 2*k.number + 1, op, ask})
}
