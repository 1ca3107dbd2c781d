package kcl

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/partition"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
	"github.com/vmware/vmware-go-kcl-v2/logger"

	"github.com/weirstream/weir/aws/kinesistest"
)

// leases is a lease table of one worker in memory, in place of DynamoDB.
type leases struct {
	mu          sync.Mutex
	checkpoints map[string]string
	owners      map[string]string
}

func newLeases() *leases {
	return &leases{checkpoints: make(map[string]string), owners: make(map[string]string)}
}

func (l *leases) Init() error { return nil }

func (l *leases) GetLease(s *partition.ShardStatus, owner string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.owners[s.ID]; o != "" && o != owner {
		return checkpoint.ErrLeaseNotAcquired{}
	}
	l.owners[s.ID] = owner
	s.SetLeaseOwner(owner)
	s.SetLeaseTimeout(time.Now().Add(time.Minute))
	return nil
}

func (l *leases) CheckpointSequence(s *partition.ShardStatus) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkpoints[s.ID] = s.GetCheckpoint()
	return nil
}

func (l *leases) FetchCheckpoint(s *partition.ShardStatus) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.checkpoints[s.ID]
	if !ok {
		return checkpoint.ErrSequenceIDNotFound
	}
	s.SetCheckpoint(c)
	return nil
}

func (l *leases) RemoveLeaseInfo(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.checkpoints, id)
	delete(l.owners, id)
	return nil
}

func (l *leases) RemoveLeaseOwner(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.owners, id)
	return nil
}

func (l *leases) GetLeaseOwner(id string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owners[id], nil
}

func (l *leases) ListActiveWorkers(map[string]*partition.ShardStatus) (map[string][]*partition.ShardStatus, error) {
	return nil, nil
}

func (l *leases) ClaimShard(*partition.ShardStatus, string) error { return nil }

// A processor tells the checker what it sees, and checkpoints each batch.
type processor struct{ saw func(...types.Record) }

func (p *processor) CreateProcessor() interfaces.IRecordProcessor { return p }
func (p *processor) Initialize(*interfaces.InitializationInput)   {}

func (p *processor) ProcessRecords(in *interfaces.ProcessRecordsInput) {
	p.saw(in.Records...)
	if n := len(in.Records); n > 0 {
		in.Checkpointer.Checkpoint(in.Records[n-1].SequenceNumber)
	}
}

func (p *processor) Shutdown(in *interfaces.ShutdownInput) {
	if in.ShutdownReason == interfaces.TERMINATE {
		in.Checkpointer.Checkpoint(nil)
	}
}

// silent logs nothing.
type silent struct{}

func (silent) Debugf(string, ...any)                    {}
func (silent) Infof(string, ...any)                     {}
func (silent) Warnf(string, ...any)                     {}
func (silent) Errorf(string, ...any)                    {}
func (silent) Fatalf(string, ...any)                    {}
func (silent) Panicf(string, ...any)                    {}
func (s silent) WithFields(logger.Fields) logger.Logger { return s }

// working starts a worker of vmware-go-kcl-v2 that looks for shards every ten
// seconds or so.
func working(t *testing.T, k *kinesistest.Fake, l *leases, saw func(...types.Record), change ...func(*config.KinesisClientLibConfiguration)) *worker.Worker {
	t.Helper()
	c := config.NewKinesisClientLibConfig("app", "orders", "us-east-1", "worker").
		WithInitialPositionInStream(config.TRIM_HORIZON).WithShardSyncIntervalMillis(10_000).
		WithLogger(silent{})
	for _, f := range change {
		f(c)
	}
	w := worker.NewWorker(&processor{saw}, c).WithKinesis(k.Client()).WithCheckpointer(l)
	require.NoError(t, w.Start())
	return w
}

// Right: a split while it reads, throttling, and a restart.
func TestKCL_splitThrottlesAndRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{Seed: 5}, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Probability(0.2).Throttle()
		check, l := k.Checker("orders", kinesistest.AtLeastOnce()), newLeases()
		w := working(t, k, l, check.Saw)
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		k.Split("orders", 0)
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		w.Shutdown()
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		w = working(t, k, l, check.Saw)
		k.WaitFor("all are seen", 10*time.Minute, check.Complete)
		w.Shutdown()
		require.NoError(t, check.Err())
	})
}

// Wrong: an expired iterator ends the reading of its shard until the worker takes
// the lease again, one lease at a time and each time it looks for shards: ten
// seconds on average here, a minute by default, for each shard.
func TestKCL_expiredIteratorPausesTheShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check, l := k.Checker("orders", kinesistest.AtLeastOnce()), newLeases()
		w := working(t, k, l, check.Saw)
		k.WaitFor("it reads", time.Minute, func() bool { return len(k.Calls("GetRecords")) > 0 })
		k.Fail("GetRecords").Nth(1).With(kinesistest.ExpiredIterator).Required()
		k.WaitFor("the iterator expires", time.Minute, func() bool { return len(k.Calls("GetRecords").Failed()) > 0 })
		k.Put("orders", "a", "1")
		k.WaitFor("it reads on", time.Minute, check.Complete)
		w.Shutdown()
		assert.Equal(t, []string{"ListShards", "GetShardIterator", "GetRecords"}, afterFailure(k), "not at once")
		require.NoError(t, check.Err(), "nothing is lost")
	})
}

// Wrong: of a merge's parents only the first one is waited for. The child's
// records of a key overtake those of its other parent.
func TestKCL_mergeBreaksTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		check, l := k.Checker("orders", kinesistest.AtLeastOnce()), newLeases()
		key := keyOn(k, 1)
		w := working(t, k, l, check.Saw)
		k.WaitFor("it reads both shards", 2*time.Minute, func() bool { return len(k.Readers("orders")) == 2 })
		slow := k.Fail("GetRecords").Shard(1).Latency(4*time.Minute + 700*time.Millisecond)
		k.Put("orders", key, "before the merge")
		time.Sleep(time.Second)
		k.Put("orders", key, "before the merge too")
		time.Sleep(time.Second)
		k.Merge("orders", 0, 1)
		k.Put("orders", key, "after the merge")
		time.Sleep(3 * time.Minute)
		slow.Stop()
		k.WaitFor("all are seen", time.Hour, check.Complete)
		w.Shutdown()
		require.ErrorContains(t, check.Err(), "out of order")
	})
}

// Wrong: when a consumer ends in the moment in which its lease is to be renewed,
// the lease may be renewed after it was given up. Nobody reads the shard then, and
// the worker, which takes itself for its owner, never looks at it again. Which of
// the two happens is for Go's select to say, so the test tries until it has seen it.
func TestKCL_leaseOfAConsumerThatEnded(t *testing.T) {
	seen := false
	for attempt := 0; attempt < 100 && !seen; attempt++ {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 1))
			// The first read comes back when the lease is to be renewed.
			k.Fail("GetRecords").Nth(1).Latency(config.DefaultLeaseRefreshWaitTime * time.Millisecond).With(kinesistest.ExpiredIterator).Required()
			w := working(t, k, newLeases(), func(...types.Record) {})
			k.WaitFor("a read fails", time.Minute, func() bool { return len(k.Calls("GetRecords").Failed()) > 0 })
			before := len(k.Calls("GetRecords"))
			time.Sleep(time.Hour)
			seen = len(k.Calls("GetRecords")) == before
			w.Shutdown()
		})
	}
	assert.True(t, seen)
}

// keyOn returns a partition key whose records go to a shard.
func keyOn(k *kinesistest.Fake, shard int) string {
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		if int(k.Stream("orders").ShardOf(key)) == shard {
			return key
		}
	}
	panic("no key")
}

// Wrong: when its subscription ends with an exception, the fan-out consumer takes
// what Close returns for a failure to close, gives the lease up and rests until
// the worker looks for shards again.
func TestKCL_brokenSubscriptionPausesTheShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check, l := k.Checker("orders", kinesistest.AtLeastOnce()), newLeases()
		k.Fail("SubscribeToShard").Nth(1).InStreamException(3, kinesistest.InternalFailure).Required()
		arn := k.ConsumerARN("orders", "app")
		w := working(t, k, l, check.Saw, func(c *config.KinesisClientLibConfiguration) { c.WithEnhancedFanOutConsumerARN(arn) })
		k.WaitFor("the subscription breaks", time.Minute, func() bool { return len(k.Calls("SubscribeToShard").Failed()) > 0 })
		k.Put("orders", "a", "1")
		k.WaitFor("it reads on", time.Minute, check.Complete)
		w.Shutdown()
		assert.Equal(t, []string{"ListShards", "SubscribeToShard"}, afterFailure(k), "not at once")
		require.NoError(t, check.Err(), "nothing is lost")
	})
}

// afterFailure returns the operations that are called from the end of the first
// call that failed until there is another one of its kind.
func afterFailure(k *kinesistest.Fake) []string {
	var failed *kinesistest.Call
	var ops []string
	for _, c := range k.Calls() {
		switch {
		case failed == nil && c.Err != nil:
			failed = c
		case failed != nil && !c.At.Before(failed.At.Add(failed.Took)):
			if ops = append(ops, c.Op); c.Op == failed.Op {
				return ops
			}
		}
	}
	return ops
}

// Right: a subscription that lives its five minutes is continued without a gap.
func TestKCL_fanOutForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check, l := k.Checker("orders", kinesistest.ExactlyOnce()), newLeases()
		arn := k.ConsumerARN("orders", "app")
		w := working(t, k, l, check.Saw, func(c *config.KinesisClientLibConfiguration) { c.WithEnhancedFanOutConsumerARN(arn) })
		k.Generate("orders", kinesistest.Load{Records: 360, Over: time.Hour})
		k.WaitFor("all are seen", time.Minute, check.Complete)
		w.Shutdown()
		require.NoError(t, check.Err())
		assert.GreaterOrEqual(t, len(k.Calls("SubscribeToShard")), 12)
		assert.Equal(t, aws.String("app"), aws.String(k.Calls("SubscribeToShard")[0].Consumer))
	})
}
