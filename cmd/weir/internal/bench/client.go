package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/logging"
)

// A ClientConfig says how to reach an endpoint.
type ClientConfig struct {
	// Endpoint is its URL. Empty means the service, with the credentials that the SDK
	// finds.
	Endpoint string
	// Region is the service's region, or what an endpoint is told.
	Region string
	// Connections is how many are kept open.
	Connections int
	// Retry lets the SDK repeat calls.
	Retry bool
	// Getenv is the environment, in which the credentials for an endpoint may be.
	Getenv func(string) string
}

// What the service needs and an environment may not have.
var (
	// ErrNoRegion says that it is not known which region of the service is meant.
	ErrNoRegion = errors.New("no region is given or configured")
	// ErrNoCredentials says that there is nothing to sign calls of the service with.
	ErrNoCredentials = errors.New("no credentials can be had")
)

// NewClient returns a client. The bench's does not repeat calls by itself: the
// bench does, and counts them. It looks for credentials, which are kept: what is
// said of them by a call is hard to understand.
func NewClient(ctx context.Context, c ClientConfig) (*kinesis.Client, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = c.Connections, c.Connections
	})
	options := []func(*config.LoadOptions) error{
		config.WithRegion(c.Region), config.WithHTTPClient(transport), config.WithLogger(logging.Nop{}),
	}
	if !c.Retry {
		options = append(options, config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	}
	if c.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(c.Endpoint),
			config.WithCredentialsProvider(endpointCredentials(c.Getenv)))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if loaded.Region == "" {
		return nil, ErrNoRegion
	}
	if _, err := loaded.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCredentials, err)
	}
	return kinesis.NewFromConfig(loaded), nil
}

// endpointCredentials returns the environment's credentials. Most endpoints but the
// service take any, so there are some if the environment has none.
func endpointCredentials(getenv func(string) string) aws.CredentialsProvider {
	id, secret := getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
	if id == "" || secret == "" {
		return credentials.NewStaticCredentialsProvider("bench", "bench", "")
	}
	return credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN"))
}

// CheckEndpoint says what is wrong with the URL of an endpoint.
func CheckEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no URL such as http://127.0.0.1:4567", text)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return fmt.Errorf("%q has more than a host and a port", text)
	}
	return nil
}

// IsLoopback reports whether an endpoint is on this machine: a loopback address, or
// localhost.
func IsLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}
