package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/deliver"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/jq"
	"github.com/weirstream/weir/delivery/parquet"
	"github.com/weirstream/weir/lease"
)

// workerFlags are what weir deliver and weir mirror have of a group.
type workerFlags struct {
	group    string
	store    attach.Store
	from     flagval.Position
	patience time.Duration
	failover time.Duration
	memory   flagval.Memory
	horizon  bool
	verbose  bool
}

// deliverFlags are the flags of weir deliver.
type deliverFlags struct {
	workerFlags
	where  attach.Flags
	getenv func(string) string

	to, errors, backup string
	http               deliver.HTTP
	config             delivery.Config
	size               flagval.Size
	compress, format   string
	zone               string
	partition          []string
	partitionJQ, jq    string
	schema             string
	dropUnknown        bool
	splitJSON, gunzip  bool
	splitAt            string
	transform          string
}

// accessKey is the variable that an endpoint's access key stands in: a command
// line can be seen by others.
const accessKey = "WEIR_DELIVERY_ACCESS_KEY"

// defaultRetryFor is how long an endpoint is tried again.
const defaultRetryFor = 300 * time.Second

const deliverLong = `Deliver flushes a stream somewhere, as a delivery stream of the service does: it collects
the records of each shard, and delivers them as objects, by size, count and time. STREAM
is the name of a stream of the service or, with --endpoint, of weir serve; or it is the
directory of a stream on disk, such as ./orders, that no other process has open.

--to is a directory, in which each object is a file; s3://BUCKET or s3://BUCKET/PREFIX, where
the environment says how to reach it, as for other programs of AWS; or the URL of an HTTP
endpoint, which gets the records by the service's protocol; ` + accessKey + ` has its access key. Names of
objects begin with --prefix, in which !{timestamp:yyyy/MM/dd} and the service's other
expressions stand for something, and have the number of their first record in them: an
object that is delivered again replaces itself, so in a directory or a bucket each record is
once, whatever happens to the process.

What cannot be processed goes to --errors, one line of JSON a record: the same directory
below --error-prefix, unless it is set. A URL has no such place: without --errors nothing is
given up, and the shard waits.

It is one worker of a group, as weir consume is: any number of them share the shards, and
weir group shows what the group knows, which is kept in --store. Ctrl-C or SIGTERM delivers
what is held, for --patience.`

func newDeliver(getenv func(string) string) *cobra.Command {
	f := &deliverFlags{getenv: getenv, size: delivery.DefaultSize, compress: "none", format: "lines"}
	f.config.Interval = delivery.DefaultInterval
	f.http.RetryFor = defaultRetryFor
	c := &cobra.Command{
		Use:   "deliver STREAM --to PLACE",
		Short: "Flush a stream to files, a bucket or an HTTP endpoint",
		Long:  deliverLong,
		Example: `  weir deliver orders --endpoint http://127.0.0.1:4567 --to ./lake --interval 1m --compress gzip
  weir deliver ./orders --to ./lake --partition customer=$.customer.id \
      --prefix 'customer=!{partitionKeyFromQuery:customer}/!{timestamp:yyyy-MM-dd}/' \
      --error-prefix 'errors/!{firehose:error-output-type}/'
  weir deliver orders --to s3://lake/orders --format parquet
  weir deliver orders --to https://example.com/firehose --errors ./refused`,
		Args: oneStream,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.to, "to", "", "`PLACE` that objects go to: a directory, s3://BUCKET/PREFIX, or the URL of an HTTP endpoint")
	f.where.Add(flags)
	flags.Var(&f.size, "size", "how many bytes of data an object has, before compression")
	flags.Var(flagval.Int{Value: &f.config.Count, Max: 1 << 30}, "count", "how many records it has at most; 0 is any number")
	flags.Var(flagval.Duration{Value: &f.config.Interval, Max: delivery.MaxInterval}, "interval", "how long its first record waits for others; 0s is not at all")
	flags.StringVar(&f.config.Prefix, "prefix", "", "`TEXT` that names begin with; one without !{timestamp:…} is followed by !{timestamp:yyyy/MM/dd/HH/}")
	flags.StringVar(&f.config.ErrorPrefix, "error-prefix", "", "`TEXT` that names of errors begin with; needed if --prefix has an expression")
	flags.StringVar(&f.config.Extension, "extension", "", "`TEXT` that names end in, in place of that of the compression, such as .jsonl")
	flags.StringVar(&f.zone, "zone", "UTC", "`ZONE` of times in names, such as Europe/Berlin")
	flags.Var(flagval.Choice{Value: &f.format, Words: deliver.Formats}, "format", "how records stand in an object: each with the end of a line behind it, one directly behind the other, or JSON as Parquet")
	flags.StringVar(&f.schema, "schema", "", "`FILE` with the columns of Parquet, as Hive and AWS Glue describe them; without, each object has those that its records have")
	flags.BoolVar(&f.dropUnknown, "drop-unknown", false, "leave out what --schema does not have; else records that have it go to --errors")
	flags.Var(flagval.Choice{Value: &f.compress, Words: deliver.Codecs}, "compress", "how objects are compressed; for a URL, requests: none or gzip; within Parquet: none, gzip, zstd or snappy, which is the default there")
	f.addProcessing(c)
	f.add(flags, "STREAM-deliver", "128MiB, or four times --size")
	return c
}

// addProcessing adds the flags for what is done with records.
func (f *deliverFlags) addProcessing(c *cobra.Command) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.BoolVar(&f.gunzip, "gunzip", false, "records are compressed with gzip")
	flags.BoolVar(&f.config.CloudWatchLogs, "cloudwatch-logs", false, "records are of a subscription of CloudWatch Logs, and their messages are delivered; with --gunzip as the service sends them")
	flags.BoolVar(&f.splitJSON, "split-json", false, "a record may have several JSON documents in it, which are delivered each")
	flags.StringVar(&f.splitAt, "split-at", "", "`TEXT` that is between several parts of a record, which are delivered each")
	flags.StringVar(&f.transform, "transform", "", "`URL` of a function that gets the records by POST, and answers what becomes of them, as the service's transforms do")
	flags.StringVar(&f.jq, "jq", "", "`EXPRESSION` of jq that makes of a record what is delivered; what it makes nothing of is left out, as by select(…)")
	flags.StringVar(&f.partitionJQ, "partition-jq", "", "`EXPRESSION` of jq that makes of a record an object with its keys, such as {customer: .user.id}")
	flags.StringArrayVar(&f.partition, "partition", nil, "`NAME=PATH` of a key that --prefix refers to as !{partitionKeyFromQuery:NAME}, by its place in records that are JSON; may be given several times")
	f.config.Partitions = delivery.DefaultPartitions
	flags.Var(flagval.Int{Value: &f.config.Partitions, Min: 1, Max: delivery.MaxPartitions}, "partitions", "how many partitions of a shard are filled at a time")
	flags.StringVar(&f.errors, "errors", "", "`PLACE` of what cannot be processed or delivered (default: --to, if that is no URL)")
	flags.StringVar(&f.backup, "backup", "", "`PLACE` of all records as they were read")
	flags.StringVar(&f.config.BackupPrefix, "backup-prefix", "", "`TEXT` that their names begin with")
	flags.StringToStringVar(&f.http.Attributes, "attribute", nil, "`NAME=VALUE` that an endpoint is told with each request; may be given several times")
	flags.Lookup("attribute").DefValue = "" // help would show []
	flags.Var(flagval.Duration{Value: &f.http.RetryFor, Max: 2 * time.Hour}, "retry-for", "how long a request that an endpoint does not take is tried again")
	usage.AddGroups(c, usage.Group{Title: "What is done with records", Flags: flags})
}

// add adds the flags of the group's worker, with the defaults that help shows.
func (f *workerFlags) add(flags *pflag.FlagSet, group, memory string) {
	f.patience, f.failover = defaultPatience, 10*time.Second
	flags.StringVar(&f.group, "group", "", "`NAME` of the group: 1 to 128 of a-z A-Z 0-9 . _ - (default "+group+")")
	f.store.Add(flags)
	flags.Var(&f.from, "from", "where shards begin that the group does not know: horizon, latest, a time or how long ago, such as -5m")
	flags.Var(&f.memory, "memory", "how much is held in memory; beyond it nothing is read (default "+memory+")")
	flags.Var(flagval.Duration{Value: &f.patience, Max: 24 * time.Hour}, "patience", "how long the rest may take when the run ends or another worker is to have a shard")
	flags.Var(flagval.Duration{Value: &f.failover, Max: time.Hour}, "failover", "how long a worker is silent before others take its shards, the same for all workers; at least 100ms")
	flags.BoolVar(&f.horizon, "skip-expired", false, "go on where the stream begins if records expired before they were read; else that is an error")
	flags.BoolVar(&f.verbose, "verbose", false, "log what happens")
}

// check says what is wrong with the flags together.
func (f *workerFlags) check(c *cobra.Command) error {
	if !c.Flags().Changed("patience") {
		f.patience = max(f.patience, f.failover)
	}
	switch {
	case f.failover < minFailover:
		return usage.Errorf("--failover %v: must be %v at least", f.failover, minFailover)
	case f.patience < f.failover:
		return usage.Errorf("--patience %v: must be --failover, %v, at least", f.patience, f.failover)
	}
	if c.Flags().Changed("group") {
		if err := lease.CheckGroup(f.group); err != nil {
			return usage.Errorf("--group: %w", err)
		}
	}
	return nil
}

// worker says how the group works.
func (f *workerFlags) worker(log io.Writer, stream client.Stream, store lease.Store) consumer.Config {
	config := consumer.Config{
		Name: f.group, Streams: []client.Stream{stream}, Store: store, Failover: f.failover, Patience: f.patience, From: f.from.At,
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

// oneStream takes a stream and nothing else.
func oneStream(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage.Errorf("one stream is needed: weir %s; %d given", c.Use, len(args))
	}
	return nil
}

func (f *deliverFlags) run(c *cobra.Command, name string) (err error) {
	if err := f.check(c); err != nil {
		return err
	}
	if err := f.configure(c); err != nil {
		return err
	}
	ctx := c.Context()
	f.where.Log = warnings(c.ErrOrStderr())
	stream, err := f.where.Open(ctx, name, f.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	if f.group == "" {
		f.group = stream.Name() + "-deliver"
	}
	screen := trigger.NewScreen(c.OutOrStdout(), c.ErrOrStderr())
	title := fmt.Sprintf("%s → %s", stream.Name(), f.to)
	return f.deliver(ctx, screen, title, stream, f.config)
}

// configure makes a configuration of the flags.
func (f *deliverFlags) configure(c *cobra.Command) (err error) {
	if err := f.checkTogether(); err != nil {
		return err
	}
	d := &f.config
	d.Size = int(f.size)
	if d.Interval == 0 {
		d.Interval = -1 // for the library it is the usual time
	}
	if d.Zone, err = time.LoadLocation(f.zone); err != nil {
		return usage.Errorf("--zone: %w", err)
	}
	if err := f.sinks(c); err != nil {
		return err
	}
	if err := f.formats(c); err != nil {
		return err
	}
	return f.processing()
}

// checkTogether refuses flags that make no sense together.
func (f *deliverFlags) checkTogether() error {
	switch {
	case f.to == "":
		return usage.Errorf("a place is needed: --to DIRECTORY, --to s3://BUCKET or --to URL")
	case f.splitJSON && f.splitAt != "":
		return usage.Errorf("--split-json and --split-at are two ways to split; one is used")
	case f.jq != "" && f.transform != "":
		return usage.Errorf("--jq and --transform are two transforms; one is used")
	case len(f.partition) > 0 && f.partitionJQ != "":
		return usage.Errorf("--partition and --partition-jq are two ways to give keys; one is used")
	}
	return nil
}

// processing sets what is done with records before they are delivered.
func (f *deliverFlags) processing() (err error) {
	d := &f.config
	if f.gunzip {
		d.Decompress = delivery.Gunzip(0)
	}
	switch {
	case f.splitJSON:
		d.Split = delivery.SplitJSON
	case f.splitAt != "":
		if d.Split, err = delivery.SplitAt(f.splitAt); err != nil {
			return usage.Errorf("--split-at: %w", err)
		}
	}
	switch {
	case f.transform != "":
		if err := trigger.CheckURL(f.transform); err != nil {
			return usage.Errorf("--transform: %w", err)
		}
		d.Transform = &delivery.Function{Invoke: trigger.HTTP(trigger.NewClient(), f.transform), Name: f.transform}
	case f.jq != "":
		if d.Transform, err = jq.NewTransform(f.jq, false, jq.Config{}); err != nil {
			return usage.Errorf("--jq: %w", err)
		}
	}
	if d.Partition, err = deliver.Partitioner(f.partition, f.partitionJQ); err != nil {
		return usage.Errorf("--partition: %w", err)
	}
	return nil
}

// formats sets format and codec; what compresses Parquet is within it.
func (f *deliverFlags) formats(c *cobra.Command) (err error) {
	var p parquet.Config
	switch {
	case f.format == "parquet":
		if p, err = f.parquet(c.Flags().Changed("compress")); err != nil {
			return err
		}
	case f.schema != "":
		return usage.Errorf("--schema has the columns of Parquet, so --format parquet is needed")
	case f.dropUnknown:
		return usage.Errorf("--drop-unknown is for the columns of Parquet, so --format parquet is needed")
	case !deliver.IsURL(f.to):
		if f.config.Codec, err = deliver.Codec(f.compress); err != nil {
			return usage.Errorf("--compress: %w", err)
		}
	}
	if err := deliver.Format(&f.config, f.format, p); err != nil {
		return usage.Errorf("--format: %w", err)
	}
	return nil
}

// parquet says how Parquet is made.
func (f *deliverFlags) parquet(compress bool) (p parquet.Config, err error) {
	if compress {
		if p.Compression, err = parquet.ParseCompression(f.compress); err != nil {
			return p, usage.Errorf("--compress, with --format parquet: %w", err)
		}
	}
	if f.dropUnknown {
		p.Unknown = parquet.DropUnknown
	}
	if f.schema == "" {
		return p, nil
	}
	text, err := os.ReadFile(f.schema)
	if err != nil {
		return p, usage.Errorf("--schema: %w", err)
	}
	if p.Schema, err = parquet.ParseSchema(string(text)); err != nil {
		return p, usage.Errorf("--schema %s: %w", f.schema, err)
	}
	return p, nil
}

// sinks makes those that the flags name.
func (f *deliverFlags) sinks(c *cobra.Command) (err error) {
	d := &f.config
	f.http.AccessKey = f.getenv(accessKey)
	if deliver.IsURL(f.to) {
		if f.format == "parquet" {
			return usage.Errorf("--format parquet: an endpoint gets records, not files")
		}
		switch f.compress {
		case "none":
		case "gzip":
			f.http.Gzip = true
		default:
			return usage.Errorf("--compress %s: an endpoint takes none or gzip", f.compress)
		}
		// Records go one by one: nothing separates them but what is asked for.
		if !c.Flags().Changed("format") {
			f.format = "concatenated"
		}
	}
	for _, of := range []struct {
		flag, place string
		sink        *delivery.Sink
	}{{"to", f.to, &d.Sink}, {"errors", f.errors, &d.Errors}, {"backup", f.backup, &d.Backup}} {
		if of.place == "" {
			continue
		}
		if *of.sink, err = deliver.Sink(c.Context(), of.place, f.http); err != nil {
			return usage.Errorf("--%s: %w", of.flag, err)
		}
	}
	return nil
}

// deliver delivers until ctx ends.
func (f *workerFlags) deliver(ctx context.Context, screen *trigger.Screen, title string, stream attach.Stream, config delivery.Config) error {
	if err := lease.CheckGroup(f.group); err != nil {
		return usage.Errorf("--group is needed: %w", err)
	}
	store, err := f.store.Open(ctx, f.group)
	if err != nil {
		return err
	}
	expand := config.Group.Expand
	config.Group, config.Memory = f.worker(screen, stream, store), int(f.memory)
	config.Group.Expand = expand
	d, err := delivery.New(config)
	if err != nil {
		return usage.Error{Err: err}
	}
	fmt.Fprintf(screen, "%s, group %s in %v. Ctrl-C ends it.\n", title, f.group, &f.store)
	watched, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		screen.Follow(watched, title, func() string { return deliver.Line(d.Metrics()) },
			func(since time.Duration) []string { return deliver.Lines(title, since, d.Metrics()) })
	})
	err = f.store.Explain(f.group, d.Run(ctx))
	stop()
	watching.Wait()
	fmt.Fprintf(screen, "Group %s: %s.\n", f.group, deliver.Line(d.Metrics()))
	return err
}

// base returns the last part of a stream's name or directory.
func base(name string) string { return strings.TrimSuffix(filepath.Base(filepath.Clean(name)), "/") }
