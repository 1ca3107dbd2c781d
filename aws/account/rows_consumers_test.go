package account_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
)

func (f *fixture) tryRegister(name string) error {
	_, err := f.RegisterStreamConsumer(f.ctx, &account.RegisterStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: &name})
	return err
}

func (f *fixture) subscribe(c account.Consumer, shard int, kind string) (*account.Subscription, error) {
	return f.SubscribeToShard(f.ctx, &account.SubscribeToShardInput{ConsumerARN: &c.ConsumerARN, ShardId: ptr(shardID(shard)), StartingPosition: position(kind)})
}

func TestChecklist_consumers(t *testing.T) {
	runRows(t, withDelays(), []row{
		{116, "policy for a CREATING consumer", func(f *fixture) {
			c := f.register("C")
			_, err := f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: &c.ConsumerARN, Policy: ptr(`{}`)})
			f.fails(err, account.CodeResourceInUse, fmt.Sprintf("Consumer C with creation timestamp %d under stream S and account 123456789012 is not in ACTIVE status.", c.ConsumerCreationTimestamp.Unix()))
			f.clock.Advance(account.DefaultConsumerDelay)
			_, err = f.PutResourcePolicy(f.ctx, &account.PutResourcePolicyInput{ResourceARN: &c.ConsumerARN, Policy: ptr(`{}`)})
			require.NoError(f, err)
		}},
		{118, "register", func(f *fixture) {
			c := f.register("C")
			second := f.clock.Now().Truncate(time.Second)
			assert.Equal(f, account.Consumer{ConsumerName: "C", ConsumerStatus: "CREATING", ConsumerCreationTimestamp: second,
				ConsumerARN: fmt.Sprintf("%s/consumer/C:%d", arnS, second.Unix())}, c)
		}},
		{119, "register twice", func(f *fixture) {
			f.register("C")
			f.fails(f.tryRegister("C"), account.CodeResourceInUse, "Consumer C under stream S and account 123456789012 already exists.")
		}},
		{121, "a sixth while five are CREATING", func(f *fixture) {
			for i := range 5 {
				f.register(fmt.Sprint("C", i))
			}
			f.failsAs(f.tryRegister("C5"), account.CodeLimitExceeded)
			f.clock.Advance(account.DefaultConsumerDelay)
			f.register("C5")
		}},
		{123, "subscribe before the consumer is ACTIVE", func(f *fixture) {
			c := f.register("C")
			_, err := f.subscribe(c, 0, "LATEST")
			f.fails(err, account.CodeResourceInUse, fmt.Sprintf("Consumer C with creation timestamp %d under stream: S , account 123456789012 is not in ACTIVE status.", c.ConsumerCreationTimestamp.Unix()))
		}},
	})
	runRows(t, account.Instant(), []row{
		{120, "a 21st consumer", func(f *fixture) {
			for i := range 20 {
				f.register(fmt.Sprint("C", i))
			}
			f.failsAs(f.tryRegister("C20"), account.CodeLimitExceeded)
			f.commit(account.CommitmentEnabled)
			for i := range 30 {
				f.register(fmt.Sprint("C", 20+i))
			}
			f.failsAs(f.tryRegister("C50"), account.CodeLimitExceeded)
			assert.Equal(f, int32(50), f.summary("S").ConsumerCount)
		}},
		{122, "describe", func(f *fixture) {
			c := f.register("C")
			want := account.ConsumerDescription{ConsumerName: "C", ConsumerARN: c.ConsumerARN, ConsumerStatus: "ACTIVE", ConsumerCreationTimestamp: c.ConsumerCreationTimestamp, StreamARN: arnS}
			for _, in := range []account.DescribeStreamConsumerInput{
				{StreamARN: ptr(arnS), ConsumerName: ptr("C")}, {ConsumerARN: &c.ConsumerARN},
				{StreamARN: ptr(arnS), ConsumerName: ptr("C"), ConsumerARN: &c.ConsumerARN},
			} {
				out, err := f.DescribeStreamConsumer(f.ctx, &in)
				require.NoError(f, err)
				assert.Equal(f, want, out.ConsumerDescription)
			}
			for _, in := range []account.DescribeStreamConsumerInput{
				{}, {StreamARN: ptr(arnS)}, {ConsumerName: ptr("C")},
				{ConsumerName: ptr("D"), ConsumerARN: &c.ConsumerARN}, {StreamARN: ptr(arnS + "T"), ConsumerARN: &c.ConsumerARN},
			} {
				_, err := f.DescribeStreamConsumer(f.ctx, &in)
				f.failsAs(err, account.CodeInvalidArgument)
			}
			// Without the consumer's ARN one half of its address is no more
			// than none.
			for _, in := range []account.DescribeStreamConsumerInput{{}, {StreamARN: ptr(arnS)}, {ConsumerName: ptr("C")}} {
				const words = "Both streamARN and consumer name must be provided if consumerARN is not provied."
				_, err := f.DescribeStreamConsumer(f.ctx, &in)
				f.fails(err, account.CodeInvalidArgument, words)
				_, err = f.DeregisterStreamConsumer(f.ctx, ptr(account.DeregisterStreamConsumerInput(in)))
				f.fails(err, account.CodeInvalidArgument, words)
			}
			_, err := f.DescribeStreamConsumer(f.ctx, &account.DescribeStreamConsumerInput{StreamARN: ptr(arnS), ConsumerName: ptr("D")})
			f.fails(err, account.CodeResourceNotFound, "Consumer D, account 123456789012 not found.")
			_, err = f.DescribeStreamConsumer(f.ctx, &account.DescribeStreamConsumerInput{ConsumerARN: ptr(c.ConsumerARN + "1")})
			f.fails(err, account.CodeResourceNotFound, "Consumer "+c.ConsumerARN+"1, account 123456789012 not found.")
		}},
		{124, "subscribe twice within 5 s", func(f *fixture) {
			c := f.register("C")
			_, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			f.clock.Advance(5*time.Second - 1)
			_, err = f.subscribe(c, 0, "LATEST")
			f.fails(err, account.CodeResourceInUse, "Another active subscription exists for this consumer: 123456789012:S:shardId-000000000000:C")
			_, err = f.subscribe(c, 1, "LATEST")
			require.NoError(f, err)
		}},
		{125, "subscribe again after 5 s", func(f *fixture) {
			c := f.register("C")
			first, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			f.clock.Advance(5 * time.Second)
			second, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			_, err = first.Next(f.ctx)
			f.fails(err, account.CodeResourceInUse, "Another active subscription exists for this consumer: 123456789012:S:shardId-000000000000:C")
			_, err = second.Next(f.ctx)
			require.NoError(f, err)
		}},
		{0, "what is not there", func(f *fixture) {
			c := f.register("C")
			for arn, message := range map[string]string{
				c.ConsumerARN + "1": "Consumer " + c.ConsumerARN + "1, account 123456789012 not found.",
				"arn:aws:kinesis:us-east-1:123456789012:stream/X/consumer/C:1": "Stream X under account 123456789012 not found.",
			} {
				_, err := f.subscribe(account.Consumer{ConsumerARN: arn}, 0, "LATEST")
				f.fails(err, account.CodeResourceNotFound, message)
			}
			_, err := f.subscribe(c, 7, "LATEST")
			f.fails(err, account.CodeResourceNotFound, "Shard shardId-000000000007 "+inS+" does not exist")
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			_, err = f.DeregisterStreamConsumer(f.ctx, &account.DeregisterStreamConsumerInput{ConsumerARN: &c.ConsumerARN})
			require.NoError(f, err)
			_, err = sub.Next(f.ctx)
			f.fails(err, account.CodeResourceNotFound, "Consumer "+c.ConsumerARN+", account 123456789012 not found.")
			again := f.register("C")
			assert.NotEqual(f, c.ConsumerARN, again.ConsumerARN)
		}},
	})
}

// bubble runs f in a synctest bubble, with an account on the bubble's clock
// that has a stream S and a consumer C.
func bubble(t *testing.T, config account.Config, run func(f *fixture, c account.Consumer)) {
	synctest.Test(t, func(t *testing.T) {
		config.ID = id
		a, err := account.New(config)
		require.NoError(t, err)
		f := &fixture{T: t, Account: a, ctx: t.Context(), clock: new(handclock.Clock)}
		_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(3))})
		require.NoError(t, err)
		time.Sleep(max(0, a.Config().Delays.Create))
		c := f.register("C")
		time.Sleep(max(0, a.Config().Delays.Consumer))
		run(f, c)
	})
}

func TestChecklist_subscriptions(t *testing.T) {
	t.Run("row126 idle", func(t *testing.T) {
		bubble(t, account.Instant(), func(f *fixture, c account.Consumer) {
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			defer sub.Close()
			for i := range 3 {
				start := time.Now()
				ev, err := sub.Next(f.ctx)
				require.NoError(f, err)
				assert.Empty(f, ev.Records)
				assert.Nil(f, ev.ChildShards)
				assert.NotEmpty(f, ev.ContinuationSequenceNumber)
				assert.Equal(f, time.Duration(min(i, 1))*5*time.Second, time.Since(start))
			}
		})
	})
	t.Run("row127 five minutes", func(t *testing.T) {
		bubble(t, account.Instant(), func(f *fixture, c account.Consumer) {
			start := time.Now()
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			for err == nil {
				_, err = sub.Next(f.ctx)
			}
			assert.Equal(f, io.EOF, err)
			assert.Equal(f, 5*time.Minute, time.Since(start))
		})
	})
	t.Run("row128 a closed shard", func(t *testing.T) {
		bubble(t, withDelays(), func(f *fixture, c account.Consumer) {
			sub, err := f.subscribe(c, 0, "TRIM_HORIZON")
			require.NoError(f, err)
			f.put("a", "x")
			ev, err := sub.Next(f.ctx)
			require.NoError(f, err)
			require.Len(f, ev.Records, 1)
			// Nobody but the subscription looks when the split falls due.
			f.split(0, "1000")
			start := time.Now()
			for ev.ContinuationSequenceNumber != "" {
				assert.Nil(f, ev.ChildShards)
				ev, err = sub.Next(f.ctx)
				require.NoError(f, err)
			}
			assert.Equal(f, account.DefaultReshardDelay, time.Since(start))
			require.Len(f, ev.ChildShards, 2)
			assert.Equal(f, shardID(3), ev.ChildShards[0].ShardId)
			_, err = sub.Next(f.ctx)
			assert.Equal(f, io.EOF, err)
		})
	})
	t.Run("a put wakes", func(t *testing.T) {
		bubble(t, account.Instant(), func(f *fixture, c account.Consumer) {
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			_, err = sub.Next(f.ctx)
			require.NoError(f, err)
			go func() {
				time.Sleep(time.Second)
				f.put("a", "x")
			}()
			start := time.Now()
			ev, err := sub.Next(f.ctx)
			require.NoError(f, err)
			require.Len(f, ev.Records, 1)
			assert.Equal(f, time.Second, time.Since(start))
			sub.Close()
			_, err = sub.Next(f.ctx)
			assert.Equal(f, io.EOF, err)
		})
	})
	t.Run("a split begins while a subscription waits", func(t *testing.T) {
		config := withDelays()
		config.Delays.Reshard = time.Second
		bubble(t, config, func(f *fixture, c account.Consumer) {
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			_, err = sub.Next(f.ctx)
			require.NoError(f, err)
			go func() {
				time.Sleep(time.Second)
				f.split(0, "1000")
			}()
			start := time.Now()
			ev, err := sub.Next(f.ctx)
			require.NoError(f, err)
			assert.Len(f, ev.ChildShards, 2)
			assert.Equal(f, 2*time.Second, time.Since(start))
		})
	})
	t.Run("the stream is deleted", func(t *testing.T) {
		bubble(t, account.Instant(), func(f *fixture, c account.Consumer) {
			sub, err := f.subscribe(c, 0, "LATEST")
			require.NoError(f, err)
			_, err = f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S(), EnforceConsumerDeletion: ptr(true)})
			require.NoError(f, err)
			_, err = sub.Next(f.ctx)
			f.failsAs(err, account.CodeResourceNotFound)
		})
	})
}

func TestListStreamConsumers_pages(t *testing.T) {
	f := newFixture(t, account.Instant())
	for _, name := range strings.Split("z y x w", " ") {
		f.register(name)
	}
	in := &account.ListStreamConsumersInput{StreamARN: ptr(arnS), MaxResults: ptr(int32(3))}
	out, err := f.ListStreamConsumers(f.ctx, in)
	require.NoError(t, err)
	var names []string
	for _, c := range out.Consumers {
		names = append(names, c.ConsumerName)
	}
	assert.Equal(t, []string{"z", "y", "x"}, names)
	in.NextToken = &out.NextToken
	last, err := f.ListStreamConsumers(f.ctx, in)
	require.NoError(t, err)
	require.Len(t, last.Consumers, 1)
	assert.Equal(t, "w", last.Consumers[0].ConsumerName)
	assert.Empty(t, last.NextToken)
	f.clock.Advance(300*time.Second + time.Millisecond)
	_, err = f.ListStreamConsumers(f.ctx, in)
	f.failsAs(err, account.CodeExpiredNextToken)
}

func TestConsumer_statuses(t *testing.T) {
	bubble(t, withDelays(), func(f *fixture, c account.Consumer) {
		status := func() string {
			out, err := f.DescribeStreamConsumer(f.ctx, &account.DescribeStreamConsumerInput{ConsumerARN: &c.ConsumerARN})
			if err != nil {
				f.failsAs(err, account.CodeResourceNotFound)
				return "gone"
			}
			return out.ConsumerDescription.ConsumerStatus
		}
		assert.Equal(f, "ACTIVE", status())
		_, err := f.DeregisterStreamConsumer(f.ctx, &account.DeregisterStreamConsumerInput{ConsumerARN: &c.ConsumerARN})
		require.NoError(f, err)
		assert.Equal(f, "DELETING", status())
		f.failsAs(f.tryRegister("C"), account.CodeResourceInUse)
		time.Sleep(account.DefaultConsumerDelay - 1)
		assert.Equal(f, "DELETING", status())
		time.Sleep(time.Nanosecond)
		assert.Equal(f, "gone", status())
		c = f.register("C")
		time.Sleep(account.DefaultConsumerDelay - 1)
		assert.Equal(f, "CREATING", status())
		time.Sleep(time.Nanosecond)
		assert.Equal(f, "ACTIVE", status())
	})
}

// A consumer that saves what an idle event says and resumes there has progress
// to see, and a number that no record has: to be given the last record again
// from AT_SEQUENCE_NUMBER would be to handle it twice.
func TestSubscription_idleNumbersGrow(t *testing.T) {
	bubble(t, account.Instant(), func(f *fixture, c account.Consumer) {
		subscribe := func(kind string, number *string) *account.Subscription {
			time.Sleep(5 * time.Second)
			sub, err := f.SubscribeToShard(f.ctx, &account.SubscribeToShardInput{ConsumerARN: &c.ConsumerARN, ShardId: ptr(shardID(0)),
				StartingPosition: &account.StartingPosition{Type: &kind, SequenceNumber: number}})
			require.NoError(f, err)
			return sub
		}
		next := func(sub *account.Subscription) *account.SubscribeToShardEvent {
			ev, err := sub.Next(f.ctx)
			require.NoError(f, err)
			return ev
		}
		read := func(kind, number string) []string {
			out, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr(shardID(0)),
				ShardIteratorType: &kind, StartingSequenceNumber: &number})
			require.NoError(f, err)
			return data(f.read(out.ShardIterator))
		}
		// Before the first record, and after one.
		for _, before := range []string{"", "x"} {
			if before != "" {
				f.put("a", before)
			}
			sub := subscribe(account.IteratorLatest, nil)
			var last weir.SequenceNumber
			var numbers []string
			for range 4 {
				n := next(sub).ContinuationSequenceNumber
				assert.Positive(f, parse(f, n).Compare(last), "an idle event's number is greater than the one before")
				last, numbers = parse(f, n), append(numbers, n)
			}
			sub.Close()
			for _, n := range numbers {
				for _, kind := range []string{account.IteratorAtSequenceNumber, account.IteratorAfterSequenceNumber} {
					assert.Empty(f, read(kind, n), "%s: what came before was given already", kind)
					sub := subscribe(kind, &n)
					assert.Empty(f, next(sub).Records)
					sub.Close()
				}
			}
			// What is put later has greater numbers, and nothing of it is left out.
			later := f.put("a", "y").SequenceNumber
			assert.Positive(f, parse(f, later).Compare(last))
			for _, n := range numbers {
				assert.Len(f, read(account.IteratorAtSequenceNumber, n), 1)
				assert.Len(f, read(account.IteratorAfterSequenceNumber, n), 1)
				time.Sleep(time.Second)
			}
		}
	})
}
