package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `shards  throttled  worst second  from    to
     3    39.96 %  3000 records  5m0s    20m0s
     6     0.32 %   124 records  5m54s   19m59s
     9     0.00 %
smallest number without a throttle: 7
on-demand: 4 shards at first, throttled from 5m1s, recovered at 16m0s with 16 shards, 19.5 % in all
after five minutes away billing has 1800880 records to read and needs 14m10s
`

func TestWhatIf_output(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, want, out.String())
}
