package kinesistest

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/weirstream/weir"
)

// An effect is what is to happen to one call.
type effect struct {
	action
	latency time.Duration
	shard   weir.ShardID                  // that records are throttled of; -1: all
	delay   func(event int) time.Duration // of events; nil: none
}

// effects returns what is to happen to a call, or nil if nothing is.
func (k *Fake) effects(c *Call) *effect {
	k.mu.Lock()
	faults, ch := k.faults, k.chaos
	k.mu.Unlock()
	var e *effect
	for _, f := range faults {
		s, ok := f.apply(c)
		if !ok {
			continue
		}
		if e == nil {
			e = &effect{shard: -1}
		}
		e.latency += s.latency[0]
		c.faulted(s.String())
		if s.do != nil {
			if err := s.do(c); err != nil {
				e.action = action{kind: actFail, err: err}
				c.faulted(shorten(err.Error(), 60))
				return e
			}
		}
		if s.action.kind != actNothing {
			e.action, e.shard = s.action, s.shard
			return e
		}
	}
	if ch != nil {
		return k.chaosEffect(ch, c, e)
	}
	return e
}

// perform answers a call that something happens to.
func (k *Fake) perform(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	if e.latency > 0 {
		k.watchTime(false)
		if err := k.clock.sleep(r.Context(), e.latency); err != nil {
			c.failed(err)
			panic(http.ErrAbortHandler)
		}
		k.takeTurn("late "+c.Op, c.request.body)
	}
	switch e.kind {
	case actFail:
		err := e.err
		if err == nil {
			err = throttled(c.Op)
		}
		k.fail(w, c, err)
	case actResetBefore:
		c.failed(errReset())
		panic(http.ErrAbortHandler)
	case actResetAfter:
		k.askAny(r, c)
		c.failed(errReset())
		panic(http.ErrAbortHandler)
	case actThrottleRecords:
		k.throttleRecords(w, r, c, e)
	case actDuplicate:
		k.duplicate(w, r, c, e)
	case actEdit:
		k.edited(w, r, c, e)
	case actEmptyPage:
		k.emptyPage(w, r, c)
	case actCutBody:
		k.cutBody(w, r, c)
	default:
		k.answer(w, r, c, e)
	}
}

// answer has the server answer; what happens to events is for the writer.
func (k *Fake) answer(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	if c.Op == "SubscribeToShard" {
		own := &eventWriter{ResponseWriter: w, fake: k, call: c, ctx: r.Context(), effect: e}
		if k.pass(own, r, c, c.request); own.aborted {
			panic(http.ErrAbortHandler)
		}
		if e.kind == actSilent && own.status < 300 {
			<-r.Context().Done()
			c.failed(r.Context().Err())
			panic(http.ErrAbortHandler)
		}
		return
	}
	k.reply(w, r, c)
}

// askAny carries out a call whose answer nobody gets. A subscription is begun
// as far as the server is concerned, and ends at once.
func (k *Fake) askAny(r *http.Request, c *Call) {
	if c.Op != "SubscribeToShard" {
		k.ask(r, c, c.request)
		return
	}
	w := &eventWriter{ResponseWriter: &answer{header: make(http.Header)}, fake: k, call: c, ctx: r.Context(),
		effect: &effect{action: action{kind: actCut}}}
	k.pass(w, r, c, c.request)
}

// throttleRecords has the server store those records of a PutRecords that are
// not chosen.
func (k *Fake) throttleRecords(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	if isOfEntries(c.Op) {
		k.failEntries(w, r, c, e)
		return
	}
	in, _ := c.Input().(*kinesis.PutRecordsInput)
	tree, err := c.request.tree()
	list, _ := tree["Records"].([]any)
	if in == nil || err != nil || len(list) != len(in.Records) {
		k.answer(w, r, c, e) // the server knows what is wrong
		return
	}
	chosen := e.choose(c, in.Records)
	var rest []any
	for i, entry := range list {
		if !chosen[i] {
			rest = append(rest, entry)
		}
	}
	var results []any
	if len(rest) > 0 {
		tree["Records"] = rest
		a := k.ask(r, c, c.request.withTree(tree))
		if c.Err != nil {
			k.write(w, c, a)
			return
		}
		out, _ := c.response.tree()
		results, _ = out["Records"].([]any)
	}
	k.writeMerged(w, c, chosen, results, e.err)
}

// choose returns which records are to be throttled.
func (e *effect) choose(c *Call, records []types.PutRecordsRequestEntry) []bool {
	chosen := make([]bool, len(records))
	shards := c.shards()
	for i := range records {
		switch {
		case e.which != nil:
			chosen[i] = e.which(i, records[i])
		default:
			chosen[i] = e.shard < 0 || i < len(shards) && shards[i] == e.shard
		}
	}
	return chosen
}

// writeMerged answers a PutRecords with the server's results for the records
// that were not chosen; the others failed with an error, or were throttled.
func (k *Fake) writeMerged(w http.ResponseWriter, c *Call, chosen []bool, results []any, err error) {
	shards := c.shards()
	merged := make([]any, len(chosen))
	failed := 0
	for i, throttled := range chosen {
		switch {
		case throttled:
			failed++
			of := *c // one record goes to one shard
			if i < len(shards) {
				of.Shard = shards[i]
			}
			f := of.failure(cmp.Or[error](err, ThroughputExceeded))
			merged[i] = map[string]any{"ErrorCode": f.code, "ErrorMessage": f.message}
		case len(results) > 0:
			merged[i], results = results[0], results[1:]
			if entry, _ := merged[i].(map[string]any); entry["ErrorCode"] != nil {
				failed++
			}
		}
	}
	k.writeTree(w, c, map[string]any{"FailedRecordCount": failed, "Records": merged})
}

// writeTree answers with what a tree says.
func (k *Fake) writeTree(w http.ResponseWriter, c *Call, tree map[string]any) {
	m := c.request.withTree(tree)
	a := &answer{header: make(http.Header, 4), status: http.StatusOK, body: m.body}
	a.header.Set("Content-Type", contentJSON)
	if m.cbor {
		a.header.Set("Content-Type", contentCBOR)
	}
	a.header.Set("Date", k.Now().UTC().Format(http.TimeFormat))
	c.answered(a)
	k.write(w, c, a)
}

// duplicate answers a call that happens twice.
func (k *Fake) duplicate(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	switch c.Op {
	case "SubscribeToShard":
		k.answer(w, r, c, e)
		return
	case "GetRecords":
		a := k.ask(r, c, c.request)
		next := c.response.text("NextShardIterator", true)
		if c.Err == nil && next != "" {
			a.body = bytes.ReplaceAll(a.body, []byte(next), []byte(c.iterator()))
			c.answered(a)
		}
		k.write(w, c, a)
	default:
		k.ask(r, c, c.request)
		k.write(w, c, k.ask(r, c, c.request))
	}
}

// beforeEvent returns how many times to send an event.
func (e *effect) beforeEvent(w *eventWriter, frame []byte, event int) (int, error) {
	if e.delay != nil {
		if err := w.fake.clock.sleep(w.ctx, e.delay(event)); err != nil {
			return 0, err
		}
	}
	if e.kind == actDuplicate && bytes.Contains(frame, []byte(`"SequenceNumber":`)) {
		return 2, nil
	}
	return 1, nil
}

// endsAfter reports whether the stream ends after so many events.
func (e *effect) endsAfter(events int) bool {
	return slices.Contains([]actionKind{actCut, actException}, e.kind) && events == e.action.after
}

// endStream ends an event stream.
func (e *effect) endStream(w *eventWriter) error {
	if e.kind == actCut {
		err := errReset()
		w.call.failed(err)
		w.aborted = true // the connection breaks when the server has let go
		return err
	}
	w.exception(e.err)
	return http.ErrAbortHandler
}
