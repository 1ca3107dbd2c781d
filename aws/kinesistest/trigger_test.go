package kinesistest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// dataOf returns the data of an event's records.
func dataOf(e events.KinesisEvent) (list []string) {
	for _, r := range e.Records {
		list = append(list, string(r.Kinesis.Data))
	}
	return list
}

// batches returns what each invocation was given.
func batches(tr *kinesistest.Trigger) (list [][]string) {
	for _, i := range tr.Invocations() {
		list = append(list, i.Data())
	}
	return list
}

func retries(n int) *int { return &n }

// A batch that fails is tried again and halved until the poison stands alone,
// which is given up; that takes the bubble's time.
func TestTrigger_retriesAndBisects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		for _, text := range []string{"1", "2", "poison", "4"} {
			k.Put("orders", "a", text)
		}
		tr := k.Trigger("orders", eventsource.Settings{BatchSize: 4, BisectBatchOnFunctionError: true, MaximumRetryAttempts: retries(1)},
			func(e events.KinesisEvent) error {
				if strings.Contains(strings.Join(dataOf(e), " "), "poison") {
					return errors.New("cannot sell that")
				}
				return nil
			})
		k.WaitFor("all are done", time.Minute, tr.Done)
		assert.Equal(t, [][]string{{"1", "2", "poison", "4"}, {"1", "2"}, {"poison", "4"}, {"poison"}, {"poison"}, {"4"}}, batches(tr))
		require.Len(t, tr.Failures(), 1)
		f := tr.Failures()[0]
		assert.Equal(t, 2, f.RequestContext.ApproximateInvokeCount)
		assert.Equal(t, eventsource.RetryAttemptsExhausted, f.RequestContext.Condition)
		assert.Equal(t, k.StreamARN("orders"), f.KinesisBatchInfo.StreamARN)
		assert.Equal(t, k.Records("orders")[2].SequenceNumber.String(), f.KinesisBatchInfo.StartSequenceNumber)
		all := tr.Invocations()
		assert.Equal(t, 250*time.Millisecond, all[4].At.Sub(all[3].At), "the retry has waited")
		assert.EqualError(t, all[3].Err, "cannot sell that")
		assert.Equal(t, int64(4), tr.Metrics().PolledEventCount)
		assert.Equal(t, int64(1), tr.Metrics().OnFailureDestinationDeliveredEventCount)
		assert.NotEmpty(t, k.Calls("GetRecords"), "it reads by the client")
	})
}

// What the functions get is what LambdaEvent makes, but for what the service
// leaves out.
func TestTrigger_givesTheEventOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Put("orders", "a", "1")
		k.Put("orders", "b", "2")
		tr := k.Trigger("orders", eventsource.Settings{}, func() {})
		k.WaitFor("all are done", time.Minute, tr.Done)
		want := k.LambdaEvent(k.Records("orders"))
		for i := range want.Records {
			want.Records[i].Kinesis.EncryptionType = ""
		}
		got := tr.Invocations()[0].Event().KinesisEvent
		for i := range got.Records { // they are read by way of a float64
			at := &got.Records[i].Kinesis.ApproximateArrivalTimestamp
			at.Time = at.UTC().Round(time.Millisecond)
		}
		assert.Equal(t, want, got)
	})
}

func TestTrigger_partialFailuresAndWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		ends := make(map[string]string)
		var failed bool
		tr := k.Trigger("orders", eventsource.Settings{
			TumblingWindowInSeconds: 60, FunctionResponseTypes: []string{eventsource.ReportBatchItemFailures},
		}, func(e events.KinesisTimeWindowEvent) (r events.KinesisTimeWindowEventResponse, err error) {
			n, _ := strconv.Atoi(e.State["n"])
			if e.IsFinalInvokeForWindow {
				ends[e.Window.Start.UTC().Format("15:04")] = e.State["n"]
			}
			for _, record := range e.Records {
				if string(record.Kinesis.Data) == "3" && !failed {
					failed = true
					r.BatchItemFailures = []events.KinesisBatchItemFailure{{ItemIdentifier: record.Kinesis.SequenceNumber}}
					break
				}
				n++
			}
			r.State = map[string]string{"n": strconv.Itoa(n)}
			return r, nil
		})
		start := k.Now().UTC().Format("15:04")
		for i := range 5 {
			k.Put("orders", "a", strconv.Itoa(i))
		}
		time.Sleep(time.Minute)
		k.Put("orders", "a", "5")
		next := k.Now().UTC().Format("15:04")
		time.Sleep(2 * time.Minute)
		assert.True(t, tr.Done())
		assert.Equal(t, map[string]string{start: "5", next: "1"}, ends)
		assert.Equal(t, [][]string{{"0", "1", "2", "3", "4"}, {"3", "4"}, {}, {"5"}, {}}, batches(tr))
	})
}

// Calls of the trigger meet faults and chaos, the stream is resharded, and the
// checker finds that no record is lost and that keys keep their order.
func TestTrigger_checkersAndChaosWorkOnIt(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 2), kinesistest.Chaos(seed+1, kinesistest.Rough()))
			k.Fail("GetRecords").Times(3).With(kinesistest.ExpiredIterator).Required()
			check := k.Checker("orders", kinesistest.AtLeastOnce())
			calls := 0
			var mu sync.Mutex
			tr := k.Trigger("orders", eventsource.Settings{BatchSize: 10, ParallelizationFactor: 3}, func(e events.KinesisEvent) error {
				mu.Lock()
				calls++
				fails := calls%5 == 0
				mu.Unlock()
				if fails {
					return errors.New("every fifth")
				}
				check.SawEvent(e.Records...)
				return nil
			})
			k.Generate("orders", kinesistest.Load{Records: 300, Over: 10 * time.Minute})
			k.Split("orders", 0)
			k.Generate("orders", kinesistest.Load{Records: 300, Over: 10 * time.Minute})
			k.WaitFor("all are done", 2*time.Hour, tr.Done)
			assert.True(t, check.Complete())
			check.Check()
			require.NoError(t, tr.Stop())
		})
	}
}

// Done holds when the parents' leases are gone, long after a split.
func TestTrigger_isDoneLongAfterAReshard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		tr := k.Trigger("orders", eventsource.Settings{}, func() {})
		k.Put("orders", "a", "1")
		assert.False(t, tr.Done())
		k.Split("orders", 0)
		k.WaitFor("all are done", time.Hour, tr.Done)
		time.Sleep(3 * time.Hour)
		assert.True(t, tr.Done())
		k.Put("orders", "a", "2")
		assert.False(t, tr.Done())
		k.WaitFor("all are done", time.Hour, tr.Done)
	})
}

func TestTrigger_beginsWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Put("orders", "a", "1")
		time.Sleep(time.Second)
		begun := k.Now()
		k.Put("orders", "a", "2")
		time.Sleep(time.Second)
		at := k.Trigger("orders", eventsource.Settings{StartingPosition: eventsource.AtTimestamp, StartingPositionTimestamp: begun}, func() {})
		latest := k.Trigger("orders", eventsource.Settings{StartingPosition: eventsource.Latest}, func() {})
		assert.True(t, latest.Done(), "there is nothing new")
		k.Put("orders", "a", "3")
		k.WaitFor("all are done", time.Minute, func() bool { return at.Done() && latest.Done() })
		assert.Equal(t, [][]string{{"2"}, {"3"}}, batches(at))
		assert.Equal(t, [][]string{{"3"}}, batches(latest))
	})
}

func TestTrigger_pollsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Trigger("orders", eventsource.Settings{}, func() {})
		before := len(k.Calls("GetRecords"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Equal(t, 2*10, len(k.Calls("GetRecords"))-before, "of both shards")
	})
}

// The ARN of a consumer is read by SubscribeToShard.
func TestTrigger_readsAsAConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		tr := k.Trigger("orders", eventsource.Settings{EventSourceArn: k.ConsumerARN("orders", "billing")}, func() {})
		k.Put("orders", "a", "1")
		k.WaitFor("all are done", time.Minute, tr.Done)
		assert.Equal(t, [][]string{{"1"}}, batches(tr))
		assert.NotEmpty(t, k.Calls("SubscribeToShard"))
		assert.Empty(t, k.Calls("GetRecords"))
		assert.Equal(t, k.ConsumerARN("orders", "billing"), tr.Invocations()[0].Event().Records[0].EventSourceArn)
	})
}

// A trigger that is stopped, or at its test's end, leaves nothing behind, and
// another one goes on where it was.
func TestTrigger_goesOnWhereOneBeforeHasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		store := new(lease.Memory)
		c := kinesistest.TriggerConfig{Stream: "orders", Store: store, Handler: eventsource.Function(
			func(context.Context, []byte) ([]byte, error) { return nil, nil })}
		first := k.StartTrigger(c)
		k.Put("orders", "a", "1")
		k.WaitFor("all are done", time.Minute, first.Done)
		require.NoError(t, first.Stop())
		require.NoError(t, first.Stop())
		k.Put("orders", "a", "2")
		second := k.StartTrigger(c)
		k.WaitFor("all are done", time.Minute, second.Done)
		assert.Equal(t, [][]string{{"2"}}, batches(second))
		require.NoError(t, second.Stop())

		k.Put("orders", "a", "3")
		time.Sleep(25 * time.Hour)
		k.Put("orders", "a", "4")
		third := k.StartTrigger(c)
		k.WaitFor("all are done", time.Minute, third.Done)
		assert.Equal(t, [][]string{{"4"}}, batches(third), "what has expired is left out, as on the service")
	})
}

// Nothing advances while the destination fails; what it has not taken is not
// among the failures.
func TestTrigger_givesUpToADestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Put("orders", "a", "1")
		down := errors.New("the queue is down")
		var mu sync.Mutex
		tr := k.StartTrigger(kinesistest.TriggerConfig{
			Stream: "orders", Settings: eventsource.Settings{MaximumRetryAttempts: retries(0)}, Timeout: time.Second,
			Handler: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			OnFailure: eventsource.DestinationFunc(func(context.Context, *eventsource.Failure) error {
				mu.Lock()
				defer mu.Unlock()
				return down
			}),
		})
		time.Sleep(time.Hour)
		assert.False(t, tr.Done())
		assert.Empty(t, tr.Failures())
		assert.Len(t, tr.Invocations(), 1)
		assert.Equal(t, time.Second, tr.Invocations()[0].Took)
		mu.Lock()
		down = nil
		mu.Unlock()
		k.WaitFor("it is given up", time.Hour, tr.Done)
		assert.Len(t, tr.Failures(), 1)
	})
}

// A panic is a failure, and is not taken for an answer.
func TestTrigger_aHandlerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Put("orders", "a", "1")
		calls := 0
		tr := k.Trigger("orders", eventsource.Settings{}, func() {
			if calls++; calls == 1 {
				panic("oh")
			}
		})
		k.WaitFor("all are done", time.Minute, tr.Done)
		all := tr.Invocations()
		require.Len(t, all, 2)
		assert.ErrorIs(t, all[0].Err, kinesistest.ErrNoReturn)
		assert.NoError(t, all[1].Err)
	})
}

// With chaos, the same seed makes the same run, call for call.
func TestTrigger_runsAgainAsItRan(t *testing.T) {
	ran := func() (calls string, invocations [][]string) {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 2), kinesistest.Chaos(7, kinesistest.Rough()))
			tr := k.Trigger("orders", eventsource.Settings{BatchSize: 10}, func() {})
			k.Generate("orders", kinesistest.Load{Records: 200, Over: 5 * time.Minute})
			k.WaitFor("all are done", time.Hour, tr.Done)
			calls, invocations = k.Calls().String(), batches(tr)
		})
		return calls, invocations
	}
	calls, invocations := ran()
	again, invocationsAgain := ran()
	assert.Equal(t, calls, again)
	assert.ElementsMatch(t, invocations, invocationsAgain)
}

// Outside a bubble it works in real time.
func TestTrigger_outsideABubble(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	k.Put("orders", "a", "1")
	tr := k.Trigger("orders", eventsource.Settings{}, func() {})
	k.WaitFor("all are done", time.Minute, tr.Done)
	assert.Equal(t, [][]string{{"1"}}, batches(tr))
}

// It says at once what is wrong.
func TestTrigger_saysWhatIsWrong(t *testing.T) {
	good := func() {}
	for _, row := range []struct {
		stream   string
		settings eventsource.Settings
		handler  any
		want     []string
	}{
		{"nothing", eventsource.Settings{}, good, []string{`there is no stream "nothing"`}},
		{"orders", eventsource.Settings{BatchSize: 10_001, MaximumBatchingWindowInSeconds: 301}, good, []string{"BatchSize: 10001 is not 1 to 10000", "MaximumBatchingWindowInSeconds: 301"}},
		{"orders", eventsource.Settings{}, nil, []string{"handler: is nil"}},
		{"orders", eventsource.Settings{}, eventsource.Function(nil), []string{"handler: is a nil eventsource.Function"}},
		{"orders", eventsource.Settings{}, 5, []string{"handler: is a int"}},
	} {
		said := failing(t, func(t *spy) {
			defer func() { assert.Equal(t, stop{}, recover()) }()
			kinesistest.New(t, kinesistest.Stream("orders", 1)).Trigger(row.stream, row.settings, row.handler)
		}).said()
		for _, want := range row.want {
			assert.Contains(t, said, want)
		}
	}
}

// Events are those of the service also to those who read JSON themselves.
func TestTrigger_anEventsourceFunctionGetsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Put("orders", "a", "1")
		valid := false
		tr := k.Trigger("orders", eventsource.Settings{}, eventsource.Function(func(_ context.Context, event []byte) ([]byte, error) {
			valid = json.Valid(event)
			return nil, nil
		}))
		k.WaitFor("all are done", time.Minute, tr.Done)
		assert.True(t, valid)
	})
}
