package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Stopped in the middle and started again, it has counted each order once.
func TestRun_goesOnWhereItStood(t *testing.T) {
	dir := t.TempDir()
	counts := func(orders, until int) (first, last string) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var out strings.Builder
		require.NoError(t, run(ctx, &out, dir, orders, func(n int) {
			if n >= until {
				stop()
			}
		}))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		return lines[0], lines[1]
	}
	first, middle := counts(1000, 150)
	assert.Equal(t, "0 orders have been counted", first)
	assert.NotEqual(t, first, middle)
	var n int
	for _, digit := range strings.Fields(middle)[0] {
		n = 10*n + int(digit-'0')
	}
	again, last := counts(200, 1200-n)
	assert.Equal(t, middle, again)
	assert.Equal(t, "1200 orders have been counted", last)
}
