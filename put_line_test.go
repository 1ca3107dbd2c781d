package weir_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Where the clock is ahead of who waits, as after a sleep of the machine, there
// is quota already when somebody else comes: they stand in line all the same.
func TestPutRecordWait_newcomersStandInLine(t *testing.T) {
	puts := map[string]func(ctx context.Context, s *weir.Stream, key string) error{
		"one": func(ctx context.Context, s *weir.Stream, key string) error {
			_, err := s.PutRecordWait(ctx, key, nil)
			return err
		},
		"batch": func(ctx context.Context, s *weir.Stream, key string) error {
			_, err := s.PutRecordsWait(ctx, repeat(weir.Entry{PartitionKey: key}, 2))
			return err
		},
	}
	for name, put := range puts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, clock := clocked(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 2}})
				drainQuota(t, s, 2)
				begin := func(key string) {
					go func() { assert.NoError(t, put(t.Context(), s, key)) }()
					synctest.Wait()
				}
				begin("first")
				begin("second")
				clock.Advance(time.Minute)
				begin("newcomer")
				require.Len(t, allRecords(t, s), 2, "nobody has looked at the clock")
				for range 20 {
					clock.Advance(time.Second)
					time.Sleep(time.Second)
				}
				var keys []string
				for _, r := range allRecords(t, s)[2:] {
					keys = append(keys, r.PartitionKey)
				}
				assert.Equal(t, []string{"first", "second", "newcomer"}, slices.Compact(keys))
			})
		})
	}
}

// Where the stream's clock stands still a nanosecond before the wait is over,
// it is not asked again every nanosecond.
func TestPutRecordWait_doesNotSpinOnAClockThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, readings := newClock(), 0
		s := newStream(t, weir.Config{Limits: weir.Limits{WriteRecordsPerSecond: 1}, Now: func() time.Time {
			readings++ // of one goroutine at a time
			require.Less(t, readings, 2000)
			return clock.Now()
		}})
		drainQuota(t, s, 1)
		done := make(chan error)
		go func() {
			_, err := s.PutRecordWait(t.Context(), "k", nil)
			done <- err
		}()
		synctest.Wait()
		clock.Advance(time.Second - 1)
		time.Sleep(2 * time.Second)
		clock.Advance(1)
		require.NoError(t, <-done)
		assert.Less(t, readings, 1100, "once a millisecond")
	})
}
