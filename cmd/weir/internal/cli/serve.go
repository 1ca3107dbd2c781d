package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/memory"
	"github.com/weirstream/weir/cmd/weir/internal/serve"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// serveFlags are the flags of weir serve.
type serveFlags struct {
	listen    string
	tls       bool
	cert, key string

	streams serve.Streams
	region  string
	account string
	limits  flagval.Limits
	delay   time.Duration

	log            string
	allowOrigins   []string
	allowHosts     []string
	maxConnections int
	maxBody        int64
	maxInFlight    int64
	maxMemory      int64
	drain          time.Duration

	console     string
	groupLeases []string

	state string
	sync  time.Duration // as weir.Config.Sync
	spill bool

	triggers serveTriggers
}

const (
	defaultDelay = 500 * time.Millisecond
	defaultDrain = 8 * time.Second // containers are commonly killed after ten
	maxDuration  = time.Hour

	// The environment variables that have no flag: a command line is for
	// everybody to see.
	accessKeyEnv = "WEIR_ACCESS_KEY"
	secretKeyEnv = "WEIR_SECRET_KEY"
)

const serveLong = `Serve runs an endpoint of the Kinesis API. Any Kinesis client, in any language,
can be pointed at it; it needs a region and credentials of any kind. HTTP/1.1 and
HTTP/2 are taken on one port, with --tls encrypted and not. When the endpoint is
ready it prints a line with its address. SIGINT or SIGTERM ends it: requests under
way are answered first; a second signal ends it at once.

The SDK for Go may put a batch twice over HTTP/1.1, seldom where weir runs on Linux and
in 1 of 100 large ones elsewhere: docs/testing.md says why. Over --tls it does not.

Everything is kept in memory and ends with the process, unless --state names a
directory: then what a request was answered is on disk, streams, records and settings
alike, and the next start goes on with it, however this one ended. With --sync 100ms
records are on disk so much later at most, and a crash takes back what was put in that
time; with --sync never the operating system says when, and only a crash of the machine
takes something back. Records are in memory too, as long as there is room: when
--max-memory is full the oldest of the streams that hold most leave it, and are read
from the disk when somebody wants them, so that retention is bounded by the disk. The
newest stay. With --spill=false puts are throttled instead.

With --trigger orders=URL the function of a URL is called with the batches of a stream,
as weir trigger does from outside. --trigger-settings orders=FILE has the settings of the
mapping, in the JSON of create-event-source-mapping, and --trigger-on-failure orders=PLACE
is a file or URL that gets what is given up. The stream may be created later. How far the
function is, is kept with --state; else it ends with the process, as the records do. At the
end invocations that are under way may come to theirs, for --drain, before the endpoint
takes no more.

Each flag can be given in the environment instead, as WEIR_ and its name:
WEIR_LISTEN=0.0.0.0:4567, WEIR_STREAM=orders:2,clicks:4, WEIR_MAX_BODY=1MiB. With
WEIR_ACCESS_KEY and WEIR_SECRET_KEY, which have no flags, requests must be signed
with these; without them any program that reaches the port may do anything.

Web pages may not: requests of a browser are refused (403) unless their page is of
an origin that --allow-origin names, and so are those that call this machine by a
name that a foreign page could have. Addresses, localhost, names without a dot, those
that cannot be registered (host.docker.internal), the one of --listen, the machine's
and the service's are fine; others need --allow-host.

What all streams and connections take together is bounded by --max-memory: half of it
is for records, by blocks, and for shards, streams, regions and what else clients leave
behind. When that is full, puts are throttled and what would leave more behind gets
LimitExceededException; reads go on, and what expires or is deleted gives room back. It
lowers --max-in-flight and --max-connections if need be. GOMEMLIMIT, if set, is the
default and stays as it is.

Beside the API there are GET /_weir/health, GET /_weir/metrics, and the console, pages
that show streams at work and can change them, at /_weir/. Groups leave nothing behind
at the endpoint that they read from: the console shows those whose --store is named with
--group-leases. If there are keys, metrics and console are for those who give them by
HTTP's basic authentication.`

const serveExample = `  weir serve --stream orders:2 --stream clicks:on-demand
  weir serve --limits none --delay 0s --log text    # for tests that must not wait
  weir serve --listen 127.0.0.1:0 --tls             # the line has the port
  weir serve --state ./weir-state --stream orders   # goes on where it ended, or was killed

  aws kinesis list-streams --endpoint-url http://127.0.0.1:4567`

func newServe(getenv func(string) string) *cobra.Command {
	f := serveFlags{
		delay: defaultDelay, drain: defaultDrain,
		maxConnections: kinesisserver.DefaultMaxConnections, maxBody: kinesisserver.DefaultMaxBodyBytes,
		maxInFlight: kinesisserver.DefaultMaxInFlightBytes,
		region:      kinesisserver.DefaultRegion, account: kinesisserver.DefaultAccountID, console: consoleOn, spill: true,
	}
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the Kinesis API to any client",
		Long:    serveLong,
		Example: serveExample,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c, getenv) },
	}
	f.add(c.Flags())
	return c
}

// add adds the flags, whose values are the defaults.
func (f *serveFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", kinesisserver.DefaultAddr, "listen at `HOST:PORT`; port 0 is any that is free")
	flags.BoolVar(&f.tls, "tls", false, "take TLS too, with a certificate made for this run unless one is given")
	flags.StringVar(&f.cert, "cert", "", "certificate for TLS, a `FILE` in PEM with those that it depends on")
	flags.StringVar(&f.key, "key", "", "the certificate's key, a `FILE` in PEM")
	flags.Var(&f.streams, "stream", "stream to begin with, `NAME[:SHARDS]` or NAME:on-demand; several by repetition or commas")
	flags.StringVar(&f.region, "region", f.region, "for requests that name no `REGION`")
	flags.StringVar(&f.account, "account-id", f.account, "for requests that name no `ACCOUNT`, twelve digits")
	flags.Var(&f.limits, "limits", "limits of streams, quotas and call rates, service or none")
	flags.Var(flagval.Duration{Value: &f.delay, Max: maxDuration}, "delay", "how long streams, shards and consumers take to change their status")
	flags.Var(flagval.Choice{Value: &f.log, Words: []string{"json", "text"}}, "log", "log each request to standard error, as json or text")
	flags.StringSliceVar(&f.allowOrigins, "allow-origin", nil, "`ORIGIN` whose web pages may call, such as http://localhost:3000; repeatable, * is all")
	flags.StringSliceVar(&f.allowHosts, "allow-host", nil, "`NAME` that this machine may be called by; repeatable, * is all")
	flags.Var(flagval.Int{Value: &f.maxConnections, Min: 1, Max: 1 << 20}, "max-connections", "connections open at a time; further ones are refused with 503")
	flags.Var((*flagval.Size)(&f.maxBody), "max-body", "largest body of a request")
	flags.Var((*flagval.Memory)(&f.maxMemory), "max-memory", "memory for everything; three quarters of the machine's or the container's unless set")
	flags.Var((*flagval.Size)(&f.maxInFlight), "max-in-flight", "bytes that the bodies of requests and answers under way may have together")
	flags.Var(flagval.Duration{Value: &f.drain, Max: maxDuration}, "drain", "how long requests under way may take at the end")
	flags.Var(flagval.Choice{Value: &f.console, Words: consoleWords}, "console", "the console at /_weir/: on, for this machine; read-only; remote, for others too; or off")
	flags.StringSliceVar(&f.groupLeases, "group-leases", nil, groupLeasesHelp)
	flags.StringVar(&f.state, "state", "", "keep everything on disk, in the directory `DIR`, for the next start")
	flags.Var(flagval.Sync{Value: &f.sync, Max: maxDuration}, "sync", "with --state, when a put is on disk: always before its answer, a `TIME` after it, such as 100ms, or never waited for")
	flags.BoolVar(&f.spill, "spill", f.spill, "with --state, let records leave memory when it is full, and read them from the disk")
	f.triggers.add(flags)
}

// run serves until the command's context ends.
func (f *serveFlags) run(c *cobra.Command, getenv func(string) string) error {
	if err := setFromEnv(c, getenv); err != nil {
		return err
	}
	if c.Flags().Changed("spill") && f.state == "" {
		return usage.Errorf("--spill needs --state, the directory that records are read from")
	}
	c.SetErr(shared(c.ErrOrStderr())) // for requests and triggers, at the same time
	config, err := f.config(c.Context(), getenv, c.ErrOrStderr())
	if err != nil {
		return err
	}
	return serve.Run(c.Context(), config, func(url string) error {
		if _, err := fmt.Fprintln(c.OutOrStdout(), "weir: listening on", url); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		f.sayLoss(c.ErrOrStderr())
		f.triggers.say(c.ErrOrStderr())
		return nil
	})
}

// sayLoss says what a crash takes back of what was answered, if it does.
func (f *serveFlags) sayLoss(stderr io.Writer) {
	switch {
	case f.sync > 0:
		fmt.Fprintf(stderr, "weir serve: --sync %v: a crash takes back what was put in the last %v\n", f.sync, f.sync)
	case f.sync < 0:
		fmt.Fprintln(stderr, "weir serve: --sync never: a crash of the machine takes back what the system had not written")
	}
}

func (f *serveFlags) config(ctx context.Context, getenv func(string) string, stderr io.Writer) (serve.Config, error) {
	c := serve.Config{Console: consoleOf(f.console, f.allowHosts), Listen: f.listen, Streams: f.streams, Drain: f.drain, MaxMemory: f.maxMemory}
	switch {
	case f.maxMemory == 0:
		c.MaxMemory = memory.Default()
	case f.maxMemory < memory.Min:
		return c, usage.Errorf("--max-memory is less than 64 MiB, which leaves no room for requests")
	}
	if err := serve.CheckGroupLeases(ctx, f.groupLeases); err != nil {
		return c, usage.Error{Err: err}
	}
	c.Console.GroupLeases = f.groupLeases
	if f.sync != 0 && f.state == "" {
		return c, usage.Errorf("--sync needs --state, the directory that is written to")
	}
	c.State, c.Log = f.state, f.logger(stderr)
	if c.Log == nil {
		c.Log = warnings(stderr)
	}
	if err := errors.Join(serve.CheckScope(f.account, f.region), serve.CheckAddress(f.listen)); err != nil {
		return c, usage.Error{Err: err}
	}
	c.Account = serve.Account(f.limits.None, f.delay)
	c.Account.ID, c.Account.Region, c.Account.Stream.Sync = f.account, f.region, f.sync
	if f.state != "" && f.spill {
		c.Account.Stream.WhenFull = weir.Spill
	}
	var telling sync.Mutex
	c.Account.Failed = func(err error) {
		telling.Lock()
		defer telling.Unlock()
		fmt.Fprintf(stderr, "weir serve: a request was answered with InternalFailure: %v\n", err)
	}
	c.Server = kinesisserver.Config{
		TLS: f.tls, AllowOrigins: f.allowOrigins, AllowHosts: f.allowHosts,
		MaxConnections: f.maxConnections, MaxBodyBytes: f.maxBody, MaxInFlightBytes: f.maxInFlight, Log: f.logger(stderr),
	}
	var err error
	if c.Triggers, err = f.triggers.read(stderr); err != nil {
		return c, err
	}
	if c.Server.Credentials, err = credentials(getenv); err != nil {
		return c, err
	}
	return c, f.loadCertificate(&c.Server)
}

// logger returns where requests are logged, or nil.
func (f *serveFlags) logger(w io.Writer) *slog.Logger {
	switch f.log {
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil))
	case "text":
		return slog.New(slog.NewTextHandler(w, nil))
	default:
		return nil
	}
}

// credentials returns what requests must be signed with, if anything.
func credentials(getenv func(string) string) ([]kinesisserver.Credential, error) {
	access, secret := getenv(accessKeyEnv), getenv(secretKeyEnv)
	switch {
	case access == "" && secret == "":
		return nil, nil
	case access == "":
		return nil, usage.Errorf("%s is set, but %s is not", secretKeyEnv, accessKeyEnv)
	case secret == "":
		return nil, usage.Errorf("%s is set, but %s is not", accessKeyEnv, secretKeyEnv)
	}
	return []kinesisserver.Credential{{AccessKeyID: access, SecretAccessKey: secret}}, nil
}

// loadCertificate reads the certificate of the flags, if one is given. It
// implies TLS.
func (f *serveFlags) loadCertificate(c *kinesisserver.Config) error {
	switch {
	case f.cert == "" && f.key == "":
		return nil
	case f.key == "":
		return usage.Errorf("--cert needs --key, the certificate's key")
	case f.cert == "":
		return usage.Errorf("--key needs --cert, the certificate")
	}
	certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("--cert %s, --key %s: %w", f.cert, f.key, err)
	}
	c.TLS, c.Certificate = true, &certificate
	return nil
}
