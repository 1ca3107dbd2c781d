package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/lambda"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// testdata returns an event of aws-lambda-go's own tests, without spaces.
func testdata(t *testing.T, name string) string {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "events", "testdata", name))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, text))
	return b.String()
}

// recorded is a stream with one shard whose records are those of an event.
type recorded struct {
	client.Stream // nil: nothing is put
	shard         weir.ShardID
	records       []weir.Record
}

func newRecorded(t *testing.T, text string) recorded {
	var e events.KinesisEvent
	require.NoError(t, json.Unmarshal([]byte(text), &e))
	shard, _, _ := strings.Cut(e.Records[0].EventID, ":")
	id, err := weir.ParseShardID(shard)
	require.NoError(t, err)
	s := recorded{shard: id}
	for _, r := range e.Records {
		number, err := weir.ParseSequenceNumber(r.Kinesis.SequenceNumber)
		require.NoError(t, err)
		s.records = append(s.records, weir.Record{SequenceNumber: number, PartitionKey: r.Kinesis.PartitionKey, Data: r.Kinesis.Data,
			ArrivalTime: r.Kinesis.ApproximateArrivalTimestamp.UTC().Round(time.Millisecond)}) // it is read by way of a float64
	}
	return s
}

func (recorded) Name() string { return "recorded" }

func (s recorded) Shards(context.Context) ([]weir.Shard, error) {
	return []weir.Shard{{ID: s.shard}}, nil
}

func (s recorded) Read(context.Context, weir.ShardID, weir.Position, client.Reading) (client.Reader, error) {
	return &recordedReader{s}, nil
}

type recordedReader struct{ recorded }

func (r *recordedReader) Close() error { return nil }

func (r *recordedReader) Next(ctx context.Context) (weir.Batch, error) {
	if len(r.records) == 0 {
		<-ctx.Done()
		return weir.Batch{}, ctx.Err()
	}
	b := weir.Batch{Shard: r.shard, Records: r.records, Continue: weir.AfterSequence(r.records[len(r.records)-1].SequenceNumber)}
	r.records = nil
	return b, nil
}

// run calls a handler with the records of an event, and returns what each call
// was given; all came when the last one has n records in all.
func run(t *testing.T, s recorded, settings eventsource.Settings, role string, handler any) (given []string) {
	f, err := lambda.Handler(handler, lambda.HandlerConfig{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	left := len(s.records)
	settings.StartingPosition = eventsource.TrimHorizon
	source, err := eventsource.New(eventsource.Config{
		Settings: settings, Role: role,
		Function: func(ctx context.Context, event []byte) ([]byte, error) {
			given = append(given, string(event))
			if left -= bytes.Count(event, []byte(`"kinesis":`)); left == 0 {
				stop()
			}
			return f(ctx, event)
		},
		Group: consumer.Config{Streams: []client.Stream{s}, Store: new(lease.Memory)},
	})
	require.NoError(t, err)
	require.NoError(t, source.Run(ctx))
	return given
}

// An event of the service is read by aws-lambda-go's types, its records are put
// on a stream, and what the handler is called with is that event again, byte for
// byte.
func TestHandler_getsTheServicesEventByteForByte(t *testing.T) {
	want := testdata(t, "kinesis-event.json")
	synctest.Test(t, func(t *testing.T) {
		sleepUntil(t, want)
		var got events.KinesisEvent
		given := run(t, newRecorded(t, want), eventsource.Settings{EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:stream/simple-stream"},
			"arn:aws:iam::123456789012:role/LambdaRole", func(e events.KinesisEvent) { got = e })
		assert.Equal(t, []string{want}, given)
		var read events.KinesisEvent
		require.NoError(t, json.Unmarshal([]byte(want), &read))
		assert.Equal(t, read, got)
	})
}

// The same with a window's event, whose state another call before has returned.
func TestHandler_getsTheServicesWindowByteForByte(t *testing.T) {
	want := testdata(t, "kinesis-time-window-event.json")
	synctest.Test(t, func(t *testing.T) {
		sleepUntil(t, want)
		s := newRecorded(t, want)
		before := s.records[0]
		number, err := weir.ParseSequenceNumber("49590338271490256608559692538361571095921575989136588897")
		require.NoError(t, err)
		before.SequenceNumber = number
		s.records = []weir.Record{before, s.records[0]}
		var got []events.KinesisTimeWindowEvent
		given := run(t, s, eventsource.Settings{
			EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream", BatchSize: 1, TumblingWindowInSeconds: 120,
		}, "arn:aws:iam::123456789012:role/lambda-kinesis-role", func(e events.KinesisTimeWindowEvent) (events.KinesisTimeWindowEventResponse, error) {
			if got = append(got, e); e.IsFinalInvokeForWindow {
				return events.KinesisTimeWindowEventResponse{}, errors.New("no end was expected")
			}
			var r events.KinesisTimeWindowEventResponse
			r.State = map[string]string{"1": "state 1", "2": "state 2"}
			return r, nil
		})
		require.Len(t, given, 2)
		assert.Equal(t, want, given[1])
		var read events.KinesisTimeWindowEvent
		require.NoError(t, json.Unmarshal([]byte(want), &read))
		assert.Equal(t, read, got[1])
		assert.Empty(t, got[0].State)
	})
}

// sleepUntil waits for the arrival of an event's last record.
func sleepUntil(t *testing.T, text string) {
	s := newRecorded(t, text)
	time.Sleep(time.Until(s.records[len(s.records)-1].ArrivalTime))
}
