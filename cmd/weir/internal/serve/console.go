package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
	"github.com/weirstream/weir/cmd/weir/internal/cost"
	"github.com/weirstream/weir/console"
)

// A Console says how the console is served.
type Console struct {
	Off, ReadOnly bool
	// Remote answers other machines too, and AllowHosts are names that this one may
	// be called by.
	Remote     bool
	AllowHosts []string
	// GroupLeases are places with what groups know that run elsewhere: directories,
	// and tables as dynamodb:TABLE.
	GroupLeases []string
	// API says that the Kinesis API is served at the same address.
	API bool
	// Log is told what opening a directory has cut off or found lost; nil means
	// nobody is. It means nothing to weir serve, which has its own.
	Log *slog.Logger
}

// handler returns the console of the accounts of a registry.
func (c Console) handler(accounts *kinesisserver.Registry, groups *groups) (*console.Console, error) {
	return console.New(console.Config{
		Source: source{accounts}, Groups: groups.list, Queues: source{accounts}.queues, ReadOnly: c.ReadOnly,
		AllowRemote: c.Remote, AllowHosts: c.AllowHosts, API: c.API, Price: Price,
	})
}

// prices are read once: a page prices hundreds of streams, and reading them takes
// a thousand times as long as all else that a page says of one.
var prices = sync.OnceValue(cost.BuiltIn)

// Price prices a month of a stream by the built-in prices of weir cost. Of records
// it knows the mean size only.
func Price(u console.Use) console.Price {
	p := prices()
	usage := cost.Usage{Period: u.Period, Records: float64(u.Records), Bytes: float64(u.Bytes), Shards: float64(u.OpenShards),
		Need: float64(u.OpenShards), Retention: u.Retention, FanOutReaders: u.Consumers}
	if u.Records > 0 {
		mean := usage.Bytes / usage.Records
		usage.PutUnits = usage.Records * math.Ceil(max(mean, 1)/putUnit)
		usage.RoundedBytes = usage.Records * math.Ceil(max(mean, 1)/kib) * kib
	}
	if u.OutBytes > u.FanOutBytes {
		usage.Readers = 1
	}
	plan := cost.Provisioned
	if u.Mode == weir.OnDemand {
		plan = cost.OnDemand
	}
	bill := p.Bill(plan, usage.Month(p))
	return console.Price{Amount: bill.Total, Currency: p.Currency, Plan: string(plan) + ", " + p.Name}
}

const (
	kib     = 1 << 10
	putUnit = 25 * kib
)

// A source shows the streams of all accounts of a registry.
type source struct{ accounts *kinesisserver.Registry }

func (s source) Can() bool { return true }

func (s source) Streams(ctx context.Context) ([]console.Stream, error) {
	var list []console.Stream
	for _, open := range s.accounts.Accounts() {
		all, err := open.Account.AllStreams(account.WithoutCallRates(ctx))
		if err != nil {
			return nil, err
		}
		at := open.ID + "/" + open.Region
		for _, found := range all.StreamSummaries {
			list = append(list, console.Stream{At: at, Name: found.StreamName, Status: found.StreamStatus, Engine: open.Account.Stream(found.StreamName)})
		}
	}
	return list, nil
}

// account returns the account that a place names; empty is the default one. No
// account is opened that is not.
func (s source) account(at string) (*account.Account, error) {
	if at == "" {
		return s.accounts.Account("", "")
	}
	for _, open := range s.accounts.Accounts() {
		if at == open.ID+"/"+open.Region {
			return open.Account, nil
		}
	}
	return nil, fmt.Errorf("account %.80q: %w", at, console.ErrNoStream)
}

func (s source) Stream(ctx context.Context, at, name string) (console.Stream, error) {
	a, err := s.account(at)
	if err != nil {
		return console.Stream{}, err
	}
	out, err := a.DescribeStreamSummary(account.WithoutCallRates(ctx), &account.DescribeStreamSummaryInput{StreamName: &name})
	if errors.Is(err, &account.Error{Code: account.CodeResourceNotFound}) {
		return console.Stream{}, fmt.Errorf("stream %.80q: %w", name, console.ErrNoStream)
	}
	if err != nil {
		return console.Stream{}, err
	}
	c := a.Config()
	return console.Stream{At: c.ID + "/" + c.Region, Name: name, Status: out.StreamDescriptionSummary.StreamStatus, Engine: a.Stream(name)}, nil
}

// Do carries out a change by the operation that clients have for it, with its
// rules and delays.
func (s source) Do(ctx context.Context, at, name string, do console.Action) (string, error) {
	a, err := s.account(at)
	if err != nil {
		return "", err
	}
	ctx = account.WithoutCallRates(ctx)
	switch do := do.(type) {
	case console.Put:
		placed, _, err := a.PutRecordEntry(ctx, account.StreamRef{Name: name}, do.Entry)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("in %s as %s", placed.ShardID, placed.SequenceNumber), nil
	case console.Split:
		_, err = a.SplitShard(ctx, &account.SplitShardInput{StreamName: &name, ShardToSplit: text(do.Shard), NewStartingHashKey: text(do.At)})
	case console.Merge:
		_, err = a.MergeShards(ctx, &account.MergeShardsInput{StreamName: &name, ShardToMerge: text(do.Lower), AdjacentShardToMerge: text(do.Upper)})
	case console.Resize:
		_, err = a.UpdateShardCount(ctx, &account.UpdateShardCountInput{StreamName: &name, TargetShardCount: account.Ptr(int32(do.Target)), ScalingType: account.Ptr(account.ScalingUniform)})
	case console.SetRetention:
		err = setRetention(ctx, a, name, do.Retention)
	case console.Create:
		_, err = a.CreateStream(ctx, Stream{Name: name, Shards: int32(do.Shards)}.input())
	case console.Delete:
		_, err = a.DeleteStream(ctx, &account.DeleteStreamInput{StreamName: &name, EnforceConsumerDeletion: account.Ptr(true)})
	default:
		return "", doByARN(ctx, a, name, do)
	}
	return "", err
}

// doByARN carries out what operations address by ARN.
func doByARN(ctx context.Context, a *account.Account, name string, do console.Action) error {
	out, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return err
	}
	arn := &out.StreamDescriptionSummary.StreamARN
	switch do := do.(type) {
	case console.SetMode:
		mode := account.ModeProvisioned
		if do.Mode == weir.OnDemand {
			mode = account.ModeOnDemand
		}
		_, err = a.UpdateStreamMode(ctx, &account.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: &account.StreamModeDetails{StreamMode: &mode}})
	case console.Register:
		_, err = a.RegisterStreamConsumer(ctx, &account.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: &do.Consumer})
	case console.Deregister:
		_, err = a.DeregisterStreamConsumer(ctx, &account.DeregisterStreamConsumerInput{StreamARN: arn, ConsumerName: &do.Consumer})
	default:
		err = fmt.Errorf("%T: %w", do, errors.ErrUnsupported)
	}
	return err
}

func setRetention(ctx context.Context, a *account.Account, name string, to time.Duration) error {
	hours := account.Ptr(int32(to / time.Hour))
	if s := a.Stream(name); s != nil && to < s.Settings().Retention {
		_, err := a.DecreaseStreamRetentionPeriod(ctx, &account.DecreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: hours})
		return err
	}
	_, err := a.IncreaseStreamRetentionPeriod(ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: &name, RetentionPeriodHours: hours})
	return err
}

func text(v fmt.Stringer) *string { return account.Ptr(v.String()) }
