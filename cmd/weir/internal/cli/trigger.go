package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// triggerFlags are the flags of weir trigger.
type triggerFlags struct {
	where     attach.Flags
	url       string
	group     string
	store     attach.Store
	settings  trigger.Settings
	onFailure string
	form      string
	most      int // invocations at a time; -1 is as many as the function takes
	timeout   time.Duration
	patience  time.Duration
	failover  time.Duration
	horizon   bool
	verbose   bool
	getenv    func(string) string
}

const (
	defaultTimeout  = time.Minute
	defaultPatience = 30 * time.Second
)

const triggerLong = `Trigger calls a function with batches of a stream's records, as Lambda's event source
mapping does: batches by number, size and time, lanes with order by key, filters, partial
failures, bisecting, tumbling windows. STREAM is the name of a stream of the service or,
with --endpoint, of weir serve; or it is the directory of a stream on disk, such as
./orders, that no other process has open.

The function is a URL or a command. The URL gets the event by POST and answers with JSON
or with nothing, as a function in the runtime interface emulator does and any web server
can. The command is run for each batch, has the event on its standard input, and answers
on its standard output. Without --function-response-types the answer says only whether
the batch failed: by a status other than 200 to 299, an exit status other than 0, the
errorType and errorMessage of a Lambda function, or what is no JSON. What cannot be
reached or started, and what answers 401, 403, 404, 429 or 503, was not begun: that is no
attempt, and nothing is given up because of it.

What is given up goes to --on-failure, a file or a URL, as the document that the service
writes; without, it is dropped. With neither --maximum-retry-attempts nor
--maximum-record-age-in-seconds a batch that fails is tried without end, and its lane
waits, as on the service.

It is one worker of a group, as weir consume is: any number of them share the shards.
What the group knows is kept in --store, where weir group shows it. Two functions on one
stream need two groups: the name of a group is that of the stream and of the function,
unless --group says another. Ctrl-C or SIGTERM lets invocations that are under way come
to their end, for --patience.`

func newTrigger(getenv func(string) string) *cobra.Command {
	f := &triggerFlags{getenv: getenv, form: "queue", most: -1, timeout: defaultTimeout, patience: defaultPatience, failover: 10 * time.Second}
	c := &cobra.Command{
		Use:   "trigger STREAM [flags] (--url URL | -- COMMAND [ARGUMENT]...)",
		Short: "Call a function with batches of a stream, as Lambda does",
		Long:  triggerLong,
		Example: `  weir trigger orders --endpoint http://127.0.0.1:4567 \
      --url http://localhost:9000/2015-03-31/functions/function/invocations
  weir trigger ./orders --batch-size 10 --maximum-retry-attempts 2 --on-failure failed.jsonl -- ./handle.sh
  weir trigger orders --settings mapping.json --function-name billing --url http://localhost:9000/`,
		Args: triggerArgs,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1:]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.url, "url", "", "`URL` of the function, such as http://localhost:9000/2015-03-31/functions/function/invocations")
	f.where.Add(flags)
	flags.StringVar(&f.group, "group", "", "`NAME` of the group: 1 to 128 of a-z A-Z 0-9 . _ - (default STREAM-FUNCTION)")
	f.store.Add(flags)
	flags.StringVar(&f.onFailure, "on-failure", "", "`FILE` or URL that gets what is given up, a line of JSON or a POST each; none drops it")
	flags.Var(flagval.Choice{Value: &f.form, Words: []string{"queue", "bucket"}}, "on-failure-form", "what is written: the document of a queue, or of a bucket, which has the event as well")
	flags.Var(flagval.Int{Value: &f.most, Min: -1, Max: 10_000}, "concurrency", "invocations at a time, as the reserved concurrency of a function; 0 is any number, and -1 that too, but 1 for the emulator")
	flags.Var(flagval.Duration{Value: &f.timeout, Max: 24 * time.Hour}, "timeout", "how long the function may take: then it has failed; 0s is as long as it likes")
	flags.Var(flagval.Duration{Value: &f.patience, Max: 24 * time.Hour}, "patience", "how long invocations may take to finish when the run ends or another worker is to have a shard; --timeout and --failover if that is more, unless set")
	flags.Var(flagval.Duration{Value: &f.failover, Max: time.Hour}, "failover", "how long a worker is silent before others take its shards, the same for all workers; at least 100ms")
	flags.BoolVar(&f.horizon, "skip-expired", false, "go on where the stream begins if records expired before they were read, as the service does; else that is an error")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens")
	mapping := pflag.NewFlagSet("", pflag.ContinueOnError)
	mapping.SortFlags = false
	f.settings.Add(mapping)
	usage.AddGroups(c, usage.Group{Title: "Settings of the mapping, as aws lambda create-event-source-mapping names them", Flags: mapping})
	return c
}

// triggerArgs takes a stream, and a command behind -- if there is one.
func triggerArgs(c *cobra.Command, args []string) error {
	at := c.ArgsLenAtDash()
	url := c.Flags().Changed("url")
	switch {
	case at < 0 && len(args) > 1:
		return usage.Errorf("unexpected argument %q: a command stands behind --", args[1])
	case at < 0 && len(args) == 0 || at == 0:
		return usage.Errorf("a stream is needed: weir trigger STREAM --url URL, or weir trigger STREAM -- COMMAND")
	case at > 1:
		return usage.Errorf("one stream is needed before the --; %d given", at)
	case url && len(args) > 1:
		return usage.Errorf("--url and a command are two functions; one is called")
	case !url && len(args) < 2:
		return usage.Errorf("a function is needed: --url URL, or a command behind --")
	}
	return nil
}

// check says what is wrong with flags together.
func (f *triggerFlags) check(c *cobra.Command) error {
	if !c.Flags().Changed("patience") {
		f.patience = max(f.patience, f.failover, f.timeout)
	}
	switch {
	case f.failover < minFailover:
		return usage.Errorf("--failover %v: must be %v at least", f.failover, minFailover)
	case f.patience < f.failover:
		return usage.Errorf("--patience %v: must be --failover, %v, at least", f.patience, f.failover)
	case c.Flags().Changed("on-failure-form") && f.onFailure == "":
		return usage.Errorf("--on-failure-form is about what is given up, so --on-failure is needed")
	}
	if c.Flags().Changed("group") {
		if err := lease.CheckGroup(f.group); err != nil {
			return usage.Errorf("--group: %w", err)
		}
	}
	if c.Flags().Changed("url") {
		if err := trigger.CheckURL(f.url); err != nil {
			return usage.Errorf("--url: %w", err)
		}
	}
	return nil
}

func (f *triggerFlags) run(c *cobra.Command, name string, args []string) (err error) {
	if err := f.check(c); err != nil {
		return err
	}
	var config eventsource.Config
	if config.Settings, err = f.settings.Read(); err != nil {
		return err
	}
	screen := trigger.NewScreen(c.OutOrStdout(), c.ErrOrStderr())
	if err := f.function(&config, args, screen); err != nil {
		return err
	}
	if config.OnFailure, err = trigger.Destination(f.onFailure, f.form, config.Settings); err != nil {
		return usage.Errorf("--on-failure: %w", err)
	}
	ctx := c.Context()
	f.where.Log = warnings(c.ErrOrStderr())
	stream, err := f.where.Open(ctx, name, f.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	if err := f.name(stream.Name(), config.Settings); err != nil {
		return err
	}
	if err := setSource(ctx, &config.Settings, stream.Stream); err != nil {
		return fmt.Errorf("--event-source-arn is needed: %w", err)
	}
	store, err := f.store.Open(ctx, f.group)
	if err != nil {
		return err
	}
	config.Group = f.worker(screen, stream, store)
	if !stream.Local() {
		config.Group.Reading.Consumer = trigger.Consumer(config.Settings)
	}
	return f.trigger(ctx, screen, config, cmp.Or(f.url, briefly(args)))
}

// briefly returns a command in a line, of which a part is enough.
func briefly(args []string) string {
	const most = 60
	line := []rune(strings.Join(strings.Fields(strings.Join(args, " ")), " "))
	if len(line) > most {
		return string(line[:most]) + "…"
	}
	return string(line)
}

// function sets the function.
func (f *triggerFlags) function(config *eventsource.Config, args []string, screen *trigger.Screen) error {
	if f.url != "" {
		if f.most < 0 {
			f.most = trigger.Concurrency(f.url)
		}
		config.Function = trigger.Limit(trigger.HTTP(trigger.NewClient(), f.url), f.most, f.timeout)
		return nil
	}
	command := pipe.Command{Args: args, Stderr: screen.Errors()}
	config.Function = trigger.Limit(trigger.Command(command), f.most, f.timeout)
	return command.Check()
}

// name gives the group a name if it has none.
func (f *triggerFlags) name(stream string, s eventsource.Settings) error {
	if f.group != "" {
		return nil
	}
	f.group = trigger.GroupName(stream, s)
	if err := lease.CheckGroup(f.group); err != nil {
		return usage.Errorf("--group is needed: %w", err)
	}
	return nil
}

// setSource sets the ARN of the source, if it is not set and the stream has one.
func setSource(ctx context.Context, s *eventsource.Settings, stream client.Stream) (err error) {
	named, ok := stream.(interface {
		StreamARN(context.Context) (string, error)
	})
	if ok && s.EventSourceArn == "" {
		s.EventSourceArn, err = named.StreamARN(ctx)
	}
	return err
}

// worker says how the group works.
func (f *triggerFlags) worker(log io.Writer, stream client.Stream, store lease.Store) consumer.Config {
	config := consumer.Config{
		Name: f.group, Streams: []client.Stream{stream}, Store: store, Failover: f.failover, Patience: f.patience,
	}
	if f.horizon {
		config.Expired = consumer.ContinueExpired
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelInfo
	}
	config.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level}))
	return config
}

// trigger calls the function until ctx ends.
func (f *triggerFlags) trigger(ctx context.Context, screen *trigger.Screen, config eventsource.Config, function string) error {
	source, err := eventsource.New(config)
	if err != nil {
		return usage.Error{Err: err}
	}
	title := fmt.Sprintf("%s → %s", config.Group.Streams[0].Name(), function)
	fmt.Fprintf(screen, "%s, group %s in %v. Ctrl-C ends it.\n", title, f.group, &f.store)
	if on := config.Settings.Enabled; on != nil && !*on {
		fmt.Fprintln(screen, "The mapping is not enabled: nothing is read.")
	}
	watched, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { screen.Watch(watched, title, source.Metrics) })
	err = f.store.Explain(f.group, source.Run(ctx))
	stop()
	watching.Wait()
	fmt.Fprintf(screen, "Group %s: %s.\n", f.group, trigger.Line(source.Metrics()))
	return err
}
