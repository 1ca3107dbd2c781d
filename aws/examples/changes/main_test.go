package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun_printsThatTheViewIsTheTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, 1000, 1))
	assert.Equal(t, `1000 changes came as 1104 records: map[applied:861 duplicate:18 late:225]
the table has 42 items, the view 42, of which 42 are the same
`, out.String())
}

func TestRun_whateverComes(t *testing.T) {
	for seed := range uint64(5) {
		var out strings.Builder
		require.NoError(t, run(t.Context(), &out, 300, seed))
		assert.Regexp(t, `the table has (\d+) items, the view (\d+), of which (\d+) are the same`, out.String())
		fields := strings.Fields(strings.Split(out.String(), "\n")[1])
		assert.Equal(t, fields[3], strings.TrimSuffix(fields[7], ","), "seed %d", seed)
		assert.Equal(t, fields[3], fields[10], "seed %d", seed)
	}
}
