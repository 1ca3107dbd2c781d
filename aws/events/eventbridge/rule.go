package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/eventpattern"
)

// A RuleConfig says which events go where. Name, Pattern and Targets must be
// set.
type RuleConfig struct {
	Name string // 1 to 64 letters, digits, '.', '-' and '_'
	// ARN is what templates and dead letters call the rule. Empty means that of a
	// rule of the name in region us-east-1 of account 000000000000.
	ARN     string
	Pattern string // of package eventpattern
	Targets []TargetConfig
}

// A Rule sends the events that match a pattern to its targets. Make one with
// [NewRule]. All methods may be called by any number of goroutines at a time.
type Rule struct {
	name, arn string
	pattern   *eventpattern.Pattern
	targets   []*target
	matched   atomic.Int64
}

var ruleNames = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// NewRule returns a rule. The error names all that is wrong with the
// configuration, and matches [ErrInvalid].
func NewRule(c RuleConfig) (*Rule, error) {
	r := &Rule{name: c.Name, arn: c.ARN}
	if r.arn == "" {
		r.arn = "arn:aws:events:us-east-1:000000000000:rule/" + c.Name
	}
	var errs []error
	if !ruleNames.MatchString(c.Name) {
		errs = append(errs, fmt.Errorf("rule name %.80q: %w: not 1 to 64 letters, digits, '.', '-' and '_'", c.Name, ErrInvalid))
	}
	var err error
	if r.pattern, err = eventpattern.Compile([]byte(c.Pattern)); err != nil {
		errs = append(errs, fmt.Errorf("rule %s: pattern: %w: %w", c.Name, ErrInvalid, err))
	}
	if len(c.Targets) == 0 {
		errs = append(errs, fmt.Errorf("rule %s: %w: it has no target", c.Name, ErrInvalid))
	}
	ids := map[string]bool{}
	for _, tc := range c.Targets {
		t, err := newTarget(tc, r)
		if ids[tc.ID] {
			err = errors.Join(err, fmt.Errorf("target %.80q: %w: there is another of its id", tc.ID, ErrInvalid))
		}
		ids[tc.ID] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", c.Name, err))
		}
		r.targets = append(r.targets, t)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// Match reports whether an event goes to the targets. The error says that it is
// no JSON object, or that it is past a limit of package eventpattern.
func (r *Rule) Match(event []byte) (bool, error) { return r.pattern.Match(event) }

// Send sends those of some events that match to all targets, and returns when
// each was delivered, or was handed to a dead letter function, or was dropped
// because there is none. It waits for retries, a day at most unless told
// otherwise.
//
// An error says that something is not where it should be: an event that is
// none, and then nothing was sent; a context that ended before all was
// delivered; a dead letter function that failed. Memory is that of the events
// and what is made of them.
func (r *Rule) Send(ctx context.Context, events ...[]byte) error {
	now := time.Now()
	var matching []taken
	for i, text := range events {
		e, err := ParseEvent(text)
		if err != nil {
			return fmt.Errorf("rule %s: event %d of %d: %w", r.name, i, len(events), err)
		}
		ok, err := r.pattern.Match(text)
		if err != nil {
			return fmt.Errorf("rule %s: event %d of %d, %s: %w", r.name, i, len(events), e.ID, err)
		}
		if ok {
			matching = append(matching, taken{id: e.ID, text: text, at: now})
		}
	}
	if len(matching) == 0 {
		return nil
	}
	r.matched.Add(int64(len(matching)))
	errs := make([]error, len(r.targets))
	var targets sync.WaitGroup
	for i, t := range r.targets {
		targets.Go(func() { errs[i] = t.deliver(ctx, matching) })
	}
	targets.Wait()
	return errors.Join(errs...)
}

// A taken event matched, at a time.
type taken struct {
	id   string
	text []byte
	at   time.Time
}

// Metrics are what a rule has done since it was made. Those of targets are in
// the order of [RuleConfig.Targets].
type Metrics struct {
	Matched int64 // events
	Targets []TargetMetrics
}

// TargetMetrics are what became of events that matched.
type TargetMetrics struct {
	ID string
	// Delivered were put. Retries is how often an event was put again. DeadLetters
	// were handed over; Dropped were given up without a dead letter function.
	Delivered, Retries, DeadLetters, Dropped int64
}

// Metrics returns what the rule has done.
func (r *Rule) Metrics() Metrics {
	m := Metrics{Matched: r.matched.Load()}
	for _, t := range r.targets {
		m.Targets = append(m.Targets, TargetMetrics{t.ID, t.delivered.Load(), t.retries.Load(), t.deadLetters.Load(), t.dropped.Load()})
	}
	return m
}
