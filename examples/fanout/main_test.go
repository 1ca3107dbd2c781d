package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `
readers  shared                                  registered
      1  0.96 MiB/s  2.4 s behind,    7 refused   1.00 MiB/s  0.0 s behind
      2  0.90 MiB/s  6.1 s behind,   88 refused   1.00 MiB/s  0.0 s behind
      3  0.67 MiB/s 20.0 s behind,  154 refused   1.00 MiB/s  0.0 s behind
      5  0.39 MiB/s 36.3 s behind,  260 refused   1.00 MiB/s  0.0 s behind
     10  0.20 MiB/s 47.9 s behind,  542 refused   1.00 MiB/s  0.0 s behind
`

func TestRun_sharedReadersFallBehindConsumersDoNot(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	assert.Equal(t, want[1:], out.String())
}
