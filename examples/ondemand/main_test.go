package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `minute   capacity     demand      taken  throttled records
     0  256 KiB/s   64 KiB/s   64 KiB/s          0
     1  256 KiB/s   64 KiB/s   64 KiB/s          0
     2  256 KiB/s   64 KiB/s   64 KiB/s          0
     3  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     4  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     5  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     6  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     7  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     8  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
     9  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
    10  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
    11  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
    12  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
    13  256 KiB/s  448 KiB/s  256 KiB/s       5760 ###########
    14  512 KiB/s  448 KiB/s  448 KiB/s          0
    15  512 KiB/s  448 KiB/s  448 KiB/s          0
    16  512 KiB/s   64 KiB/s   64 KiB/s          0
    17  512 KiB/s   64 KiB/s   64 KiB/s          0
recovered at 10:14:00
on-demand, automatic, 8 open shards for 524288 bytes/s and 8000 records/s, warm 0 MiB/s, peak 458752 bytes/s and 224 records/s
`

func TestOnDemand_output(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, want, out.String())
}
