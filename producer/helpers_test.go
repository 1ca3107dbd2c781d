package producer_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/producer"
)

func newStream(t *testing.T, c weir.Config) *weir.Stream {
	s, err := weir.NewStream("orders", c)
	require.NoError(t, err)
	return s
}

// free is a stream without limits.
func free(t *testing.T, shards int) *weir.Stream {
	return newStream(t, weir.Config{Shards: shards, Limits: weir.Unlimited()})
}

// newProducer returns a producer that is closed at the end, if it is not before.
func newProducer(t *testing.T, c producer.Config) *producer.Producer {
	p, err := producer.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		assert.NoError(t, p.Close(ctx))
		m := p.Metrics()
		assert.Zero(t, m.Records)
		assert.Zero(t, m.Bytes)
		assert.Equal(t, m.Taken, m.Delivered+m.Failed, "each has an outcome")
	})
	return p
}

func entry(key, data string) weir.Entry { return weir.Entry{PartitionKey: key, Data: []byte(data)} }

// readAll returns the data of the user records in a stream, whose writes it
// ends, with parents before children; of each shard what its consumers get.
func readAll(t *testing.T, s *weir.Stream) (list []string) {
	shards := s.Shards()
	require.NoError(t, s.EndWrites(context.Background()))
	for _, sh := range shards {
		r, err := client.Embedded(s).Read(context.Background(), sh.ID, weir.TrimHorizon(), client.Reading{})
		require.NoError(t, err)
		d := aggregate.Decoder{Within: &sh.HashKeyRange}
		for {
			b, err := r.Next(context.Background())
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			for _, outer := range b.Records {
				for u := range d.Records(outer) {
					list = append(list, string(u.Data))
				}
			}
		}
		require.NoError(t, r.Close())
	}
	return list
}

// numbers returns the texts of some numbers.
func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// A flaky stream does something else for a call of PutRecords while hook says
// so.
type flaky struct {
	client.Stream
	mu    sync.Mutex
	calls int
	hook  func(ctx context.Context, call int, entries []weir.Entry) ([]weir.PutResult, error, bool)
}

func (f *flaky) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	f.mu.Lock()
	f.calls++
	call := f.calls
	f.mu.Unlock()
	if results, err, done := f.hook(ctx, call, entries); done {
		return results, err
	}
	return f.Stream.PutRecords(ctx, entries)
}

// A diary notes outcomes.
type diary struct {
	mu       sync.Mutex
	outcomes []producer.Outcome
}

func (d *diary) note(o producer.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outcomes = append(d.outcomes, o)
}

func (d *diary) all() []producer.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]producer.Outcome(nil), d.outcomes...)
}

// A lines is a log that can be read.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
