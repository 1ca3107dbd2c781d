//go:build !race

package harlow

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	consumer "github.com/harlow/kinesis-consumer"
	"github.com/harlow/kinesis-consumer/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// A scan is a running consumer of harlow/kinesis-consumer.
type scan struct {
	cancel context.CancelFunc
	done   chan error
}

// scanning begins a scan of a stream.
func scanning(t *testing.T, k *kinesistest.Fake, checkpoints *store.Store, from types.ShardIteratorType, saw func(...types.Record)) *scan {
	t.Helper()
	c, err := consumer.New("orders", consumer.WithClient(k.Client()), consumer.WithStore(checkpoints),
		consumer.WithShardIteratorType(string(from)), consumer.WithScanInterval(time.Second))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s := &scan{cancel, make(chan error, 1)}
	go func() {
		s.done <- c.Scan(ctx, func(r *consumer.Record) error {
			saw(r.Record)
			return nil
		})
	}()
	return s
}

// stop ends the scan. That its context has ended is no failure, but may be told in
// a text only: see TestHarlow_stopIsNotToldFromFailure.
func (s *scan) stop() error {
	s.cancel()
	err := <-s.done
	if err != nil && strings.Contains(err.Error(), "context canceled") {
		return nil
	}
	return err
}

// Wrong: a scan that is stopped within a call returns an error that does not match
// context.Canceled, so that stopping cannot be told from failing.
func TestHarlow_stopIsNotToldFromFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Latency(time.Minute)
		s := scanning(t, k, store.New(), types.ShardIteratorTypeTrimHorizon, func(...types.Record) {})
		time.Sleep(15 * time.Second)
		s.cancel()
		err := <-s.done
		require.ErrorContains(t, err, "context canceled")
		assert.NotErrorIs(t, err, context.Canceled)
	})
}

// Right: a split and a merge while it reads, with throttling and expired iterators
// all along. Every key arrives in order, and nothing twice.
func TestHarlow_reshardsThrottlesAndExpiredIterators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Config{Seed: 3}, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Probability(0.2).Throttle()
		k.Fail("GetRecords").Probability(0.1).With(kinesistest.ExpiredIterator)
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		s := scanning(t, k, store.New(), types.ShardIteratorTypeTrimHorizon, check.Saw)
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		children := k.Split("orders", 0)
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		k.Merge("orders", int(children[0]), int(children[1]))
		k.Generate("orders", kinesistest.Load{Records: 100, Over: time.Minute})
		k.WaitFor("all are seen", 5*time.Minute, check.Complete)
		require.NoError(t, s.stop())
		require.NoError(t, check.Err())
	})
}

// Right: a restart goes on where the checkpoints say.
func TestHarlow_restart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		checkpoints := store.New()
		for range 3 {
			s := scanning(t, k, checkpoints, types.ShardIteratorTypeTrimHorizon, check.Saw)
			k.Generate("orders", kinesistest.Load{Records: 50, Over: 50 * time.Second})
			time.Sleep(500 * time.Millisecond) // between two calls: see TestHarlow_twoFailuresHangTheScan
			require.NoError(t, s.stop())
			k.Generate("orders", kinesistest.Load{Records: 5})
		}
		s := scanning(t, k, checkpoints, types.ShardIteratorTypeTrimHorizon, check.Saw)
		k.WaitFor("all are seen", time.Minute, check.Complete)
		require.NoError(t, s.stop())
		require.NoError(t, check.Err())
	})
}

// Wrong: when its iterator expires before it has seen a record, a consumer that
// began at LATEST takes another iterator at LATEST, and leaves out what was put in
// between.
func TestHarlow_expiredIteratorAtLatestLosesRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		check := k.Checker("orders", kinesistest.ExactlyOnce())
		s := scanning(t, k, store.New(), types.ShardIteratorTypeLatest, check.Saw)
		time.Sleep(1500 * time.Millisecond)
		k.Fail("GetRecords").Times(1).With(kinesistest.ExpiredIterator).Required()
		k.Put("orders", "a", "lost")
		time.Sleep(time.Minute)
		k.Put("orders", "a", "seen")
		time.Sleep(time.Minute)
		require.NoError(t, s.stop())
		require.ErrorContains(t, check.Err(), `lost: 00:00:01.500 orders/0 a: "lost"`)
		assert.Equal(t, 1, check.Seen())
	})
}

// Wrong: three failures of the service in a row, which the SDK does not get over,
// end the scan of all shards.
func TestHarlow_internalFailureEndsAllShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.InternalFailure).Required()
		s := scanning(t, k, store.New(), types.ShardIteratorTypeTrimHorizon, func(...types.Record) {})
		select {
		case err := <-s.done:
			require.ErrorContains(t, err, "api error InternalFailure")
		case <-time.After(time.Hour):
			t.Error("the scan goes on")
		}
		before := len(k.Calls("GetRecords"))
		time.Sleep(time.Hour)
		assert.Len(t, k.Calls("GetRecords"), before, "shard 0 is not read any more either")
	})
}

// Wrong: likewise one failing ListShards, every 30 seconds.
func TestHarlow_listShardsFailureEndsAllShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("ListShards").Nth(2).With(kinesistest.ResourceInUse).Required()
		s := scanning(t, k, store.New(), types.ShardIteratorTypeTrimHorizon, func(...types.Record) {})
		select {
		case err := <-s.done:
			require.ErrorContains(t, err, "ResourceInUseException")
		case <-time.After(time.Hour):
			t.Error("the scan goes on")
		}
	})
}

// Wrong: when a read and a ListShards fail at the same time, Scan never returns,
// whatever becomes of its context: the second error waits for somebody to take it.
func TestHarlow_twoFailuresHangTheScan(t *testing.T) {
	if os.Getenv("KINESISTEST_HANG") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestHarlow_twoFailuresHangTheScan$")
		c.Env = append(os.Environ(), "KINESISTEST_HANG=1")
		out, err := c.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "deadlock: all goroutines in bubble are blocked")
		assert.Contains(t, string(out), "kinesis-consumer.(*Consumer).Scan.func1")
		return
	}
	synctest.Test(t, func(t *testing.T) { // in a process of its own, which the hanging scan ends
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("GetRecords").Nth(2).Latency(29250 * time.Millisecond).With(kinesistest.Validation)
		k.Fail("ListShards").Nth(2).Latency(500 * time.Millisecond).With(kinesistest.Validation)
		s := scanning(t, k, store.New(), types.ShardIteratorTypeTrimHorizon, func(...types.Record) {})
		time.Sleep(time.Hour)
		s.cancel()
		<-s.done
	})
}
