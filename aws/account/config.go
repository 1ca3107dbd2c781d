package account

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/weirstream/weir"
)

// A Config says how an account behaves. The zero Config is the service. A
// Config is never changed after [New].
type Config struct {
	// ID is the account's twelve digits. Empty means "000000000000".
	ID string
	// Region is the region's name. Empty means "us-east-1".
	Region string
	// Stream is what every new stream begins with: its limits, its memory and
	// its metrics. The zero value is the service's. What an operation sets
	// (shards, retention, mode, distribution, warm throughput), what Quotas say
	// (consumers, mode switches), After, Name, Memory and the clock mean nothing in
	// it. Sync is for [Open].
	Stream weir.Config
	// Memory bounds what the account holds together with others that have the same.
	// Nil means that there is no bound. When it is full, puts get
	// ProvisionedThroughputExceededException, each record of a batch for itself,
	// and operations that would leave something behind (streams, shards, consumers,
	// channels, tags, policies) LimitExceededException; reads and all others go on.
	Memory *Memory
	// Delays are how long changes of status take. The zero value is about what
	// they take on the service.
	Delays Delays
	// Quotas are how much the account may have. The zero value is the
	// service's.
	Quotas Quotas
	// CallRates are how often operations may be called. The zero value is the
	// service's.
	CallRates CallRates
	// Failed is told why operations of an account on disk answer
	// InternalFailureException: that the disk is full, say. It is told once a second
	// at most, by many goroutines, and must not call the account. Nil means nobody.
	Failed func(error)
	// Logger is told what opening an account on disk has cut off of its own journal,
	// as [Account.Storage] tells it too, and what [queue.Config] says of its queues.
	// Nil means nobody is. It must not call the account.
	Logger *slog.Logger
	// Now tells the time. Nil means [time.Now]. It must not call the account.
	Now func() time.Time
	// Pass lets time pass on a clock that stands still unless it is moved: a receive
	// of a queue that has to wait calls it again and again, for a part of what is
	// left at a time, in place of waiting. Nil means that time passes by itself.
	Pass func(context.Context, time.Duration) error
}

// The times that changes of status take unless told otherwise. The service
// promises none of them; a split was observed to take about half a minute.
const (
	DefaultCreateDelay   = 10 * time.Second
	DefaultDeleteDelay   = 10 * time.Second
	DefaultReshardDelay  = 30 * time.Second
	DefaultUpdateDelay   = 5 * time.Second
	DefaultConsumerDelay = 5 * time.Second
	DefaultChannelDelay  = 10 * time.Second
	DefaultQueueDelay    = 10 * time.Second
)

// Delays are how long a status stays what it is before it changes by itself.
// For each zero means the constant of that name, and a negative value no delay:
// the change has happened when the call returns.
type Delays struct {
	Create   time.Duration // streams: CREATING to ACTIVE
	Delete   time.Duration // streams: DELETING until gone
	Reshard  time.Duration // streams: UPDATING by a split, merge or new shard count
	Update   time.Duration // streams: UPDATING by encryption, mode or warm throughput
	Consumer time.Duration // consumers: CREATING to ACTIVE, DELETING until gone
	Channel  time.Duration // channels: CREATING or UPDATING to ACTIVE, DELETING until gone
	Queue    time.Duration // queues: CREATING or UPDATING to ACTIVE, DELETING until gone
}

func (d Delays) withDefaults() Delays {
	return Delays{
		Create:   setOr(d.Create, DefaultCreateDelay, 0),
		Delete:   setOr(d.Delete, DefaultDeleteDelay, 0),
		Reshard:  setOr(d.Reshard, DefaultReshardDelay, 0),
		Update:   setOr(d.Update, DefaultUpdateDelay, 0),
		Consumer: setOr(d.Consumer, DefaultConsumerDelay, 0),
		Channel:  setOr(d.Channel, DefaultChannelDelay, 0),
		Queue:    setOr(d.Queue, DefaultQueueDelay, 0),
	}
}

// The service's quotas.
const (
	DefaultShardsLargeRegion = 20000 // us-east-1, us-west-2 and eu-west-1
	DefaultShards            = 1000  // elsewhere; 6,000 in some regions

	DefaultOnDemandStreams   = 50
	DefaultCreatingStreams   = 5
	DefaultConsumers         = 20
	DefaultConsumersAdvanced = 50 // with On-demand Advantage
	DefaultChangingQueues    = 5
	DefaultQueueInFlight     = 120_000
	DefaultCreatingConsumers = 5
	DefaultTags              = 50
	DefaultModeChanges       = 2
	DefaultEncryptionChanges = 25
	DefaultChannels          = 50 // our choice; the service's number is not documented
	DefaultChannelsPerStream = 2  // one to a bucket, one to tables
)

// Quotas are how much the account may have of each thing. For each zero means
// the constant of that name, and a negative value lifts the quota.
type Quotas struct {
	Shards            int // open shards of provisioned streams
	OnDemandStreams   int
	CreatingStreams   int // streams that are CREATING at a time
	Consumers         int // registered on one stream, its queues included
	CreatingConsumers int // consumers of one stream that are CREATING at a time
	Tags              int // on one resource
	ModeChanges       int // of one stream in any 24 hours
	EncryptionChanges int // starts, and as many stops, of one stream in any 24 hours
	Channels          int
	ChannelsPerStream int
	ChangingQueues    int // queues that are CREATING or DELETING at a time
	QueueInFlight     int // records of one queue that are received and not acknowledged
}

const lifted = 1<<31 - 1 // fits the members that report a quota

func (q Quotas) withDefaults(region string) Quotas {
	shards := DefaultShards
	if largeRegion(region) {
		shards = DefaultShardsLargeRegion
	}
	q.Shards = setOr(q.Shards, shards, lifted)
	q.OnDemandStreams = setOr(q.OnDemandStreams, DefaultOnDemandStreams, lifted)
	q.CreatingStreams = setOr(q.CreatingStreams, DefaultCreatingStreams, lifted)
	// Consumers stays as it is: what zero means depends on On-demand Advantage.
	q.CreatingConsumers = setOr(q.CreatingConsumers, DefaultCreatingConsumers, lifted)
	q.Tags = setOr(q.Tags, DefaultTags, lifted)
	q.ModeChanges = setOr(q.ModeChanges, DefaultModeChanges, lifted)
	q.EncryptionChanges = setOr(q.EncryptionChanges, DefaultEncryptionChanges, lifted)
	q.Channels = setOr(q.Channels, DefaultChannels, lifted)
	q.ChannelsPerStream = setOr(q.ChannelsPerStream, DefaultChannelsPerStream, lifted)
	q.ChangingQueues = setOr(q.ChangingQueues, DefaultChangingQueues, lifted)
	q.QueueInFlight = setOr(q.QueueInFlight, DefaultQueueInFlight, lifted)
	return q
}

// largeRegion reports whether the service's quotas are larger in a region.
func largeRegion(region string) bool {
	return slices.Contains([]string{"us-east-1", "us-west-2", "eu-west-1"}, region)
}

// setOr returns v where it is set: service if v is zero, lifted if v is
// negative.
func setOr[T ~int | ~int64](v, service, lifted T) T {
	switch {
	case v == 0:
		return service
	case v < 0:
		return lifted
	default:
		return v
	}
}

// Instant returns the Config of an account that answers as the service does but
// at once: every change of status has happened when its call returns, and
// neither call rates nor the throughput of shards refuse anything. Quotas and
// the rules for arguments are the service's.
func Instant() Config {
	return Config{
		Stream: weir.Config{Limits: weir.Limits{
			WriteBytesPerSecond: -1, WriteRecordsPerSecond: -1,
			ReadBytesPerSecond: -1, ReadCallsPerSecond: -1,
		}},
		Delays:    Delays{Create: -1, Delete: -1, Reshard: -1, Update: -1, Consumer: -1, Channel: -1, Queue: -1},
		Quotas:    Quotas{CreatingStreams: -1, CreatingConsumers: -1, ChangingQueues: -1},
		CallRates: CallRates{Factor: -1},
	}
}

func (c Config) withDefaults() Config {
	if c.ID == "" {
		c.ID = "000000000000"
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Delays = c.Delays.withDefaults()
	c.Quotas = c.Quotas.withDefaults(c.Region)
	c.Stream = streamDefaults(c.Stream, c.Region)
	return c
}

// streamDefaults returns what a stream begins with. What the account counts by
// itself, because it refuses at the call and not when the change takes effect,
// the engine is not to count again.
func streamDefaults(c weir.Config, region string) weir.Config {
	if c.Limits.OnDemandWriteBytesPerSecond == 0 && largeRegion(region) {
		c.Limits.OnDemandWriteBytesPerSecond = weir.Unlimited().OnDemandWriteBytesPerSecond
	}
	c.Limits.Consumers, c.Limits.ModeSwitchesPerDay = -1, -1
	c.Shards, c.Settings, c.Memory, c.Name = 0, weir.Settings{}, nil, ""
	return c
}

var (
	accountPattern = regexp.MustCompile(`^\d{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

// check says which field of a resolved Config is out of bounds.
func (c Config) check() error {
	if !accountPattern.MatchString(c.ID) {
		return fmt.Errorf("Config.ID: %q does not have twelve digits", c.ID)
	}
	if !regionPattern.MatchString(c.Region) {
		return fmt.Errorf("Config.Region: %q is not a region's name", c.Region)
	}
	if _, err := c.Stream.Resolved(); err != nil {
		return fmt.Errorf("Config.Stream: %w", err)
	}
	return c.CallRates.check()
}
