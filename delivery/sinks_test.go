package delivery_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/producer"
)

func files(t *testing.T, dir string) map[string]string {
	found := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			found[filepath.ToSlash(name)] = string(body)
		}
		return err
	}))
	return found
}

func TestDirectory_hasWholeFilesByName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := delivery.NewDirectory(dir)
	require.NoError(t, err)
	require.NoError(t, d.Check(t.Context()))
	for _, body := range []string{"one, longer", "one"} {
		require.NoError(t, d.Deliver(t.Context(), &delivery.Object{Name: "2000/01/x", Body: []byte(body)}))
	}
	require.NoError(t, d.Deliver(t.Context(), &delivery.Object{Name: "y", Body: nil}))
	assert.Equal(t, map[string]string{"2000/01/x": "one", "y": ""}, files(t, dir))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "2000")))
	require.NoError(t, d.Deliver(t.Context(), &delivery.Object{Name: "2000/01/x", Body: []byte("again")}))
	assert.Equal(t, "again", files(t, dir)["2000/01/x"], "also after somebody has removed it")
	info, err := os.Stat(filepath.Join(dir, "y"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), info.Mode().Perm()&0o644)
}

func TestDirectory_refusesWhatIsNoName(t *testing.T) {
	dir := t.TempDir()
	d, err := delivery.NewDirectory(filepath.Join(dir, "in"))
	require.NoError(t, err)
	require.NoError(t, d.Deliver(t.Context(), &delivery.Object{Name: "file", Body: nil}))
	for _, name := range []string{"../x", "a/../../x", "/etc/x", "", "a\x00b", strings.Repeat("n", 300), "file/x", ".weir-x"} {
		var refused *delivery.RefusedError
		require.ErrorAs(t, d.Deliver(t.Context(), &delivery.Object{Name: name}), &refused, name)
		assert.Equal(t, "Directory.NotAName", refused.Code)
	}
	assert.Len(t, files(t, dir), 1)
	_, err = delivery.NewDirectory("")
	require.EqualError(t, err, "directory: is empty")
}

// A directory that cannot be written is told before anything is read.
func TestDelivery_asksTheSinkFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	d, err := delivery.NewDirectory(filepath.Join(file, "dir"))
	require.NoError(t, err)
	s, store := streamtest.New(t, "orders", 1), newStore()
	streamtest.Put(t, s, "a 1")
	r := run(t, config(s, store, d))
	<-r.Done
	require.ErrorContains(t, r.Err, "delivery: Sink: ")
	list, err := store.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, list)
}

// The values of keys may lead anywhere: such a record is in the error output.
func TestDelivery_aKeyDoesNotLeadOutOfADirectory(t *testing.T) {
	synctest.Test(t, aKeyDoesNotLeadOut)
}

func aKeyDoesNotLeadOut(t *testing.T) {
	dir := t.TempDir()
	d, err := delivery.NewDirectory(filepath.Join(dir, "in"))
	require.NoError(t, err)
	s := streamtest.New(t, "orders", 1)
	streamtest.Put(t, s, "../../x 1", "ok 2")
	c := config(s, newStore(), d)
	c.Partition = delivery.PartitionFunc(func(r *delivery.Record) (map[string]string, error) {
		return map[string]string{"k": r.PartitionKey}, nil
	})
	c.Prefix, c.ErrorPrefix, c.Interval = "k/!{partitionKeyFromQuery:k}/!{timestamp:yyyy}/", "err/!{firehose:error-output-type}/", -1
	gzipCodec, err := delivery.Gzip(9)
	require.NoError(t, err)
	c.Codec = gzipCodec
	r := run(t, c)
	streamtest.Pass(time.Second)
	require.NoError(t, r.End())
	var good, bad int
	for name, body := range files(t, dir) {
		switch {
		case strings.HasPrefix(name, "in/err/delivery-failed/"):
			bad++
			assert.Contains(t, body, `"errorCode":"Directory.NotAName"`)
		case strings.HasPrefix(name, "in/k/ok/"):
			good++
			z, err := gzip.NewReader(strings.NewReader(body))
			require.NoError(t, err)
			text, err := io.ReadAll(z)
			require.NoError(t, err)
			assert.Equal(t, "ok 2\n", string(text))
		default:
			assert.Fail(t, name)
		}
	}
	assert.Equal(t, 1, good)
	assert.Equal(t, 1, bad)
}

// Records go to another stream with their keys and in their order.
func TestStream_keepsKeysAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := streamtest.New(t, "orders", 3), streamtest.New(t, "orders", 2)
		p, err := producer.New(producer.Config{Stream: client.Embedded(to), Ordered: true})
		require.NoError(t, err)
		streamtest.Put(t, from, streamtest.Numbered(7, 0, 300)...)
		c := config(from, newStore(), delivery.Stream(p))
		c.Delimiter, c.Interval, c.Count = "", -1, 20
		r := run(t, c)
		streamtest.Pass(10 * time.Second)
		require.NoError(t, r.End())
		require.NoError(t, p.Close(t.Context()))
		byKey := make(map[string][]string)
		n := 0
		for rec, err := range to.Records(t.Context(), weir.Position{}.ToTip()) {
			require.NoError(t, err)
			byKey[rec.PartitionKey] = append(byKey[rec.PartitionKey], string(rec.Data))
			n++
		}
		assert.Equal(t, 300, n)
		want := make(map[string][]string)
		for _, text := range streamtest.Numbered(7, 0, 300) {
			key, _, _ := strings.Cut(text, " ")
			want[key] = append(want[key], text)
		}
		assert.Equal(t, want, byKey)
	})
}

// What the stream will never take is refused, and what it does not take now
// comes again.
func TestStream_refusesAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, bad := streamtest.New(t, "orders", 1), new(shelf)
		flaky := &flakyStream{Stream: client.Embedded(streamtest.New(t, "orders", 1))}
		p, err := producer.New(producer.Config{Stream: flaky, RecordBytes: 100, TTL: time.Second})
		require.NoError(t, err)
		streamtest.Put(t, from, "k "+strings.Repeat("x", 200), "k 1")
		c := config(from, newStore(), delivery.Stream(p))
		c.Errors, c.Interval = bad, -1
		r := run(t, c)
		streamtest.Pass(time.Minute)
		assert.Empty(t, bad.names)
		flaky.mended.Store(true)
		streamtest.Pass(5 * time.Minute)
		require.NoError(t, r.End())
		require.NoError(t, p.Close(t.Context()))
		assert.Contains(t, failures(t, bad, "delivery-failed/")[0], "Stream.Refused: ")
		assert.Equal(t, int64(1), r.Metrics().Delivered.Records)
	})
}

// What a stream never takes is in the error output, each with its own reason, and
// what comes before, between and behind it is put once and in order: data that is
// too large for the producer or for the stream.
func TestStream_whatItNeverTakesIsInTheErrorOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, bad := streamtest.New(t, "orders", 1), new(shelf)
		limits := weir.Unlimited()
		limits.RecordBytes = 2000
		to, err := weir.NewStream("to", weir.Config{Limits: limits})
		require.NoError(t, err)
		p, err := producer.New(producer.Config{Stream: client.Embedded(to), RecordBytes: 3000, Ordered: true})
		require.NoError(t, err)
		var b aggregate.Builder
		for _, r := range []struct{ key, data string }{
			{"a", "1"}, {"a", "2"}, {"a", strings.Repeat("x", 2000)}, {"a", "3"}, {"a", strings.Repeat("y", 3000)}, {"a", "4"},
		} {
			require.NoError(t, b.Add(weir.Entry{PartitionKey: r.key, Data: []byte(r.data)}))
		}
		_, err = from.PutRecord(t.Context(), "a", b.Entry(nil).Data)
		require.NoError(t, err)
		c := config(from, newStore(), delivery.Stream(p))
		c.Errors, c.Delimiter, c.Interval = bad, "", -1
		r := run(t, c)
		streamtest.Pass(time.Minute)
		m := r.Metrics()
		require.NoError(t, r.End())
		require.NoError(t, p.Close(t.Context()))
		var got []string
		for rec, err := range to.Records(t.Context(), weir.TrimHorizon().ToTip()) {
			require.NoError(t, err)
			got = append(got, string(rec.Data))
		}
		assert.Equal(t, []string{"1", "2", "3", "4"}, got)
		failed := failures(t, bad, "delivery-failed/")
		require.Len(t, failed, 2)
		for i, want := range []string{"record: data and partition key have 2001 bytes; at most 2000 are allowed", "record: data and partition key have 3001 bytes; at most 3000 are allowed"} {
			assert.Contains(t, failed[i], "Stream.Refused: ")
			assert.Contains(t, failed[i], want)
		}
		assert.Equal(t, []int64{4, 2, 2}, []int64{m.Delivered.Records, m.Delivered.Refused, m.Errors.Records})
		assert.Zero(t, m.Held)
	})
}

// A sink that is used by itself names what it refused, and why each. A record
// without a key has its number as one.
func TestStream_namesWhatItRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := streamtest.New(t, "orders", 1)
		p, err := producer.New(producer.Config{Stream: client.Embedded(to), RecordBytes: 300})
		require.NoError(t, err)
		o := object(t, "1", strings.Repeat("x", 300), "2", "3", "4")
		o.Records[0].PartitionKey = strings.Repeat("k", 257)
		o.Records[3].PartitionKey = "\xff"
		o.Records[4].PartitionKey = ""
		var refused *delivery.RefusedError
		require.ErrorAs(t, delivery.Stream(p).Deliver(t.Context(), o), &refused)
		require.NoError(t, p.Close(t.Context()))
		assert.Equal(t, []int{0, 1, 3}, refused.Records)
		require.Len(t, refused.Each, 3)
		for i, want := range []string{"has 257 characters; 1 to 256 are allowed", "have 301 bytes; at most 300 are allowed", "is not"} {
			assert.ErrorContains(t, refused.Each[i], want)
		}
		assert.EqualValues(t, 2, to.Snapshot().RecordsHeld)
	})
}

// Where what a stream will never take has no other place to go, the shard waits
// for it, and what was put beside it is not put again.
func TestStream_whatIsRefusedComesAgainAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := streamtest.New(t, "orders", 1), streamtest.New(t, "orders", 1)
		p, err := producer.New(producer.Config{Stream: client.Embedded(to), RecordBytes: 100})
		require.NoError(t, err)
		streamtest.Put(t, from, "k "+strings.Repeat("x", 200), "k 1", "k 2")
		c := config(from, newStore(), delivery.Stream(p))
		c.Interval = -1
		r := run(t, c)
		streamtest.Pass(time.Hour)
		assert.Greater(t, r.Metrics().Delivered.Failures, int64(10))
		assert.Zero(t, r.Metrics().Shards[0].Position)
		require.NoError(t, r.End())
		require.NoError(t, p.Close(t.Context()))
		assert.EqualValues(t, 2, to.Snapshot().RecordsHeld)
	})
}

// A flakyStream fails until it is mended.
type flakyStream struct {
	client.Stream
	mended atomic.Bool
}

func (s *flakyStream) PutRecords(ctx context.Context, entries []weir.Entry) ([]weir.PutResult, error) {
	if !s.mended.Load() {
		return nil, errors.New("down")
	}
	return s.Stream.PutRecords(ctx, entries)
}

// A sink that panics is one that failed; one that ends its goroutine ends Run.
func TestDelivery_sinksThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to, calls := streamtest.New(t, "orders", 1), new(shelf), 0
		streamtest.Put(t, s, "a 1")
		c := config(s, newStore(), delivery.SinkFunc(func(ctx context.Context, o *delivery.Object) error {
			if calls++; calls < 3 {
				panic("sink")
			}
			return to.Deliver(ctx, o)
		}))
		c.Interval = -1
		r := run(t, c)
		streamtest.Pass(time.Minute)
		require.NoError(t, r.End())
		assert.Equal(t, []string{"a 1\n"}, to.bodies(""))
		assert.Equal(t, int64(2), r.Metrics().Delivered.Failures)
	})
}

func TestDelivery_aSinkThatEndsItsGoroutineEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := streamtest.New(t, "orders", 1), newStore()
		streamtest.Put(t, s, "a 1")
		c := config(s, store, delivery.SinkFunc(func(context.Context, *delivery.Object) error {
			runtime.Goexit()
			return nil
		}))
		c.Interval = -1
		r := run(t, c)
		<-r.Done
		require.ErrorContains(t, r.Err, "a sink has ended its goroutine")
		at, _ := streamtest.Checkpoint(t, store)
		assert.Equal(t, lease.TrimHorizon, at, "it comes again")
	})
}

// A sink that does not return though its context has ended is named.
func TestDelivery_aSinkThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, forever := streamtest.New(t, "orders", 1), make(chan struct{})
		streamtest.Put(t, s, "a 1")
		c := config(s, newStore(), delivery.SinkFunc(func(context.Context, *delivery.Object) error {
			<-forever
			return nil
		}))
		c.Interval = -1
		r := run(t, c)
		streamtest.Pass(time.Second)
		var stuck *consumer.StuckError
		require.ErrorAs(t, r.End(), &stuck)
		assert.Contains(t, stuck.Shards, "orders shardId-000000000000")
		close(forever)
		synctest.Wait()
	})
}

// What the sink and the backup refuse of the same records is in two objects of
// the error output, none of which replaces the other.
func TestDelivery_whatSinkAndBackupRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, errs := streamtest.New(t, "orders", 1), new(shelf)
		streamtest.Put(t, s, "a 1", "b 2")
		refusing := delivery.SinkFunc(func(context.Context, *delivery.Object) error {
			return &delivery.RefusedError{Err: errors.New("no")}
		})
		c := config(s, newStore(), refusing)
		c.Backup, c.Errors = refusing, errs
		require.NoError(t, runFor(t, c, time.Hour))
		var all []string
		for _, body := range errs.bodies("") {
			all = append(all, strings.Split(strings.TrimSpace(body), "\n")...)
		}
		require.Len(t, errs.bodies("delivery-failed/"), 2)
		require.Len(t, all, 4)
	})
}
