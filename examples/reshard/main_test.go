package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, `2 shards to 4 in 2 steps
4 shards to 8 in 4 steps
8 shards to 6 in 10 steps
6 shards to 3 in 3 steps
3 shards to 5 in 6 steps
5 shards to 2 in 5 steps
`+"47 shards ever, 50000 records read, 0 out of order\n", out.String())
}
