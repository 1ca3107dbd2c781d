// Package deliver makes of a command line's words what package delivery is
// given: sinks, forms and transforms. It shows how a delivery does.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/weirstream/weir/aws/s3sink"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/codec"
	"github.com/weirstream/weir/delivery/jq"
	"github.com/weirstream/weir/delivery/parquet"
)

// HTTP is what is set of deliveries to URLs.
type HTTP struct {
	AccessKey  string
	Attributes map[string]string
	Gzip       bool
	RetryFor   time.Duration
}

// IsURL reports whether a place is an HTTP endpoint.
func IsURL(place string) bool {
	return strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
}

// IsBucket reports whether a place is a bucket of S3.
func IsBucket(place string) bool { return strings.HasPrefix(place, "s3://") }

// Sink returns the sink of a place: a directory, the URL of an endpoint, or a
// bucket, s3://BUCKET or s3://BUCKET/PREFIX. Where that is, the environment says.
func Sink(ctx context.Context, place string, h HTTP) (delivery.Sink, error) {
	switch {
	case IsBucket(place):
		return bucket(ctx, place)
	case IsURL(place):
		retry := h.RetryFor
		if retry == 0 {
			retry = -1 // for the library it is the usual time
		}
		return delivery.NewHTTP(delivery.HTTPConfig{
			URL: place, AccessKey: h.AccessKey, Attributes: h.Attributes, Gzip: h.Gzip, RetryFor: retry, Client: trigger.NewClient(),
		})
	}
	if scheme, _, found := strings.Cut(place, "://"); found {
		return nil, fmt.Errorf("%q is neither a directory nor a URL of http, https or s3: what %s is, is not known", place, scheme)
	}
	return delivery.NewDirectory(place)
}

// bucket returns the sink of a bucket.
func bucket(ctx context.Context, place string) (delivery.Sink, error) {
	name, prefix, err := s3sink.ParseURL(place)
	if err != nil {
		return nil, err
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err == nil && loaded.Region == "" {
		err = errors.New("no region is configured; AWS_REGION names one")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil // other stores have no host for each bucket
	})
	return s3sink.New(s3sink.Config{Client: client, Bucket: name, Prefix: prefix})
}

// The words for codecs and formats.
var (
	Codecs  = []string{"none", "gzip", "zip", "zstd", "snappy", "hadoop-snappy"}
	Formats = []string{"lines", "concatenated", "parquet"}
)

// Codec returns the codec of a word, nil for none.
func Codec(word string) (delivery.Codec, error) {
	switch word {
	case "none":
		return nil, nil
	case "gzip":
		return delivery.Gzip(-1)
	case "zip":
		return delivery.Zip(), nil
	case "zstd":
		return codec.Zstd(0)
	case "snappy":
		return codec.Snappy(), nil
	case "hadoop-snappy":
		return codec.HadoopSnappy(), nil
	}
	return nil, fmt.Errorf("%q is none of %s", word, strings.Join(Codecs, ", "))
}

// Format sets the format of a word; that of Parquet is as p says.
func Format(c *delivery.Config, word string, p parquet.Config) (err error) {
	switch word {
	case "lines":
		c.Delimiter = "\n"
	case "concatenated":
	case "parquet":
		c.Format, err = parquet.New(p)
	default:
		return fmt.Errorf("%q is none of %s", word, strings.Join(Formats, ", "))
	}
	return err
}

// Partitioner returns that of flags, each NAME=PATH, or of an expression of jq;
// nil if there is neither.
func Partitioner(flags []string, expression string) (delivery.Partitioner, error) {
	switch {
	case expression != "":
		return jq.NewPartitioner(expression, jq.Config{})
	case len(flags) == 0:
		return nil, nil
	}
	paths := make(map[string]string, len(flags))
	for _, f := range flags {
		name, path, found := strings.Cut(f, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("%q is no NAME=PATH, such as customer=$.customer.id", f)
		}
		paths[name] = path
	}
	return delivery.JSONPaths(paths)
}
