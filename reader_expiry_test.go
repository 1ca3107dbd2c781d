package weir_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Readers that fall behind retention, and that stop and resume, see no record
// twice and no key out of order: a parent that vanished must neither hold its
// children up nor let them begin twice.
func TestReader_orderWhileShardsVanish(t *testing.T) {
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 4))
		clock := newClock()
		s, err := weir.NewStream("x", weir.Config{Now: clock.Now, Shards: 1 + random.IntN(3), Limits: weir.Unlimited()})
		require.NoError(t, err)
		r, err := s.NewReader("", weir.TrimHorizon())
		require.NoError(t, err)
		put, last := map[string]int{}, map[string]int{}
		take := func() bool {
			b, err := r.TryNext()
			require.NoError(t, err, "seed %d", seed)
			records := b.Records
			for _, record := range records {
				n, err := strconv.Atoi(string(record.Data))
				require.NoError(t, err)
				require.Greater(t, n, last[record.PartitionKey], "seed %d, key %s", seed, record.PartitionKey)
				last[record.PartitionKey] = n
			}
			return len(records) > 0
		}
		for range 10 + random.IntN(50) {
			switch random.IntN(8) {
			case 0, 1, 2:
				key := fmt.Sprint(random.IntN(12))
				put[key]++
				mustPut(t, s, key, strconv.Itoa(put[key]))
			case 3, 4:
				reshardAtRandom(t, s, random)
			case 5:
				clock.Advance(time.Duration(random.IntN(9)) * time.Hour)
			case 6:
				take()
			case 7:
				r = resumed(t, s, r)
			}
		}
		fresh := map[string]int{}
		for _, record := range allRecords(t, s) {
			fresh[record.PartitionKey]++
		}
		for take() {
		}
		for key := range fresh {
			require.Equal(t, put[key], last[key], "seed %d: all that is readable was read", seed)
		}
		require.NoError(t, weir.CheckInvariants(s))
	}
}

func TestStream_resumesPastAParentThatExpired(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	mustPut(t, s, "k", "old")
	_, err = r.TryNext()
	require.NoError(t, err)
	positions := r.Positions()
	_, err = s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63})
	require.NoError(t, err)
	clock.Advance(25 * time.Hour) // expired, and not forgotten
	mustPut(t, s, "k", "new")
	r, err = s.NewReader("", weir.Resume(positions, weir.TrimHorizon()))
	require.NoError(t, err)
	b, err := r.TryNext()
	require.NoError(t, err)
	records := b.Records
	assert.Equal(t, []string{"new"}, dataOf(records))
}

func TestStream_resumeRefusesContradictions(t *testing.T) {
	s := newStream(t, weir.Config{Shards: 2})
	starting := func(i int) weir.SequenceNumber { return s.Shards()[i].StartingSequenceNumber }
	_, err := s.NewReader("", weir.Resume(weir.Positions{starting(0), starting(0)}, weir.TrimHorizon()))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument, "one shard twice")
	_, err = s.SplitShard(t.Context(), shard0, hashKey(t, "1000"))
	require.NoError(t, err)
	_, err = s.NewReader("", weir.Resume(weir.Positions{starting(0), starting(2)}, weir.TrimHorizon()))
	assert.ErrorIs(t, err, weir.ErrInvalidArgument, "a parent and its child")
}

func TestReader_closeEndsAWaitingNext(t *testing.T) {
	s := newStream(t, weir.Config{})
	r, err := s.NewReader("", weir.Latest().In(shard0))
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := r.Next(t.Context())
		done <- err
	}()
	r.Close()
	require.ErrorIs(t, <-done, weir.ErrClosed)
}
