package account

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

// CallRates are how often operations may be called. A rate is a bucket that
// holds one second's calls, at least one. Past a rate an operation is refused
// with LimitExceededException, one on the records of a queue with
// ThrottlingException, and nothing happens.
type CallRates struct {
	// Factor multiplies the service's rates. Zero means 1; negative lifts them
	// all.
	Factor float64
	// Of sets the rate of single operations, in calls a second, by the
	// operation's name; Factor has no part in it. A negative rate is no limit.
	// The map must not be changed after [New].
	Of map[string]float64
}

// WithoutCallRates returns a context in which operations on settings neither
// spend [CallRates] nor are refused for them. It is for what arranges an account
// beside the clients whose rates they are.
func WithoutCallRates(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutCallRates{}, true)
}

type withoutCallRates struct{}

// An owner is who has a rate of an operation to itself.
type owner int

const (
	perAccount owner = iota
	perStream
	perShard // GetShardIterator
	perQueue // refuses with ThrottlingException
)

// A callRate is the service's rate of an operation.
type callRate struct {
	perSecond float64
	owner     owner
}

// callRates are the documented rates of the service. Where the quotas page and
// an operation's own page name different owners the stream is taken. Operations
// that are not listed have no documented rate and are given five a second.
var callRates = map[string]callRate{
	"AddTagsToStream":                        {5, perAccount},
	"CreateChannel":                          {5, perAccount},
	"CreateQueue":                            {5, perAccount},
	"CreateStream":                           {5, perAccount},
	"DecreaseStreamRetentionPeriod":          {5, perStream},
	"DeleteChannel":                          {5, perAccount},
	"DeleteQueue":                            {5, perAccount},
	"DeleteResourcePolicy":                   {5, perAccount},
	"DeleteStream":                           {5, perAccount},
	"DeregisterStreamConsumer":               {5, perStream},
	"DescribeAccountSettings":                {5, perAccount},
	"DescribeChannel":                        {5, perAccount},
	"DescribeLimits":                         {1, perAccount},
	"DescribeQueue":                          {5, perAccount},
	"DescribeStream":                         {10, perAccount},
	"DescribeStreamConsumer":                 {20, perStream},
	"DescribeStreamSummary":                  {20, perAccount},
	"DisableEnhancedMonitoring":              {5, perStream},
	"EnableEnhancedMonitoring":               {5, perStream},
	"GetResourcePolicy":                      {5, perAccount},
	"GetShardIterator":                       {5, perShard},
	"IncreaseStreamRetentionPeriod":          {5, perStream},
	"ListChannels":                           {5, perAccount},
	"ListQueues":                             {5, perAccount},
	"ListShards":                             {1000, perStream},
	"ListStreamConsumers":                    {5, perStream},
	"ListStreams":                            {5, perAccount},
	"ListTagsForResource":                    {5, perAccount},
	"ListTagsForStream":                      {5, perStream},
	"MergeShards":                            {5, perStream},
	"PutResourcePolicy":                      {5, perAccount},
	"RegisterStreamConsumer":                 {5, perStream},
	"RemoveTagsFromStream":                   {5, perStream},
	"SplitShard":                             {5, perStream},
	"StartStreamEncryption":                  {5, perStream},
	"StopStreamEncryption":                   {5, perStream},
	"TagResource":                            {5, perAccount},
	"UntagResource":                          {5, perAccount},
	"UpdateAccountSettings":                  {5, perAccount},
	"UpdateChannel":                          {5, perAccount},
	"UpdateMaxRecordSize":                    {5, perStream},
	"UpdateQueue":                            {5, perAccount},
	"UpdateShardCount":                       {10, perStream},
	"UpdateStreamMode":                       {5, perStream},
	"UpdateStreamRecordDistributionStrategy": {5, perStream},
	"UpdateStreamWarmThroughput":             {5, perAccount},
	dryRun:                                   {1, perStream},

	"AcknowledgeDeadLetterQueueRecords":      {anyRate, perQueue},
	"AcknowledgeQueueRecords":                {anyRate, perQueue},
	"ReceiveDeadLetterQueueRecords":          {anyRate, perQueue},
	"ReceiveQueueRecords":                    {anyRate, perQueue},
	"RestoreDeadLetterQueueRecords":          {anyRate, perQueue},
	"UpdateDeadLetterQueueRecordsVisibility": {anyRate, perQueue},
	"UpdateQueueRecordsVisibility":           {anyRate, perQueue},
}

// anyRate is for operations of which no rate is known: they have none unless
// [CallRates] gives one.
const anyRate = -1

// dryRun is the operations with DryRun, which share a rate.
const dryRun = "DryRun"

// of returns how many calls a second an operation may make, negative for any
// number, if each o has a rate of it.
func (r CallRates) of(op string, o owner) float64 {
	service, ok := callRates[op]
	if !ok || service.owner != o {
		return -1
	}
	if own, ok := r.Of[op]; ok {
		return own
	}
	if r.Factor == 0 || service.perSecond == anyRate {
		return service.perSecond
	}
	return service.perSecond * r.Factor
}

func (r CallRates) check() error {
	if math.IsNaN(r.Factor) {
		return fmt.Errorf("Config.CallRates.Factor: is not a number")
	}
	for op, v := range r.Of {
		if _, ok := callRates[op]; !ok {
			return fmt.Errorf("Config.CallRates.Of: %q is not an operation with a call rate", op)
		}
		if math.IsNaN(v) {
			return fmt.Errorf("Config.CallRates.Of: %s is not a number", op)
		}
	}
	return nil
}

// limiters are the buckets of one account, stream or shard, made when they are
// needed. They are guarded by what guards their owner.
type limiters struct {
	buckets map[string]*rate.Limiter
}

// allow takes one call of an operation, if each o has a rate of it.
func (l *limiters) allow(rates CallRates, op string, o owner, now time.Time) bool {
	perSecond := rates.of(op, o)
	if perSecond < 0 || perSecond >= math.MaxInt32 {
		return true
	}
	b := l.buckets[op]
	if b == nil {
		if l.buckets == nil {
			l.buckets = make(map[string]*rate.Limiter)
		}
		b = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		l.buckets[op] = b
	}
	return b.AllowN(now, 1)
}

// takeIterator takes one GetShardIterator of a shard's call rate.
func (st *stream) takeIterator(shard weir.ShardID) error {
	const op = "GetShardIterator"
	rates := st.a.config.CallRates
	if rates.of(op, perShard) < 0 {
		return nil
	}
	now := st.clock.read()
	st.rateMu.Lock()
	defer st.rateMu.Unlock()
	l := st.shardRates[shard]
	if l == nil {
		if st.shardRates == nil {
			st.shardRates = make(map[weir.ShardID]*limiters)
		}
		l = new(limiters)
		st.shardRates[shard] = l
	}
	if !l.allow(rates, op, perShard, now) {
		return errorf(CodeThroughputExceeded, msgRateShard, shard, st.name, st.a.config.ID)
	}
	return nil
}

// takeDryRun takes one call of the rate that the operations with DryRun share,
// if the call is dry.
func (st *stream) takeDryRun(dry bool) error {
	if !dry {
		return nil
	}
	now := st.clock.read()
	st.rateMu.Lock()
	defer st.rateMu.Unlock()
	if !st.dryRuns.allow(st.a.config.CallRates, dryRun, perStream, now) {
		return errorf(CodeThrottling, msgRateStream, st.name, st.a.config.ID)
	}
	return nil
}

// A dayCount counts what is allowed so many times in any 24 hours.
type dayCount []time.Time

// full reports whether there were n already in the 24 hours before now.
func (d *dayCount) full(now time.Time, n int) bool {
	*d = slices.DeleteFunc(*d, func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	return len(*d) >= n
}

func (d *dayCount) add(now time.Time) { *d = append(*d, now) }
