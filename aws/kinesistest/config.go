package kinesistest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// DefaultKeptCalls is how many calls a fake remembers by default.
const DefaultKeptCalls = 100_000

// An Option is what [New] takes: a [Config], a [StreamSpec] or a [ChaosSpec].
//
// They add up, in any order. What two of them say is an error that ends the
// test: there is at most one Config, and what a ChaosSpec says the Config must
// leave at zero.
type Option interface {
	set(*options) error
}

// options are what was said so far.
type options struct {
	config     Config
	chaos      ChaosSpec
	configured bool // by a Config
	chaotic    bool // by a ChaosSpec
}

// optionsOf adds options up.
func optionsOf(list []Option) (Config, error) {
	var all options
	for i, o := range list {
		if o == nil {
			return Config{}, fmt.Errorf("option %d is nil", i+1)
		}
		if err := o.set(&all); err != nil {
			return Config{}, err
		}
	}
	c := all.config
	if !all.chaotic {
		return c, nil
	}
	if c.Chaos != (Profile{}) {
		return Config{}, errors.New("Config.Chaos and Chaos both say what goes wrong: give one of them")
	}
	if c.Seed != 0 && all.chaos.Seed != 0 && c.Seed != all.chaos.Seed {
		return Config{}, fmt.Errorf("Config.Seed %d and the seed %d of Chaos differ: give one of them", c.Seed, all.chaos.Seed)
	}
	c.Chaos, c.Seed = all.chaos.Profile, cmp.Or(c.Seed, all.chaos.Seed)
	return c, nil
}

// A Config says how a fake behaves. The zero Config has the service's limits
// and rules, but nothing takes time: a stream is ACTIVE when CreateStream
// returns. A Config is an [Option]; streams of other options come besides its
// own.
type Config struct {
	// AccountID is the account's twelve digits. Empty means "000000000000".
	AccountID string
	// Region is the region's name. Empty means "us-east-1".
	Region string
	// Streams exist from the beginning. [Stream] is the short form.
	Streams []StreamSpec
	// Limits are those of all streams. The zero value means the service's;
	// [weir.Unlimited] lifts them all.
	Limits weir.Limits
	// Delays are how long changes of status take. Zero fields mean no time at
	// all; [ServiceDelays] are about what the service takes. Streams and
	// consumers that exist from the beginning are ACTIVE whatever the delays
	// are.
	Delays account.Delays
	// GetRecordsDelay and FanOutDelay are how long a record stays invisible
	// after its put. Zero means not at all.
	GetRecordsDelay, FanOutDelay time.Duration
	// Quotas are how much the account may have. The zero value means the
	// service's.
	Quotas account.Quotas
	// ServiceCallRates makes the control plane refuse calls as the service
	// does, such as a sixth SplitShard within a second. GetShardIterator's
	// rate, five a second and shard, holds in any case. What the test itself
	// arranges through the fake's methods is not counted.
	ServiceCallRates bool
	// PageRecords is how many records a GetRecords returns at most, whatever
	// limit it asks for: short pages, which the service gives now and then. Zero
	// means as many as the limits admit; it must not be negative.
	PageRecords int
	// EmptyPages is how many empty pages a reader is given before records that it
	// comes to from a place where there were none: at its beginning, and after
	// it was at the tip. The service does that after gaps; see
	// [Fault.EmptyPage]. Zero means none; it must not be negative.
	EmptyPages int
	// ClientSkew is how far the client's clock is ahead of the service's; negative
	// if it is behind. A request that was signed more than 15 minutes off is
	// refused with InvalidSignatureException, and answers are dated by the
	// service's clock, by which the SDK corrects its next signature. Arrival
	// times and all else are of the one clock of the fake. Zero means none.
	ClientSkew time.Duration
	// Seed is where all chance comes from: the probability of faults, chaos and
	// the jitter of the client's back-off. Zero means one made for this run,
	// which is logged; give that one to see the same run again.
	Seed uint64
	// Chaos makes things go wrong by themselves. [Chaos] is the short form.
	Chaos Profile
	// Start, unless zero, is where the clock begins, and makes it stand still
	// but for [Fake.Advance]: see there. Zero means the clock of the bubble or,
	// outside one, the wall clock, which Advance moves on.
	Start time.Time
	// RequireFaults fails the test at its end for every fault that was declared
	// and never happened.
	RequireFaults bool
	// KeepCalls is how many calls are remembered with what was sent and
	// answered: the latest ones, up to twice as many. Zero means
	// [DefaultKeptCalls]; it must not be negative.
	KeepCalls int
}

func (c Config) set(to *options) error {
	if to.configured {
		return errors.New("two options are a Config: give one")
	}
	c.Streams = append(slices.Clone(to.config.Streams), c.Streams...)
	to.config, to.configured = c, true
	return nil
}

// withDefaults fills in what can be told without looking at the account.
func (c Config) withDefaults() Config {
	if c.AccountID == "" {
		c.AccountID = "000000000000"
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.KeepCalls == 0 {
		c.KeepCalls = DefaultKeptCalls
	}
	c.Chaos = c.Chaos.withDefaults()
	return c
}

// check says which field is out of bounds.
func (c Config) check() error {
	if c.KeepCalls < 0 {
		return fmt.Errorf("Config.KeepCalls %d must not be negative", c.KeepCalls)
	}
	if c.PageRecords < 0 {
		return fmt.Errorf("Config.PageRecords %d must not be negative", c.PageRecords)
	}
	if c.EmptyPages < 0 {
		return fmt.Errorf("Config.EmptyPages %d must not be negative", c.EmptyPages)
	}
	return c.Chaos.check()
}

// account returns the configuration of the account behind the fake.
func (c Config) account(clock *clock) account.Config {
	config := account.Config{
		ID: c.AccountID, Region: c.Region, Now: clock.now, Quotas: c.Quotas,
		Stream: weir.Config{Limits: c.Limits, GetRecordsDelay: c.GetRecordsDelay, FanOutDelay: c.FanOutDelay},
		Delays: account.Delays{
			Create: orNone(c.Delays.Create), Delete: orNone(c.Delays.Delete), Reshard: orNone(c.Delays.Reshard),
			Update: orNone(c.Delays.Update), Consumer: orNone(c.Delays.Consumer), Channel: orNone(c.Delays.Channel),
			Queue: orNone(c.Delays.Queue),
		},
	}
	if clock.still {
		config.Pass = clock.pass
	}
	if !c.ServiceCallRates {
		config.CallRates = freeCalls
	}
	if c.Limits.ReadCallsPerSecond < 0 {
		config.CallRates = account.CallRates{Factor: -1}
	}
	return config
}

// freeCalls lifts the rates of calls but for those of the way of records. It is
// never changed.
var freeCalls = account.CallRates{Factor: -1, Of: map[string]float64{"GetShardIterator": 5}}

// orNone returns a delay as package account takes it, where zero means the
// service's.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// ServiceDelays are about how long changes of status take on the service.
func ServiceDelays() account.Delays {
	return account.Delays{
		Create: account.DefaultCreateDelay, Delete: account.DefaultDeleteDelay,
		Reshard: account.DefaultReshardDelay, Update: account.DefaultUpdateDelay,
		Consumer: account.DefaultConsumerDelay, Channel: account.DefaultChannelDelay, Queue: account.DefaultQueueDelay,
	}
}

// A StreamSpec is a stream that exists from the beginning. It is an [Option].
type StreamSpec struct {
	Name string
	// Shards is how many. Zero means 1 or, on demand, 4.
	Shards int
	// OnDemand lets the stream choose its shards.
	OnDemand bool
	// Retention is in whole hours. Zero means 24.
	Retention time.Duration
	// Consumers are names of registered consumers, ready for SubscribeToShard.
	Consumers []string
	// Queues are names of queues from the trim horizon on, ACTIVE: for a stream on
	// demand. [Fake.QueueARN] knows them.
	Queues []string
}

// Stream is the stream of a name with so many shards.
func Stream(name string, shards int) StreamSpec { return StreamSpec{Name: name, Shards: shards} }

func (s StreamSpec) set(to *options) error {
	to.config.Streams = append(slices.Clip(to.config.Streams), s)
	return nil
}
