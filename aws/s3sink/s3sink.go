// Package s3sink delivers objects to a bucket of S3, or of a store that speaks
// its protocol, as a sink of package delivery.
//
// A large object is uploaded in parts. Each part and the whole have a checksum
// that the store verifies, and an object is seen whole or not at all. An object
// that comes again has the same name, and replaces itself.
//
// A process that is killed during an upload leaves parts behind that cost money
// and cannot be seen: give the bucket a lifecycle rule with
// AbortIncompleteMultipartUpload.
package s3sink

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
)

// A Client is what a [Sink] calls. *s3.Client is one, and needs the permissions
// s3:ListBucket, s3:PutObject and s3:AbortMultipartUpload.
type Client interface {
	HeadBucket(ctx context.Context, in *s3.HeadBucketInput, options ...func(*s3.Options)) (*s3.HeadBucketOutput, error)
	PutObject(ctx context.Context, in *s3.PutObjectInput, options ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, options ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error)
	UploadPart(ctx context.Context, in *s3.UploadPartInput, options ...func(*s3.Options)) (*s3.UploadPartOutput, error)
	CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, options ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error)
	AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, options ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error)
}

var _ Client = (*s3.Client)(nil)

// The store's bounds, and what a Config means by zero.
const (
	// MinPartBytes is how small a part may be that is not the last.
	MinPartBytes = 5 << 20
	// MaxParts is how many parts an object may have.
	MaxParts = 10_000
	// MaxKeyLength is how many bytes the name of an object may have.
	MaxKeyLength = 1024

	DefaultPartBytes = 16 << 20
	DefaultParallel  = 4
)

// A Config says where objects go. Client and Bucket are required.
type Config struct {
	Client Client
	Bucket string
	// Prefix stands before the name of each object, as it is: with a slash at
	// its end if it is to be a directory.
	Prefix string
	// PartBytes is how large a part is; an object up to that size is put at
	// once. Zero means [DefaultPartBytes], the least is [MinPartBytes]. The parts
	// are larger if there would be more than [MaxParts].
	PartBytes int
	// Parallel is how many parts of an object are under way at a time. Zero
	// means [DefaultParallel].
	Parallel int
	// StorageClass, Encryption and KMSKey are given to the store with each
	// object. Empty means what the bucket says.
	StorageClass types.StorageClass
	Encryption   types.ServerSideEncryption
	KMSKey       string
	// Owner is the account that the bucket must belong to. Empty means any.
	Owner string
}

// A Sink is a [delivery.Sink] and a [delivery.Checker]. It is safe for use by
// several goroutines.
type Sink struct {
	config Config
}

var (
	_ delivery.Sink    = (*Sink)(nil)
	_ delivery.Checker = (*Sink)(nil)
)

// New returns a sink, or says which field of the Config is wrong. It calls
// nobody: [Sink.Check] tells whether the bucket is there.
func New(c Config) (*Sink, error) {
	if c.PartBytes == 0 {
		c.PartBytes = DefaultPartBytes
	}
	if c.Parallel == 0 {
		c.Parallel = DefaultParallel
	}
	wrong := func(field, format string, args ...any) (*Sink, error) {
		return nil, fmt.Errorf("s3sink: %w", &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	switch {
	case c.Client == nil:
		return wrong("Client", "is nil")
	case c.Bucket == "":
		return wrong("Bucket", "is empty")
	case c.PartBytes < MinPartBytes:
		return wrong("PartBytes", "%d is less than %d", c.PartBytes, MinPartBytes)
	case c.Parallel < 0:
		return wrong("Parallel", "%d is negative", c.Parallel)
	case len(c.Prefix) >= MaxKeyLength || !utf8.ValidString(c.Prefix):
		return wrong("Prefix", "it has %d bytes, and less than %d of UTF-8 are allowed", len(c.Prefix), MaxKeyLength)
	case c.KMSKey != "" && c.Encryption != types.ServerSideEncryptionAwsKms && c.Encryption != types.ServerSideEncryptionAwsKmsDsse:
		return wrong("KMSKey", "there is one, and Encryption is %q", c.Encryption)
	}
	return &Sink{config: c}, nil
}

// ParseURL reads s3://BUCKET or s3://BUCKET/PREFIX. The prefix is a directory:
// it has a slash at its end, if it is not empty.
func ParseURL(text string) (bucket, prefix string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("s3sink: %w", err)
	case u.Scheme != "s3" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Host, ":"):
		return "", "", fmt.Errorf("s3sink: %q is not like s3://bucket/prefix", text)
	}
	prefix = strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return u.Host, prefix, nil
}

// Check tells whether the bucket is there and can be asked.
func (s *Sink) Check(ctx context.Context) error {
	_, err := s.config.Client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.config.Bucket, ExpectedBucketOwner: optional(s.config.Owner)})
	if err == nil {
		return nil
	}
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		switch answer.HTTPStatusCode() {
		case 301:
			return fmt.Errorf("s3sink: bucket %q is in another region: %w", s.config.Bucket, err)
		case 403:
			return fmt.Errorf("s3sink: no access to bucket %q, or there is none: %w", s.config.Bucket, err)
		case 404:
			return fmt.Errorf("s3sink: there is no bucket %q: %w", s.config.Bucket, err)
		}
	}
	return fmt.Errorf("s3sink: bucket %q: %w", s.config.Bucket, err)
}

// Deliver stores the object, and returns nil when the store has confirmed it and
// its checksum. What the store can never take, because of its name or its size,
// is a [*delivery.RefusedError]; all else is worth another try.
func (s *Sink) Deliver(ctx context.Context, o *delivery.Object) error {
	key := s.config.Prefix + o.Name
	if len(key) > MaxKeyLength || !utf8.ValidString(key) {
		return &delivery.RefusedError{
			Code: "S3.KeyRefused",
			Err:  fmt.Errorf("s3sink: the name %.80q has %d bytes, and up to %d of UTF-8 are allowed", key, len(key), MaxKeyLength),
		}
	}
	var err error
	if len(o.Body) <= s.config.PartBytes {
		err = s.put(ctx, key, o)
	} else {
		err = s.upload(ctx, key, o)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("s3sink: %s/%s: %w", s.config.Bucket, key, err)
	var answer smithy.APIError
	if errors.As(err, &answer) && forever[answer.ErrorCode()] {
		return &delivery.RefusedError{Code: "S3." + answer.ErrorCode(), Err: err}
	}
	return err
}

// forever are the errors of stores that the same object meets each time.
var forever = map[string]bool{
	"KeyTooLongError":           true,
	"EntityTooLarge":            true,
	"InvalidURI":                true,
	"XMinioInvalidObjectName":   true,
	"XMinioInvalidResourceName": true,
}

func (s *Sink) put(ctx context.Context, key string, o *delivery.Object) error {
	sum := checksum(o.Body)
	out, err := s.config.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.config.Bucket, Key: &key, Body: bytes.NewReader(o.Body), ContentLength: aws.Int64(int64(len(o.Body))),
		ContentType: optional(o.ContentType), ContentEncoding: optional(o.ContentEncoding), ChecksumCRC32C: &sum,
		StorageClass: s.config.StorageClass, ServerSideEncryption: s.config.Encryption, SSEKMSKeyId: optional(s.config.KMSKey),
		ExpectedBucketOwner: optional(s.config.Owner),
	})
	if err != nil {
		return err
	}
	return same(sum, out.ChecksumCRC32C)
}

// same tells whether a store has the checksum that it was to have, if it says.
func same(want string, got *string) error {
	if got != nil && *got != "" && *got != want {
		return fmt.Errorf("the store has an object with the checksum %s, and not %s", *got, want)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is a CRC-32C as S3 writes it.
func checksum(b []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli)))
}

// optional is nil for what is not there.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
