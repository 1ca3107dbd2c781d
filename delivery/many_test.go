package delivery_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
)

// However many objects become of what was read at once, a lease keeps their
// plan, and the next run goes on with it.
func TestDelivery_manyObjectsAtOnce(t *testing.T) {
	manyParts := func(data []byte) ([][]byte, error) {
		parts := [][]byte{data}
		for range 3500 {
			parts = append(parts, []byte("x"))
		}
		return parts, nil
	}
	for name, one := range map[string]struct {
		records, want int
		change        func(c *delivery.Config)
	}{
		"as they are":         {6000, 6000, func(c *delivery.Config) {}},
		"processed":           {6000, 6000, func(c *delivery.Config) { c.Split = delivery.SplitJSON }},
		"of one record split": {2, 2 * 3501, func(c *delivery.Config) { c.Split = manyParts }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, store, sink := streamtest.New(t, "orders", 1), newStore(), new(shelf)
				for range one.records {
					_, err := s.PutRecord(t.Context(), "k", []byte("1"))
					require.NoError(t, err)
				}
				c := config(s, store, sink)
				c.Count = 1
				c.Group.Reading = client.Reading{Polling: true, MaxRecords: 10_000}
				one.change(&c)
				sink.failing(func(*delivery.Object) error { return errors.New("down") })
				require.NoError(t, runFor(t, c, time.Minute))
				require.Zero(t, sink.count())
				_, state := streamtest.Checkpoint(t, store)
				require.NotEmpty(t, state)
				sink.failing(nil)
				require.NoError(t, runFor(t, c, time.Minute))
				require.Len(t, lines(sink.bodies("")), one.want)
			})
		})
	}
}
