package queue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
)

// newSpilled returns a stream of which a few of n records of some bytes are in
// memory.
func newSpilled(t *testing.T, clock *aClock, dir string, shards, n, bytes int) *weir.Stream {
	t.Helper()
	s := openStream(t, dir, weir.Config{
		Now: clock.Now, Shards: shards, Sync: weir.SyncNever, WhenFull: weir.Spill, MaxBytes: 64 << 10,
	})
	for i := range n {
		_, err := s.PutRecord(t.Context(), fmt.Sprint("key-", i%7), []byte(numbered(i, bytes)))
		require.NoError(t, err)
		clock.advance(time.Millisecond)
	}
	require.Greater(t, s.Snapshot().Storage.RecordsOnDisk, int64(n/2))
	t.Cleanup(func() { s.Close() })
	return s
}

func numbered(i, bytes int) string { return fmt.Sprint(i, strings.Repeat(".", bytes)) }

// numbers returns the numbers of deliveries.
func numbers(list []queue.Delivery) (all []string) {
	for i := range list {
		n, _, _ := strings.Cut(string(list[i].Data), ".")
		all = append(all, n)
	}
	return all
}

// A queue over more records than are in memory delivers each once, and again
// when that is due, as often as it comes back; what expires it does not.
func TestQueue_deliversFromTheDisk(t *testing.T) {
	const n = 600
	for name, c := range map[string]queue.Config{
		"as they come": {},
		"in order":     {InOrder: true, MaxInFlight: 1000},
		"by priority":  {Priority: func(weir.Record) int { return 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			s := newSpilled(t, clock, t.TempDir(), 3, n, 1000)
			q := newQueue(t, s, c)
			seen := make(map[string]int)
			rounds := 0
			var last []queue.Delivery
			for len(seen) < n {
				list := try(t, q, 50)
				if len(list) == 0 {
					require.True(t, c.InOrder, "%d of %d", len(seen), n)
				}
				for i := range list {
					seen[numbers(list[i:])[0]]++
					if c.InOrder {
						require.NoError(t, list[i].Ack(t.Context()))
					}
				}
				last = append(last, list...)
				rounds++
				require.Less(t, rounds, n+10)
			}
			for number, times := range seen {
				require.Equal(t, 1, times, number)
			}
			if c.InOrder {
				return
			}
			require.NoError(t, last[0].Ack(t.Context()))
			require.NoError(t, s.TrimTo(last[1].SequenceNumber))
			first := numbers(last[:2])
			clock.advance(time.Minute)
			again := make(map[string]bool)
			for {
				list := try(t, q, 50)
				if len(list) == 0 {
					break
				}
				for i := range list {
					assert.Equal(t, 2, list[i].Receives)
					number := numbers(list[i:])[0]
					assert.False(t, again[number], "%s came twice", number)
					assert.Equal(t, string(last[0].Data[len(last[0].Data)-900:]), string(list[i].Data[len(list[i].Data)-900:]))
					again[number] = true
				}
			}
			assert.Greater(t, len(again), n/2)
			assert.False(t, again[first[0]] || again[first[1]], "one was acknowledged, and one is trimmed")
			counts, err := q.Counts()
			require.NoError(t, err)
			assert.EqualValues(t, n, counts.Acknowledged+counts.Expired+int64(len(again)))
		})
	}
}
