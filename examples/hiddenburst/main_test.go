package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `by the minute: 450 records/s taken of 1000/s, and yet 7000 throttled
worst second: 10:00:06 with 1400 throttled

by the second, # is 100 records taken, x is 100 throttled:
10:00:00  ####
10:00:01  ####
10:00:02  ####
10:00:03  ####
10:00:04  ####
10:00:05  ####
10:00:06  ##########xxxxxxxxxxxxxx
10:00:07  ####
10:00:08  ####
10:00:09  ####
10:00:10  ####
10:00:11  ####
10:00:12  ####
10:00:13  ####
`

func TestHiddenBurst_output(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, want, out.String())
}
