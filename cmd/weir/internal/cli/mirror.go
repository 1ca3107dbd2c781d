package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/cmd/weir/internal/deliver"
	"github.com/weirstream/weir/cmd/weir/internal/flagval"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/producer"
)

// mirrorFlags are the flags of weir mirror.
type mirrorFlags struct {
	workerFlags
	source, target attach.Flags
	shards         int
	unordered      bool
	errors         string
	getenv         func(string) string
}

const mirrorLong = `Mirror copies a stream to another one, continuously. SOURCE and TARGET are each the name of
a stream of the service or, with --endpoint and --to-endpoint, of weir serve; or the directory
of a stream on disk, such as ./orders, that no other process has open. A directory that is
not there is made for a target.

Partition keys and data are kept, aggregates as they are; sequence numbers, arrivals and
explicit hash keys are the target's own. The records of a shard are put in the order in which
they arrived, and those of a key keep it through failures; children of a shard follow when it
is copied to its end. After a crash, what was put and not yet noted is put again: at least
once. What TARGET never takes, such as a record that is too large for it, goes to --errors, a
line of JSON each; without --errors the shard waits for it.

It is one worker of a group, as weir consume is; weir group shows what the group knows, which
is kept in --store, and the next run goes on there. Ctrl-C or SIGTERM puts what was read, for
--patience.`

func newMirror(getenv func(string) string) *cobra.Command {
	f := &mirrorFlags{getenv: getenv, shards: 1}
	c := &cobra.Command{
		Use:   "mirror SOURCE TARGET",
		Short: "Copy a stream to another one, continuously",
		Long:  mirrorLong,
		Example: `  weir mirror orders ./orders --region eu-central-1           # of the service, to this machine
  weir mirror ./orders orders --to-endpoint http://127.0.0.1:4567`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage.Errorf("two streams are needed: weir mirror SOURCE TARGET; %d given", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	f.source.Add(flags)
	f.target.AddTarget(flags)
	flags.Var(flagval.Int{Value: &f.shards, Min: 1, Max: 10_000}, "shards", "how many shards a directory begins with that is made for the target")
	flags.BoolVar(&f.unordered, "unordered", false, "put faster to a target that is no directory: what is put again after a failure may come behind later records of its key")
	flags.StringVar(&f.errors, "errors", "", "`PLACE` of what the target never takes: a directory, s3://BUCKET/PREFIX, or the URL of an HTTP endpoint")
	f.add(flags, "SOURCE-mirror-TARGET", "128MiB")
	return c
}

// What is put at once, of a shard.
const (
	mirrorSize  = 1 << 20
	mirrorCount = 5000
)

func (f *mirrorFlags) run(c *cobra.Command, from, to string) (err error) {
	if err := f.check(c); err != nil {
		return err
	}
	if from == to && f.source.Same(&f.target) {
		return usage.Errorf("%s would be copied to itself without end: TARGET is SOURCE", from)
	}
	ctx := c.Context()
	config := delivery.Config{Interval: -1, Size: mirrorSize, Count: mirrorCount, Name: "mirror"}
	if f.errors != "" {
		if config.Errors, err = deliver.Sink(ctx, f.errors, deliver.HTTP{RetryFor: defaultRetryFor}); err != nil {
			return usage.Errorf("--errors: %w", err)
		}
	}
	f.source.Log = warnings(c.ErrOrStderr())
	f.target.Log = f.source.Log
	source, err := f.source.Open(ctx, from, f.getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := f.open(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if f.group == "" {
		f.group = base(from) + "-mirror-" + base(to)
	}
	p, err := producer.New(producer.Config{Stream: target, Ordered: !f.unordered && !target.Local(), TTL: 24 * time.Hour, RecordBytes: weir.MaxRecordBytes})
	if err != nil {
		return err
	}
	screen := trigger.NewScreen(c.OutOrStdout(), c.ErrOrStderr())
	config.Sink = delivery.Stream(p)
	err = f.copy(ctx, screen, fmt.Sprintf("%s → %s", from, to), source, config)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.patience)
	defer cancel()
	return errors.Join(err, p.Close(closing))
}

// open opens the target, and makes a directory that is not there.
func (f *mirrorFlags) open(ctx context.Context, to string) (attach.Stream, error) {
	if attach.IsDir(to) {
		return f.target.Create(to, f.shards)
	}
	return f.target.Open(ctx, to, f.getenv)
}

func (f *mirrorFlags) copy(ctx context.Context, screen *trigger.Screen, title string, source attach.Stream, config delivery.Config) error {
	config.Group.Expand = consumer.Raw
	return f.deliver(ctx, screen, title, source, config)
}
