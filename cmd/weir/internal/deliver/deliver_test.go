package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/s3sink"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/deliver"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/parquet"
	"github.com/weirstream/weir/lease"
)

// noCloud hides whatever the machine knows of AWS.
func noCloud(t *testing.T, region string) {
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "", "AWS_DEFAULT_REGION": "", "AWS_REGION": region,
	} {
		t.Setenv(name, value)
	}
}

func TestSink_isWhatThePlaceSays(t *testing.T) {
	noCloud(t, "eu-central-1")
	dir := t.TempDir()
	for place, want := range map[string]delivery.Sink{
		filepath.Join(dir, "lake"):  &delivery.Directory{},
		"s3://lake":                 &s3sink.Sink{},
		"s3://lake/orders":          &s3sink.Sink{},
		"http://127.0.0.1:1/orders": &delivery.HTTP{},
		"https://example.com":       &delivery.HTTP{},
	} {
		got, err := deliver.Sink(t.Context(), place, deliver.HTTP{RetryFor: time.Minute})
		require.NoError(t, err, place)
		assert.IsType(t, want, got, place)
	}
	_, err := deliver.Sink(t.Context(), "http://127.0.0.1:1", deliver.HTTP{})
	assert.NoError(t, err, "not at all is a time, too")
}

func TestSink_refuses(t *testing.T) {
	noCloud(t, "")
	attributes := make(map[string]string)
	for i := range 51 {
		attributes[fmt.Sprint(i)] = ""
	}
	for _, row := range []struct {
		place string
		http  deliver.HTTP
		want  string
	}{
		{"", deliver.HTTP{}, "directory: is empty"},
		{"ftp://x", deliver.HTTP{}, `"ftp://x" is neither a directory nor a URL of http, https or s3: what ftp is, is not known`},
		{"S3://x", deliver.HTTP{}, `"S3://x" is neither a directory nor a URL of http, https or s3: what S3 is, is not known`},
		{"s3://", deliver.HTTP{}, `s3sink: "s3://" is not like s3://bucket`},
		{"s3://lake", deliver.HTTP{}, "s3://lake: no region is configured; AWS_REGION names one"},
		{"http://", deliver.HTTP{}, `delivery: URL: "http://" is no URL of http or https`},
		{"http://x", deliver.HTTP{RetryFor: 3 * time.Hour}, "delivery: RetryFor: 3h0m0s is not up to 2h0m0s"},
		{"http://x", deliver.HTTP{AccessKey: strings.Repeat("k", 4097)}, "delivery: AccessKey: has 4097 bytes; up to 4096 are allowed"},
		{"http://x", deliver.HTTP{Attributes: attributes}, "delivery: Attributes: are 51; up to 50 are allowed"},
	} {
		_, err := deliver.Sink(t.Context(), row.place, row.http)
		assert.ErrorContains(t, err, row.want, row.place)
	}
}

func TestIsURL_andIsBucket(t *testing.T) {
	for place, want := range map[string][2]bool{
		"http://x": {true, false}, "https://x": {true, false}, "s3://x": {false, true}, "./http:": {}, "https": {}, "": {},
	} {
		assert.Equal(t, want, [2]bool{deliver.IsURL(place), deliver.IsBucket(place)}, place)
	}
}

func TestCodec_hasAllWords(t *testing.T) {
	endings := make(map[string]string)
	for _, word := range deliver.Codecs {
		c, err := deliver.Codec(word)
		require.NoError(t, err, word)
		if c != nil {
			endings[word] = c.Extension()
		}
	}
	assert.Equal(t, map[string]string{"gzip": ".gz", "zip": ".zip", "zstd": ".zst", "snappy": ".snappy", "hadoop-snappy": ".snappy"}, endings)
	_, err := deliver.Codec("rar")
	assert.EqualError(t, err, `"rar" is none of none, gzip, zip, zstd, snappy, hadoop-snappy`)
}

func TestFormat_hasAllWords(t *testing.T) {
	for i, want := range []string{"\n ", " ", " parquet"} {
		var c delivery.Config
		require.NoError(t, deliver.Format(&c, deliver.Formats[i], parquet.Config{}))
		got := c.Delimiter + " "
		if c.Format != nil {
			got += c.Format.Name()
		}
		assert.Equal(t, want, got, deliver.Formats[i])
	}
	assert.Len(t, deliver.Formats, 3)
	assert.EqualError(t, deliver.Format(new(delivery.Config), "csv", parquet.Config{}), `"csv" is none of lines, concatenated, parquet`)
}

func TestPartitioner_ofFlags(t *testing.T) {
	r := &delivery.Record{Record: weir.Record{Data: []byte(`{"customer":{"id":7},"kind":"new"}`)}}
	for _, row := range []struct {
		flags      []string
		expression string
		want       map[string]string
		wrong      string
	}{
		{nil, "", nil, ""},
		{[]string{"c=$.customer.id", "k=.kind"}, "", map[string]string{"c": "7", "k": "new"}, ""},
		{nil, "{c: .customer.id, k: .kind}", map[string]string{"c": "7", "k": "new"}, ""},
		{[]string{"customer"}, "", nil, `"customer" is no NAME=PATH, such as customer=$.customer.id`},
		{[]string{"=$.customer"}, "", nil, `"=$.customer" is no NAME=PATH, such as customer=$.customer.id`},
		{[]string{"c=$"}, "", nil, `path of c: "$" leads nowhere`},
		{nil, "{c:", nil, "expression: at byte 3: unexpected EOF"},
	} {
		p, err := deliver.Partitioner(row.flags, row.expression)
		switch {
		case row.wrong != "":
			assert.ErrorContains(t, err, row.wrong)
			continue
		case row.want == nil:
			assert.Nil(t, p)
			continue
		}
		require.NoError(t, err)
		keys, err := p.Keys(r)
		require.NoError(t, err)
		assert.Equal(t, row.want, keys)
	}
}

// An interrupted is a sink that takes so many objects, and then fails as one does
// whose process is killed.
type interrupted struct {
	delivery.Sink
	left atomic.Int64
}

func (s *interrupted) Deliver(ctx context.Context, o *delivery.Object) error {
	if s.left.Add(-1) < 0 {
		return errors.New("killed")
	}
	return s.Sink.Deliver(ctx, o)
}

// A stream on disk is delivered to a directory, by words as the command has them.
// What a first run began, which could not end, a second one finishes, from the
// directory of leases: each record is in one file, once, in the order of its key.
func TestSink_ofADirectoryGoesOn(t *testing.T) {
	dir, lake, store := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "lake"), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := weir.Open(dir, weir.Config{Shards: 2, Limits: weir.Unlimited(), Sync: weir.SyncNever})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		const records = 200
		for i := range records {
			key := fmt.Sprint("c", i%5)
			_, err := s.PutRecord(t.Context(), key, fmt.Appendf(nil, `{"c":%q,"n":%d}`, key, i))
			require.NoError(t, err)
		}
		deliverInto := func(objects int64) (lines, screen []string) {
			sink, err := deliver.Sink(t.Context(), lake, deliver.HTTP{})
			require.NoError(t, err)
			leases, err := lease.OpenDir(store, "orders-deliver")
			require.NoError(t, err)
			cut := &interrupted{Sink: sink}
			cut.left.Store(objects)
			c := delivery.Config{
				Group: consumer.Config{Name: "orders-deliver", Streams: []client.Stream{client.Embedded(s)}, Store: leases, Patience: time.Second, Failover: time.Second},
				Sink:  cut, Count: 7, Interval: time.Second, Prefix: "c=!{partitionKeyFromQuery:c}/!{timestamp:yyyy}/", ErrorPrefix: "errors/!{firehose:error-output-type}/",
			}
			c.Codec, err = deliver.Codec("gzip")
			require.NoError(t, err)
			require.NoError(t, deliver.Format(&c, "lines", parquet.Config{}))
			c.Partition, err = deliver.Partitioner([]string{"c=$.c"}, "")
			require.NoError(t, err)
			d, err := delivery.New(c)
			require.NoError(t, err)
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			require.NoError(t, d.Run(ctx))
			return linesBelow(t, lake), deliver.Lines("orders → "+lake, 10*time.Second, d.Metrics())
		}
		first, _ := deliverInto(10)
		assert.NotEmpty(t, first)
		assert.Less(t, len(first), records)
		all, screen := deliverInto(1000)
		assert.Len(t, all, records)
		next := make(map[string]int)
		for _, line := range all {
			var key string
			var n int
			_, err := fmt.Sscanf(line, `{"c":%q,"n":%d}`, &key, &n)
			require.NoError(t, err, line)
			assert.Equal(t, key, fmt.Sprint("c", n%5))
			assert.GreaterOrEqual(t, n, next[key], "in order")
			next[key] = n + 1
		}
		assert.Contains(t, strings.Join(screen, "\n"), fmt.Sprintf("%d delivered", records-len(first)))
	})
}

// linesBelow returns the lines of all files below a directory, by their names,
// none of which is one of errors.
func linesBelow(t *testing.T, dir string) (lines []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		assert.Contains(t, path, string(filepath.Separator)+"c=c")
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		open := delivery.Gunzip(0)
		packed, err := io.ReadAll(f)
		require.NoError(t, err)
		text, err := open(packed)
		require.NoError(t, err, path)
		for line := range strings.Lines(string(text)) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
		return nil
	}))
	return lines
}

var some = delivery.Metrics{
	IncomingRecords: 1204, Delivered: delivery.OutputMetrics{Objects: 12, Records: 1000, Bytes: 4 << 20, BodyBytes: 1 << 20, Failures: 2},
	Dropped: 100, Errors: delivery.OutputMetrics{Records: 4, Failures: 1}, Backup: delivery.OutputMetrics{Records: 1204},
	Held: 3 << 20, Freshness: 61*time.Second + time.Millisecond,
	Shards: []delivery.ShardMetrics{{Shard: 7, Buffers: 3, Delivering: 1, Behind: 2 * time.Second}},
}

func TestLines_sayWhereShardsStand(t *testing.T) {
	assert.Equal(t, []string{
		"orders → lake   1m2s",
		"records  1,204 read, 1,000 delivered, 100 dropped, 4 in the error output, 1,204 backed up",
		"objects  12 of 4.0 MiB, 1.0 MiB as written, 3 failures",
		"held     3.0 MiB, the oldest 1m1s old",
		"shard                   filling delivering     behind",
		"shardId-000000000007          3          1         2s",
	}, deliver.Lines("orders → lake", 62*time.Second+time.Millisecond, some))
	assert.Equal(t, "no shard is this worker's yet", deliver.Lines("", 0, delivery.Metrics{})[4])
	lines := deliver.Lines("", 0, delivery.Metrics{Shards: make([]delivery.ShardMetrics, 20)})
	assert.Len(t, lines, 14)
	assert.Equal(t, "and 12 shards more", lines[13])
}

func TestLine_saysItInOne(t *testing.T) {
	assert.Equal(t, "records 0 read, 0 delivered; objects 0 of 0 B", deliver.Line(delivery.Metrics{}))
	assert.Equal(t, "records 1,204 read, 1,000 delivered, 100 dropped, 4 in the error output, 1,204 backed up; "+
		"objects 12 of 4.0 MiB, 1.0 MiB as written, 3 failures; the oldest is 1m1s old", deliver.Line(some))
}
