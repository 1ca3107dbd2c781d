package attach_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/bench"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

func noEnv(string) string { return "" }

// flags returns flags that were given as args.
func flags(t *testing.T, args ...string) *attach.Flags {
	f := new(attach.Flags)
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Add(set)
	require.NoError(t, set.Parse(args))
	return f
}

// withoutAWS hides what the machine has configured.
func withoutAWS(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestIsDir(t *testing.T) {
	for name, want := range map[string]bool{
		"orders": false, "orders.eu-1": false, "..orders": false,
		".": true, "..": true, "./orders": true, "/var/orders": true, "orders/": true,
	} {
		assert.Equal(t, want, attach.IsDir(name), name)
	}
}

func TestFlags_openAStreamOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "orders")
	s, err := weir.Open(dir, weir.Config{Shards: 3})
	require.NoError(t, err)
	_, err = flags(t).Open(t.Context(), dir, noEnv)
	assert.ErrorIs(t, err, weir.ErrInUse)
	assert.ErrorContains(t, err, "end what has it open, or if that is weir serve, name the stream and give its --endpoint")
	require.NoError(t, s.Close())

	opened, err := flags(t).Open(t.Context(), dir, noEnv)
	require.NoError(t, err)
	assert.Equal(t, "orders", opened.Name())
	shards, err := opened.Shards(t.Context())
	require.NoError(t, err)
	assert.Len(t, shards, 3)
	require.NoError(t, opened.Close())
	_, err = weir.CheckStorage(dir)
	assert.NoError(t, err, "nobody has it open any more")
}

// Nothing is made where there is no stream.
func TestFlags_refuse(t *testing.T) {
	withoutAWS(t)
	t.Chdir(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	for _, dir := range []string{"empty", "state/000000000000-us-east-1/streams", "file"} {
		require.NoError(t, os.MkdirAll(dir, 0o700))
	}
	for _, tt := range []struct {
		name  string
		args  []string
		want  string
		usage bool
	}{
		{"./none", nil, "./none: there is no such directory", false},
		{"./empty", nil, "./empty: there is no stream in this directory", false},
		{"./state", nil, "./state: is of weir serve --state, and holds many streams; name one of those in state/*/streams", false},
		{"./state/000000000000-us-east-1", nil, "name one of those in state/000000000000-us-east-1/streams", false},
		{"./empty", []string{"--endpoint", nobody}, "is a directory; --endpoint and --region are for streams elsewhere", true},
		{"./empty", []string{"--region", "eu-west-1"}, "is a directory; --endpoint and --region are for streams elsewhere", true},
		{"orders", nil, "stream orders: no region is given or configured; give --region or set AWS_REGION, or --endpoint for a stream of weir serve", false},
		{"empty", nil, "no region is given or configured; for the directory write ./empty", false},
		{"orders", []string{"--endpoint", "127.0.0.1"}, `--endpoint: "127.0.0.1" is no URL such as http://127.0.0.1:4567`, true},
		{"orders", []string{"--endpoint", "127.0.0.1:4567"}, `--endpoint: "127.0.0.1:4567" is no URL such as http://127.0.0.1:4567`, true},
		{"", []string{"--endpoint", nobody}, `stream "": `, true},
		{"orders", []string{"--endpoint", nobody}, "connection refused", false},
	} {
		_, err := flags(t, tt.args...).Open(t.Context(), tt.name, noEnv)
		assert.ErrorContains(t, err, tt.want)
		assert.Equal(t, tt.usage, errors.As(err, new(usage.Error)), tt.want)
	}
	entries, err := os.ReadDir("empty")
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// What an endpoint has against who calls is told with what to give.
func TestFlags_refusedByAnEndpoint(t *testing.T) {
	withoutAWS(t)
	server, err := kinesisserver.New(kinesisserver.Config{Credentials: []kinesisserver.Credential{{AccessKeyID: "AKID", SecretAccessKey: "secret"}}})
	require.NoError(t, err)
	plain, secure := httptest.NewServer(server.Handler()), httptest.NewTLSServer(server.Handler())
	defer plain.Close()
	defer secure.Close()
	_, err = flags(t, "--endpoint", plain.URL).Open(t.Context(), "orders", noEnv)
	assert.ErrorContains(t, err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to its keys")
	once := flags(t, "--endpoint", secure.URL)
	once.Once = true
	_, err = once.Open(t.Context(), "orders", noEnv)
	assert.ErrorContains(t, err, "AWS_CA_BUNDLE is the file of a certificate that is to be trusted")
}

// Whatever else may listen at an address is told apart from the service.
func TestFlags_endpointsOfOtherThings(t *testing.T) {
	withoutAWS(t)
	for what, answer := range map[string]http.HandlerFunc{
		"200": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello</html>") },
		"403": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		server := httptest.NewServer(answer)
		once := flags(t, "--endpoint", server.URL)
		once.Once = true
		_, err := once.Open(t.Context(), "orders", noEnv)
		assert.EqualError(t, err, "stream orders: the answer, of HTTP status "+what+", is none of Kinesis: is it the right endpoint?")
		server.Close()
	}
}

func TestFlags_withoutCredentials(t *testing.T) {
	withoutAWS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := flags(t, "--region", "eu-west-1").Open(t.Context(), "orders", noEnv)
	assert.ErrorIs(t, err, bench.ErrNoCredentials)
	assert.ErrorContains(t, err, "stream orders: no credentials can be had: ")
	assert.ErrorContains(t, err, "\nSet AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give --endpoint for a stream of weir serve")
}

func TestReach_tellsWhoDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		assert.EqualError(t, attach.Reach(t.Context(), silent{}, "orders"), "stream orders: the endpoint has not answered within 15s")
		assert.Equal(t, 15*time.Second, time.Since(began))
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		assert.ErrorIs(t, attach.Reach(ctx, silent{}, "orders"), context.DeadlineExceeded, "the caller's own time")
	})
}

// A silent stream answers nobody.
type silent struct{ client.Stream }

func (silent) Shards(ctx context.Context) ([]weir.Shard, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
