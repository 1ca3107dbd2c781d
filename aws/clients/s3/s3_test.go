// Package s3 delivers to a genuine server of S3, the Versity S3 Gateway.
package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/s3sink"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/codec"
	"github.com/weirstream/weir/delivery/jq"
	weirparquet "github.com/weirstream/weir/delivery/parquet"
	"github.com/weirstream/weir/lease"
)

// where is the address of the server.
var where string

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// run runs the tests beside a server over a temporary directory.
func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "weir-s3-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	// It stays in the build cache.
	program, err := exec.Command("go", "tool", "-n", "versitygw").Output()
	if err != nil {
		return 1, fmt.Errorf("versitygw: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1, err
	}
	address := l.Addr().String()
	l.Close()
	where = "http://" + address
	buckets, log := filepath.Join(dir, "buckets"), new(bytes.Buffer)
	for _, d := range []string{buckets, filepath.Join(dir, "meta")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return 1, err
		}
	}
	server := exec.Command(strings.TrimSpace(string(program)), "--port", address, "--access", "test", "--secret", "secret", "--quiet",
		"posix", "--sidecar", filepath.Join(dir, "meta"), buckets)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return 1, err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return m.Run(), nil
		}
		if time.Since(begin) > 20*time.Second {
			return 1, fmt.Errorf("the server did not start: %s", log)
		}
	}
}

func newClient(secret string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &where, Region: "us-east-1", UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: secret}, nil
		}),
	})
}

// newBucket returns a client, and the name of a new bucket.
func newBucket(t *testing.T) (*s3.Client, string) {
	c := newClient("secret")
	bucket := fmt.Sprintf("lake-%x", rand.Uint64())
	_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	return c, bucket
}

func newSink(t *testing.T, c s3sink.Config) *s3sink.Sink {
	s, err := s3sink.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
	return s
}

func get(t *testing.T, c *s3.Client, bucket, key string) (*s3.GetObjectOutput, []byte) {
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return out, b
}

func keys(t *testing.T, c *s3.Client, bucket string) (keys []string) {
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// uploads are those that were neither completed nor removed.
func uploads(t *testing.T, c *s3.Client, bucket string) (keys []string) {
	out, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	require.NoError(t, err)
	for _, u := range out.Uploads {
		keys = append(keys, *u.Key)
	}
	return keys
}

func object(name string, size int) *delivery.Object {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(body)
	return &delivery.Object{Name: name, Body: body, ContentType: "application/x-test", ContentEncoding: "gzip"}
}

func TestSink_storesObjects(t *testing.T) {
	c, bucket := newBucket(t)
	s := newSink(t, s3sink.Config{Client: c, Bucket: bucket, Prefix: "raw/", PartBytes: s3sink.MinPartBytes})
	for _, size := range []int{0, 1, s3sink.MinPartBytes, s3sink.MinPartBytes + 1, 4*s3sink.MinPartBytes + 12345} {
		o := object(fmt.Sprintf("year=2024/é %d+=&.gz", size), size)
		for range 2 { // again, after an error or a crash
			require.NoError(t, s.Deliver(t.Context(), o))
		}
		out, body := get(t, c, bucket, "raw/"+o.Name)
		assert.True(t, bytes.Equal(o.Body, body), "%d bytes", size)
		assert.Equal(t, "application/x-test gzip", *out.ContentType+" "+*out.ContentEncoding)
		assert.NotEmpty(t, aws.ToString(out.ChecksumCRC32C), "%d bytes", size)
	}
	assert.Len(t, keys(t, c, bucket), 5)
	assert.Empty(t, uploads(t, c, bucket))
}

func TestSink_tellsThatThereIsNoBucket(t *testing.T) {
	c, bucket := newBucket(t)
	s, err := s3sink.New(s3sink.Config{Client: c, Bucket: bucket + "-not"})
	require.NoError(t, err)
	assert.ErrorContains(t, s.Check(t.Context()), fmt.Sprintf("there is no bucket %q", bucket+"-not"))
	assert.ErrorContains(t, s.Deliver(t.Context(), object("x", 1)), "NoSuchBucket")
}

func TestSink_tellsThatItHasNoAccess(t *testing.T) {
	_, bucket := newBucket(t)
	s, err := s3sink.New(s3sink.Config{Client: newClient("another"), Bucket: bucket})
	require.NoError(t, err)
	assert.ErrorContains(t, s.Check(t.Context()), "no access to bucket")
}

// spoiling changes what is uploaded on its way to the server.
type spoiling struct {
	*s3.Client
	part int32
}

func (c spoiling) UploadPart(ctx context.Context, in *s3.UploadPartInput, o ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if *in.PartNumber == c.part {
		in.Body = bytes.NewReader(make([]byte, *in.ContentLength))
	}
	return c.Client.UploadPart(ctx, in, o...)
}

func (c spoiling) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	in.Body = bytes.NewReader(make([]byte, *in.ContentLength))
	return c.Client.PutObject(ctx, in, o...)
}

// The server refuses what has another checksum, and nothing is left of it.
func TestSink_doesNotStoreWhatWasChangedOnTheWay(t *testing.T) {
	c, bucket := newBucket(t)
	s := newSink(t, s3sink.Config{Client: spoiling{c, 2}, Bucket: bucket, PartBytes: s3sink.MinPartBytes})
	for _, size := range []int{10, 3 * s3sink.MinPartBytes} {
		assert.ErrorContains(t, s.Deliver(t.Context(), object("x", size)), "hecksum", "%d bytes", size)
	}
	assert.Empty(t, keys(t, c, bucket))
	assert.Empty(t, uploads(t, c, bucket))
}

// stopping ends a context while a part is on its way.
type stopping struct {
	*s3.Client
	stop context.CancelFunc
}

func (c stopping) UploadPart(ctx context.Context, in *s3.UploadPartInput, o ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if *in.PartNumber == 2 {
		time.AfterFunc(time.Millisecond, c.stop)
	}
	return c.Client.UploadPart(ctx, in, o...)
}

func TestSink_removesThePartsThoughItsContextHasEnded(t *testing.T) {
	c, bucket := newBucket(t)
	for range 5 {
		ctx, stop := context.WithCancel(t.Context())
		s := newSink(t, s3sink.Config{Client: stopping{c, stop}, Bucket: bucket, PartBytes: s3sink.MinPartBytes})
		assert.ErrorIs(t, s.Deliver(ctx, object("x", 8*s3sink.MinPartBytes)), context.Canceled)
	}
	assert.Empty(t, keys(t, c, bucket))
	assert.Empty(t, uploads(t, c, bucket))
}

// deliver delivers a stream to its end.
func deliver(t *testing.T, s *weir.Stream, n int, c delivery.Config) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	to := c.Sink
	c.Sink = delivery.SinkFunc(func(ctx context.Context, o *delivery.Object) error {
		err := to.Deliver(ctx, o)
		mu.Lock()
		defer mu.Unlock()
		if n -= o.Count; n == 0 {
			cancel()
		}
		return err
	})
	c.Group = consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)}
	d, err := delivery.New(c)
	require.NoError(t, err)
	require.NoError(t, d.Run(ctx))
	assert.Zero(t, n)
}

func TestDelivery_makesALake(t *testing.T) {
	c, bucket := newBucket(t)
	s, err := weir.NewStream("clicks", weir.Config{Shards: 2, Limits: weir.Unlimited()})
	require.NoError(t, err)
	for i := range 1000 {
		_, err := s.PutRecord(t.Context(), fmt.Sprint(i), fmt.Appendf(nil, `{"user":{"id":%d},"country":"%s","price":%d.5}`, i, []string{"at", "ch"}[i%2], i))
		require.NoError(t, err)
	}
	_, err = s.PutRecord(t.Context(), "bad", []byte(`{"country":"at","price":"much","user":{"id":1}}`))
	require.NoError(t, err)
	schema, err := weirparquet.ParseSchema("user struct<id:bigint not null> not null, price double, country string")
	require.NoError(t, err)
	format, err := weirparquet.New(weirparquet.Config{Schema: schema})
	require.NoError(t, err)
	partition, err := jq.NewPartitioner("{country}", jq.Config{})
	require.NoError(t, err)
	deliver(t, s, 1001, delivery.Config{
		Sink: newSink(t, s3sink.Config{Client: c, Bucket: bucket}), Count: 100, Interval: 200 * time.Millisecond, Format: format, Partition: partition,
		Prefix:      "clicks/country=!{partitionKeyFromQuery:country}/!{timestamp:yyyy}/",
		ErrorPrefix: "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
	})
	found := make(map[int]bool)
	for _, key := range keys(t, c, bucket) {
		_, body := get(t, c, bucket, key)
		if strings.HasPrefix(key, "errors/format-conversion-failed/") {
			assert.Contains(t, string(body), `column price: \"much\" is no double`)
			continue
		}
		rows, err := parquet.Read[struct {
			User    struct{ ID int } `parquet:"user"`
			Price   float64          `parquet:"price"`
			Country string           `parquet:"country"`
		}](bytes.NewReader(body), int64(len(body)))
		require.NoError(t, err)
		for _, r := range rows {
			assert.Contains(t, key, "country="+r.Country+"/")
			found[int(r.Price)] = true
		}
	}
	assert.Len(t, found, 1000)
}

func TestDelivery_compresses(t *testing.T) {
	c, bucket := newBucket(t)
	s, err := weir.NewStream("logs", weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	for i := range 1000 {
		_, err := s.PutRecord(t.Context(), "k", fmt.Appendf(nil, "line %d", i))
		require.NoError(t, err)
	}
	z, err := codec.Zstd(0)
	require.NoError(t, err)
	deliver(t, s, 1000, delivery.Config{
		Sink: newSink(t, s3sink.Config{Client: c, Bucket: bucket}), Count: 400, Interval: 200 * time.Millisecond, Format: delivery.Lines("\n"), Codec: z,
	})
	var all []byte
	for _, key := range keys(t, c, bucket) {
		assert.True(t, strings.HasSuffix(key, ".zst"), key)
		out, body := get(t, c, bucket, key)
		assert.Equal(t, "zstd", *out.ContentEncoding)
		d, err := zstd.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		text, err := io.ReadAll(d)
		require.NoError(t, err)
		all = append(all, text...)
	}
	assert.Equal(t, 1000, bytes.Count(all, []byte("line ")))
}
