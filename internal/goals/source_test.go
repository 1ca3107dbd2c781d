package goals_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// sourceGoals say what an event source costs beside what nobody can do without.
func sourceGoals() []goal {
	const backlog = 100_000
	waking := func(pause func(), n int) func(testing.TB) sample {
		return func(tb testing.TB) (s sample) {
			for range rounds {
				called, read := sourceLatencies(tb, n, pause)
				s.add(quantile(called, 0.5), quantile(read, 0.5))
			}
			return s
		}
	}
	return []goal{
		{"T1", "event source, batches of 100 ÷ making the events, processor time", 1.5, 1.1, false, func(tb testing.TB) sample {
			s := filledStream(tb, backlog)
			return processorRatios(tb, sourceWork(tb, s, backlog), eventWork(tb, s, backlog))
		}},
		{"T2", "put to function, idle producer, p50 ÷ to a Reader", 2, 1.3, true, waking(idle, 2000)},
		{"T2", "put to function, busy producer, p50 ÷ to a Reader", 2, 1.3, true, waking(busy, 4000)},
		{"T3", "10 lanes, a function that sleeps 10 ms ÷ one lane, a record", 1.0 / 8, 1 / 9.5, false, func(tb testing.TB) (s sample) {
			for range rounds {
				s.add(float64(sleepyWork(tb, 10)), float64(sleepyWork(tb, 1)))
			}
			return s
		}},
	}
}

func sourceOf(tb testing.TB, s *weir.Stream, settings eventsource.Settings, f eventsource.Function) *eventsource.Source {
	settings.StartingPosition = eventsource.TrimHorizon
	src, err := eventsource.New(eventsource.Config{
		Settings: settings, Function: f, Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

// sourceWork calls a function that does nothing with a backlog, in batches of
// 100, each time with a new source; a unit is the whole of it.
func sourceWork(tb testing.TB, s *weir.Stream, backlog int) work {
	return func(n int) {
		for range n {
			ctx, stop := context.WithCancel(context.Background())
			left := backlog / 100
			src := sourceOf(tb, s, eventsource.Settings{BatchSize: 100}, func(context.Context, []byte) ([]byte, error) {
				if left--; left == 0 {
					stop()
				}
				return nil, nil
			})
			if err := src.Run(ctx); err != nil {
				tb.Error(err)
			}
			stop()
		}
	}
}

// The types of aws-lambda-go's package events, as far as they are the event.
type (
	kinesisEvent struct {
		Records []kinesisEventRecord `json:"Records"`
	}
	kinesisEventRecord struct {
		AwsRegion         string        `json:"awsRegion"`
		EventID           string        `json:"eventID"`
		EventName         string        `json:"eventName"`
		EventSource       string        `json:"eventSource"`
		EventSourceArn    string        `json:"eventSourceARN"`
		EventVersion      string        `json:"eventVersion"`
		InvokeIdentityArn string        `json:"invokeIdentityArn"`
		Kinesis           kinesisRecord `json:"kinesis"`
	}
	kinesisRecord struct {
		ApproximateArrivalTimestamp secondsEpochTime `json:"approximateArrivalTimestamp"`
		Data                        []byte           `json:"data"`
		EncryptionType              string           `json:"encryptionType,omitempty"`
		PartitionKey                string           `json:"partitionKey"`
		SequenceNumber              string           `json:"sequenceNumber"`
		KinesisSchemaVersion        string           `json:"kinesisSchemaVersion"`
	}
	secondsEpochTime struct{ time.Time }
)

func (t secondsEpochTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(t.UnixNano()) / float64(time.Second))
}

// eventWork reads the same and makes the events with encoding/json.
func eventWork(tb testing.TB, s *weir.Stream, backlog int) work {
	return func(n int) {
		for range n {
			r, err := s.NewReader("", weir.TrimHorizon())
			if err != nil {
				tb.Fatal(err)
			}
			for left := backlog; left > 0; {
				b, err := r.NextBatch(context.Background(), 100, 0)
				if err != nil {
					tb.Fatal(err)
				}
				left -= len(b.Records)
				makeEvent(tb, b.Records)
			}
			r.Close()
		}
	}
}

func makeEvent(tb testing.TB, records []weir.Record) {
	e := kinesisEvent{Records: make([]kinesisEventRecord, len(records))}
	for i, r := range records {
		number := r.SequenceNumber.String()
		e.Records[i] = kinesisEventRecord{
			AwsRegion: "us-east-1", EventID: r.ShardID().String() + ":" + number, EventName: "aws:kinesis:record", EventSource: "aws:kinesis",
			EventSourceArn: "arn:aws:kinesis:us-east-1:000000000000:stream/bench", EventVersion: "1.0",
			InvokeIdentityArn: "arn:aws:iam::000000000000:role/eventsource",
			Kinesis: kinesisRecord{
				ApproximateArrivalTimestamp: secondsEpochTime{r.ArrivalTime}, Data: r.Data, PartitionKey: r.PartitionKey, SequenceNumber: number,
				KinesisSchemaVersion: "1.0",
			},
		}
	}
	if _, err := json.Marshal(e); err != nil {
		tb.Fatal(err)
	}
}

// sourceLatencies puts n records for a function and n for a reader that waits,
// in turn, and returns how long each was under way.
func sourceLatencies(tb testing.TB, n int, pause func()) (called, read []time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	processed, plain := newStream(tb, 1, weir.Config{}), newStream(tb, 1, weir.Config{})
	begin := time.Now()
	sent := make([][2]time.Duration, n) // to the function, to the reader
	r, err := openReader(plain, 0, weir.TrimHorizon())
	if err != nil {
		tb.Fatal(err)
	}
	defer r.close()
	src := sourceOf(tb, processed, eventsource.Settings{BatchSize: 1}, func(context.Context, []byte) ([]byte, error) {
		called = append(called, time.Since(begin)-sent[len(called)][0])
		if len(called) == n {
			stop()
		}
		return nil, nil
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := src.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	wg.Go(func() {
		for len(read) < n {
			list, err := r.next(context.Background())
			now := time.Since(begin)
			if err != nil {
				tb.Error(err)
				return
			}
			for range list {
				read = append(read, now-sent[len(read)][1])
			}
		}
	})
	for i := range n {
		for k, s := range []*weir.Stream{processed, plain} {
			pause()
			sent[i][k] = time.Since(begin)
			if _, err := s.PutRecord(context.Background(), "k", []byte("data")); err != nil {
				tb.Fatal(err)
			}
		}
	}
	wg.Wait()
	return called, read
}

// sleepyWork returns how long a function that sleeps takes for 400 records of
// ten keys, one at a time, of which each is in another lane where there are
// ten.
func sleepyWork(tb testing.TB, lanes int) time.Duration {
	const records = 400
	var keys [10]string
	for i, found := 0, 0; found < len(keys); i++ {
		h := fnv.New64a()
		fmt.Fprint(h, i)
		if at := h.Sum64() % 10; keys[at] == "" {
			keys[at] = strconv.Itoa(i)
			found++
		}
	}
	s := newStream(tb, 1, weir.Config{})
	for i := range records {
		if _, err := s.PutRecord(context.Background(), keys[i%len(keys)], []byte("data")); err != nil {
			tb.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var left atomic.Int64
	left.Store(records)
	var took time.Duration
	epoch := time.Now()
	src := sourceOf(tb, s, eventsource.Settings{BatchSize: 1, ParallelizationFactor: lanes}, func(context.Context, []byte) ([]byte, error) {
		time.Sleep(10 * time.Millisecond)
		if left.Add(-1) == 0 {
			took = time.Since(epoch)
			stop()
		}
		return nil, nil
	})
	if err := src.Run(ctx); err != nil {
		tb.Error(err)
	}
	return took
}
