package weir_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestHollow_recordsAreZeroBytesOfTheirSize(t *testing.T) {
	s, clock := clocked(t, weir.Config{Hollow: true, Shards: 2, Limits: weir.Unlimited()})
	var want []weir.Record
	for i, size := range []int{0, 1, 100, 5000, weir.MaxRecordBytes - 8, 3} {
		key := strings.Repeat("é", 1+i%4)
		at := mustPut(t, s, key, text(size))
		assert.Equal(t, s.ShardOf(key), at.ShardID, "the key that was put decides the shard")
		want = append(want, weir.Record{SequenceNumber: at.SequenceNumber, PartitionKey: strings.Repeat("\x00", len(key)),
			Data: make([]byte, size), ArrivalTime: clock.Now().Truncate(time.Millisecond)})
		clock.Advance(time.Millisecond)
	}
	assert.ElementsMatch(t, want, allRecords(t, s))
	snap := s.Snapshot()
	assert.EqualValues(t, len(want), snap.RecordsHeld)
	assert.EqualValues(t, 5104+weir.MaxRecordBytes-8+2*(1+2+3+4+1+2), snap.BytesHeld)
	assert.Equal(t, snap.BytesHeld, snap.Total.IncomingBytes)
}

// The budget of a GetRecords counts bytes that are not there.
func TestHollow_readBudget(t *testing.T) {
	s, clock := clocked(t, weir.Config{Hollow: true})
	for range 21 {
		stored, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: make([]byte, 1<<10-1)}, 1000)
		require.NoError(t, err)
		require.Equal(t, 1000, stored)
		clock.Advance(time.Second)
	}
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	assert.Len(t, b.Records, 10000, "at a KiB each they stay below 10 MiB")
	clock.Advance(5 * time.Second)
	large := mustIterator(t, s, shard0, weir.Latest())
	for range 11 {
		mustPut(t, s, "k", text(1<<20-1))
		clock.Advance(time.Second)
	}
	b = mustGet(t, s, large, 0)
	assert.Len(t, b.Records, 10, "which are 10 MiB")
	_, err := s.GetRecords(t.Context(), b.Next, 0)
	assert.Equal(t, 5*time.Second, requireLimit(t, err, "read bytes per second"))
}

// Of each record there are eight bytes, and some free space; in a large one's
// case the beginning of a block comes on top.
func TestHollow_memoryOfARecord(t *testing.T) {
	for _, c := range []struct{ size, n, most int }{
		{1, 1_000_000, 9}, {1 << 10, 1_000_000, 9}, {64 << 10, 100_000, 10}, {1 << 20, 10_000, 10}, {10 << 20, 1000, 16},
	} {
		for _, copies := range []int{1, 1000} {
			t.Run(fmt.Sprintf("size=%d/copies=%d", c.size, copies), func(t *testing.T) {
				s := newStream(t, weir.Config{Hollow: true, Limits: weir.Unlimited()})
				for n := c.n; n > 0; n -= copies {
					_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: zeros[:c.size-1]}, copies)
					require.NoError(t, err)
				}
				snap := s.Snapshot()
				assert.EqualValues(t, c.n, snap.RecordsHeld)
				assert.EqualValues(t, c.n*c.size, snap.BytesHeld)
				assert.Less(t, snap.MemoryBytes, int64(c.n*c.most))
			})
		}
	}
}

// MaxBytes counts what the records would take, so a hollow stream refuses and
// drops what another one does.
func TestHollow_maxBytes(t *testing.T) {
	s, _ := clocked(t, weir.Config{Hollow: true, MaxBytes: 3 * (100 + overhead), WhenFull: weir.DropOldest})
	for range 5 {
		mustPut(t, s, "k", text(99))
	}
	snap := s.Snapshot()
	assert.EqualValues(t, 3, snap.RecordsHeld)
	assert.EqualValues(t, 2, snap.Total.DroppedRecords)
}

func TestHollow_memoryFollowsRetention(t *testing.T) {
	s, clock := clocked(t, weir.Config{Hollow: true, Settings: weir.Settings{Retention: 10 * time.Millisecond}, Limits: weir.Unlimited()})
	for range 900 { // within one second, in which only puts trim
		_, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k", Data: zeros[:1<<20]}, 1000)
		require.NoError(t, err)
		clock.Advance(time.Millisecond)
	}
	assert.EqualValues(t, 9000, s.Snapshot().RecordsHeld)
	assert.Less(t, s.Snapshot().MemoryBytes, int64(100_000))
}

func TestHollow_savedAndLoaded(t *testing.T) {
	clock := newClock()
	c := weir.Config{Hollow: true, Now: clock.Now, Limits: weir.Unlimited()}
	s := newStream(t, c)
	for i := range 1000 {
		mustPut(t, s, fmt.Sprint(i%7), text(i*100))
		clock.Advance(time.Second)
	}
	b := saved(t, s)
	assert.Less(t, len(b), 1000*8+4096)
	c.Hollow = false
	l := loaded(t, b, c)
	assert.True(t, l.Config().Hollow, "it is the saved one that says so")
	assert.Equal(t, allRecords(t, s), allRecords(t, l))
	requireSavedAlike(t, s, l)
	requireContinuesBeyond(t, mustPut(t, s, "k", "more"), mustPut(t, l, "k", "more"))
}

// A header may be damaged so that a record has more bytes than there are zeros.
func TestHollow_loadRefusesRecordsThatAreTooLarge(t *testing.T) {
	s := newStream(t, weir.Config{Hollow: true, Limits: weir.Unlimited()})
	for range 2 {
		mustPut(t, s, "k", text(weir.MaxRecordBytes-1))
	}
	b := saved(t, s)
	const afterHeaders = 4 + 9 // a checksum and the frame of the end
	const oneByte = 1<<11 | 1  // the header of a record that is a key of one byte
	binary.LittleEndian.PutUint64(b[len(b)-afterHeaders-8:], oneByte)
	_, err := weir.LoadStream(bytes.NewReader(weir.WithChecksums(b)), weir.Config{})
	assert.ErrorIs(t, err, weir.ErrDamaged)
	assert.ErrorContains(t, err, "record 1 of a block is impossible")
}
