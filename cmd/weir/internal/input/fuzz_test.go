package input_test

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// Whatever a line holds, a parser does not panic, and what it takes for an event
// can be put into a stream.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		logLine, logLine[:len(logLine)-1], `h - - [`, `h "`, `{"client":"c","time":0}`, `{"client":{"a":1},"time":"x"}`, "\\\"", "",
	} {
		f.Add([]byte(line))
	}
	parsers := []input.Parser{input.ParseCombined, input.Fields{}.ParseJSON, input.Fields{Key: "a.b", Time: "c.d"}.ParseJSON}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, parse := range parsers {
			e, err := parse(line)
			if err != nil {
				continue
			}
			n := utf8.RuneCountInString(e.Key)
			assert.True(t, n > 0 && n <= weir.MaxPartitionKeyLength && utf8.ValidString(e.Key), "key %q", e.Key)
			assert.GreaterOrEqual(t, e.Status, 0)
			assert.Equal(t, line, e.Raw)
			assert.Equal(t, len(line), e.Size)
		}
	})
}

// The same of tables, whose size is the line's only if there is no such column.
func FuzzReader_table(f *testing.F) {
	for _, line := range []string{"1,k,100", `"2026-03-02T09:00:05Z","a,b",`, "1,,", "\"", "1e99,k,-1", ",,,,"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := input.NewReader(strings.NewReader("time,key,size\n"+line), input.Fields{})
		require.NoError(t, err)
		require.Equal(t, input.Table, r.Format())
		for {
			e, err := r.Next()
			if err != nil {
				assert.Equal(t, io.EOF, err)
				return
			}
			n := utf8.RuneCountInString(e.Key)
			assert.True(t, n > 0 && n <= weir.MaxPartitionKeyLength && utf8.ValidString(e.Key), "key %q", e.Key)
			assert.True(t, e.Size >= 0 && e.Size <= weir.MaxRecordBytes, "size %d", e.Size)
		}
	})
}
