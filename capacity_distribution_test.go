package weir_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

func TestDistribution_auto(t *testing.T) {
	s, _ := clocked(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}})
	ctx, low := t.Context(), weir.HashKey{}
	for range 10 {
		_, err := s.PutRecord(ctx, "", []byte("no key"))
		require.NoError(t, err)
	}
	for range 10 {
		_, err := s.Put(ctx, weir.Entry{PartitionKey: "same", ExplicitHashKey: &low})
		require.NoError(t, err)
	}
	entries := make([]weir.Entry, 500)
	for i := range entries {
		entries[i].ExplicitHashKey = &low
	}
	results, err := s.PutRecords(ctx, entries)
	require.NoError(t, err)
	counts := map[weir.ShardID]int{}
	for _, r := range results {
		require.NoError(t, r.Err)
		counts[r.ShardID]++
	}
	assert.Equal(t, map[weir.ShardID]int{0: 125, 1: 125, 2: 125, 3: 125}, counts)

	keys := map[string]int{}
	for _, sh := range s.Snapshot().Shards {
		assert.EqualValues(t, 130, sh.Total.IncomingRecords)
	}
	for r, err := range s.Records(ctx, weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		keys[r.PartitionKey]++
	}
	assert.Equal(t, map[string]int{"": 510, "same": 10}, keys)

	at, err := s.PutRecord(ctx, "a", nil)
	require.NoError(t, err)
	_, err = s.Put(ctx, weir.Entry{PartitionKey: "a", SequenceNumberForOrdering: at.SequenceNumber})
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = s.PutRecord(ctx, text(weir.MaxPartitionKeyLength+1), nil)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

func TestDistribution_switching(t *testing.T) {
	s, _ := clocked(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}})
	ctx := t.Context()
	_, err := s.PutRecord(ctx, "", nil)
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.NoError(t, setDistribution(s, weir.DistributeAuto))
	assert.Equal(t, weir.DistributeAuto, s.Settings().Distribution)
	_, err = s.PutRecord(ctx, "", nil)
	require.NoError(t, err)
	assert.ErrorIs(t, setMode(s, weir.Provisioned), weir.ErrWrongMode)
	require.NoError(t, setDistribution(s, weir.ByPartitionKey))
	_, err = s.PutRecords(ctx, []weir.Entry{{}})
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	r := mustPut(t, s, "key", "x")
	assert.Equal(t, s.ShardOf("key"), r.ShardID)
	require.NoError(t, setMode(s, weir.Provisioned))
	assert.ErrorIs(t, setDistribution(s, weir.DistributeAuto), weir.ErrWrongMode)
	assert.ErrorIs(t, setDistribution(s, 2), weir.ErrInvalidArgument)
}

func TestDistribution_balanceUnderConcurrency(t *testing.T) {
	s, _ := clocked(t, weir.Config{
		Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}, Shards: 7, Limits: weir.Unlimited(),
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 700 {
				_, err := s.PutRecord(t.Context(), "", nil)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	for _, sh := range s.Snapshot().Shards {
		assert.EqualValues(t, 400, sh.Total.IncomingRecords)
	}
}

// Under automatic distribution a load that one key would throttle passes, and
// all shards are split at once.
func TestOnDemand_automaticDistributionHasNoHotKey(t *testing.T) {
	c := onDemandConfig()
	c.Distribution = weir.DistributeAuto
	r := newRig(t, c)
	r.run(1000, always(demand{16, 200, 0}))
	assert.Equal(t, []string{"660: 8 shards"}, r.events)
}

// A record that is refused has had its turn, alone and in a batch.
func TestDistributeAuto_refusedRecordsTakeTheirTurn(t *testing.T) {
	refused := map[string]func(s *weir.Stream) error{
		"alone": func(s *weir.Stream) error {
			_, err := s.PutRecord(t.Context(), "", make([]byte, 100))
			return err
		},
		"in a batch": func(s *weir.Stream) error {
			results, err := s.PutRecords(t.Context(), []weir.Entry{{Data: make([]byte, 100)}})
			require.NoError(t, err)
			return results[0].Err
		},
	}
	for name, put := range refused {
		t.Run(name, func(t *testing.T) {
			s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}, MaxBytes: 100})
			require.ErrorIs(t, put(s), weir.ErrMemoryFull)
			r, err := s.PutRecord(t.Context(), "", nil)
			require.NoError(t, err)
			assert.Equal(t, weir.ShardID(1), r.ShardID)
		})
	}
}

// Without a partition key a record may have no bytes at all.
func TestStream_readBytesAfterAnEmptyRecord(t *testing.T) {
	c := weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}, Shards: 1, Limits: weir.Limits{ReadBytes: 50}}
	s := newStream(t, c)
	mustPut(t, s, "", "")
	mustPut(t, s, "", text(100))
	b := mustGet(t, s, mustIterator(t, s, 0, weir.TrimHorizon()), 0)
	assert.Equal(t, []string{""}, dataOf(b.Records))
	b = mustGet(t, s, b.Next, 0)
	assert.Equal(t, []string{text(100)}, dataOf(b.Records), "larger than the limit, so alone")
}

// A batch looked whether writes had ended, and then for the shard whose turn it
// was: if they ended in between, it found none, and panicked.
func TestDistributeAuto_writesEndInTheMiddleOfABatch(t *testing.T) {
	s := newStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}})
	assert.NotPanics(t, func() { weir.DealWhenEnded(s) })
}
