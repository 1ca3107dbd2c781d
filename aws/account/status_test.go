package account_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// A stream's statuses change at exactly their times, and for everything that is
// asynchronous.
func TestStream_statuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := withDelays()
		config.ID = id
		a, err := account.New(config)
		require.NoError(t, err)
		f := &fixture{T: t, Account: a, ctx: t.Context()}
		lasts := func(status string, d time.Duration) {
			t.Helper()
			assert.Equal(t, status, f.status("S"))
			time.Sleep(d - 1)
			assert.Equal(t, status, f.status("S"))
			time.Sleep(time.Nanosecond)
		}
		_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(2))})
		require.NoError(t, err)
		assert.Nil(t, f.Stream("S"))
		lasts("CREATING", account.DefaultCreateDelay)
		assert.NotNil(t, f.Stream("S"))

		for _, tt := range []struct {
			name  string
			delay time.Duration
			begin func() error
		}{
			{"split", account.DefaultReshardDelay, func() error { f.split(0, "1000"); return nil }},
			{"merge", account.DefaultReshardDelay, func() error {
				_, err := f.MergeShards(f.ctx, &account.MergeShardsInput{StreamName: S(), ShardToMerge: ptr("2"), AdjacentShardToMerge: ptr("3")})
				return err
			}},
			{"shard count", account.DefaultReshardDelay, func() error {
				_, err := f.UpdateShardCount(f.ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: ptr(int32(3)), ScalingType: ptr("UNIFORM_SCALING")})
				return err
			}},
			{"encryption on", account.DefaultUpdateDelay, func() error { return f.encrypt(true) }},
			{"encryption off", account.DefaultUpdateDelay, func() error { return f.encrypt(false) }},
			{"mode", account.DefaultUpdateDelay, func() error { return f.mode("S", "ON_DEMAND") }},
		} {
			assert.Equal(t, "ACTIVE", f.status("S"), tt.name)
			require.NoError(t, tt.begin(), tt.name)
			// Whatever needs an ACTIVE stream is refused, records are served.
			f.fails(f.encrypt(true), account.CodeResourceInUse, "Stream S under account 123456789012 not ACTIVE, instead in state UPDATING")
			f.failsAs(f.tryRegister("C"), account.CodeResourceInUse)
			f.put("a", "x")
			lasts("UPDATING", tt.delay)
		}
		assert.Equal(t, "ACTIVE", f.status("S"))

		// Settings that take effect at once leave it ACTIVE.
		_, err = f.IncreaseStreamRetentionPeriod(f.ctx, &account.IncreaseStreamRetentionPeriodInput{StreamName: S(), RetentionPeriodHours: ptr(int32(48))})
		require.NoError(t, err)
		_, err = f.UpdateMaxRecordSize(f.ctx, &account.UpdateMaxRecordSizeInput{StreamARN: ptr(arnS), MaxRecordSizeInKiB: ptr(int32(2048))})
		require.NoError(t, err)
		assert.Equal(t, "ACTIVE", f.status("S"))

		// While it is DELETING records are served, settings are not.
		_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
		require.NoError(t, err)
		f.put("a", "x")
		_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
		require.NoError(t, err)
		_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(2))})
		f.failsAs(err, account.CodeResourceInUse)
		lasts("DELETING", account.DefaultDeleteDelay)
		_, err = f.tryPut(account.PutRecordInput{PartitionKey: ptr("a")})
		f.failsAs(err, account.CodeResourceNotFound)
		_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(2))})
		require.NoError(t, err)
		assert.Equal(t, "CREATING", f.status("S"))
	})
}

// A stream that is deleted while it is UPDATING never gets the change.
func TestStream_deletedWhileUpdating(t *testing.T) {
	config := withDelays()
	config.Delays.Delete = time.Minute
	f := newFixture(t, config)
	f.split(0, "1000")
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	f.clock.Advance(account.DefaultReshardDelay)
	assert.Equal(t, "DELETING", f.status("S"))
	assert.Len(t, f.describe("S").Shards, 3)
	f.clock.Advance(30 * time.Second)
	_, err = f.DescribeStream(f.ctx, &account.DescribeStreamInput{StreamName: S()})
	f.failsAs(err, account.CodeResourceNotFound)
}
