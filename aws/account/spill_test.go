package account_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// spilling is the configuration of an account on disk whose records leave
// memory when that many bytes are full.
func spilling(bytes int64) account.Config {
	c := account.Instant()
	c.Quotas = account.Quotas{Shards: -1, CreatingStreams: -1, OnDemandStreams: -1}
	c.Stream.WhenFull, c.Stream.Sync = weir.Spill, weir.SyncNever
	c.Memory = account.NewMemory(bytes)
	return c
}

// nthOf is the data of a stream's record.
func nthOf(stream string, i int) string {
	return fmt.Sprintf("%s/%d ", stream, i) + strings.Repeat(string(rune('a'+i%26)), 10_000)
}

// putNth puts the nth record of a stream, which is not to be refused.
func (f *fixture) putNth(stream string, i int) {
	f.Helper()
	_, err := f.PutRecord(f.ctx, &account.PutRecordInput{
		StreamName: &stream, PartitionKey: ptr("k"), ExplicitHashKey: ptr("7"), Data: []byte(nthOf(stream, i))})
	require.NoError(f, err)
}

// readNth reads the first records of a stream's first shard, and checks that
// they are the first n.
func (f *fixture) readNth(stream string, n int, each func()) {
	f.Helper()
	it, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{
		StreamName: &stream, ShardId: ptr(shardID(0)), ShardIteratorType: ptr(account.IteratorTrimHorizon)})
	if !assert.NoError(f, err) {
		return
	}
	i := 0
	for next := it.ShardIterator; i < n; {
		out, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &next, Limit: ptr(int32(min(50, n-i)))})
		if !assert.NoError(f, err) || !assert.NotEmpty(f, out.Records, "%s: %d of %d", stream, i, n) {
			return
		}
		for _, r := range out.Records {
			if !assert.Equal(f, nthOf(stream, i), string(r.Data)) {
				return
			}
			i++
		}
		each()
		next = out.NextShardIterator
	}
	assert.Equal(f, n, i)
}

// heapInUse returns how many bytes are reachable.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Many streams put and are read beside each other, six times as much as the
// memory that they share: no put is refused, every record is there, and what
// they take stays within the bound, also when they are opened again.
func TestMemory_manyStreamsSpill(t *testing.T) {
	const most, streams, records = 6 << 20, 24, 160 // 38 MB
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	c := spilling(most)
	f, dir := newOnDisk(t, c)
	before := heapInUse()
	for i := range streams {
		f.create(fmt.Sprint("s", i), int32(1+i%4))
	}
	bounded := func(what string) {
		held := c.Memory.Held()
		assert.LessOrEqual(t, held, int64(most+most/16), what)
	}
	for i := range records {
		for s := range streams {
			f.putNth(fmt.Sprint("s", s), i)
			bounded("while they are put")
		}
	}
	check := func(what string) {
		var readers sync.WaitGroup
		for s := range streams {
			readers.Go(func() { f.readNth(fmt.Sprint("s", s), records, func() { bounded(what) }) })
		}
		readers.Wait()
		assert.LessOrEqual(t, heapInUse()-before, int64(2*most), what)
	}
	check("while they are read")
	onDisk := int64(0)
	for _, s := range f.Streams() {
		st := s.Snapshot().Storage
		onDisk += st.RecordsOnDisk
		assert.Positive(t, st.RecordsInMemory, "the newest stay")
	}
	assert.Greater(t, onDisk, int64(streams*records/2))
	for s := range streams {
		f.putNth(fmt.Sprint("s", s), records)
	}
	require.NoError(t, f.Close())
	f.Discard()
	assert.Zero(t, c.Memory.Held(), "all is given back")

	c.Memory, before = account.NewMemory(most), heapInUse() // the account that was closed is still there
	f = openAt(t, dir, c, f.clock)
	bounded("when they are opened")
	check("when they are opened")
}

// Who holds most gives way: a stream that takes little keeps it in memory, and a
// busy one reads its own from the disk. What a deleted stream had is given back.
func TestMemory_whoHoldsMostGivesWay(t *testing.T) {
	c := spilling(4 << 20)
	f, _ := newOnDisk(t, c)
	f.create("small", 1)
	f.create("S", 1)
	for i := range 20 {
		f.putNth("small", i)
	}
	for i := range 1500 {
		f.putNth("S", i)
	}
	assert.Zero(t, f.Stream("small").Snapshot().Storage.RecordsOnDisk)
	assert.Greater(t, f.Stream("S").Snapshot().Storage.RecordsOnDisk, int64(1000))
	f.readNth("S", 1500, func() {})
	f.readNth("small", 20, func() {})
	held := c.Memory.Held()
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: S()})
	require.NoError(t, err)
	assert.Less(t, c.Memory.Held(), held-1<<20)
}

// Where nothing more can leave memory, puts are throttled as without a disk.
func TestMemory_spillingIsNotEnough(t *testing.T) {
	c := spilling(4 << 20)
	f, _ := newOnDisk(t, c)
	f.create("S", 1)
	for i := 0; ; i++ { // shards take what there is
		name := fmt.Sprint("t", i)
		if _, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: &name, ShardCount: ptr(int32(20))}); err != nil {
			f.failsAs(err, account.CodeLimitExceeded)
			break
		}
	}
	f.failsAs(f.fill("S"), account.CodeThroughputExceeded)
}

// Spilling is for accounts on disk.
func TestNew_refusesSpill(t *testing.T) {
	_, err := account.New(spilling(1 << 20))
	assert.EqualError(t, err, "Config.Stream.WhenFull: Spill is for accounts on disk, which Open opens")
}
