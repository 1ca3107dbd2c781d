package kinesistest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// once is a client that tries each operation once.
func once(o *kinesis.Options) { o.RetryMaxAttempts = 1 }

func entries(keys ...string) []types.PutRecordsRequestEntry {
	var list []types.PutRecordsRequestEntry
	for _, key := range keys {
		list = append(list, types.PutRecordsRequestEntry{PartitionKey: aws.String(key), Data: []byte(key)})
	}
	return list
}

// Every error of the service arrives as the SDK's type or with its code, in the
// words of the service or of its documentation. Each of two that come from its
// framework comes without a word.
func TestFault_everyErrorArrives(t *testing.T) {
	const noWords = "UnknownError" // is what the SDK says then
	for code, want := range map[kinesistest.Code]string{
		kinesistest.AccessDenied:         "User: arn:aws:iam::000000000000:user/kinesistest is not authorized to perform: kinesis:ListShards on resource: arn:aws:kinesis:us-east-1:000000000000:stream/a because no identity-based policy allows the kinesis:ListShards action",
		kinesistest.ExpiredIterator:      "Iterator expired. The iterator was created at time ",
		kinesistest.ExpiredNextToken:     "The pagination token passed to the operation is expired.",
		kinesistest.InternalFailure:      "Internal service failure.",
		kinesistest.InvalidArgument:      "A specified parameter exceeds its restrictions, is not supported, or can't be used.",
		kinesistest.KMSAccessDenied:      "The ciphertext references a key that doesn't exist or that you don't have access to.",
		kinesistest.KMSDisabled:          "The request was rejected because the specified KMS key isn't enabled.",
		kinesistest.KMSInvalidState:      "The request was rejected because the state of the specified resource isn't valid for this request.",
		kinesistest.KMSNotFound:          "The request was rejected because the specified entity or resource can't be found.",
		kinesistest.KMSOptInRequired:     "The AWS access key ID needs a subscription for the service.",
		kinesistest.KMSThrottling:        "The request was denied due to request throttling.",
		kinesistest.LimitExceeded:        "Rate exceeded for stream a under account 000000000000.",
		kinesistest.ThroughputExceeded:   "Rate exceeded for shard shardId-000000000000 in stream a under account 000000000000.",
		kinesistest.ResourceInUse:        "Stream a under account 000000000000 not ACTIVE, instead in state UPDATING",
		kinesistest.ResourceNotFound:     "Stream a under account 000000000000 not found.",
		kinesistest.ServiceUnavailable:   "The request has failed due to a temporary failure of the server.",
		kinesistest.Throttling:           "Rate exceeded",
		kinesistest.UnrecognizedClient:   "The security token included in the request is invalid.",
		kinesistest.ExpiredToken:         "The security token included in the request is expired",
		kinesistest.Validation:           "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null",
		kinesistest.DryRunOperation:      "Request would have succeeded, but DryRun flag is set.",
		kinesistest.UnknownOperation:     noWords,
		kinesistest.SerializationProblem: noWords,
	} {
		t.Run(string(code), func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("a", 1))
			f := k.Fail("ListShards").With(code)
			list := &kinesis.ListShardsInput{StreamName: aws.String("a")}
			_, err := k.Client(once).ListShards(t.Context(), list)
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, string(code), api.ErrorCode())
			require.GreaterOrEqual(t, len(api.ErrorMessage()), len(want), api.ErrorMessage())
			assert.Equal(t, want, api.ErrorMessage()[:len(want)])
			assert.ErrorIs(t, k.Calls()[0].Err, code)
			f.Stop()
			_, err = k.Client(once).ListShards(t.Context(), list)
			require.NoError(t, err)
		})
	}
}

// What an operation is often refused for is said in the words for that.
func TestFault_wordsOfOperations(t *testing.T) {
	for _, row := range []struct {
		op, want string
		code     kinesistest.Code
		call     func(context.Context, *kinesis.Client) error
	}{
		{"GetRecords", "Invalid ShardIterator.", kinesistest.InvalidArgument, func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
			return err
		}},
		{"CreateStream", "Stream a under account 000000000000 already exists.", kinesistest.ResourceInUse, func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a")})
			return err
		}},
		{"ListStreams", "Rate exceeded for account 000000000000.", kinesistest.LimitExceeded, func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.ListStreams(ctx, &kinesis.ListStreamsInput{})
			return err
		}},
		{"ListStreams", "Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", kinesistest.Validation, func(ctx context.Context, c *kinesis.Client) error {
			_, err := c.ListStreams(ctx, &kinesis.ListStreamsInput{})
			return err
		}},
	} {
		k := kinesistest.New(t)
		k.Fail(row.op).With(row.code)
		require.ErrorContains(t, row.call(t.Context(), k.Client(once)), row.want)
	}
}

// An internal failure has the name that it has on the wire, whoever makes it:
// the SDK has no type for it there, but in event streams.
func TestFault_internalFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		model := &types.InternalFailureException{Message: aws.String("own words")}
		for _, failure := range []error{kinesistest.InternalFailure, model} {
			k.Fail("ListStreams").Times(1).With(failure)
			_, err := k.Client(once).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, "InternalFailure", api.ErrorCode())
			assert.NotErrorAs(t, err, &model)
			assert.ErrorIs(t, k.Calls("ListStreams")[0].Err, kinesistest.InternalFailure)

			k.Fail("SubscribeToShard").Times(1).InStreamException(0, failure)
			s := subscribe(t, k, "a", "billing", 0)
			_, ok := <-s.Events()
			require.False(t, ok)
			require.ErrorAs(t, s.Err(), &model)
			assert.ErrorIs(t, k.Calls("SubscribeToShard")[0].Err, kinesistest.InternalFailure)
			time.Sleep(10 * time.Second) // may be taken over at once only later
		}
	})
}

func TestFault_matching(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 2), kinesistest.Stream("b", 2))
	c := k.Client(once)
	list := func(stream string) error {
		_, err := c.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
		return err
	}
	k.Fail("ListShards").Stream("a").Nth(2, 4).With(kinesistest.LimitExceeded).Required()
	var failed []int
	for i := 1; i <= 5; i++ {
		require.NoError(t, list("b"))
		if list("a") != nil {
			failed = append(failed, i)
		}
	}
	assert.Equal(t, []int{2, 4}, failed)

	f := k.Fail("ListShards").Times(2).With(&types.AccessDeniedException{Message: aws.String("no")})
	require.ErrorContains(t, list("b"), "no")
	require.Error(t, list("a"))
	require.NoError(t, list("b"))
	assert.Equal(t, 2, f.Applied())
}

// GetRecords says nothing of its shard but by its iterator.
func TestFault_shardOfAnIterator(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 2))
	c := k.Client(once)
	k.Fail("GetRecords").Shard(1).Times(3).With(kinesistest.ExpiredIterator).Required()
	for shard, want := range []int{0, 3} {
		failed := 0
		at := iterator(t, c, "a", shard, types.ShardIteratorTypeLatest)
		for range 4 {
			_, err := c.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
			var expired *types.ExpiredIteratorException
			if errors.As(err, &expired) {
				failed++
			}
		}
		assert.Equal(t, want, failed, "shard %d", shard)
	}
}

func TestFault_decodedRequest(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	poison := func(c *kinesistest.Call) bool {
		return string(kinesistest.InputOf[kinesis.PutRecordInput](c).Data) == "poison"
	}
	k.Fail("PutRecord").When(poison).With(kinesistest.KMSDisabled)
	put(t, k.Client(), "a", "key", "good")
	_, err := k.Client().PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("k"), Data: []byte("poison")})
	var disabled *types.KMSDisabledException
	require.ErrorAs(t, err, &disabled)

	k.Fail("PutRecord").Do(func(c *kinesistest.Call) error {
		if in := kinesistest.InputOf[kinesis.PutRecordInput](c); *in.PartitionKey == "x" {
			return kinesistest.ResourceInUse
		}
		return nil
	})
	put(t, k.Client(), "a", "y", "good")
	_, err = k.Client().PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("x"), Data: []byte("z")})
	var inUse *types.ResourceInUseException
	require.ErrorAs(t, err, &inUse)
	assert.Equal(t, []string{"good", "good"}, k.Records("a").Data())
}

func TestFault_throttleRecords(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 4))
	put := func(keys ...string) (failed []int) {
		out, err := k.Client().PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("a"), Records: entries(keys...)})
		require.NoError(t, err)
		require.Len(t, out.Records, len(keys))
		for i, r := range out.Records {
			if r.ErrorCode != nil {
				assert.Equal(t, "ProvisionedThroughputExceededException", *r.ErrorCode)
				assert.Nil(t, r.SequenceNumber)
				failed = append(failed, i)
			} else {
				assert.NotNil(t, r.SequenceNumber)
			}
		}
		assert.EqualValues(t, len(failed), *out.FailedRecordCount)
		return failed
	}
	k.Fail("PutRecords").Times(1).ThrottleRecords(1, 2)
	assert.Equal(t, []int{1, 2}, put("a", "b", "c", "d"))
	assert.ElementsMatch(t, []string{"a", "d"}, k.Records("a").Data())
	k.Fail("PutRecords").Times(1).ThrottleRecords()
	assert.Equal(t, []int{0, 1}, put("e", "f"))
	k.Fail("PutRecords").Times(1).ThrottleRecordsIf(func(_ int, e types.PutRecordsRequestEntry) bool { return *e.PartitionKey == "h" })
	assert.Equal(t, []int{1}, put("g", "h"))

	shard := k.Stream("a").ShardOf("i")
	k.Fail("PutRecords").Shard(int(shard)).Times(1).ThrottleRecords()
	var want []int
	keys := []string{"i", "j", "k", "l", "m", "n"}
	for i, key := range keys {
		if k.Stream("a").ShardOf(key) == shard {
			want = append(want, i)
		}
	}
	assert.Equal(t, want, put(keys...))
	assert.Equal(t, 2+2+1+len(want), throttledRecords(k, "a"))
}

func throttledRecords(k *kinesistest.Fake, stream string) (n int) {
	for _, s := range k.Throttles(stream) {
		n += s.Records
	}
	return n
}

func TestFault_resets(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	c := k.Client(once)
	try := func(data string) error {
		_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("a"), PartitionKey: aws.String("k"), Data: []byte(data)})
		return err
	}
	k.Fail("PutRecord").Nth(1).ResetBefore()
	require.ErrorIs(t, try("before"), syscall.ECONNRESET)
	k.Fail("PutRecord").Nth(1).ResetAfter()
	require.ErrorIs(t, try("after"), syscall.ECONNRESET)
	assert.Equal(t, []string{"after"}, k.Records("a").Data())
}

func TestFault_latency(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		k := kinesistest.New(t, config, kinesistest.Stream("a", 1))
		k.Fail("ListStreams").Latency(20*time.Millisecond, 30*time.Millisecond)
		k.Fail("ListStreams").Nth(2).With(kinesistest.ExpiredNextToken)
		for i := range 2 {
			began := k.Now()
			_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			assert.Equal(t, i == 1, err != nil)
			assert.GreaterOrEqual(t, k.Now().Sub(began), 20*time.Millisecond)
		}
	})
}

func TestFault_eventStream(t *testing.T) {
	everywhere(t, func(t *testing.T, config kinesistest.Config) {
		config.Limits.SubscribeTakeover = -1
		k := kinesistest.New(t, config, kinesistest.Stream("a", 1))
		k.Put("a", "k", "one")

		k.Fail("SubscribeToShard").Consumer("billing").Nth(1).CutStream(2)
		s := subscribe(t, k, "a", "billing", 0)
		assert.Len(t, next(t, s).Records, 1)
		k.Advance(5 * time.Second)
		next(t, s)
		_, ok := <-s.Events()
		assert.False(t, ok)
		assert.ErrorIs(t, s.Close(), syscall.ECONNRESET)
		assert.ErrorIs(t, k.Calls("SubscribeToShard")[0].Err, syscall.ECONNRESET)

		k.Fail("SubscribeToShard").Nth(1).InStreamException(1, kinesistest.ResourceInUse)
		s = subscribe(t, k, "a", "billing", 0)
		next(t, s)
		_, ok = <-s.Events()
		assert.False(t, ok)
		var inUse *types.ResourceInUseException
		assert.ErrorAs(t, s.Err(), &inUse)
		assert.ErrorAs(t, s.Close(), &inUse)

		k.Fail("SubscribeToShard").Nth(1).With(kinesistest.ResourceNotFound)
		_, err := k.Client().SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
			ConsumerARN: aws.String(k.ConsumerARN("a", "billing")), ShardId: aws.String("shardId-000000000000"),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
		})
		var missing *types.ResourceNotFoundException
		require.ErrorAs(t, err, &missing)

		k.Fail("SubscribeToShard").Nth(1).Duplicate()
		s = subscribe(t, k, "a", "billing", 0)
		assert.Equal(t, next(t, s), next(t, s))
		require.NoError(t, s.Close())
	})
}

func TestFault_duplicate(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	k.Fail("PutRecord").Nth(1).Duplicate()
	put(t, k.Client(), "a", "k", "one")
	assert.Equal(t, []string{"one", "one"}, k.Records("a").Data())
	k.Fail("GetRecords").Nth(1).Duplicate()
	at := iterator(t, k.Client(), "a", 0, types.ShardIteratorTypeTrimHorizon)
	var got []string
	for range 3 {
		out, err := k.Client().GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at})
		require.NoError(t, err)
		got, at = append(got, data(out.Records)...), out.NextShardIterator
	}
	assert.Equal(t, []string{"one", "one", "one", "one"}, got)
}

// The same seed gives the same faults, whatever goroutines do.
func TestFault_probabilityIsDeterministic(t *testing.T) {
	run := func(t *testing.T, seed uint64) map[string]string {
		k := kinesistest.New(t, kinesistest.Config{Seed: seed}, kinesistest.Stream("a", 1), kinesistest.Stream("b", 1))
		k.Fail("ListShards").Probability(0.3).With(kinesistest.ExpiredNextToken)
		c := k.Client(once)
		results := make(chan [2]string)
		for _, stream := range []string{"a", "b"} {
			go func() {
				line := ""
				for range 50 {
					_, err := c.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: &stream})
					line += fmt.Sprint(err != nil)[:1]
				}
				results <- [2]string{stream, line}
			}()
		}
		got := make(map[string]string)
		for range 2 {
			r := <-results
			got[r[0]] = r[1]
		}
		return got
	}
	first := run(t, 1)
	assert.Equal(t, first, run(t, 1))
	assert.NotEqual(t, first, run(t, 2))
	assert.NotEqual(t, first["a"], first["b"])
}

// A latency between two bounds is drawn as chance is.
func TestFault_latencyIsDeterministic(t *testing.T) {
	run := func() (told string) {
		synctest.Test(t, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Config{Seed: 3}, kinesistest.Stream("a", 1), kinesistest.Stream("b", 1))
			k.Fail("ListShards").Latency(time.Second, time.Minute)
			var all sync.WaitGroup
			took := make([]time.Duration, 2)
			for i, stream := range []string{"a", "b"} {
				all.Go(func() {
					began := time.Now()
					for range 5 {
						k.Client().ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: &stream})
					}
					took[i] = time.Since(began)
				})
			}
			all.Wait()
			told = fmt.Sprint(took)
		})
		return told
	}
	alike(t, run)
}

func TestFault_refusesNonsense(t *testing.T) {
	for want, declare := range map[string]func(*kinesistest.Fault){
		"Nth[0]: calls are counted from 1":           func(f *kinesistest.Fault) { f.Nth(0) },
		"Nth[]: calls are counted from 1":            func(f *kinesistest.Fault) { f.Nth() },
		"Times(0): want 1 or more":                   func(f *kinesistest.Fault) { f.Times(0) },
		"Probability(1.5): want 0 to 1":              func(f *kinesistest.Fault) { f.Probability(1.5) },
		"With(nil): want an error":                   func(f *kinesistest.Fault) { f.With(nil) },
		"Latency(-1s): want more than none":          func(f *kinesistest.Fault) { f.Latency(-time.Second) },
		"throttle records is for PutRecords":         func(f *kinesistest.Fault) { f.ThrottleRecords() },
		"cut after 3 events is for SubscribeToShard": func(f *kinesistest.Fault) { f.CutStream(3) },
		"InStreamException(1, nil): want an error":   func(f *kinesistest.Fault) { f.InStreamException(1, nil) },
		"after -1 events: want none or more":         func(f *kinesistest.Fault) { f.CutStream(-1) },
		"Shard(-1): shards are numbered from 0":      func(f *kinesistest.Fault) { f.Shard(-1) },
		"For(0s): want more than none":               func(f *kinesistest.Fault) { f.For(0) },
		"When(nil): want a function":                 func(f *kinesistest.Fault) { f.When(nil) },
		"Do(nil): want a function":                   func(f *kinesistest.Fault) { f.Do(nil) },

		// Of two only the last one would be kept, in silence.
		"GetRecords reset after the effect: declare another fault for: throttle": func(f *kinesistest.Fault) { f.ResetAfter().Throttle() },
		"Nth was called already of the fault declared at fault_test.go:":         func(f *kinesistest.Fault) { f.Nth(1).Nth(2) },
		"Latency was called already":                                             func(f *kinesistest.Fault) { f.Latency(1).Latency(2) },
		"Stream was called already":                                              func(f *kinesistest.Fault) { f.Stream("a").Stream("b") },
		"Probability was called already":                                         func(f *kinesistest.Fault) { f.Probability(0.1).Probability(0.2) },

		"no GetRecords says which consumer it is about": func(f *kinesistest.Fault) { f.Consumer("c") },
	} {
		s := failing(t, func(s *spy) {
			defer func() { _ = recover() }()
			declare(kinesistest.New(s).Fail("GetRecords"))
		})
		assert.Contains(t, s.said(), want)
	}
	for want, make := range map[string]func(*spy){
		"Profile.Throttle 7 is outside 0 to 1":     func(s *spy) { kinesistest.New(s, kinesistest.Chaos(1, kinesistest.Profile{Throttle: 7})) },
		"Config.KeepCalls -1 must not be negative": func(s *spy) { kinesistest.New(s, kinesistest.Config{KeepCalls: -1}) },
		"-1 at a time: none may be negative": func(s *spy) {
			kinesistest.New(s, kinesistest.Stream("a", 1)).Generate("a", kinesistest.Load{Batch: -1})
		},
		"option 1 is nil":          func(s *spy) { kinesistest.New(s, nil) },
		"two options are a Config": func(s *spy) { kinesistest.New(s, kinesistest.Config{}, kinesistest.Config{Seed: 1}) },
		"two options are Chaos": func(s *spy) {
			kinesistest.New(s, kinesistest.Chaos(1, kinesistest.Mild()), kinesistest.Chaos(1, kinesistest.Mild()))
		},
		"Config.Chaos and Chaos both say": func(s *spy) {
			kinesistest.New(s, kinesistest.Chaos(1, kinesistest.Mild()), kinesistest.Config{Chaos: kinesistest.Rough()})
		},
		"Config.Seed 2 and the seed 1 of ": func(s *spy) {
			kinesistest.New(s, kinesistest.Chaos(1, kinesistest.Mild()), kinesistest.Config{Seed: 2})
		},
	} {
		s := failing(t, func(s *spy) {
			defer func() { _ = recover() }()
			make(s)
		})
		assert.Contains(t, s.said(), want)
	}
}

// Options add up in any order: a Config that came after Chaos used to put an end
// to it, in silence.
func TestNew_optionsInAnyOrder(t *testing.T) {
	chaos, config := kinesistest.Chaos(5, kinesistest.Profile{InternalFailure: 1}), kinesistest.Config{KeepCalls: 3}
	for _, list := range [][]kinesistest.Option{
		{kinesistest.Stream("a", 1), chaos, config}, {config, chaos, kinesistest.Stream("a", 1)}, {chaos, kinesistest.Stream("a", 1), config},
	} {
		k := kinesistest.New(t, list...)
		assert.EqualValues(t, 5, k.Seed())
		require.NotNil(t, k.Stream("a"))
		_, err := k.Client(once).ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.ErrorContains(t, err, "Internal service failure")
	}
}

// A fault of what there never was cannot happen, Required or not: its name is
// mistyped, and the test would be green for that.
func TestFault_ofNothing(t *testing.T) {
	for want, declare := range map[string]func(*kinesistest.Fake) *kinesistest.Fault{
		`GetRecords of ordres throttle` + "\n" + `there was no stream "ordres", but later, orders`: func(k *kinesistest.Fake) *kinesistest.Fault {
			return k.Fail("GetRecords").Stream("ordres").Throttle()
		},
		"there was no shardId-000000000004, but shardId-000000000000, shardId-000000000001, ": func(k *kinesistest.Fake) *kinesistest.Fault {
			return k.Fail("GetRecords").Stream("orders").Shard(4).Throttle()
		},
		`there was no consumer "biling", but audit, billing`: func(k *kinesistest.Fake) *kinesistest.Fault {
			return k.Fail("SubscribeToShard").Consumer("biling").Throttle()
		},
		`no ListStreams says which stream it is about`: func(k *kinesistest.Fake) *kinesistest.Fault {
			return k.Fail("ListStreams").Stream("orders")
		},
		"": func(k *kinesistest.Fake) *kinesistest.Fault {
			k.Fail("GetRecords").Stream("later").Throttle()
			k.Fail("").Shard(3).Throttle()
			k.Fail("SubscribeToShard").Consumer("audit").Throttle()
			return k.Fail("PutRecord").Stream("mistyped by the code under test").With(kinesistest.ResourceNotFound)
		},
	} {
		s := failing(t, func(s *spy) {
			defer func() { _ = recover() }()
			k := kinesistest.New(s, kinesistest.StreamSpec{Name: "orders", Shards: 2, Consumers: []string{"billing"}})
			declare(k)
			k.Split("orders", 0) // shards 2 and 3
			ctx, c, arn := context.Background(), k.Client(once), aws.String(k.StreamARN("orders"))
			c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: aws.String("mistyped by the code under test"), PartitionKey: aws.String("k"), Data: []byte("x")})
			_, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("audit")})
			assert.NoError(t, err)
			_, err = c.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("audit")})
			assert.NoError(t, err)
			_, err = c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("later"), ShardCount: aws.Int32(1)})
			assert.NoError(t, err)
			_, err = c.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("later")})
			assert.NoError(t, err)
		})
		if want == "" {
			assert.Empty(t, s.errors)
			continue
		}
		assert.Contains(t, s.said(), want)
	}
}

func TestFault_for(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("a", 1))
		k.Fail("").For(time.Minute).With(kinesistest.AccessDenied)
		_, err := k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.Error(t, err)
		time.Sleep(time.Minute)
		_, err = k.Client().ListStreams(t.Context(), &kinesis.ListStreamsInput{})
		require.NoError(t, err)
	})
}

// A client that speaks CBOR meets the same faults.
func TestFault_cbor(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("a", 1))
	k.Fail("PutRecords").Nth(1).ThrottleRecords(0)
	k.Fail("ListStreams").With(kinesistest.LimitExceeded)
	_, body := cborCall(t, k, "PutRecords", map[string]any{"StreamName": "a", "Records": []any{
		map[string]any{"PartitionKey": "x", "Data": []byte("one")}, map[string]any{"PartitionKey": "y", "Data": []byte("two")},
	}})
	assert.EqualValues(t, 1, body["FailedRecordCount"])
	assert.Equal(t, []string{"two"}, k.Records("a").Data())
	assert.Equal(t, []byte("one"), kinesistest.InputOf[kinesis.PutRecordsInput](k.Calls()[0]).Records[0].Data)
	status, body := cborCall(t, k, "ListStreams", map[string]any{})
	assert.Equal(t, 400, status)
	assert.Equal(t, "LimitExceededException", body["__type"])
}
