package group_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/group"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/lease"
)

// Stopped in the middle and started again, it has counted each order once, though
// calls fail.
func TestRun_goesOnWhereItStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 4))
		k.Fail("GetRecords").Nth(3).With(kinesistest.ExpiredIterator).Required()
		k.Fail("GetRecords").Nth(5, 6, 7).Throttle().Required()
		leases := new(lease.Memory)
		counts := func(until int) (first, last string) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var out strings.Builder
			require.NoError(t, group.Run(ctx, &out, k.Client(), leases, func(n int) {
				if n >= until {
					stop()
				}
			}))
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			require.Len(t, lines, 2)
			return lines[0], lines[1]
		}
		k.Generate("orders", kinesistest.Load{Records: 1000, Keys: 50, Over: time.Minute})
		first, middle := counts(150)
		assert.Equal(t, "0 orders have been counted", first)
		n := 0
		for _, digit := range strings.Fields(middle)[0] {
			n = 10*n + int(digit-'0')
		}
		assert.GreaterOrEqual(t, n, 150)
		k.Generate("orders", kinesistest.Load{Records: 200, Keys: 50, Over: time.Minute})
		again, last := counts(1200 - n)
		assert.Equal(t, middle, again)
		assert.Equal(t, "1200 orders have been counted", last)
	})
}
