package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun_packedClicksDoNotWaitForTheLimitOnRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, 5000))
		assert.Regexp(t, `^packed false: 5000 clicks in 5000 records took 4s\npacked true: 5000 clicks in \d{1,4} records took 0s\n$`, out.String())
	})
}

func TestRun_ends(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, run(ctx, new(strings.Builder), 10), context.Canceled)
}
