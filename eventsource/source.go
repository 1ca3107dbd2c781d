package eventsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/crew"
	"github.com/weirstream/weir/internal/sparse"
)

// A Function processes a batch: the event is what Lambda gives a function, as
// JSON, and it returns its answer. It may be called by several goroutines at a
// time, one a lane. The event is its own; the answer is read before the next
// call of the lane.
//
// An error, or a panic, says that it failed. An error that matches
// [ErrNotStarted] says that it was not begun, which is no attempt. ctx ends
// when another worker may have the shard, and after [Config.Timeout].
type Function func(ctx context.Context, event []byte) (answer []byte, err error)

// ErrNotStarted is matched by the error of a [Function] that could not be
// begun: it is throttled, or cannot be reached. It is tried again, and that
// does not count as an attempt.
var ErrNotStarted = errors.New("the function was not begun")

// A Config says what calls which function and how. Settings, Function, and in
// Group Streams and Store must be set.
type Config struct {
	// Settings are the mapping's.
	Settings Settings
	// Function gets the batches.
	Function Function
	// OnFailure takes what is given up. Nil means that it is dropped, as the
	// service does without a destination.
	OnFailure Destination

	// Group says what is read, one stream, where the leases are kept, and how.
	// Without a Name it has the function's. Handler, Begin, From, MaxRecords,
	// Expand, and what handlers' errors lead to, are the source's: they must not
	// be set.
	Group consumer.Config

	// Role is the ARN that events give as the one that reads. Empty means one that
	// nobody has.
	Role string
	// Mapping is the mapping's UUID, which is in the keys of failures. Empty means
	// one of zeros.
	Mapping string
	// Timeout is how long the function may take, up to a day: then its context
	// ends, and it has failed. Zero means as long as it likes.
	Timeout time.Duration
	// Backoff is how long the first retry of a batch waits; each further one waits
	// twice as long, up to MaxBackoff, at most a day. Zero means 250 ms and a
	// minute.
	Backoff, MaxBackoff time.Duration
}

// What is put in the place of names and ARNs that nobody has set.
const (
	nobody        = "000000000000"
	defaultRegion = "us-east-1"
	defaultRole   = "arn:aws:iam::" + nobody + ":role/eventsource"
	noMapping     = "00000000-0000-0000-0000-000000000000"
)

const maxWait = 24 * time.Hour

// A Source calls a function with the batches of a stream: it is one worker of
// the group that does. Make one with [New]. All methods may be called by any
// number of goroutines at a time.
type Source struct {
	config   Config
	settings Settings // with defaults
	filter   filter
	group    *consumer.Group
	source   string // ARNs
	function string
	region   string
	counts   counters
	crew     *crew.Crew[*runner]
}

// New returns a source. The error tells all that is wrong with settings and
// configuration, and matches [weir.ErrInvalidArgument].
func New(c Config) (*Source, error) {
	s := &Source{config: c.withDefaults(), settings: c.Settings.withDefaults()}
	var errs problems
	c.Settings.check(&errs)
	c.check(&errs)
	g := s.config.Group
	g.Handler, g.Begin, g.From, g.Expand = s.handle, s.begin, c.Settings.from(), consumer.Raw
	if g.Name == "" {
		g.Name = functionName(c.Settings.FunctionName)
	}
	var err error
	if len(errs) == 0 {
		s.filter, err = newFilter(c.Settings.FilterCriteria)
	}
	if err == nil {
		s.group, err = consumer.New(g)
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("eventsource: %w", err)
	}
	s.crew = crew.New[*runner]("eventsource", g)
	s.name(g.Streams[0])
	return s, nil
}

func (c Config) withDefaults() Config {
	c.Role = cmp.Or(c.Role, defaultRole)
	c.Mapping = cmp.Or(c.Mapping, noMapping)
	c.Backoff = cmp.Or(c.Backoff, 250*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, max(time.Minute, c.Backoff))
	return c
}

func (c Config) check(errs *problems) {
	if c.Function == nil {
		errs.add("Function", "is nil")
	}
	if n := len(c.Group.Streams); n != 1 {
		errs.add("Group.Streams", "has %d entries; a source has 1 stream", n)
	}
	g := c.Group
	for field, set := range map[string]bool{
		"Handler": g.Handler != nil, "Begin": g.Begin != nil, "From": g.From != weir.Position{}, "MaxRecords": g.MaxRecords != 0, "Expand": g.Expand != nil,
		"OnError": g.OnError != 0, "Attempts": g.Attempts != 0, "Bisect": g.Bisect, "DeadLetter": g.DeadLetter != nil,
	} {
		if set {
			errs.add("Group."+field, "is set, but it is for the source to set")
		}
	}
	for _, wait := range []struct {
		field   string
		d, most time.Duration
		least   time.Duration
	}{
		{"Timeout", c.Timeout, maxWait, 0},
		{"Backoff", c.Backoff, maxWait, 0},
		{"MaxBackoff", c.MaxBackoff, maxWait, c.withDefaults().Backoff},
	} {
		if wait.d != 0 && (wait.d < wait.least || wait.d > wait.most) {
			errs.add(wait.field, "%v is not %v to %v", wait.d, wait.least, wait.most)
		}
	}
	slices.SortFunc(*errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
}

// name finds the names that events and failure documents have.
func (s *Source) name(stream client.Stream) {
	account := nobody
	s.region, s.source = defaultRegion, s.settings.EventSourceArn
	if m := streamARN.FindStringSubmatch(s.source); m != nil {
		s.region, account = m[1], m[2]
	} else {
		s.source = "arn:aws:kinesis:" + s.region + ":" + account + ":stream/" + stream.Name()
	}
	s.function = s.settings.FunctionName
	if !strings.HasPrefix(s.function, "arn:") {
		s.function = "arn:aws:lambda:" + s.region + ":" + account + ":function:" + functionName(s.function)
	}
}

// functionName returns the name in an ARN of a function, or a name as it is.
func functionName(name string) string {
	if strings.HasPrefix(name, "arn:") {
		name = strings.Split(name+":::::::", ":")[6]
	}
	return cmp.Or(name, "function")
}

// Run calls the function until ctx ends. Then invocations that are under way
// may come to their end, within Group.Patience; what they have finished is
// written, and the rest comes again, here or to another worker. A mapping that
// is not Enabled reads nothing.
//
// It returns what [consumer.Group.Run] returns, and an error if a shard's state
// was kept by something else than an event source. Every goroutine has ended by
// then, but those of functions that do not return though their context has
// ended: these are named by a [*consumer.StuckError].
func (s *Source) Run(ctx context.Context) error {
	return s.crew.Run(ctx, func(ctx context.Context) error {
		if !*s.settings.Enabled {
			<-ctx.Done()
			return nil
		}
		return s.group.Run(ctx)
	})
}

// begin begins with a shard.
func (s *Source) begin(ctx context.Context, p *consumer.Progress) {
	rules := rulesOf(s.settings, s.config.Backoff, s.config.MaxBackoff)
	desk := newDesk(s.settings, rules, newEnvelope(p.Shard(), s.source, s.config.Role, s.region))
	r := &runner{source: s, ctx: ctx, progress: p, desk: desk, timer: time.NewTimer(maxWait)}
	g := &s.config.Group
	r.logger = sparse.Logger(g.Logger, "group", g.Name, "stream", p.Stream(), "shard", p.Shard())
	err := desk.windows.resume(time.Now(), p.State())
	if err != nil {
		r.halt()
		p.Drop()
		s.crew.FailShard(p, err)
	}
	s.crew.Begin(ctx, p, r)
}

// handle takes the records of a shard.
func (s *Source) handle(ctx context.Context, b *consumer.Batch) error {
	r, err := s.crew.For(ctx, b)
	if err != nil {
		return err
	}
	keep, left := s.filter.keep(b.Records)
	s.counts.polled.Add(int64(len(b.Records)))
	s.counts.filtered.Add(int64(left))
	return r.offer(ctx, b, keep)
}
