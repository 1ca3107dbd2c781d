package kinesistest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A savedCall is a call of a run.
type savedCall struct {
	number int // its line, from 1; while it is saved what comes first at one instant

	After   time.Duration `json:"after_ns"`          // the first call began
	Late    time.Duration `json:"late_ns,omitempty"` // after that the server carried it out
	Op      string        `json:"op"`
	Error   string        `json:"error,omitempty"` // its code; "reset" for a broken connection
	Fault   string        `json:"fault,omitempty"`
	Effects int           `json:"effects"`           // how many times the server carried it out
	Took    time.Duration `json:"took_ns,omitempty"` // of a subscription: until it ended
	Given   int           `json:"records,omitempty"` // that a read handed over
	Delayed bool          `json:"delayed,omitempty"` // of a subscription: its events were
	Ask     any           `json:"request"`
	Answer  any           `json:"answer,omitempty"`
}

// SaveRun writes the calls made so far to a file that [Fake.Replay] reads, a
// line of JSON for each in the order in which the server carried them out,
// whatever protocol they were made in. Splits and merges that were done without
// a call, by [Fake.Split] and its like or by [Chaos], are written as calls.
// What else was done without a call, as by [Fake.Put] and [Fake.Generate], is
// not in it.
func (k *Fake) SaveRun(path string) {
	k.t.Helper()
	calls, now := k.Calls(), k.Now()
	k.mu.Lock()
	reshards := slices.Clone(k.reshards)
	k.mu.Unlock()
	began := now
	if len(calls) > 0 {
		began = calls[0].At
	}
	if len(reshards) > 0 && reshards[0].at.Before(began) {
		began = reshards[0].at
	}
	var list []*savedCall
	for _, r := range reshards {
		list = append(list, &savedCall{number: r.after, After: r.at.Sub(began), Op: r.op, Effects: 1, Ask: r.ask})
	}
	for _, c := range calls {
		if saved, ok := c.saved(began, now); ok {
			list = append(list, saved)
		}
	}
	slices.SortStableFunc(list, func(a, b *savedCall) int {
		return cmp.Or(cmp.Compare(a.effectAfter(), b.effectAfter()), cmp.Compare(a.number, b.number))
	})
	lines := make([]any, len(list))
	for i, c := range list {
		lines[i] = c
	}
	k.writeLines(path, lines)
}

// saved returns a call as it is saved, unless it cannot be read: then the
// server refused it for that.
func (c *Call) saved(began, now time.Time) (saved *savedCall, ok bool) {
	saved = &savedCall{number: 2 * c.N, After: c.At.Sub(began), Op: c.Op, Error: errorCode(c.Err), Fault: c.Fault, Effects: c.effects, Delayed: c.delayed}
	var err error
	if saved.Ask, err = c.request.plain(); err != nil {
		return saved, false
	}
	if c.effects > 0 {
		saved.Late = c.effectAt.Sub(c.At)
	}
	switch {
	case c.Op == "SubscribeToShard" && c.over:
		saved.Took, saved.Given = c.Took, c.Records
	case c.Op == "SubscribeToShard":
		saved.Took, saved.Given = now.Sub(c.At), c.Records
	case c.Op == "GetRecords":
		saved.Given = c.Records
	}
	if c.Err == nil && len(c.response.body) > 0 {
		saved.Answer, _ = c.response.plain()
	}
	return saved, true
}

// errorCode returns how a run's file tells an error.
func errorCode(err error) string {
	var e *CallError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return "reset"
}

// Replay makes the calls of a run again, each as long after the first one as
// the server carried it out then, and returns in words how the results differ:
// which call succeeded or failed otherwise than it did, and which read or
// subscription gave more or fewer records; calls are counted from 1, by the
// lines of the file. What a fault did to the run is part of it: what it kept
// from the server is not called again, whose answer it lost is called, what it
// stored twice is stored twice, and records that it refused are left out.
// Iterators, sequence numbers and ARNs that the run got stand for those that
// the replay gets instead. Streams that the run did not make itself, and
// records put without a call, must be there as they were then. How many records
// a subscription gave is compared in a bubble only, for outside of one it
// depends on how its goroutine keeps up, and only if chaos did not delay its
// events.
func (k *Fake) Replay(path string) []string {
	k.t.Helper()
	var calls []*savedCall
	k.readLines(path, func(_ int, line []byte) error {
		c := &savedCall{number: len(calls) + 1}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := decodeLine(d, c); err != nil {
			return err
		}
		if _, ok := c.Ask.(map[string]any); !ok || shapes[c.Op].input == nil {
			return fmt.Errorf("%q with request %v is no call", c.Op, c.Ask)
		}
		calls = append(calls, c)
		return nil
	})
	r := &replay{fake: k, began: k.Now(), instead: make(map[string]string)}
	for _, c := range calls {
		if err := r.call(c); err != nil {
			k.t.Fatalf("kinesistest: replay %s, call %d: %v", path, c.number, err)
		}
	}
	if err := r.wait(math.MaxInt64); err != nil {
		k.t.Fatalf("kinesistest: replay %s: %v", path, err)
	}
	return r.differences
}

// effectAfter returns how long after the beginning the server carried it out.
func (c *savedCall) effectAfter() time.Duration { return c.After + c.Late }

// A replay is a run that is made again.
type replay struct {
	fake        *Fake
	began       time.Time
	instead     map[string]string // what the run got, and what stands for it now
	open        []*replayedStream // by their ends
	differences []string
}

// A replayedStream is a subscription of a replay.
type replayedStream struct {
	saved *savedCall
	call  *Call
	body  io.ReadCloser
	read  chan struct{} // closed when it has ended
}

func (s *replayedStream) end() time.Duration { return s.saved.After + s.saved.Took }

// wait waits until so long after the beginning, and ends the subscriptions that
// had ended by then.
func (r *replay) wait(after time.Duration) error {
	for len(r.open) > 0 && r.open[0].end() <= after {
		s := r.open[0]
		if err := r.until(s.end()); err != nil {
			return err
		}
		r.open = r.open[1:]
		r.finish(s)
	}
	if after == math.MaxInt64 {
		return nil
	}
	return r.until(after)
}

func (r *replay) until(after time.Duration) error {
	k := r.fake
	if err := k.clock.sleep(k.t.Context(), after-k.Now().Sub(r.began)); err != nil {
		return err
	}
	k.account.Wake()
	return nil
}

// call makes a call again.
func (r *replay) call(c *savedCall) error {
	if c.Effects == 0 {
		return nil
	}
	if err := r.wait(c.effectAfter()); err != nil {
		return err
	}
	ask := c.Ask.(map[string]any)
	if c.Fault != "" && c.Op == "PutRecords" && !leaveOutRefused(c, ask) {
		return nil
	}
	if c.Op == "SubscribeToShard" {
		return r.subscribe(c, ask)
	}
	var made *Call
	for range c.Effects {
		var body io.ReadCloser
		var err error
		if made, body, err = r.send(c, ask); err != nil {
			return err
		}
		body.Close()
	}
	r.compare(c, made)
	if answer, err := made.response.plain(); err == nil && made.Err == nil {
		r.learn("", c.Answer, answer)
	}
	return nil
}

// leaveOutRefused leaves out of a PutRecords the records that were refused, and
// reports whether any is left.
func leaveOutRefused(c *savedCall, ask map[string]any) bool {
	answer, _ := c.Answer.(map[string]any)
	results, _ := answer["Records"].([]any)
	records, _ := ask["Records"].([]any)
	if len(results) != len(records) {
		return true
	}
	var stored, told []any
	for i, x := range results {
		if result, _ := x.(map[string]any); result["ErrorCode"] == nil {
			stored, told = append(stored, records[i]), append(told, x)
		}
	}
	ask["Records"], answer["Records"] = stored, told
	return len(stored) > 0
}

// send sends a request, and returns the call that it became and its body.
func (r *replay) send(c *savedCall, ask map[string]any) (*Call, io.ReadCloser, error) {
	k := r.fake
	r.translate("", ask)
	if c.Error == "" || c.Error == "reset" {
		r.consumer(ask)
	}
	body := message{}.withTree(ask).body
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://replay", bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", contentJSON)
	req.Header.Set("X-Amz-Target", "Kinesis_20131202."+c.Op)
	res, err := transport{k}.RoundTrip(req)
	if err != nil {
		if made := callOf(err); made != nil {
			return made, http.NoBody, nil
		}
		return nil, nil, err
	}
	slot, _ := res.Request.Context().Value(callKey{}).(*callSlot)
	return slot.call, res.Body, nil
}

// isHandle reports whether a member is something that the service made up and a
// client gives back.
func isHandle(name string) bool {
	for _, suffix := range []string{"Iterator", "SequenceNumber", "SequenceNumberForOrdering", "Token", "ARN"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// translate replaces what the run got by what stands for it, in the value of a
// member.
func (r *replay) translate(name string, x any) any {
	switch x := x.(type) {
	case string:
		if isHandle(name) {
			return cmp.Or(r.instead[x], x)
		}
	case []any:
		for i := range x {
			x[i] = r.translate(name, x[i])
		}
	case map[string]any:
		for name := range x {
			x[name] = r.translate(name, x[name])
		}
	}
	return x
}

// consumer makes the ARN of a consumer, which says when it was registered, the
// one that there is, registering it if there is none.
func (r *replay) consumer(ask map[string]any) {
	arn, _ := ask["ConsumerARN"].(string)
	if stream, consumer := streamOfARN(arn); consumer != "" && r.fake.account.Stream(stream) != nil {
		ask["ConsumerARN"] = r.fake.ConsumerARN(stream, consumer)
	}
}

// learn notes what stands for what the run got, in the value of a member. What
// is known already, as an iterator that a fault gave once more, stays as it is.
func (r *replay) learn(name string, then, now any) {
	switch then := then.(type) {
	case string:
		if now, ok := now.(string); ok && isHandle(name) && r.instead[then] == "" {
			r.instead[then] = now
		}
	case []any:
		now, _ := now.([]any)
		for i := range min(len(then), len(now)) {
			r.learn(name, then[i], now[i])
		}
	case map[string]any:
		now, _ := now.(map[string]any)
		for name := range then {
			r.learn(name, then[name], now[name])
		}
	}
}

// compare notes in what a call came out otherwise.
func (r *replay) compare(c *savedCall, made *Call) {
	code := errorCode(made.Err)
	switch {
	case code != c.Error && (c.Fault == "" || code != "" && c.Error != "reset"):
		r.differ(c, "%s instead of %s", outcome(code), outcome(c.Error))
	case c.Error == "" && made.Records != c.Given && (c.Op == "GetRecords" || c.Op == "SubscribeToShard"):
		r.differ(c, "%d records instead of %d", made.Records, c.Given)
	}
}

func (r *replay) differ(c *savedCall, format string, args ...any) {
	r.differences = append(r.differences, fmt.Sprintf("call %d, %s: ", c.number, c.Op)+fmt.Sprintf(format, args...))
}

func outcome(code string) string { return cmp.Or(code, "success") }

// subscribe begins a subscription, which is read until it ended in the run.
func (r *replay) subscribe(c *savedCall, ask map[string]any) error {
	made, body, err := r.send(c, ask)
	if err != nil {
		return err
	}
	s := &replayedStream{saved: c, call: made, body: body, read: make(chan struct{})}
	go func() {
		defer close(s.read)
		io.Copy(io.Discard, body)
	}()
	r.open = append(r.open, s)
	slices.SortStableFunc(r.open, func(a, b *replayedStream) int { return cmp.Compare(a.end(), b.end()) })
	return nil
}

// finish ends a subscription, in a bubble when what is under way to its reader
// has arrived.
func (r *replay) finish(s *replayedStream) {
	if r.fake.clock.bubble {
		r.fake.comeToRest()
	}
	s.body.Close()
	<-s.read
	made := *s.call
	if !r.fake.clock.bubble || s.saved.Delayed {
		made.Records = s.saved.Given
	}
	r.compare(s.saved, &made)
}
