package account_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

func TestNew_config(t *testing.T) {
	a, err := account.New(account.Config{})
	require.NoError(t, err)
	assert.Equal(t, "000000000000", a.Config().ID)
	assert.Equal(t, "us-east-1", a.Config().Region)
	assert.Equal(t, 20000, a.Config().Quotas.Shards)
	a, err = account.New(account.Config{Region: "eu-north-1", Delays: account.Delays{Create: -1}})
	require.NoError(t, err)
	assert.Equal(t, 1000, a.Config().Quotas.Shards)
	assert.Zero(t, a.Config().Delays.Create)
	assert.Equal(t, account.DefaultReshardDelay, a.Config().Delays.Reshard)
	for _, bad := range []account.Config{
		{ID: "12"}, {ID: "12345678901x"}, {Region: "us east"}, {Stream: weir.Config{MaxBytes: -1}},
		{CallRates: account.CallRates{Of: map[string]float64{"PutRecord": 1}}},
	} {
		_, err := account.New(bad)
		assert.Error(t, err)
	}
}

// What the methods of an Account are as values: those of one operation each.
func operations(a *account.Account) map[string]reflect.Value {
	list := make(map[string]reflect.Value)
	v := reflect.ValueOf(a)
	for i := range v.NumMethod() {
		m := v.Method(i)
		if m.Type().NumIn() == 2 && m.Type().In(1).Kind() == reflect.Pointer {
			list[v.Type().Method(i).Name] = m
		}
	}
	return list
}

func TestAccount_hasEveryOperation(t *testing.T) {
	a, err := account.New(account.Config{})
	require.NoError(t, err)
	assert.Len(t, operations(a), 57)
}

// No operation panics when it is given nothing.
func TestAccount_nil(t *testing.T) {
	f := newFixture(t, account.Instant())
	for name, op := range operations(f.Account) {
		for _, in := range []reflect.Value{reflect.Zero(op.Type().In(1)), reflect.New(op.Type().In(1).Elem())} {
			out := op.Call([]reflect.Value{reflect.ValueOf(f.ctx), in})
			if err, _ := out[1].Interface().(error); err != nil {
				var e *account.Error
				assert.ErrorAs(t, err, &e, name)
			}
		}
	}
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, op := range operations(f.Account) {
		out := op.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.New(op.Type().In(1).Elem())})
		assert.ErrorIs(t, out[1].Interface().(error), context.Canceled, name)
	}
}

// FuzzAccount calls random operations with random inputs made of texts that
// mean something. Nothing may panic, and every error is an *Error.
func FuzzAccount(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		config := account.Instant()
		if seed%2 == 1 {
			config = account.Config{Stream: weir.Config{}}
		}
		fx := newFixture(t, config)
		g := &generator{rng: rand.New(rand.NewPCG(seed, 1)), f: fx, texts: []string{
			"S", "T", "", "x", arnS, arnT, "arn:aws:kinesis:us-east-1:1:stream/S", arnS + "/consumer/C:1", "arn:aws:kinesis::x:channel/y",
			"shardId-000000000000", "1", "2", "shardId-99", "-", "0", "1000", "99999999999999999999999999999999999999", "a\x00\xffb",
			"KMS", "ON_DEMAND", "PROVISIONED", "AUTO", "UNIFORM_SCALING", "LATEST", "TRIM_HORIZON", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER",
			"AT_LATEST", "FROM_TIMESTAMP", "ENABLED", "DISABLED", "{}", "C", "ALL",
		}}
		ops := operations(fx.Account)
		var names []string
		for name := range ops {
			names = append(names, name)
		}
		slices.Sort(names)
		for range 300 {
			name := names[g.rng.IntN(len(names))]
			op := ops[name]
			in := reflect.New(op.Type().In(1).Elem())
			g.fill(in.Elem(), 0)
			out := op.Call([]reflect.Value{reflect.ValueOf(fx.ctx), in})
			if err, _ := out[1].Interface().(error); err != nil {
				var e *account.Error
				if !errors.As(err, &e) || e.Code == "" || e.Message == "" || e.HTTPStatus == 0 {
					t.Fatalf("%s: %#v", name, err)
				}
				continue
			}
			g.learn(out[0])
			fx.clock.Advance(time.Duration(g.rng.Int64N(int64(20 * time.Second))))
		}
	})
}

// A generator makes inputs, and learns texts from outputs.
type generator struct {
	rng   *rand.Rand
	f     *fixture
	texts []string
}

func (g *generator) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if g.rng.IntN(4) > 0 && depth < 6 {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem(), depth+1)
		}
	case reflect.String:
		v.SetString(g.texts[g.rng.IntN(len(g.texts))])
	case reflect.Bool:
		v.SetBool(g.rng.IntN(4) == 0)
	case reflect.Int32:
		v.SetInt([]int64{-1, 0, 1, 2, 3, 6, 24, 48, 1024, 10240, 2147483647, -2147483648}[g.rng.IntN(12)])
	case reflect.Slice:
		n := g.rng.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			if v.Type().Elem().Kind() != reflect.Uint8 {
				g.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{g.texts[g.rng.IntN(len(g.texts))]: "v"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(g.f.clock.Now().Add(time.Duration(g.rng.Int64N(int64(time.Hour))) - 30*time.Minute)))
			return
		}
		for i := range v.NumField() {
			g.fill(v.Field(i), depth)
		}
	}
}

func (g *generator) learn(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			g.learn(v.Elem())
		}
	case reflect.String:
		if v.String() != "" && len(g.texts) < 200 {
			g.texts = append(g.texts, v.String())
		}
	case reflect.Slice:
		for i := range min(v.Len(), 4) {
			g.learn(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() {
				g.learn(v.Field(i))
			}
		}
	}
}

// Records, statuses and settings at the same time: no race, no loss.
func TestAccount_concurrently(t *testing.T) {
	config := account.Instant()
	config.Delays.Reshard, config.Delays.Update = time.Millisecond, time.Millisecond
	a, err := account.New(config)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = a.CreateStream(ctx, &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(2))})
	require.NoError(t, err)
	const writers, each = 4, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := a.PutRecord(ctx, &account.PutRecordInput{StreamName: S(), PartitionKey: ptr(fmt.Sprint(w, "-", i)), Data: []byte("x")})
				assert.NoError(t, err)
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			_, _ = a.UpdateShardCount(ctx, &account.UpdateShardCountInput{StreamName: S(), TargetShardCount: ptr(int32(2 + i%2)), ScalingType: ptr("UNIFORM_SCALING")})
			_, _ = a.StartStreamEncryption(ctx, &account.StartStreamEncryptionInput{StreamName: S(), EncryptionType: ptr("KMS"), KeyId: ptr("k")})
			_, err := a.DescribeStreamSummary(ctx, &account.DescribeStreamSummaryInput{StreamName: S()})
			assert.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
	})
	wg.Go(func() {
		for i := range 50 {
			name := fmt.Sprint("T", i)
			_, err := a.CreateStream(ctx, &account.CreateStreamInput{StreamName: &name, ShardCount: ptr(int32(1))})
			assert.NoError(t, err)
			_, err = a.DeleteStream(ctx, &account.DeleteStreamInput{StreamName: &name})
			assert.NoError(t, err)
		}
	})
	wg.Wait()
	list, err := a.ListShards(ctx, &account.ListShardsInput{StreamName: S()})
	require.NoError(t, err)
	total := 0
	for _, sh := range list.Shards {
		it, err := a.GetShardIterator(ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: &sh.ShardId, ShardIteratorType: ptr("TRIM_HORIZON")})
		require.NoError(t, err)
		out, err := a.GetRecords(ctx, &account.GetRecordsInput{ShardIterator: &it.ShardIterator})
		require.NoError(t, err)
		total += len(out.Records)
	}
	assert.Equal(t, writers*each, total)
	assert.Len(t, a.Streams(), 1)
	assert.NotNil(t, a.Stream("S"))
	assert.Nil(t, a.Stream("T1"))
}

// Operations on records in the engine's types do the same as those on the
// wire's.
func TestAccount_engineTypes(t *testing.T) {
	f := newFixture(t, account.Instant())
	ref := account.StreamRef{ARN: arnS}
	r, encryption, err := f.PutRecordEntry(f.ctx, ref, weir.Entry{PartitionKey: "a", Data: []byte("1")})
	require.NoError(t, err)
	assert.Empty(t, encryption)
	assert.Equal(t, weir.ShardID(0), r.ShardID)
	require.NoError(t, f.encrypt(true))
	results, encryption, err := f.PutRecordsEntries(f.ctx, ref, []weir.Entry{{PartitionKey: "a", Data: []byte("2")}, {PartitionKey: "user-1"}})
	require.NoError(t, err)
	assert.Equal(t, "KMS", encryption)
	assert.Equal(t, weir.ShardID(2), results[1].ShardID)
	records := make([]weir.Record, 0, 10)
	out, err := f.AppendRecords(f.ctx, records, &account.GetRecordsInput{ShardIterator: ptr(f.iterator(0, "TRIM_HORIZON"))})
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, data(out))
	assert.Same(t, &records[:1][0], &out.Records[0])
	_, _, err = f.PutRecordsEntries(f.ctx, ref, nil)
	f.failsAs(err, account.CodeValidation)
	_, _, err = f.PutRecordsEntries(f.ctx, account.StreamRef{Name: "X"}, make([]weir.Entry, 1))
	f.failsAs(err, account.CodeResourceNotFound)
	code, message := f.EntryError(weir.ErrMemoryFull)
	assert.Equal(t, account.CodeThroughputExceeded, code)
	assert.Contains(t, message, "Rate exceeded")
	code, message = f.EntryError(weir.ErrInvalidArgument)
	assert.Equal(t, "InternalFailure Internal service failure.", code+" "+message)
}

// What a memory bound refuses is a throttle: the caller may try again, later.
func TestAccount_memoryFull(t *testing.T) {
	config := account.Instant()
	config.Stream.MaxBytes = 1000
	f := newFixture(t, config)
	_, err := f.tryPut(account.PutRecordInput{PartitionKey: ptr("a"), Data: make([]byte, 2000)})
	f.fails(err, account.CodeThroughputExceeded, "Rate exceeded for account 123456789012: the memory that there is for records is full.")
	out, err := f.PutRecords(f.ctx, &account.PutRecordsInput{StreamName: S(), Records: []account.PutRecordsRequestEntry{{PartitionKey: ptr("a"), Data: make([]byte, 2000)}}})
	require.NoError(t, err)
	assert.Equal(t, account.CodeThroughputExceeded, out.Records[0].ErrorCode)
}
