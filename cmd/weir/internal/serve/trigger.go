package serve

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/lease"
)

// A Trigger is a function that is called with the batches of a stream, for as
// long as the endpoint serves. The stream is one of the account of requests that
// name none; while there is none of that name it is waited for.
type Trigger struct {
	Stream string
	// Source says what is called and how. Group means nothing in it.
	Source eventsource.Config
	// Logger is told what fails.
	Logger *slog.Logger
}

// triggerFailover is for how long nobody has the shards after a kill. There is
// one worker.
const triggerFailover = 2 * time.Second

// lookEvery is how often it is looked whether a stream is another one: nobody
// tells of streams that are created and deleted.
const lookEvery = 250 * time.Millisecond

// triggers are those that run.
type triggers struct {
	accounts *kinesisserver.Registry
	kept     *keeper
	groups   *groups
	drain    time.Duration
	running  sync.WaitGroup
}

// stream returns the stream of a name, nil if there is none now. The account is
// asked for each time: one that is empty may give way to others.
func (t *triggers) stream(name string) *weir.Stream {
	a, err := t.accounts.Account("", "")
	if err != nil {
		return nil
	}
	return a.Stream(name)
}

// arn returns the ARN of the stream of a name; nothing if there is none now.
func (t *triggers) arn(ctx context.Context, name string) string {
	a, err := t.accounts.Account("", "")
	if err != nil {
		return ""
	}
	d, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return ""
	}
	return d.StreamDescriptionSummary.StreamARN
}

// start begins with a trigger, until ctx ends.
func (t *triggers) start(ctx context.Context, tr Trigger) {
	t.running.Go(func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for ctx.Err() == nil {
			if s := t.stream(tr.Stream); s != nil {
				t.follow(ctx, tr, s, ticker.C)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	})
}

// follow calls the function with the batches of a stream until ctx ends, or the
// stream is another one.
func (t *triggers) follow(ctx context.Context, tr Trigger, s *weir.Stream, look <-chan time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- t.run(ctx, tr, s) }()
	for {
		select {
		case err := <-ended:
			if err != nil && ctx.Err() == nil {
				tr.Logger.Error("a trigger ended, and begins again", "stream", tr.Stream, "err", err)
			}
			return
		case <-look:
			if t.stream(tr.Stream) != s {
				cancel()
				<-ended
				return
			}
		}
	}
}

// run calls the function until ctx ends.
func (t *triggers) run(ctx context.Context, tr Trigger, s *weir.Stream) error {
	group := groupName(trigger.GroupName(tr.Stream, tr.Source.Settings), s.CreatedAt())
	store, err := t.kept.leases(group)
	if err != nil {
		return err
	}
	if t.kept == nil {
		t.groups.add(group, store)
	}
	config := tr.Source
	if arn := &config.Settings.EventSourceArn; *arn == "" {
		*arn = t.arn(ctx, tr.Stream)
	}
	config.Group = consumer.Config{
		Name: group, Streams: []client.Stream{client.Embedded(s)}, Store: store, Logger: tr.Logger,
		Failover: triggerFailover, Patience: max(t.drain, triggerFailover), Expired: consumer.ContinueExpired,
	}
	source, err := eventsource.New(config)
	if err != nil {
		return err
	}
	return source.Run(ctx)
}

// groupName returns the name of the group of a stream, which is no other one's
// that had its name before.
func groupName(name string, created time.Time) string {
	const most = 128
	suffix := fmt.Sprintf(".%d", created.UnixMilli())
	if len(name)+len(suffix) > most {
		sum := fmt.Sprintf("-%x", sha256.Sum256([]byte(name)))[:17]
		name = name[:most-len(suffix)-len(sum)] + sum
	}
	return name + suffix
}

// leases opens the leases of a group: in the directory, or in memory.
func (k *keeper) leases(group string) (lease.Store, error) {
	if k == nil {
		return new(lease.Memory), nil
	}
	d, err := lease.OpenDir(k.dir.Groups(), group)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	return d, nil
}
