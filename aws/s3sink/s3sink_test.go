package s3sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/s3sink"
	"github.com/weirstream/weir/delivery"
)

func newSink(t testing.TB, d *double, c s3sink.Config) *s3sink.Sink {
	t.Helper()
	c.Client = d
	if c.Bucket == "" {
		c.Bucket = "lake"
	}
	s, err := s3sink.New(c)
	require.NoError(t, err)
	return s
}

func object(name string, size int) *delivery.Object {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(body)
	return &delivery.Object{Name: name, Body: body, ContentType: "application/octet-stream", ContentEncoding: "gzip"}
}

const part = s3sink.MinPartBytes

func TestSink_putsASmallObjectAtOnce(t *testing.T) {
	d := newDouble()
	s := newSink(t, d, s3sink.Config{
		Prefix: "raw/", PartBytes: part, StorageClass: types.StorageClassStandardIa, Owner: "123456789012",
		Encryption: types.ServerSideEncryptionAwsKms, KMSKey: "a key",
	})
	for _, o := range []*delivery.Object{object("2024/a.gz", 9), object("empty", 0), object("2024/b", part)} {
		require.NoError(t, s.Deliver(t.Context(), o))
		assert.True(t, bytes.Equal(o.Body, d.objects["raw/"+o.Name]))
	}
	assert.Equal(t, []string{"PutObject", "PutObject", "PutObject"}, d.calls)
	in := d.puts["raw/2024/a.gz"]
	in.Body = nil
	assert.Equal(t, &s3.PutObjectInput{
		Bucket: aws.String("lake"), Key: aws.String("raw/2024/a.gz"), ContentLength: aws.Int64(9),
		ContentType: aws.String("application/octet-stream"), ContentEncoding: aws.String("gzip"),
		ChecksumCRC32C: in.ChecksumCRC32C, StorageClass: "STANDARD_IA", ServerSideEncryption: "aws:kms", SSEKMSKeyId: aws.String("a key"),
		ExpectedBucketOwner: aws.String("123456789012"),
	}, in)
	// "123456789" has the check value of the catalogue of CRCs, E3069283.
	require.NoError(t, s.Deliver(t.Context(), &delivery.Object{Name: "x", Body: []byte("123456789")}))
	assert.Equal(t, "4waSgw==", *d.puts["raw/x"].ChecksumCRC32C)
	assert.Nil(t, d.puts["raw/x"].ContentEncoding)
}

func TestSink_uploadsALargeObjectInParts(t *testing.T) {
	d := newDouble()
	s := newSink(t, d, s3sink.Config{PartBytes: part, Parallel: 3})
	for size, parts := range map[int]int{part + 1: 2, 2 * part: 2, 7*part - 1: 7} {
		d.calls = nil
		// The first parts wait for each other.
		var together sync.WaitGroup
		together.Add(min(parts, 3))
		d.before = func(_ context.Context, call string, part int) error {
			if 0 < part && part <= 3 {
				together.Done()
				together.Wait()
			}
			return nil
		}
		o := object("large", size)
		require.NoError(t, s.Deliver(t.Context(), o))
		assert.True(t, bytes.Equal(o.Body, d.objects["large"]))
		assert.Len(t, d.calls, parts+2)
	}
	assert.Empty(t, d.uploads)
	assert.Equal(t, 3, d.most)
	assert.Equal(t, types.ChecksumAlgorithmCrc32c, d.created["upload-0"].ChecksumAlgorithm)
	assert.Equal(t, types.ChecksumTypeFullObject, d.created["upload-0"].ChecksumType)
	assert.Equal(t, "gzip", *d.created["upload-0"].ContentEncoding)
}

// Wherever an upload fails, its parts are removed, no object is seen, and the
// next attempt makes the same one.
func TestSink_givesUpAnUploadThatFails(t *testing.T) {
	broken := errors.New("broken")
	for _, at := range []string{"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"} {
		for number := range 4 {
			d := newDouble()
			d.before = func(_ context.Context, call string, part int) error {
				if call == at && part == number {
					return broken
				}
				return nil
			}
			s := newSink(t, d, s3sink.Config{PartBytes: part})
			o := object("large", 3*part)
			err := s.Deliver(t.Context(), o)
			if (at == "UploadPart") == (number == 0) {
				require.NoError(t, err, "no such call")
				continue
			}
			require.ErrorIs(t, err, broken)
			assert.Empty(t, d.objects)
			assert.Empty(t, d.uploads)
			var refused *delivery.RefusedError
			assert.False(t, errors.As(err, &refused), "it is worth another try")
			d.before = nil
			require.NoError(t, s.Deliver(t.Context(), o))
			assert.True(t, bytes.Equal(o.Body, d.objects["large"]))
		}
	}
}

func TestSink_removesThePartsThoughItsContextHasEnded(t *testing.T) {
	d := newDouble()
	ctx, cancel := context.WithCancel(t.Context())
	d.before = func(_ context.Context, call string, part int) error {
		if part == 2 {
			cancel()
		}
		return nil
	}
	err := newSink(t, d, s3sink.Config{PartBytes: part}).Deliver(ctx, object("large", 5*part))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, d.uploads)
	assert.Equal(t, "AbortMultipartUpload", d.calls[len(d.calls)-1])
	assert.Empty(t, d.objects)
}

func TestSink_tellsWhatItCouldNotRemove(t *testing.T) {
	d := newDouble()
	d.before = func(_ context.Context, call string, part int) error {
		if call == "CompleteMultipartUpload" || call == "AbortMultipartUpload" {
			return errors.New("no " + call)
		}
		return nil
	}
	err := newSink(t, d, s3sink.Config{PartBytes: part}).Deliver(t.Context(), object("large", 2*part))
	assert.EqualError(t, err, "s3sink: lake/large: no CompleteMultipartUpload; the parts of upload upload-0 could not be removed: no AbortMultipartUpload")
}

func TestSink_doesNotTrustAnotherChecksum(t *testing.T) {
	for _, size := range []int{1, 2 * part} {
		d := newDouble()
		d.lies = "AAAAAA=="
		err := newSink(t, d, s3sink.Config{PartBytes: part}).Deliver(t.Context(), object("x", size))
		assert.ErrorContains(t, err, "the store has an object with the checksum AAAAAA==, and not ")
	}
}

func TestSink_refusesWhatNoStoreTakes(t *testing.T) {
	d := newDouble()
	s := newSink(t, d, s3sink.Config{Prefix: "p/"})
	require.NoError(t, s.Deliver(t.Context(), object(strings.Repeat("n", 1022), 1)))
	var refused *delivery.RefusedError
	require.ErrorAs(t, s.Deliver(t.Context(), object(strings.Repeat("n", 1023), 1)), &refused)
	assert.Equal(t, "S3.KeyRefused", refused.Code)
	assert.ErrorContains(t, refused, "has 1025 bytes, and up to 1024 of UTF-8 are allowed")
	require.ErrorAs(t, s.Deliver(t.Context(), object("\xff", 1)), &refused)
	assert.Len(t, d.calls, 1)

	for code, forever := range map[string]bool{"EntityTooLarge": true, "AccessDenied": false, "NoSuchBucket": false, "SlowDown": false} {
		d.before = func(context.Context, string, int) error { return &smithy.GenericAPIError{Code: code} }
		err := s.Deliver(t.Context(), object("x", 1))
		require.Error(t, err)
		assert.Equal(t, forever, errors.As(err, &refused) && refused.Code == "S3."+code, code)
	}
}

func TestSink_checksItsBucket(t *testing.T) {
	require.NoError(t, newSink(t, newDouble(), s3sink.Config{}).Check(t.Context()))
	for status, want := range map[int]string{
		301: `s3sink: bucket "lake" is in another region: `,
		403: `s3sink: no access to bucket "lake", or there is none: `,
		404: `s3sink: there is no bucket "lake": `,
		500: `s3sink: bucket "lake": `,
	} {
		d := newDouble()
		d.before = func(context.Context, string, int) error {
			return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("as it is")}
		}
		err := newSink(t, d, s3sink.Config{}).Check(t.Context())
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "as it is")
	}
	err := newSink(t, newDouble(), s3sink.Config{Bucket: "other"}).Check(t.Context())
	assert.ErrorContains(t, err, `s3sink: bucket "other": `)
}

func TestNew_saysWhatIsWrong(t *testing.T) {
	d := newDouble()
	for want, c := range map[string]s3sink.Config{
		"Client: is nil":                          {Bucket: "b"},
		"Bucket: is empty":                        {Client: d},
		"PartBytes: 5242879 is less than 5242880": {Client: d, Bucket: "b", PartBytes: part - 1},
		"Parallel: -1 is negative":                {Client: d, Bucket: "b", Parallel: -1},
		"Prefix: it has 1024 bytes, and less than 1024 of UTF-8 are allowed": {Client: d, Bucket: "b", Prefix: strings.Repeat("p", 1024)},
		`KMSKey: there is one, and Encryption is "AES256"`:                   {Client: d, Bucket: "b", KMSKey: "k", Encryption: types.ServerSideEncryptionAes256},
	} {
		_, err := s3sink.New(c)
		assert.EqualError(t, err, "s3sink: "+want)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
}

func TestParseURL_readsBucketAndPrefix(t *testing.T) {
	for text, want := range map[string][2]string{
		"s3://lake":         {"lake", ""},
		"s3://lake/":        {"lake", ""},
		"s3://lake/a/b":     {"lake", "a/b/"},
		"s3://my.lake/a/":   {"my.lake", "a/"},
		"s3://lake/year=1/": {"lake", "year=1/"},
	} {
		bucket, prefix, err := s3sink.ParseURL(text)
		require.NoError(t, err)
		assert.Equal(t, want, [2]string{bucket, prefix})
	}
	for _, text := range []string{"", "lake", "s3:lake", "s3:///a", "http://lake", "s3://u@lake", "s3://lake?x=1", "s3://lake:80", "s3://%zz"} {
		_, _, err := s3sink.ParseURL(text)
		assert.ErrorContains(t, err, "s3sink: ", text)
	}
}

func Example() {
	store := newDouble() // in a program: s3.NewFromConfig(awsConfig)
	sink, err := s3sink.New(s3sink.Config{Client: store, Bucket: "lake", Prefix: "clicks/"})
	if err != nil {
		panic(err)
	}
	if err := sink.Check(context.Background()); err != nil {
		panic(err)
	}
	// In a program this is delivery.Config{Sink: sink, …}.
	err = sink.Deliver(context.Background(), &delivery.Object{Name: "2024/03/05/07/a", Body: []byte("records")})
	fmt.Println(err, string(store.objects["clicks/2024/03/05/07/a"]))
	// Output: <nil> records
}
