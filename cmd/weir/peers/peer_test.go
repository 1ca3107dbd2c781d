package main

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever is put into a peer comes out of it, else its figures mean nothing: every
// record once, one by one as well as in batches, from keys that are spread and from
// keys that are not.
func TestPeers_giveBackWhatWasPut(t *testing.T) {
	spreadKeys := makeRecords(defaultSize)
	oneKey := &input{name: "one key"}
	for range 3 * batchSize {
		oneKey.records = append(oneKey.records, newRecord("the only key", []byte{1, 2, 3}))
	}
	for _, p := range peers {
		if p.open == nil {
			continue
		}
		for name, in := range map[string]*input{"spread": spreadKeys, "one key": oneKey} {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				const n = 2 * batchSize
				putAndRead(t, p, in, n, func(l log) error { return fill(l, n, in.records) })
				putAndRead(t, p, in, n, func(l log) error {
					for i := range n {
						if err := l.(putter).put(&in.records[i]); err != nil {
							return err
						}
					}
					return flush(l)
				})
			})
		}
	}
}

func putAndRead(t *testing.T, p peer, in *input, n int, put func(l log) error) {
	l, err := p.open(in.room(n))
	require.NoError(t, err)
	defer l.close()
	require.NoError(t, put(l))
	var want, got sink
	for i := range n {
		want.take(in.records[i].data)
	}
	require.NoError(t, l.(reader).read(&got))
	assert.Equal(t, want, got)
	require.NoError(t, l.(reader).read(&got), "a second time")
	if _, once := l.(drainer); once {
		n = 0
	}
	assert.Equal(t, want.records+n, got.records)
}

// Each group is given every record once, whatever groups were there before it.
func TestPeers_groupsProcessWhatWasPut(t *testing.T) {
	groupers := 0
	for _, p := range peers {
		if p.open == nil {
			continue
		}
		const n = 5 * batchSize
		l, err := p.open(room{records: n})
		require.NoError(t, err)
		defer l.close()
		group, ok := l.(grouper)
		if !ok {
			continue
		}
		groupers++
		t.Run(p.name, func(t *testing.T) {
			records := makeRecords(defaultSize).records
			require.NoError(t, fill(l, n, records))
			var want sink
			for i := range n {
				want.take(records[i%len(records)].data)
			}
			for range 2 {
				var all tally
				require.NoError(t, group.process(n, &all))
				assert.Equal(t, want, all.sink)
				assert.False(t, all.begun.IsZero())
			}
		})
	}
	assert.Equal(t, 4, groupers, "weir twice, JetStream and kfake")
}

// A work queue gives every record once, whatever queues were there before it.
func TestPeers_queuesGiveWhatWasPut(t *testing.T) {
	queuers := 0
	for _, p := range peers {
		if p.open == nil {
			continue
		}
		const n = 2*batchSize + 3
		l, err := p.open(room{records: n})
		require.NoError(t, err)
		defer l.close()
		q, ok := l.(queuer)
		if !ok {
			continue
		}
		queuers++
		t.Run(p.name, func(t *testing.T) {
			records := makeRecords(defaultSize).records
			var want sink
			for i := range n {
				want.take(records[i%len(records)].data)
			}
			for range 2 {
				var got sink
				took, err := q.queue(records, n, &got)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				assert.Positive(t, took)
			}
		})
	}
	assert.Equal(t, 3, queuers, "weir twice, and JetStream")
}

func TestPeers_wakeAWaitingReader(t *testing.T) {
	for _, p := range peers {
		if p.counts.wake == 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			l, err := p.open(room{records: batchSize})
			require.NoError(t, err)
			defer l.close()
			took, err := wakeUps(l.(putter), l.(follower), 20, defaultSize)
			require.NoError(t, err)
			require.Len(t, took, 20)
			assert.Positive(t, slices.Min(took), "each record has its own time")
		})
	}
}

func TestPeers_haveNotesAndVersions(t *testing.T) {
	assert.Equal(t, nameWeir, peers[0].name)
	for _, p := range peers {
		assert.Equal(t, p.open != nil, p.note != "", p.name)
		assert.Equal(t, p.openDisk != nil, p.diskNote != "", p.name)
		assert.True(t, p.open != nil || p.openDisk != nil, p.name)
		assert.Zero(t, p.counts.put%batchSize, p.name)
		assert.Zero(t, p.counts.batch%batchSize, p.name)
	}
}

func TestRecords_haveKeysOfTheirOwn(t *testing.T) {
	in := makeRecords(defaultSize)
	require.Len(t, in.records, keys+batchSize)
	seen := make(map[string]bool)
	for _, r := range in.records[:keys] {
		assert.Len(t, r.key, keyBytes)
		assert.Len(t, r.data, defaultSize)
		assert.Equal(t, r.key+string(r.data), string(r.both))
		seen[r.key] = true
	}
	assert.Len(t, seen, keys)
	assert.Equal(t, in.records[:batchSize], in.records[keys:])
}

func TestWorkloads_areThere(t *testing.T) {
	for _, name := range readyMade {
		in, err := loadWorkload(name)
		require.NoError(t, err)
		assert.Greater(t, len(in.records), 2*batchSize, name)
		assert.Positive(t, in.size, name)
		byKey := make(map[string]int)
		for _, r := range in.records {
			byKey[r.key]++
		}
		assert.Greater(t, len(byKey), 10, name)
	}
	_, err := loadWorkload("no such thing")
	assert.Error(t, err)
}

// An interrupt before the first cell leaves a report that can be printed.
func TestRun_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, format := range []string{formatText, formatMarkdown, formatJSON} {
		var out, progress writes
		c := config{rounds: 1, size: defaultSize, quick: true, peers: peers[:2], format: format}
		assert.ErrorIs(t, run(ctx, c, &out, &progress), context.Canceled)
		assert.NotEmpty(t, out)
	}
}

// writes is what was written.
type writes []byte

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
