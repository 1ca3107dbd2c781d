package eventbridge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// The bounds and defaults of a target's retry policy, and of its input.
const (
	MinimumEventAge      = time.Minute
	MaximumEventAge      = 24 * time.Hour // the default, too
	MaximumRetryAttempts = 185            // the default, too
	MaxInputBytes        = 8192
)

const (
	batchRecords = 500     // of one call
	batchBytes   = 5 << 20 // of data and keys in one call of several records

	firstWait, longestWait = time.Second, 10 * time.Minute
)

// A TargetConfig says what is put of an event, and where. ID and Stream must be
// set.
type TargetConfig struct {
	ID     string // names it within the rule
	Stream client.Stream
	// ARN is what dead letters call the target. Empty means the stream's name.
	ARN string

	// Input, InputPath and Transformer say what the data is; one of them at most.
	// Without any it is the event. Input is JSON, of [MaxInputBytes] at most.
	Input       string
	InputPath   string
	Transformer *Transformer
	// PartitionKeyPath finds the partition key in the event. Empty means its id.
	PartitionKeyPath string

	// MaximumEventAge is how long an event is tried to be delivered, from when
	// Send took it: [MinimumEventAge] to [MaximumEventAge]. Zero means
	// MaximumEventAge.
	MaximumEventAge time.Duration
	// MaximumRetryAttempts is how often an event is put again, up to
	// [MaximumRetryAttempts]. Zero means that; negative, never.
	MaximumRetryAttempts int
	// DeadLetter is given what could not be delivered. Its error is one of Send:
	// the event is nowhere then. Nil drops such events. Targets call theirs from
	// goroutines of their own.
	DeadLetter func(context.Context, DeadLetter) error
}

type target struct {
	TargetConfig
	rule               *Rule
	inputPath, keyPath path
	hasPath, hasKey    bool

	delivered, retries, deadLetters, dropped atomic.Int64
}

func newTarget(c TargetConfig, r *Rule) (*target, error) {
	t := &target{TargetConfig: c, rule: r, hasPath: c.InputPath != "", hasKey: c.PartitionKeyPath != ""}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("target %.80q: %w: "+format, append([]any{c.ID, ErrInvalid}, args...)...))
	}
	if !ruleNames.MatchString(c.ID) {
		fail("its id is not 1 to 64 letters, digits, '.', '-' and '_'")
	}
	if c.Stream == nil {
		fail("it has no stream")
	} else {
		t.ARN = cmp.Or(c.ARN, c.Stream.Name())
	}
	inputs := 0
	for _, given := range []bool{c.Input != "", t.hasPath, c.Transformer != nil} {
		if given {
			inputs++
		}
	}
	if inputs > 1 {
		fail("only one of Input, InputPath and Transformer may be given")
	}
	if len(c.Input) > MaxInputBytes {
		fail("its Input has %d bytes, more than %d", len(c.Input), MaxInputBytes)
	} else if c.Input != "" && !json.Valid([]byte(c.Input)) {
		fail("its Input is no JSON")
	}
	for _, p := range []struct {
		field, text string
		to          *path
	}{{"InputPath", c.InputPath, &t.inputPath}, {"PartitionKeyPath", c.PartitionKeyPath, &t.keyPath}} {
		var err error
		if p.text == "" {
			continue
		}
		if *p.to, err = parsePath(p.text, true); err != nil {
			errs = append(errs, fmt.Errorf("target %.80q: %s: %w", c.ID, p.field, err))
		}
	}
	if t.MaximumEventAge = cmp.Or(c.MaximumEventAge, MaximumEventAge); t.MaximumEventAge < MinimumEventAge || t.MaximumEventAge > MaximumEventAge {
		fail("its MaximumEventAge is %v, not %v to %v", c.MaximumEventAge, MinimumEventAge, MaximumEventAge)
	}
	if t.MaximumRetryAttempts = max(0, cmp.Or(c.MaximumRetryAttempts, MaximumRetryAttempts)); t.MaximumRetryAttempts > MaximumRetryAttempts {
		fail("its MaximumRetryAttempts is %d, more than %d", c.MaximumRetryAttempts, MaximumRetryAttempts)
	}
	return t, errors.Join(errs...)
}

// A delivery is an event on its way to a target.
type delivery struct {
	taken
	entry weir.Entry
	err   error // of the last attempt
}

// deliver puts events until each was delivered or given up.
func (t *target) deliver(ctx context.Context, events []taken) error {
	var pending []*delivery
	var errs []error
	for _, e := range events {
		d := &delivery{taken: e}
		if code, err := t.prepare(d); err != nil {
			errs = append(errs, t.giveUp(ctx, DeadLetter{Event: e.text, ErrorCode: code, ErrorMessage: err.Error()}))
			continue
		}
		pending = append(pending, d)
	}
	for attempt := 0; ; attempt++ {
		failed := t.put(ctx, pending)
		t.delivered.Add(int64(len(pending) - len(failed)))
		pending = pending[:0]
		for _, d := range failed {
			letter := DeadLetter{Event: d.text, ErrorCode: code(d.err), ErrorMessage: d.err.Error(), RetryAttempts: attempt}
			switch {
			case ctx.Err() != nil:
			case slices.Contains([]string{invalidParameter, noPermissions, noResource}, letter.ErrorCode):
				errs = append(errs, t.giveUp(ctx, letter))
				continue
			case attempt >= t.MaximumRetryAttempts:
				letter.ExhaustedRetryCondition = "MaximumRetryAttempts"
			case time.Since(d.at) >= t.MaximumEventAge:
				letter.ExhaustedRetryCondition = "MaximumEventAgeInSeconds"
			}
			if letter.ExhaustedRetryCondition != "" {
				errs = append(errs, t.giveUp(ctx, letter))
				continue
			}
			pending = append(pending, d)
		}
		if len(pending) == 0 {
			return errors.Join(errs...)
		}
		if err := t.wait(ctx, attempt, pending[0]); err != nil {
			errs = append(errs, fmt.Errorf("rule %s, target %s: %d of %d events are not delivered: %w, after %w",
				t.rule.name, t.ID, len(pending), len(events), err, pending[0].err))
			return errors.Join(errs...)
		}
		t.retries.Add(int64(len(pending)))
	}
}

// wait waits before an attempt that follows another one, not longer than the
// events may get old.
func (t *target) wait(ctx context.Context, attempt int, d *delivery) error {
	wait := min(firstWait<<min(attempt, 20), longestWait)
	wait -= rand.N(wait / 2)
	timer := time.NewTimer(min(wait, max(0, time.Until(d.at.Add(t.MaximumEventAge)))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// prepare makes the record. An error has the code of a dead letter.
func (t *target) prepare(d *delivery) (code string, err error) {
	switch {
	case t.Input != "":
		d.entry.Data = []byte(t.Input)
	case t.Transformer != nil:
		d.entry.Data, err = t.Transformer.Apply(d.text, t.rule.name, t.rule.arn, d.at)
		if err != nil {
			return "INVALID_JSON", err
		}
	default:
		part, ok := t.inputPath.find(d.text)
		if !ok {
			return invalidParameter, fmt.Errorf("InputPath %s finds nothing", t.InputPath)
		}
		if d.entry.Data, err = compact(part); err != nil {
			return "INVALID_JSON", err
		}
	}
	d.entry.PartitionKey = d.id
	if t.hasKey {
		d.entry.PartitionKey, err = t.key(d.text)
	}
	return invalidParameter, err
}

func (t *target) key(event []byte) (string, error) {
	found, ok := t.keyPath.find(event)
	found = json.RawMessage(strings.TrimSpace(string(found)))
	switch {
	case !ok || string(found) == "null":
		return "", fmt.Errorf("PartitionKeyPath %s finds nothing", t.PartitionKeyPath)
	case found[0] == '"':
		var key string
		if err := json.Unmarshal(found, &key); err != nil || key == "" {
			return "", fmt.Errorf("PartitionKeyPath %s finds an empty string", t.PartitionKeyPath)
		}
		return key, nil
	case found[0] == '{' || found[0] == '[':
		return "", fmt.Errorf("PartitionKeyPath %s finds %.40s, which is no string, number or boolean", t.PartitionKeyPath, found)
	}
	return string(found), nil
}

// put makes one attempt with each delivery, and returns those that failed.
func (t *target) put(ctx context.Context, all []*delivery) (failed []*delivery) {
	for len(all) > 0 {
		n, bytes := 0, 0
		for n < min(len(all), batchRecords) {
			bytes += len(all[n].entry.Data) + len(all[n].entry.PartitionKey)
			if n > 0 && bytes > batchBytes {
				break
			}
			n++
		}
		failed = append(failed, t.call(ctx, all[:n])...)
		all = all[n:]
	}
	return failed
}

func (t *target) call(ctx context.Context, batch []*delivery) (failed []*delivery) {
	entries := make([]weir.Entry, len(batch))
	for i, d := range batch {
		entries[i] = d.entry
	}
	results, err := t.Stream.PutRecords(ctx, entries)
	if err == nil && len(results) != len(batch) {
		err = client.ErrMismatch
	}
	if errors.Is(err, weir.ErrInvalidArgument) && len(batch) > 1 {
		// One record that is not allowed has the whole call refused.
		for i := range batch {
			failed = append(failed, t.call(ctx, batch[i:i+1])...)
		}
		return failed
	}
	for i, d := range batch {
		if d.err = err; err == nil {
			d.err = results[i].Err
		}
		if d.err != nil {
			failed = append(failed, d)
		}
	}
	return failed
}

// giveUp hands an event over, or drops it.
func (t *target) giveUp(ctx context.Context, d DeadLetter) error {
	d.RuleARN, d.TargetARN = t.rule.arn, t.ARN
	if t.DeadLetter == nil {
		t.dropped.Add(1)
		return nil
	}
	if err := t.DeadLetter(ctx, d); err != nil {
		return fmt.Errorf("rule %s, target %s: an event that failed with %s (%s) is no dead letter: %w",
			t.rule.name, t.ID, d.ErrorCode, d.ErrorMessage, err)
	}
	t.deadLetters.Add(1)
	return nil
}
