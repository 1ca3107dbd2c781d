package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// An event is what the function reads of one.
type event struct {
	Records []struct {
		Kinesis struct {
			PartitionKey, SequenceNumber string
			Data                         []byte
			ApproximateArrivalTimestamp  float64
		}
		EventID string
	}
	Window *struct{ Start, End time.Time }
	State  map[string]int
	Shard  string `json:"shardId"`
	Final  bool   `json:"isFinalInvokeForWindow"`
	Early  bool   `json:"isWindowTerminatedEarly"`
}

func (e event) texts() (list []string) {
	for _, r := range e.Records {
		list = append(list, string(r.Kinesis.Data))
	}
	return list
}

// A function notes what it is given, and answers as it is told.
type function struct {
	t      *testing.T
	answer func(e event) (any, error) // nil answers nothing

	mu     sync.Mutex
	events []event
}

func (f *function) call(_ context.Context, payload []byte) ([]byte, error) {
	var e event
	assert.NoError(f.t, json.Unmarshal(payload, &e))
	f.mu.Lock()
	f.events = append(f.events, e)
	f.mu.Unlock()
	if f.answer == nil {
		return nil, nil
	}
	answer, err := f.answer(e)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(answer)
	return text, err
}

// batches returns the records of each call.
func (f *function) batches() (list [][]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		list = append(list, e.texts())
	}
	return list
}

// texts returns all records of all calls.
func (f *function) texts() (list []string) {
	for _, b := range f.batches() {
		list = append(list, b...)
	}
	return list
}

// failing returns an answer that says which records failed.
func failing(e event, bad ...string) any {
	type failure struct {
		ID string `json:"itemIdentifier"`
	}
	list := []failure{}
	for _, r := range e.Records {
		for _, text := range bad {
			if string(r.Kinesis.Data) == text {
				list = append(list, failure{r.Kinesis.SequenceNumber})
			}
		}
	}
	return map[string]any{"batchItemFailures": list}
}

// config returns what most tests begin with.
func config(s *weir.Stream, store lease.Store, f eventsource.Function) eventsource.Config {
	return eventsource.Config{
		Settings: eventsource.Settings{StartingPosition: eventsource.TrimHorizon, FunctionName: "billing"},
		Function: f,
		Group:    consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: store},
	}
}

// A running is a source that runs.
type running struct {
	*eventsource.Source
	*streamtest.Running
}

func run(t *testing.T, c eventsource.Config) *running {
	s, err := eventsource.New(c)
	require.NoError(t, err)
	return &running{s, streamtest.Run(t, s.Run)}
}

func TestSource_callsTheFunctionWithBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		streamtest.Put(t, s, streamtest.Numbered(3, 0, 250)...)
		r := run(t, config(s, store, f.call))
		streamtest.Pass(time.Second)
		batches := f.batches()
		require.Len(t, batches, 3)
		assert.Equal(t, []int{100, 100, 50}, []int{len(batches[0]), len(batches[1]), len(batches[2])})
		assert.Equal(t, streamtest.Numbered(3, 0, 250), f.texts())
		require.NoError(t, r.End())
		list, err := store.List(t.Context())
		require.NoError(t, err)
		f.mu.Lock()
		last := f.events[2].Records[49].Kinesis.SequenceNumber
		f.mu.Unlock()
		assert.Equal(t, last, list[0].Checkpoint.Sequence)
		assert.Empty(t, list[0].Owner)
	})
}

// A record is with the function at the moment it is put.
func TestSource_withoutAWindowARecordDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := streamtest.New(t, "orders", 1), &function{t: t}
		run(t, config(s, new(lease.Memory), f.call))
		streamtest.Pass(time.Second)
		began := time.Now()
		streamtest.Put(t, s, "k 1")
		synctest.Wait()
		assert.Equal(t, []string{"k 1"}, f.texts())
		assert.Zero(t, time.Since(began))
	})
}

// The end of Run does not wait for what is gathered, and nothing of it is lost.
func TestSource_anEndLosesAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 2), new(lease.Memory), &function{t: t}
		f.answer = func(event) (any, error) { time.Sleep(3 * time.Second); return nil, nil }
		streamtest.Put(t, s, streamtest.Numbered(10, 0, 105)...)
		c := config(s, store, f.call)
		c.Settings.BatchSize, c.Settings.MaximumBatchingWindowInSeconds = 10, 300
		r := run(t, c)
		streamtest.Pass(time.Second)
		assert.NotZero(t, r.Metrics().ConcurrentExecutions)
		began := time.Now()
		require.NoError(t, r.End())
		assert.Equal(t, 2*time.Second, time.Since(began), "what is under way comes to its end")
		assert.Less(t, len(f.texts()), 105)
		run(t, c)
		streamtest.Pass(400 * time.Second)
		assert.ElementsMatch(t, streamtest.Numbered(10, 0, 105), f.texts(), "each once")
	})
}

// One record fails always: the others are processed, it is reported, and the
// document says what the service's says.
func TestSource_bisectsAndReportsAPoisonRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		f.answer = func(e event) (any, error) {
			if strings.Contains(strings.Join(e.texts(), ","), "k 3") {
				return nil, errors.New("poison")
			}
			return nil, nil
		}
		streamtest.Put(t, s, "k 1", "k 2", "k 3", "k 4")
		streamtest.Put(t, s, "k 5")
		c := config(s, store, f.call)
		c.Settings.BatchSize, c.Settings.BisectBatchOnFunctionError = 4, true
		c.Settings.MaximumRetryAttempts = number(1)
		c.Mapping = "4a2e7a3e-0000-4000-8000-000000000001"
		var failures []*eventsource.Failure
		c.OnFailure = eventsource.DestinationFunc(func(_ context.Context, f *eventsource.Failure) error {
			failures = append(failures, f)
			return nil
		})
		began := time.Now().UTC()
		r := run(t, c)
		streamtest.Pass(10 * time.Second)
		assert.Equal(t, [][]string{
			{"k 1", "k 2", "k 3", "k 4"}, {"k 1", "k 2"}, {"k 3", "k 4"}, {"k 3"}, {"k 3"}, {"k 4"}, {"k 5"},
		}, f.batches())

		require.Len(t, failures, 1)
		id := failures[0].RequestContext.RequestID
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
		n := f.events[3].Records[0].Kinesis.SequenceNumber
		at := began.Format("2006-01-02T15:04:05.000Z")
		document := `{"requestContext":{"requestId":"` + id + `","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:billing",` +
			`"condition":"RetryAttemptsExhausted","approximateInvokeCount":2},` +
			`"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"version":"1.0",` +
			`"timestamp":"` + began.Add(250*time.Millisecond).Format("2006-01-02T15:04:05.000Z") + `","KinesisBatchInfo":{"shardId":"shardId-000000000000",` +
			`"startSequenceNumber":"` + n + `","endSequenceNumber":"` + n + `","approximateArrivalOfFirstRecord":"` + at + `",` +
			`"approximateArrivalOfLastRecord":"` + at + `","batchSize":1,"streamArn":"arn:aws:kinesis:us-east-1:000000000000:stream/orders"}`
		assert.Equal(t, document+"}", string(failures[0].Document(eventsource.QueueForm)))
		payload, err := json.Marshal(string(failures[0].Event))
		require.NoError(t, err)
		assert.Equal(t, document+`,"payload":`+string(payload)+"}", string(failures[0].Document(eventsource.BucketForm)))
		assert.Regexp(t, `^aws/lambda/4a2e7a3e-0000-4000-8000-000000000001/shardId-000000000000/2000/01/01/2000-01-01T00\.00\.\d\d-[0-9a-f-]{36}$`, failures[0].Key())

		m := r.Metrics()
		m.Shards, m.IteratorAge, m.MaxIteratorAge = nil, 0, 0
		assert.Equal(t, eventsource.Metrics{
			PolledEventCount: 5, InvokedEventCount: 12, FailedInvokeEventCount: 8, OnFailureDestinationDeliveredEventCount: 1,
			Invocations: 7, Errors: 4, Retries: 1,
		}, m)
	})
}

// Of a batch of which one record failed, the rest comes again from that on.
// What is before it is not repeated.
func TestSource_goesOnBehindWhatAPartialFailureSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		calls := 0
		f.answer = func(e event) (any, error) {
			if calls++; calls <= 3 {
				return failing(e, "k 3", "k 5"), nil
			}
			return failing(e), nil
		}
		streamtest.Put(t, s, "k 1", "k 2", "k 3", "k 4", "k 5")
		c := config(s, store, f.call)
		c.Settings.FunctionResponseTypes = []string{eventsource.ReportBatchItemFailures}
		run(t, c)
		streamtest.Pass(10 * time.Second)
		rest := []string{"k 3", "k 4", "k 5"}
		assert.Equal(t, [][]string{{"k 1", "k 2", "k 3", "k 4", "k 5"}, rest, rest, rest}, f.batches())
	})
}

// While the destination fails nothing advances, not even what has succeeded
// behind; then all does.
func TestSource_aDestinationThatFailsHoldsThePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		f.answer = func(e event) (any, error) {
			if e.texts()[0] == "bad 1" {
				return nil, errors.New("bad")
			}
			return nil, nil
		}
		streamtest.Put(t, s, "bad 1", "good 2")
		c := config(s, store, f.call)
		c.Settings.BatchSize, c.Settings.ParallelizationFactor, c.Settings.MaximumRetryAttempts = 1, 10, number(0)
		var down atomic.Bool
		var tried atomic.Int64
		down.Store(true)
		c.OnFailure = eventsource.DestinationFunc(func(context.Context, *eventsource.Failure) error {
			if tried.Add(1) == 2 {
				panic("a panic is an error")
			}
			if down.Load() {
				return errors.New("down")
			}
			return nil
		})
		r := run(t, c)
		streamtest.Pass(time.Minute)
		at, _ := streamtest.Checkpoint(t, store)
		assert.Equal(t, lease.TrimHorizon, at)
		assert.Equal(t, [][]string{{"bad 1"}, {"good 2"}}, sorted(f.batches()), "the function is not called again")
		assert.Equal(t, tried.Load(), r.Metrics().DestinationDeliveryFailures)
		assert.Greater(t, tried.Load(), int64(5))
		down.Store(false)
		streamtest.Pass(2 * time.Minute)
		at, _ = streamtest.Checkpoint(t, store)
		assert.Equal(t, f.last(), at)
		assert.Zero(t, r.Metrics().DroppedEventCount)
	})
}

// last returns the greatest number that the function was given.
func (f *function) last() (last string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		for _, r := range e.Records {
			last = max(last, r.Kinesis.SequenceNumber)
		}
	}
	return last
}

func sorted(batches [][]string) [][]string {
	if len(batches) == 2 && batches[0][0] > batches[1][0] {
		batches[0], batches[1] = batches[1], batches[0]
	}
	return batches
}

// Ten lanes work at a time, one batch each, and keys keep their order.
func TestSource_lanesWorkAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := make(map[int]time.Duration)
		for _, factor := range []int{1, 10} {
			s, f := streamtest.New(t, "orders", 1), &function{t: t}
			f.answer = func(event) (any, error) { time.Sleep(10 * time.Millisecond); return nil, nil }
			streamtest.Put(t, s, streamtest.Numbered(1000, 0, 2000)...)
			c := config(s, new(lease.Memory), f.call)
			c.Settings.BatchSize, c.Settings.ParallelizationFactor = 1, factor
			r := run(t, c)
			began := time.Now()
			for r.Metrics().Invocations < 2000 || r.Metrics().ConcurrentExecutions > 0 {
				streamtest.Pass(time.Millisecond)
			}
			took[factor] = time.Since(began)
			assert.ElementsMatch(t, streamtest.Numbered(1000, 0, 2000), f.texts())
			last := make(map[string]int)
			for _, text := range f.texts() {
				var key string
				var n int
				fmt.Sscan(text, &key, &n)
				assert.GreaterOrEqual(t, n, last[key])
				last[key] = n
			}
			require.NoError(t, r.End())
		}
		assert.Greater(t, float64(took[1])/float64(took[10]), 8.0)
	})
}

// The position is before the first record that is not finished. At an end what
// lies before finished records is finished, too, so that these do not come
// again.
func TestSource_anEndWithLanesRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 2), new(lease.Memory), &function{t: t}
		f.answer = func(e event) (any, error) {
			if e.Records[0].Kinesis.PartitionKey == "key-1" {
				time.Sleep(time.Second)
			}
			return nil, nil
		}
		streamtest.Put(t, s, streamtest.Numbered(40, 0, 400)...)
		c := config(s, store, f.call)
		c.Settings.BatchSize, c.Settings.ParallelizationFactor = 2, 10
		r := run(t, c)
		streamtest.Pass(time.Second / 2)
		assert.Greater(t, len(f.texts()), 300)
		began := time.Now()
		require.NoError(t, r.End())
		assert.Greater(t, time.Since(began), time.Second)
		run(t, c)
		streamtest.Pass(time.Minute)
		assert.ElementsMatch(t, streamtest.Numbered(40, 0, 400), f.texts(), "each once")
	})
}

// A lane that fails is not waited for: what was finished behind it comes again,
// and nothing is lost.
func TestSource_anEndWithLanesLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, f := streamtest.New(t, "orders", 1), new(lease.Memory), &function{t: t}
		streamtest.Put(t, s, "slow 0")
		streamtest.Put(t, s, streamtest.Numbered(10, 1, 100)...)
		var cured atomic.Bool
		f.answer = func(e event) (any, error) {
			if e.texts()[0] == "slow 0" && !cured.Load() {
				return nil, errors.New("no")
			}
			return nil, nil
		}
		c := config(s, store, f.call)
		c.Settings.BatchSize, c.Settings.ParallelizationFactor = 1, 10
		r := run(t, c)
		streamtest.Pass(time.Minute)
		at, _ := streamtest.Checkpoint(t, store)
		assert.Equal(t, lease.TrimHorizon, at)
		began := time.Now()
		require.NoError(t, r.End())
		assert.Zero(t, time.Since(began))
		cured.Store(true)
		run(t, c)
		streamtest.Pass(time.Minute)
		assert.Subset(t, f.texts(), append(streamtest.Numbered(10, 1, 100), "slow 0"))
		at, _ = streamtest.Checkpoint(t, store)
		assert.Equal(t, f.last(), at)
	})
}

func TestNew_namesAllThatIsWrong(t *testing.T) {
	s := streamtest.New(t, "orders", 1)
	c := config(s, nil, nil)
	c.Settings.BatchSize = 10_001
	c.Settings.StartingPosition = ""
	c.Group.Streams = append(c.Group.Streams, c.Group.Streams[0])
	c.Group.MaxRecords, c.Group.Bisect = 5, true
	c.Timeout, c.Backoff, c.MaxBackoff = -1, time.Minute, time.Second
	_, err := eventsource.New(c)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	for _, want := range []string{
		"eventsource: ", "BatchSize: 10001 is not 1 to 10000", "StartingPosition: is missing", "Function: is nil", "Group.Streams: has 2 entries",
		"Group.MaxRecords: is set", "Group.Bisect: is set", "Timeout: -1ns is not 0s to 24h0m0s", "MaxBackoff: 1s is not 1m0s to 24h0m0s", "Store: is nil",
	} {
		assert.ErrorContains(t, err, want)
	}
	good, err := eventsource.New(config(s, new(lease.Memory), (&function{t: t}).call))
	require.NoError(t, err)
	//lint:ignore SA1012 that a nil context is an error is what is tested
	assert.ErrorIs(t, good.Run(nil), weir.ErrInvalidArgument)
}
