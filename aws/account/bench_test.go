package account_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// benchmarkAccount returns an account whose stream S drops old records.
func benchmarkAccount(b *testing.B) *account.Account {
	config := account.Instant()
	config.Stream.MaxBytes, config.Stream.WhenFull = 64<<20, weir.DropOldest
	a, err := account.New(config)
	require.NoError(b, err)
	_, err = a.CreateStream(b.Context(), &account.CreateStreamInput{StreamName: S(), ShardCount: ptr(int32(4))})
	require.NoError(b, err)
	return a
}

// BenchmarkPut is what an account costs on top of the engine.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1, 500} {
		entries := make([]weir.Entry, size)
		for i := range entries {
			entries[i] = weir.Entry{PartitionKey: fmt.Sprintf("partition-key-%02d", i%100), Data: make([]byte, 100)}
		}
		a := benchmarkAccount(b)
		byARN := account.StreamRef{ARN: "arn:aws:kinesis:us-east-1:000000000000:stream/S"}
		for name, put := range map[string]func(context.Context) error{
			"engine": func(ctx context.Context) error { _, err := a.Stream("S").PutRecords(ctx, entries); return err },
			"account": func(ctx context.Context) error {
				_, _, err := a.PutRecordsEntries(ctx, account.StreamRef{Name: "S"}, entries)
				return err
			},
			"account-arn": func(ctx context.Context) error { _, _, err := a.PutRecordsEntries(ctx, byARN, entries); return err },
		} {
			b.Run(fmt.Sprintf("through=%s/records=%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := put(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*float64(size)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// BenchmarkGetRecords reads 10,000 records a call.
func BenchmarkGetRecords(b *testing.B) {
	a := benchmarkAccount(b)
	for i := range 20000 {
		_, _, err := a.PutRecordEntry(b.Context(), account.StreamRef{Name: "S"},
			weir.Entry{PartitionKey: fmt.Sprint(i), Data: make([]byte, 100), ExplicitHashKey: new(weir.HashKey)})
		require.NoError(b, err)
	}
	it, err := a.GetShardIterator(b.Context(), &account.GetShardIteratorInput{StreamName: S(), ShardId: ptr("0"), ShardIteratorType: ptr("TRIM_HORIZON")})
	require.NoError(b, err)
	for _, limit := range []int32{1, 10000} {
		b.Run(fmt.Sprintf("records=%d", limit), func(b *testing.B) {
			b.ReportAllocs()
			var records []weir.Record
			for b.Loop() {
				out, err := a.AppendRecords(b.Context(), records, &account.GetRecordsInput{ShardIterator: &it.ShardIterator, Limit: &limit})
				if err != nil || len(out.Records) != int(limit) {
					b.Fatal(err, len(out.Records))
				}
				records = out.Records
			}
		})
	}
}
