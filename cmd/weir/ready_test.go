package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// BenchmarkServe_readyWithAMillion measures the time from the start of a process
// until it says that it is ready, with a million records of 100 bytes on disk, in
// two streams of four shards.
func BenchmarkServe_readyWithAMillion(b *testing.B) {
	dir := b.TempDir()
	c := account.Instant()
	c.ID, c.Region, c.Stream.Sync = "000000000000", "us-east-1", weir.SyncNever
	a, err := account.Open(filepath.Join(dir, c.ID+"-"+c.Region), c)
	require.NoError(b, err)
	entries, data := make([]weir.Entry, 500), make([]byte, 90)
	for n := range 2 {
		name := fmt.Sprint("s", n)
		_, err := a.CreateStream(b.Context(), &account.CreateStreamInput{StreamName: &name, ShardCount: account.Ptr(int32(4))})
		require.NoError(b, err)
		for i := range 1000 {
			for j := range entries {
				entries[j] = weir.Entry{PartitionKey: fmt.Sprintf("key-%06d", i*500+j), Data: data}
			}
			_, _, err := a.PutRecordsEntries(b.Context(), account.StreamRef{Name: name}, entries)
			require.NoError(b, err)
		}
	}
	require.NoError(b, a.Close())
	var times []time.Duration
	for b.Loop() {
		p := serve(b, "--state", dir)
		times = append(times, p.ready)
		p.signal(b, syscall.SIGTERM)
		require.NoError(b, p.Wait())
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
}
