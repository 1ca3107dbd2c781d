package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/lambda"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/eventsource"
)

// put puts orders of a customer, numbered from 1, with their numbers as amounts.
func put(k *kinesistest.Fake, customer string, from, to int) {
	for i := from; i <= to; i++ {
		k.Put("orders", customer, fmt.Sprintf(`{"id": "%s-%d", "amount": %d}`, customer, i, i))
	}
}

// A partial failure: what was booked before it is not booked again, and what
// cannot be read is given up, alone, after two more attempts. The settings are
// the file that aws lambda create-event-source-mapping --cli-input-json takes.
func TestBook_aPartialFailure(t *testing.T) {
	text, err := os.ReadFile("mapping.json")
	require.NoError(t, err)
	settings, err := eventsource.ParseSettings(text)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		put(k, "ann", 1, 2)
		k.Put("orders", "ann", "nonsense")
		put(k, "ann", 3, 5)
		atLunch := true // once, when it comes to the fourth order
		var booked []string
		tr := k.Trigger("orders", settings, lambda.Book(func(o lambda.Order) error {
			if o.ID == "ann-4" && atLunch {
				atLunch = false
				return errors.New("the bookkeeper is at lunch")
			}
			booked = append(booked, o.ID)
			return nil
		}))
		k.WaitFor("all is booked or given up", time.Hour, tr.Done)
		assert.Equal(t, []string{"ann-1", "ann-2", "ann-3", "ann-4", "ann-5"}, booked, "each once")
		assert.Equal(t, `ann-1 ann-2 nonsense ann-3 ann-4 ann-5: from nonsense on again
nonsense ann-3 ann-4 ann-5: from nonsense on again
nonsense ann-3: from nonsense on again
nonsense: from nonsense on again
nonsense: from nonsense on again
nonsense: from nonsense on again
ann-3: ok
ann-4 ann-5: from ann-4 on again
ann-4: ok
ann-5: ok
given up after 3 attempts: nonsense
`, told(tr))
	})
}

// A poison record: the function fails as a whole, and Lambda halves the batch
// until the record stands alone. The others of its batch are stored.
func TestStore_aPoisonRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		put(k, "bob", 1, 5)
		k.Put("orders", "bob", "poison")
		put(k, "bob", 6, 7)
		var stored []string
		retries := 1
		tr := k.Trigger("orders", eventsource.Settings{BisectBatchOnFunctionError: true, MaximumRetryAttempts: &retries},
			lambda.Store(func(orders []lambda.Order) error {
				for _, o := range orders {
					stored = append(stored, o.ID)
				}
				return nil
			}))
		k.WaitFor("all is stored or given up", time.Hour, tr.Done)
		assert.Equal(t, []string{"bob-1", "bob-2", "bob-3", "bob-4", "bob-5", "bob-6", "bob-7"}, stored, "in order")
		assert.Equal(t, `bob-1 bob-2 bob-3 bob-4 bob-5 poison bob-6 bob-7: failed
bob-1 bob-2 bob-3 bob-4: ok
bob-5 poison bob-6 bob-7: failed
bob-5 poison: failed
bob-5: ok
poison: failed
poison: failed
bob-6 bob-7: ok
given up after 2 attempts: poison
`, told(tr))
	})
}

// A tumbling aggregation: the sum of each minute, whatever fails meanwhile, told
// once when the minute is over, also when nothing comes any more.
func TestSum_aTumblingWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		var sums strings.Builder
		sum := lambda.Sum(func(w events.Window, sum int) {
			fmt.Fprintf(&sums, "%s to %s: %d\n", w.Start.Format(time.TimeOnly), w.End.Format(time.TimeOnly), sum)
		})
		calls := 0
		tr := k.Trigger("orders", eventsource.Settings{TumblingWindowInSeconds: 60},
			func(ctx context.Context, e events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
				if calls++; calls%3 == 0 {
					return events.KinesisTimeWindowEventResponse{}, errors.New("every third call fails")
				}
				return sum(ctx, e)
			})
		for from := 1; from <= 9; from++ {
			put(k, "eve", from, from) // the amounts are 1 to 9
			time.Sleep(20 * time.Second)
		}
		time.Sleep(time.Hour)
		assert.Equal(t, "00:01:00 to 00:02:00: 6\n00:02:00 to 00:03:00: 15\n00:03:00 to 00:04:00: 24\n", sums.String())
		assert.Positive(t, tr.Metrics().FailedInvokeEventCount)
	})
}

// A parallel function: ten invocations at a time for one shard, while the orders
// of each customer are charged one after the other.
func TestCharge_inParallel(t *testing.T) {
	charged := func(t *testing.T, factor int) time.Duration {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		for i := range 200 {
			put(k, fmt.Sprintf("customer-%d", i%50), i, i)
		}
		var mu sync.Mutex
		atWork := make(map[string]bool)
		var last time.Time
		charge := lambda.Charge(func(_ context.Context, customer string, _ lambda.Order) error {
			mu.Lock()
			assert.False(t, atWork[customer], "one at a time for a customer")
			atWork[customer] = true
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			atWork[customer], last = false, time.Now()
			return nil
		})
		began := time.Now()
		tr := k.Trigger("orders", eventsource.Settings{BatchSize: 1, ParallelizationFactor: factor}, func(ctx context.Context, e events.KinesisEvent) error {
			if err := charge(ctx, e); err != nil {
				return err
			}
			check.SawEvent(e.Records...)
			return nil
		})
		k.WaitFor("all are charged", time.Hour, tr.Done)
		check.Check() // each order once, each customer's in order
		return last.Sub(began)
	}
	var one, ten time.Duration
	synctest.Test(t, func(t *testing.T) { one = charged(t, 1) })
	synctest.Test(t, func(t *testing.T) { ten = charged(t, 10) })
	assert.Equal(t, 20*time.Second, one.Round(100*time.Millisecond), "one after the other")
	assert.Less(t, ten, one/5)
}

// told returns what a trigger has done, a line for each invocation, and for each
// failure.
func told(tr *kinesistest.Trigger) string {
	var b strings.Builder
	for _, i := range tr.Invocations() {
		fmt.Fprintf(&b, "%s: %s\n", names(i.Event().KinesisEvent), outcome(i))
	}
	for _, f := range tr.Failures() {
		var e events.KinesisEvent
		if err := json.Unmarshal(f.Event, &e); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "given up after %d attempts: %s\n", f.RequestContext.ApproximateInvokeCount, names(e))
	}
	return b.String()
}

// names returns the ids of orders, or what is there instead.
func names(e events.KinesisEvent) string {
	var list []string
	for _, r := range e.Records {
		var o lambda.Order
		if json.Unmarshal(r.Kinesis.Data, &o) != nil {
			o.ID = string(r.Kinesis.Data)
		}
		list = append(list, o.ID)
	}
	return strings.Join(list, " ")
}

func outcome(i kinesistest.Invocation) string {
	var answer events.KinesisEventResponse
	if i.Err != nil || json.Unmarshal(i.Answer, &answer) != nil {
		return "failed"
	}
	for _, r := range i.Event().Records {
		if len(answer.BatchItemFailures) > 0 && r.Kinesis.SequenceNumber == answer.BatchItemFailures[0].ItemIdentifier {
			return "from " + names(events.KinesisEvent{Records: []events.KinesisEventRecord{r}}) + " on again"
		}
	}
	return "ok"
}
