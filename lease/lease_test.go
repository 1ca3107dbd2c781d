package lease_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

func TestLease_check(t *testing.T) {
	long := strings.Repeat("x", lease.MaxKeyBytes)
	require.NoError(t, lease.Lease{Key: long, Owner: long, State: make([]byte, lease.MaxStateBytes), Throughput: 1e15}.Check())
	cases := map[string]lease.Lease{
		"lease key: 0 bytes are not 1 to 1024":                                       {},
		"lease key: 1025 bytes are above 1024":                                       {Key: long + "x"},
		"lease a: stream: 1025 bytes are above 1024":                                 {Key: "a", Stream: long + "x"},
		"lease a: owner: \"\\xff\" is not UTF-8":                                     {Key: "a", Owner: "\xff"},
		"lease a: checkpoint: \"1\\x00\" holds a zero byte":                          {Key: "a", Checkpoint: lease.Checkpoint{Sequence: "1\x00"}},
		"lease a: checkpoint: the index 9223372036854775808 in a record is above 92": {Key: "a", Checkpoint: lease.Checkpoint{Sub: 1 << 63}},
		"lease a: counter: 9223372036854775807 is not 0 to 9223372036854775806":      {Key: "a", Counter: math.MaxInt64},
		"lease a: switches: -1 is below 0":                                           {Key: "a", Switches: -1},
		"lease a: state: 262145 bytes are above 262144":                              {Key: "a", State: make([]byte, lease.MaxStateBytes+1)},
		"lease a: parents: a key is empty":                                           {Key: "a", Parents: []string{""}},
		"lease a: children: \"b\" is there twice":                                    {Key: "a", Children: []string{"b", "b"}},
		"lease a: children: 61 keys are above 60":                                    {Key: "a", Children: make([]string, 61)},
		"lease a: throughput: NaN is not 0 to 1e+15":                                 {Key: "a", Throughput: math.NaN()},
		"lease a: throughput: -1 is not 0":                                           {Key: "a", Throughput: -1},
	}
	for says, l := range cases {
		assert.ErrorContains(t, l.Check(), says)
	}
}

func TestCheckGroup(t *testing.T) {
	for _, name := range []string{"a", "Orders-2_x.y", ".a", strings.Repeat("g", lease.MaxGroupBytes)} {
		assert.NoError(t, lease.CheckGroup(name), name)
	}
	for name, says := range map[string]string{
		"":                       "0 bytes are not 1 to 128",
		strings.Repeat("g", 129): "129 bytes are not 1 to 128",
		"a/b":                    `'/' is not a letter, digit`,
		"ä":                      `'ä' is not a letter, digit`,
		"..":                     "ends with a dot",
	} {
		assert.ErrorContains(t, lease.CheckGroup(name), says)
	}
}

func TestLease_cloneSharesNothing(t *testing.T) {
	l := lease.Lease{State: []byte("s"), Parents: []string{"p"}, Children: []string{"c"}}
	c := l.Clone()
	c.State[0], c.Parents[0], c.Children[0] = 'x', "x", "x"
	assert.Equal(t, lease.Lease{State: []byte("s"), Parents: []string{"p"}, Children: []string{"c"}}, l)
	assert.True(t, lease.Checkpoint{Sequence: lease.ShardEnd}.IsEnded())
	assert.False(t, lease.Checkpoint{}.IsEnded())
}
