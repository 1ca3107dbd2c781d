package shardlog_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/shardlog"
)

// Indexes that are left out are those of no record, whatever the log holds, and
// those that are left out twice are one gap.
func TestLog_skip(t *testing.T) {
	for _, hollow := range []bool{false, true} {
		for _, records := range []int{0, 1, 2, 700} {
			for _, trimmed := range []uint64{1, 2, 701} {
				t.Run(fmt.Sprint(hollow, records, trimmed), func(t *testing.T) {
					var l shardlog.Log
					l.Init(shardlog.Options{Hollow: hollow})
					for i := range records {
						l.Append("k", make([]byte, 10), int64(i))
					}
					l.Publish()
					l.TrimTo(trimmed)
					first, end, published := l.First(), l.End(), l.Published()
					assert.Error(t, l.Skip(0))
					assert.Error(t, l.Skip(1<<62))
					require.NoError(t, l.Skip(5))
					require.NoError(t, l.Skip(3))
					require.NoError(t, l.Check())
					assert.Equal(t, []shardlog.Gap{{end, end + 8}}, l.Gaps())
					assert.Equal(t, first, l.First())
					assert.Equal(t, end, l.End())
					assert.Equal(t, published, l.Published())
					assert.Equal(t, end+8, l.Next())

					assert.Equal(t, end+8, l.Append("k", make([]byte, 10), int64(records)))
					assert.Error(t, l.Skip(1), "what is not published may be taken back")
					l.Retract()
					assert.Equal(t, end+8, l.Append("k", make([]byte, 10), int64(records)))
					l.Publish()
					require.NoError(t, l.Check())
					require.NoError(t, l.Skip(2))
					l.Append("k", nil, int64(records))
					l.Publish()
					require.NoError(t, l.Check())
					assert.Equal(t, []shardlog.Gap{{end, end + 8}, {end + 9, end + 11}}, l.Gaps())

					var read []uint64
					c := shardlog.Cursor{Next: 1}
					for {
						l.SkipTo(&c, -1)
						n, _ := l.Take(&c, 1, 1<<20, true)
						if n == 0 {
							break
						}
						read = append(read, c.Next)
						c.Next++
					}
					assert.Len(t, read, int(end-first)+2)
					assert.Equal(t, []uint64{end + 8, end + 11}, read[len(read)-2:])
				})
			}
		}
	}
}
