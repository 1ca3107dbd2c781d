package eventbridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/events/eventbridge"
	"github.com/weirstream/weir/client"
)

// A flaky stream fails calls and records as it is told to.
type flaky struct {
	client.Stream
	call   func(n int, entries []weir.Entry) error // of the whole call
	record func(n int, e weir.Entry) error
	calls  int
}

func (f *flaky) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	n := f.calls
	f.calls++
	if f.call != nil {
		if err := f.call(n, entries); err != nil {
			return nil, err
		}
	}
	var good []weir.Entry
	results := make([]weir.PutResult, len(entries))
	for i, e := range entries {
		if f.record != nil {
			results[i].Err = f.record(n, e)
		}
		if results[i].Err == nil {
			good = append(good, e)
		}
	}
	if len(good) > 0 {
		if _, err := f.Stream.PutRecords(ctx, good); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func newStream(t *testing.T) *weir.Stream {
	s, err := weir.NewStream("events", weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	return s
}

// records returns keys and data of what is in a stream.
func records(t *testing.T, s *weir.Stream) (list []string) {
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		list = append(list, r.PartitionKey+" "+string(r.Data))
	}
	return list
}

func task(id, name string) []byte {
	return fmt.Appendf(nil, `{"id": %q, "source": "aws.ecs", "detail-type": "t", "detail": {"task": %q, "n": 7}}`, id, name)
}

func newRule(t *testing.T, targets ...eventbridge.TargetConfig) *eventbridge.Rule {
	r, err := eventbridge.NewRule(eventbridge.RuleConfig{Name: "tasks", Pattern: `{"source":["aws.ecs"]}`, Targets: targets})
	require.NoError(t, err)
	return r
}

func TestRule_sendsWhatMatchesToAllTargets(t *testing.T) {
	plain, keyed, constant, part, made := newStream(t), newStream(t), newStream(t), newStream(t), newStream(t)
	tr, err := eventbridge.NewTransformer(map[string]string{"n": "$.detail.n"}, `{"n":<n>}`)
	require.NoError(t, err)
	r := newRule(t,
		eventbridge.TargetConfig{ID: "plain", Stream: client.Embedded(plain)},
		eventbridge.TargetConfig{ID: "keyed", Stream: client.Embedded(keyed), PartitionKeyPath: "$.detail.task"},
		eventbridge.TargetConfig{ID: "constant", Stream: client.Embedded(constant), Input: `"x"`, PartitionKeyPath: "$.detail.n"},
		eventbridge.TargetConfig{ID: "part", Stream: client.Embedded(part), InputPath: "$.detail['task']"},
		eventbridge.TargetConfig{ID: "made", Stream: client.Embedded(made), Transformer: tr},
	)
	other := strings.Replace(string(task("3", "c")), "aws.ecs", "aws.ec2", 1)
	ok, err := r.Match([]byte(other))
	assert.NoError(t, err)
	assert.False(t, ok)
	require.NoError(t, r.Send(t.Context(), task("1", "a"), []byte(other), task("2", "b")))
	require.NoError(t, r.Send(t.Context()))

	assert.Equal(t, []string{
		`1 {"id":"1","source":"aws.ecs","detail-type":"t","detail":{"task":"a","n":7}}`,
		`2 {"id":"2","source":"aws.ecs","detail-type":"t","detail":{"task":"b","n":7}}`,
	}, records(t, plain))
	assert.Equal(t, []string{
		`a {"id":"1","source":"aws.ecs","detail-type":"t","detail":{"task":"a","n":7}}`,
		`b {"id":"2","source":"aws.ecs","detail-type":"t","detail":{"task":"b","n":7}}`,
	}, records(t, keyed))
	assert.Equal(t, []string{`7 "x"`, `7 "x"`}, records(t, constant))
	assert.Equal(t, []string{`1 "a"`, `2 "b"`}, records(t, part))
	assert.Equal(t, []string{`1 {"n":7}`, `2 {"n":7}`}, records(t, made))
	m := r.Metrics()
	assert.EqualValues(t, 2, m.Matched)
	require.Len(t, m.Targets, 5)
	for i, id := range []string{"plain", "keyed", "constant", "part", "made"} {
		assert.Equal(t, eventbridge.TargetMetrics{ID: id, Delivered: 2}, m.Targets[i])
	}
}

// An event that is none has nothing sent, also of those before it.
func TestRule_looksBeforeItSends(t *testing.T) {
	s := newStream(t)
	r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: client.Embedded(s)})
	err := r.Send(t.Context(), task("1", "a"), []byte(`{"id":"2"}`))
	assert.ErrorIs(t, err, eventbridge.ErrInvalid)
	assert.ErrorContains(t, err, "rule tasks: event 1 of 2: event: invalid: it has no source")
	deep := strings.Replace(string(task("3", "a")), `"a"`, strings.Repeat("[", 2000)+strings.Repeat("]", 2000), 1)
	assert.ErrorContains(t, r.Send(t.Context(), []byte(deep)), "event 0 of 1, 3: ")
	assert.Empty(t, records(t, s))
}

// letters keeps dead letters.
type letters struct{ list []eventbridge.DeadLetter }

func (l *letters) take(_ context.Context, d eventbridge.DeadLetter) error {
	l.list = append(l.list, d)
	return nil
}

func TestTarget_putsAgainWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t)
		f := &flaky{Stream: client.Embedded(s), record: func(n int, e weir.Entry) error {
			if n < 3 && e.PartitionKey == "2" {
				return weir.ErrThroughputExceeded
			}
			return nil
		}}
		r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: f, InputPath: "$.id"})
		begin := time.Now()
		require.NoError(t, r.Send(t.Context(), task("1", "a"), task("2", "b"), task("3", "c")))
		assert.Equal(t, []string{`1 "1"`, `3 "3"`, `2 "2"`}, records(t, s))
		assert.Equal(t, eventbridge.TargetMetrics{ID: "a", Delivered: 3, Retries: 3}, r.Metrics().Targets[0])
		// One, two and four seconds, up to a half of each less.
		assert.GreaterOrEqual(t, time.Since(begin), 3500*time.Millisecond)
		assert.LessOrEqual(t, time.Since(begin), 7*time.Second)
	})
}

func TestTarget_givesUp(t *testing.T) {
	down := errors.New("connection refused")
	for name, row := range map[string]struct {
		age      time.Duration
		attempts int
		err      error

		calls                    int // zero means that they are not counted
		atLeast, atMost          time.Duration
		code, condition, message string
	}{
		"at once":               {attempts: -1, err: down, calls: 1, code: "ERROR_FROM_TARGET", condition: "MaximumRetryAttempts", message: "connection refused"},
		"after attempts":        {attempts: 3, err: weir.ErrThroughputExceeded, calls: 4, atLeast: 3500 * time.Millisecond, atMost: 7 * time.Second, code: "THROTTLING", condition: "MaximumRetryAttempts", message: "throughput exceeded"},
		"after all attempts":    {err: down, calls: 0, atLeast: 12 * time.Hour, atMost: 24 * time.Hour, code: "ERROR_FROM_TARGET", message: "connection refused"},
		"at its age":            {age: time.Minute, err: context.DeadlineExceeded, atLeast: time.Minute, atMost: time.Minute, code: "TIMEOUT", condition: "MaximumEventAgeInSeconds", message: "context deadline exceeded"},
		"what cannot help":      {err: fmt.Errorf("key: %w", weir.ErrInvalidArgument), calls: 1, code: "INVALID_PARAMETER", message: "key: invalid argument"},
		"a stream that is gone": {err: weir.ErrClosed, calls: 1, code: "NO_RESOURCE", message: "closed"},
		"a disk":                {attempts: 1, err: weir.ErrStorage, calls: 2, atMost: time.Second, atLeast: time.Second / 2, code: "INTERNAL_ERROR", condition: "MaximumRetryAttempts", message: "storage failed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var dead letters
			f := &flaky{Stream: client.Embedded(newStream(t)), call: func(int, []weir.Entry) error { return row.err }}
			r := newRule(t, eventbridge.TargetConfig{ID: "a", ARN: "arn:stream", Stream: f, InputPath: "$.id",
				MaximumEventAge: row.age, MaximumRetryAttempts: row.attempts, DeadLetter: dead.take})
			begin := time.Now()
			require.NoError(t, r.Send(t.Context(), task("1", "a")), name)
			assert.GreaterOrEqual(t, time.Since(begin), row.atLeast, name)
			assert.LessOrEqual(t, time.Since(begin), row.atMost, name)
			require.Len(t, dead.list, 1, name)
			if row.calls > 0 {
				assert.Equal(t, row.calls, f.calls, name)
			}
			if name == "after all attempts" {
				row.condition = dead.list[0].ExhaustedRetryCondition // chance says which is first
				assert.NotEmpty(t, row.condition)
			}
			assert.Equal(t, eventbridge.DeadLetter{Event: task("1", "a"), RuleARN: "arn:aws:events:us-east-1:000000000000:rule/tasks",
				TargetARN: "arn:stream", ErrorCode: row.code, ErrorMessage: row.message, ExhaustedRetryCondition: row.condition,
				RetryAttempts: f.calls - 1}, dead.list[0], name)
			assert.Equal(t, eventbridge.TargetMetrics{ID: "a", DeadLetters: 1, Retries: int64(f.calls - 1)}, r.Metrics().Targets[0], name)
		})
	}
}

func TestDeadLetter_attributes(t *testing.T) {
	d := eventbridge.DeadLetter{Event: []byte("{}"), RuleARN: "r", TargetARN: "t", ErrorCode: "THROTTLING", ErrorMessage: "m", RetryAttempts: 3}
	want := map[string]string{"RULE_ARN": "r", "TARGET_ARN": "t", "ERROR_CODE": "THROTTLING", "ERROR_MESSAGE": "m", "RETRY_ATTEMPTS": "3"}
	assert.Equal(t, want, d.Attributes())
	d.ExhaustedRetryCondition = "MaximumRetryAttempts"
	want["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
	assert.Equal(t, want, d.Attributes())
}

// What is not in the event is no reason to lose it.
func TestTarget_whatPathsDoNotFind(t *testing.T) {
	quoted, err := eventbridge.NewTransformer(map[string]string{"task": "$.detail.task"}, `"<task>"`)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		target        eventbridge.TargetConfig
		event         []byte
		code, message string
	}{
		"no input":           {eventbridge.TargetConfig{InputPath: "$.detail.x"}, task("1", "a"), "INVALID_PARAMETER", "InputPath $.detail.x finds nothing"},
		"no key":             {eventbridge.TargetConfig{PartitionKeyPath: "$.detail.x"}, task("1", "a"), "INVALID_PARAMETER", "PartitionKeyPath $.detail.x finds nothing"},
		"an empty key":       {eventbridge.TargetConfig{PartitionKeyPath: "$.detail.task"}, task("1", ""), "INVALID_PARAMETER", "PartitionKeyPath $.detail.task finds an empty string"},
		"an object for key":  {eventbridge.TargetConfig{PartitionKeyPath: "$.detail"}, task("1", "a"), "INVALID_PARAMETER", "which is no string, number or boolean"},
		"a long key":         {eventbridge.TargetConfig{PartitionKeyPath: "$.detail.task"}, task("1", strings.Repeat("k", 257)), "INVALID_PARAMETER", "partition key"},
		"a string unescaped": {eventbridge.TargetConfig{Transformer: quoted}, task("1", `"`), "INVALID_JSON", "what the input transformer made: invalid: it is no JSON"},
	} {
		var dead letters
		s := newStream(t)
		row.target.ID, row.target.Stream, row.target.DeadLetter = "a", client.Embedded(s), dead.take
		require.NoError(t, newRule(t, row.target).Send(t.Context(), row.event, task("2", "b")), name)
		require.NotEmpty(t, dead.list, name)
		assert.Equal(t, string(row.event), string(dead.list[0].Event), name)
		assert.Equal(t, row.code, dead.list[0].ErrorCode, name)
		assert.Contains(t, dead.list[0].ErrorMessage, row.message, name)
		assert.Len(t, records(t, s), 2-len(dead.list), "what is good is put: "+name)
	}
}

func TestTarget_withoutDeadLettersDropsAndCounts(t *testing.T) {
	r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: client.Embedded(newStream(t)), PartitionKeyPath: "$.x"})
	require.NoError(t, r.Send(t.Context(), task("1", "a")))
	assert.Equal(t, eventbridge.TargetMetrics{ID: "a", Dropped: 1}, r.Metrics().Targets[0])
}

func TestTarget_saysWhatIsNowhere(t *testing.T) {
	r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: client.Embedded(newStream(t)), PartitionKeyPath: "$.x",
		DeadLetter: func(context.Context, eventbridge.DeadLetter) error { return errors.New("the queue is full") }})
	assert.EqualError(t, r.Send(t.Context(), task("1", "a")), "rule tasks, target a: an event that failed with INVALID_PARAMETER "+
		"(PartitionKeyPath $.x finds nothing) is no dead letter: the queue is full")
	assert.Zero(t, r.Metrics().Targets[0].DeadLetters)
}

func TestTarget_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead letters
		f := &flaky{Stream: client.Embedded(newStream(t)), call: func(int, []weir.Entry) error { return weir.ErrThroughputExceeded }}
		r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: f, DeadLetter: dead.take})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin := time.Now()
		err := r.Send(ctx, task("1", "a"), task("2", "a"))
		assert.Equal(t, time.Hour, time.Since(begin))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, weir.ErrThroughputExceeded)
		assert.ErrorContains(t, err, "rule tasks, target a: 2 of 2 events are not delivered")
		assert.Empty(t, dead.list)
	})
}

// Calls are within the service's bounds, however many events there are.
func TestTarget_manyAtOnce(t *testing.T) {
	s := newStream(t)
	var sizes []int
	f := &flaky{Stream: client.Embedded(s), call: func(_ int, entries []weir.Entry) error {
		n := 0
		for _, e := range entries {
			n += len(e.Data) + len(e.PartitionKey)
		}
		assert.True(t, len(entries) == 1 || n <= 5<<20)
		sizes = append(sizes, len(entries))
		return nil
	}}
	r := newRule(t, eventbridge.TargetConfig{ID: "a", Stream: f})
	var events [][]byte
	for i := range 1001 {
		events = append(events, task(fmt.Sprint(i), "a"))
	}
	for range 6 {
		events = append(events, task("large", strings.Repeat("x", 1<<20-1000)))
	}
	require.NoError(t, r.Send(t.Context(), events...))
	assert.Equal(t, []int{500, 500, 6, 1}, sizes)
	assert.Len(t, records(t, s), 1007)
}

func TestNewRule_saysAllThatIsWrong(t *testing.T) {
	s := client.Embedded(newStream(t))
	tr, err := eventbridge.NewTransformer(nil, `1`)
	require.NoError(t, err)
	_, err = eventbridge.NewRule(eventbridge.RuleConfig{Name: "a b", Pattern: `{"source":"x"}`})
	assert.ErrorIs(t, err, eventbridge.ErrInvalid)
	assert.ErrorContains(t, err, `rule name "a b": invalid: not 1 to 64`)
	assert.ErrorContains(t, err, "pattern: invalid: ")
	assert.ErrorContains(t, err, "it has no target")
	for says, c := range map[string]eventbridge.TargetConfig{
		"its id is not 1 to 64 letters":                              {Stream: s},
		"it has no stream":                                           {ID: "a"},
		"only one of Input, InputPath and Transformer may be given":  {ID: "a", Stream: s, InputPath: "$.detail", Transformer: tr},
		"its Input is no JSON":                                       {ID: "a", Stream: s, Input: "x"},
		"its Input has 8193 bytes, more than 8192":                   {ID: "a", Stream: s, Input: `"` + strings.Repeat("x", 8191) + `"`},
		"InputPath: path \"detail\": invalid":                        {ID: "a", Stream: s, InputPath: "detail"},
		"PartitionKeyPath: path \"$.\": invalid":                     {ID: "a", Stream: s, PartitionKeyPath: "$."},
		"its MaximumEventAge is 59.999999999s, not 1m0s to 24h0m0s":  {ID: "a", Stream: s, MaximumEventAge: time.Minute - 1},
		"its MaximumEventAge is 24h0m0.000000001s, not 1m0s to 24h0": {ID: "a", Stream: s, MaximumEventAge: 24*time.Hour + 1},
		"its MaximumRetryAttempts is 186, more than 185":             {ID: "a", Stream: s, MaximumRetryAttempts: 186},
	} {
		_, err := eventbridge.NewRule(eventbridge.RuleConfig{Name: "r", Pattern: `{"a":[1]}`, Targets: []eventbridge.TargetConfig{c}})
		assert.ErrorIs(t, err, eventbridge.ErrInvalid, says)
		assert.ErrorContains(t, err, says)
	}
	_, err = eventbridge.NewRule(eventbridge.RuleConfig{Name: "r", Pattern: `{"a":[1]}`,
		Targets: []eventbridge.TargetConfig{{ID: "a", Stream: s}, {ID: "a", Stream: s}}})
	assert.ErrorContains(t, err, `target "a": invalid: there is another of its id`)
}

func ExampleRule() {
	ctx := context.Background()
	stream, err := weir.NewStream("tasks", weir.Config{})
	if err != nil {
		panic(err)
	}
	rule, err := eventbridge.NewRule(eventbridge.RuleConfig{
		Name: "tasks", Pattern: `{"source": ["aws.ecs"], "detail": {"lastStatus": [{"anything-but": "PENDING"}]}}`,
		Targets: []eventbridge.TargetConfig{{
			ID: "stream", Stream: client.Embedded(stream), InputPath: "$.detail", PartitionKeyPath: "$.detail.taskArn",
			DeadLetter: func(_ context.Context, d eventbridge.DeadLetter) error {
				fmt.Println("lost:", d.ErrorCode, d.ErrorMessage)
				return nil
			},
		}},
	})
	if err != nil {
		panic(err)
	}
	for i, status := range []string{"PENDING", "RUNNING", "STOPPED"} {
		event, _ := eventbridge.Event{
			ID: fmt.Sprint(i), Source: "aws.ecs", DetailType: "ECS Task State Change", Time: time.Unix(1e9, 0),
			Detail: json.RawMessage(`{"taskArn": "task-1", "lastStatus": "` + status + `"}`),
		}.JSON()
		if err := rule.Send(ctx, event); err != nil {
			panic(err)
		}
	}
	for r, err := range stream.Records(ctx, weir.TrimHorizon().ToTip()) {
		if err != nil {
			panic(err)
		}
		fmt.Println(r.PartitionKey, string(r.Data))
	}
	// Output:
	// task-1 {"taskArn":"task-1","lastStatus":"RUNNING"}
	// task-1 {"taskArn":"task-1","lastStatus":"STOPPED"}
}
