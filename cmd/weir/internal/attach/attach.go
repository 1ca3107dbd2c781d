// Package attach opens what a command line names: a stream, which is in a
// directory, of an endpoint such as weir serve, or of the service; and the
// leases of a group.
package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/memory"
	"github.com/weirstream/weir/cmd/weir/internal/state"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// Flags say where a stream is that an argument names.
type Flags struct {
	// Once makes each call once: the caller repeats those that fail.
	Once bool
	// Log is told what opening a directory has cut off or found lost; nil means
	// nobody is.
	Log      *slog.Logger
	endpoint string
	region   string
	to       string // what the flags' names begin with
}

// Add adds the flags to those of a command.
func (f *Flags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of weir serve or of whatever speaks the protocol; else the service itself")
	flags.StringVar(&f.region, "region", "", "`REGION` of the service; else the one that is configured")
}

// Same reports whether f and o say the same place, so that a name is the same
// stream in both.
func (f *Flags) Same(o *Flags) bool { return f.endpoint == o.endpoint && f.region == o.region }

// AddTarget adds the flags of a second stream, that records go to.
func (f *Flags) AddTarget(flags *pflag.FlagSet) {
	f.to = "to-"
	flags.StringVar(&f.endpoint, "to-endpoint", "", "`URL` of weir serve or of whatever speaks the protocol, for the target; else the service itself")
	flags.StringVar(&f.region, "to-region", "", "`REGION` of the service, for the target; else the one that is configured")
}

// Create opens the stream in a directory, which begins with so many shards if
// there is no directory, or nothing in it.
func (f *Flags) Create(dir string, shards int) (Stream, error) {
	if names, err := os.ReadDir(dir); !errors.Is(err, fs.ErrNotExist) && (err != nil || len(names) > 0) || f.endpoint != "" || f.region != "" {
		return f.openDir(dir)
	}
	c := memory.Opened()
	c.Limits, c.Shards = weir.Unlimited(), shards
	s, err := weir.Open(dir, c)
	if err != nil {
		return Stream{}, err
	}
	state.Recovered(f.Log, s)
	return Stream{client.Embedded(s), s}, nil
}

// IsDir reports whether an argument names a directory, and no stream: it has a
// separator, or is . or .., which no name of a stream has or is.
func IsDir(name string) bool {
	return strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) || name == "." || name == ".."
}

// A Stream is one that was opened, for the caller to close.
type Stream struct {
	client.Stream
	engine *weir.Stream // of a directory; else nil
}

// Local reports whether the stream is one of a directory, which this process has
// for itself.
func (s Stream) Local() bool { return s.engine != nil }

// Close gives the directory of the stream free for others, if it has one.
func (s Stream) Close() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.Close()
}

// Open opens the stream of a name, or in a directory. Errors of a call that
// makes no sense are those of package usage.
func (f *Flags) Open(ctx context.Context, name string, getenv func(string) string) (Stream, error) {
	if IsDir(name) {
		return f.openDir(name)
	}
	if f.endpoint != "" {
		if err := bench.CheckEndpoint(f.endpoint); err != nil {
			return Stream{}, usage.Errorf("--%sendpoint: %w", f.to, err)
		}
	}
	config := bench.ClientConfig{Endpoint: f.endpoint, Region: f.region, Connections: 64, Retry: !f.Once, Getenv: getenv}
	if config.Endpoint != "" && config.Region == "" {
		config.Region = "us-east-1"
	}
	sdk, err := bench.NewClient(ctx, config)
	if err != nil {
		return Stream{}, fmt.Errorf("stream %s: %w%s", name, err, f.hint(name, err))
	}
	s, err := kinesisclient.New(sdk, name)
	if err != nil {
		return Stream{}, usage.Errorf("stream %q: %w", name, err)
	}
	return Stream{Stream: s}, reach(ctx, s, name)
}

// hint says what else a name could have meant, and what is to be given.
func (f *Flags) hint(name string, err error) string {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Sprintf("; for the directory write .%c%s", filepath.Separator, name)
	}
	switch {
	case errors.Is(err, bench.ErrNoRegion):
		return fmt.Sprintf("; give --%sregion or set AWS_REGION, or --%sendpoint for a stream of weir serve", f.to, f.to)
	case errors.Is(err, bench.ErrNoCredentials):
		return fmt.Sprintf("\nSet AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give --%sendpoint for a stream of weir serve", f.to)
	}
	return ""
}

// ErrNoStream says that a directory is not there, or has nothing in it.
var ErrNoStream = errors.New("there is no")

// reachWithin is how long a stream may take to answer at the beginning.
const reachWithin = 15 * time.Second

// reach returns an error if the stream does not answer, or is not there: later
// that would be waited for.
func reach(ctx context.Context, s client.Stream, name string) error {
	limited, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	_, err := s.Shards(limited)
	var api smithy.APIError
	var http *smithyhttp.ResponseError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("stream %s: the endpoint has not answered within %v", name, reachWithin)
	case errors.As(err, &http) && (errors.As(err, new(*smithy.DeserializationError)) || errors.As(err, &api) && api.ErrorCode() == unknownError):
		return fmt.Errorf("stream %s: the answer, of HTTP status %d, is none of Kinesis: is it the right endpoint?", name, http.HTTPStatusCode())
	case errors.As(err, &api):
		return fmt.Errorf("stream %s: %s: %s%s", name, api.ErrorCode(), api.ErrorMessage(), ofKeys(api.ErrorCode()))
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return fmt.Errorf("%w; AWS_CA_BUNDLE is the file of a certificate that is to be trusted", err)
	}
	return err
}

// unknownError is the SDK's code for answers that have none.
const unknownError = "UnknownError"

// ofKeys says what to do about an error of who signs.
func ofKeys(code string) string {
	switch code {
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException":
		return " Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to its keys, which weir serve has in WEIR_ACCESS_KEY and WEIR_SECRET_KEY."
	}
	return ""
}

func (f *Flags) openDir(dir string) (Stream, error) {
	if f.endpoint != "" || f.region != "" {
		return Stream{}, usage.Errorf("%s is a directory; --%sendpoint and --%sregion are for streams elsewhere", dir, f.to, f.to)
	}
	// Open would begin a stream where there is none.
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return Stream{}, fmt.Errorf("%s: %w such directory", dir, ErrNoStream)
	}
	if below := state.StreamsBelow(dir); below != "" {
		return Stream{}, fmt.Errorf("%s: is of weir serve --state, and holds many streams; name one of those in %s", dir, below)
	}
	// A stream has a file from its beginning on.
	if files, err := filepath.Glob(filepath.Join(dir, "*.journal")); err != nil || len(files) == 0 {
		return Stream{}, fmt.Errorf("%s: %w stream in this directory", dir, ErrNoStream)
	}
	c := memory.Opened()
	c.Limits = weir.Unlimited()
	s, err := weir.Open(dir, c)
	if errors.Is(err, weir.ErrInUse) {
		return Stream{}, fmt.Errorf("%w; end what has it open, or if that is weir serve, name the stream and give its --%sendpoint", err, f.to)
	}
	if err != nil {
		return Stream{}, err
	}
	state.Recovered(f.Log, s)
	return Stream{client.Embedded(s), s}, nil
}
