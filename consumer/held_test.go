package consumer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/internal/streamtest"
	"github.com/weirstream/weir/lease"
)

// A holder holds all batches that it gets, of one record each.
type holder struct {
	diary
	held []*consumer.Held
}

func (h *holder) handle(_ context.Context, b *consumer.Batch) error {
	h.note("", b)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, b.Hold())
	return nil
}

// checkpoint returns the place of the only shard's checkpoint among what was
// put.
func checkpoint(t *testing.T, store lease.Store, numbers []string) int {
	at := leases(t, store)["shardId-000000000000"].Checkpoint.Sequence
	for i, n := range numbers {
		if n == at {
			return i
		}
	}
	return -1
}

func TestHeld_theCheckpointIsBeforeTheFirstRecordThatIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store, h := streamtest.New(t, "orders", 1), new(lease.Memory), new(holder)
		var numbers []string
		for i := range 6 {
			at, err := s.PutRecord(t.Context(), "k", fmt.Append(nil, i))
			require.NoError(t, err)
			numbers = append(numbers, at.SequenceNumber.String())
		}
		c := config(s, store, "w", h.handle)
		c.MaxRecords = 2
		g := run(t, c)
		await(t, "all", func() bool { return h.len() == 6 })
		for _, step := range []struct{ batch, record, want int }{{1, 0, -1}, {0, 1, -1}, {0, 0, 2}, {2, 1, 2}, {1, 1, 3}, {1, 1, 3}, {1, 9, 3}, {2, 0, 5}} {
			h.held[step.batch].Ack(step.record)
			time.Sleep(2 * time.Second)
			assert.Equal(t, step.want, checkpoint(t, store, numbers), "%+v", step)
		}
		require.NoError(t, g.End())
	})
}

func TestHeld_isBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := streamtest.New(t, "orders", 1), new(holder)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 500)...)
		c := config(s, new(lease.Memory), "w", h.handle)
		c.MaxRecords = 1
		run(t, c)
		time.Sleep(time.Minute)
		assert.Equal(t, 100, h.len())
		h.mu.Lock()
		first := h.held[0]
		h.mu.Unlock()
		first.Ack(0)
		time.Sleep(time.Second)
		assert.Equal(t, 101, h.len())
	})
}

// Whoever was to acknowledge is gone: the end of a run waits for Patience and no
// longer, and not at all where it is told.
func TestHeld_aRunThatEndsWaitsForPatienceAtMost(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprint("drop ", drop), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, h := streamtest.New(t, "orders", 2), new(lease.Memory), new(holder)
				streamtest.Put(t, s, streamtest.Numbered(8, 0, 20)...)
				c := config(s, store, "w", h.handle)
				c.MaxRecords = 1
				g := run(t, c)
				await(t, "all", func() bool { return h.len() == 20 })
				began := time.Now()
				g.Stop()
				if drop {
					for _, held := range h.held {
						held.Drop()
					}
				}
				require.NoError(t, g.End())
				if drop {
					assert.Zero(t, time.Since(began))
				} else {
					assert.Equal(t, 30*time.Second, time.Since(began))
				}
				for _, l := range leases(t, store) {
					assert.Empty(t, l.Owner)
					assert.Equal(t, lease.TrimHorizon, l.Checkpoint.Sequence)
				}
				h.held[0].Ack(0) // too late, and harmless
				d := new(diary)
				run(t, config(s, store, "next", d.handler("next")))
				await(t, "all again", func() bool { return d.len() == 20 })
			})
		})
	}
}

// A run that goes on gets again what was dropped, from the first record on that
// was not acknowledged.
func TestHeld_whatIsDroppedComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := streamtest.New(t, "orders", 1), new(holder)
		streamtest.Put(t, s, streamtest.Numbered(1, 0, 4)...)
		c := config(s, new(lease.Memory), "w", h.handle)
		c.MaxRecords = 1
		g := run(t, c)
		await(t, "all", func() bool { return h.len() == 4 })
		h.mu.Lock()
		held := h.held
		h.mu.Unlock()
		held[0].Ack(0)
		held[2].Ack(0)
		held[2].Drop() // nothing is left of it
		time.Sleep(time.Minute)
		assert.Equal(t, 4, h.len())
		held[1].Drop()
		await(t, "three again", func() bool { return h.len() == 7 })
		assert.Equal(t, append(streamtest.Numbered(1, 0, 4), streamtest.Numbered(1, 1, 4)...), h.texts())
		h.mu.Lock()
		held = h.held[4:]
		h.mu.Unlock()
		for _, again := range held {
			again.Ack(0)
		}
		began := time.Now()
		require.NoError(t, g.End())
		assert.Zero(t, time.Since(began))
	})
}
