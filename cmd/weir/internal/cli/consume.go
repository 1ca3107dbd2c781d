package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/figures"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// consumeFlags are the flags of weir consume.
type consumeFlags struct {
	where    attach.Flags
	group    string
	store    attach.Store
	from     flagval.Position
	perBatch bool
	batch    int
	onError  string
	attempts int
	patience time.Duration
	failover time.Duration
	horizon  bool
	verbose  bool
	getenv   func(string) string
}

// minFailover is what package consumer takes.
const minFailover = 100 * time.Millisecond

const consumeLong = `Consume gives the records of a stream to a command, and remembers how far that got. It
is one worker of a group: any number of them share the shards, in one process each, and
take over from those that end. STREAM is the name of a stream of the service or, with
--endpoint, of weir serve; or it is the directory of a stream on disk, such as ./orders,
that no other process has open.

The command is started once, and reads lines of JSON from its standard input:

  {"id":17,"stream":"orders","shard":"shardId-000000000001","sequence":"4967…",
   "key":"eu","time":"2026-03-02T09:00:00.123Z","text":"hello"}

"text" is the data if that is UTF-8; else it is "data", in base64. Aggregates of the
Kinesis Producer Library are taken apart; "sub" is then an index. A record is processed
when the command prints a line with its id, in any order; a shard's checkpoint is before
the first that is not. Whatever else it has to say belongs on its standard error. When
the command has ended, so does weir consume, with its exit status told if that is not 0;
what it did not acknowledge comes again. Ctrl-C or SIGTERM ends the command's input, and
--patience is how long it then has to finish.

With --per-batch the command is run for each batch of a shard instead, reads its lines,
without ids, to the end, and processes it by exit status 0; --on-error says what follows
another status. What it prints is printed.

A shard's records come in order; those of different shards are mixed. After a crash what
was processed last comes again. What the group knows is kept in --store, where weir group
shows it. In a directory the workers of one machine share it, in DynamoDB those of many:
the table is that of the Kinesis Client Library.`

func newConsume(getenv func(string) string) *cobra.Command {
	f := &consumeFlags{getenv: getenv, batch: 500, onError: "retry", attempts: 1, patience: 30 * time.Second, failover: 10 * time.Second}
	c := &cobra.Command{
		Use:   "consume STREAM --group NAME [flags] -- COMMAND [ARGUMENT]...",
		Short: "Process a stream with a command, as one worker of a group",
		Long:  consumeLong,
		Example: `  weir consume orders --endpoint http://127.0.0.1:4567 --group audit -- ./audit.sh
  weir consume ./orders --group load --per-batch -- ./load.sh
  weir consume orders --group seen -- jq --unbuffered .id     # acknowledges all`,
		Args: consumeArgs,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1:]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.where.Add(flags)
	flags.StringVar(&f.group, "group", "", "`NAME` of the group: 1 to 128 of a-z A-Z 0-9 . _ -")
	f.store.Add(flags)
	flags.Var(&f.from, "from", "where shards begin that the group does not know: horizon, latest, a time or how long ago, such as -5m")
	flags.BoolVar(&f.perBatch, "per-batch", false, "run the command for each batch, which exit status 0 acknowledges")
	flags.Var(flagval.Int{Value: &f.batch, Min: 1, Max: 10_000}, "batch", "records of a batch at most")
	flags.Var(flagval.Choice{Value: &f.onError, Words: []string{"retry", "skip", "stop"}}, "on-error", "what follows a batch that fails, with --per-batch: retry without end, skip or stop")
	flags.Var(flagval.Int{Value: &f.attempts, Min: 1, Max: 1000}, "attempts", "how often a batch is tried before it is skipped or ends the run")
	flags.Var(flagval.Duration{Value: &f.patience, Max: 24 * time.Hour}, "patience", "how long the command may take to finish when the run ends or another worker is to have a shard; --failover at least")
	flags.Var(flagval.Duration{Value: &f.failover, Max: time.Hour}, "failover", "how long a worker is silent before others take its shards, the same for all workers; at least 100ms")
	flags.BoolVar(&f.horizon, "skip-expired", false, "go on where the stream begins if records expired before they were read; else that is an error")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens")
	usage.AddGroups(c)
	return c
}

// consumeArgs takes a stream, --, and a command.
func consumeArgs(c *cobra.Command, args []string) error {
	switch at := c.ArgsLenAtDash(); {
	case at < 0 || len(args) == at:
		return usage.Errorf("a command is needed, behind --: weir consume STREAM --group NAME -- COMMAND")
	case at != 1:
		return usage.Errorf("one stream is needed before the --, and the command behind it; %d given", at)
	}
	return nil
}

// check says what is wrong with flags together.
func (f *consumeFlags) check(c *cobra.Command) error {
	changed := c.Flags().Changed
	if f.group == "" {
		return usage.Errorf("--group is needed: under its name the group's progress is kept")
	}
	if err := lease.CheckGroup(f.group); err != nil {
		return usage.Errorf("--group: %w", err)
	}
	for _, name := range []string{"on-error", "attempts"} {
		if changed(name) && !f.perBatch {
			return usage.Errorf("--%s is about batches, so --per-batch is needed", name)
		}
	}
	if changed("attempts") && f.onError == "retry" {
		return usage.Errorf("--attempts %d: --on-error retry tries without end", f.attempts)
	}
	if !changed("patience") {
		f.patience = max(f.patience, f.failover)
	}
	switch {
	case f.failover < minFailover:
		return usage.Errorf("--failover %v: must be %v at least", f.failover, minFailover)
	case f.patience < f.failover:
		return usage.Errorf("--patience %v: must be --failover, %v, at least", f.patience, f.failover)
	}
	return nil
}

func (f *consumeFlags) run(c *cobra.Command, name string, args []string) (err error) {
	if err := f.check(c); err != nil {
		return err
	}
	c.SetErr(shared(c.ErrOrStderr())) // for the log and for commands, at the same time
	command := pipe.Command{Args: args, Stderr: c.ErrOrStderr(), Stdout: shared(c.OutOrStdout())}
	if err := command.Check(); err != nil {
		return err
	}
	ctx := c.Context()
	f.where.Log = warnings(c.ErrOrStderr())
	stream, err := f.where.Open(ctx, name, f.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	store, err := f.store.Open(ctx, f.group)
	if err != nil {
		return err
	}
	config := f.config(c, stream, store)
	if f.perBatch {
		return f.perBatches(ctx, c, config, command)
	}
	return f.piped(ctx, c, config, command)
}

// shared returns a writer for several goroutines. A file is one, and a command
// inherits it.
func shared(w io.Writer) io.Writer {
	if _, ok := w.(*os.File); ok {
		return w
	}
	return &lockedWriter{w: w}
}

type lockedWriter struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// config says how the group works.
func (f *consumeFlags) config(c *cobra.Command, stream client.Stream, store lease.Store) consumer.Config {
	config := consumer.Config{
		Name: f.group, Streams: []client.Stream{stream}, Store: store, From: f.from.At, MaxRecords: f.batch,
		Failover: f.failover, Patience: f.patience,
	}
	if f.horizon {
		config.Expired = consumer.ContinueExpired
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelInfo
	}
	config.Logger = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	return config
}

// perBatches runs the command for each batch until ctx ends.
func (f *consumeFlags) perBatches(ctx context.Context, c *cobra.Command, config consumer.Config, command pipe.Command) error {
	config.Handler = command.Batch
	switch f.onError {
	case "skip":
		config.OnError, config.Attempts = consumer.Skip, f.attempts
	case "stop":
		config.OnError, config.Attempts = consumer.Stop, f.attempts
	}
	g, err := consumer.New(config)
	if err != nil {
		return usage.Error{Err: err}
	}
	err = f.store.Explain(f.group, g.Run(ctx))
	m := g.Metrics()
	fmt.Fprintf(c.ErrOrStderr(), "Group %s: %s processed, %s skipped; %s of the command failed%s.\n",
		f.group, figures.Count(m.Records, "record"), figures.Comma(m.Skipped), figures.Count(m.Errors, "run"), discarded(m))
	return err
}

// discarded tells of what was in aggregates that the Kinesis Client Library
// discards.
func discarded(m consumer.Metrics) string {
	if m.Discarded == 0 {
		return ""
	}
	return fmt.Sprintf("; %s discarded, out of aggregates with some of another shard or that cannot be read", figures.Count(m.Discarded, "record"))
}

// piped runs the command once, until it or ctx ends.
func (f *consumeFlags) piped(ctx context.Context, c *cobra.Command, config consumer.Config, command pipe.Command) error {
	var p *pipe.Pipe
	config.Handler = func(ctx context.Context, b *consumer.Batch) error { return p.Handle(ctx, b) }
	g, err := consumer.New(config)
	if err != nil {
		return usage.Error{Err: err}
	}
	if p, err = command.Pipe(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { // Close closes it, too
		<-p.Full()
		cancel()
	})
	beside.Go(func() {
		ticker := time.NewTicker(10 * time.Second)
		defer ticker.Stop()
		watch(ctx, ticker.C, p.Counts, config.Logger)
	})
	defer context.AfterFunc(ctx, func() { p.Close(f.patience) })()
	err = f.store.Explain(f.group, g.Run(ctx))
	p.Close(f.patience)
	err = errors.Join(p.Wait(), err)
	beside.Wait()
	counts := p.Counts()
	fmt.Fprintf(c.ErrOrStderr(), "Group %s: %s given to the command, %s acknowledged%s.\n",
		f.group, figures.Count(counts.Given, "record"), figures.Comma(counts.Acked), discarded(g.Metrics()))
	return err
}

// watch tells when a command acknowledges nothing any more, as often as it is to
// look, until ctx ends.
func watch(ctx context.Context, look <-chan time.Time, counts func() pipe.Counts, log *slog.Logger) {
	for told := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-look:
		}
		c := counts()
		silent := c.Waiting > 0 && c.Idle >= time.Minute
		if silent && !told {
			log.Warn("the command acknowledges nothing; does it print the ids, a line each, and flush them?",
				"waiting", c.Waiting, "for", c.Idle.Round(time.Second))
		}
		told = silent
	}
}
