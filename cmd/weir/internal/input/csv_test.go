package input_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

func TestReader_table(t *testing.T) {
	text := "time, key ,x,size\r\n2026-03-02T10:00:05+01:00,a,,100\r\n\n1772442006.5,\"b,c\",1, 0 \n1772442007250,d,,10485760"
	r := newReader(t, text)
	var got []input.Event
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		e.Raw = nil
		got = append(got, e)
	}
	assert.Equal(t, []input.Event{
		{Key: "a", Time: at(9, 0, 5), Size: 100},
		{Key: "b,c", Time: at(9, 0, 6).Add(500 * time.Millisecond)},
		{Key: "d", Time: at(9, 0, 7).Add(250 * time.Millisecond), Size: 10 << 20},
	}, got)
	assert.Zero(t, r.Rejected())
	assert.Equal(t, "comma-separated table", r.Format().String())
}

func TestReader_tableOfOtherColumns(t *testing.T) {
	r, err := input.NewReader(strings.NewReader("ts,device\n7,pump"), input.Fields{Key: "device", Time: "ts"})
	require.NoError(t, err)
	e, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, input.Event{Key: "pump", Time: time.Unix(7, 0).UTC(), Raw: []byte("7,pump"), Size: 6}, e, "as large as its line")
	_, err = input.NewReader(strings.NewReader("ts,device\n7,pump"), input.Fields{Key: "device", Time: "when"})
	assert.ErrorContains(t, err, "names these columns")
}

func TestReader_tableRejects(t *testing.T) {
	reasons := map[string]string{
		"1,k":           "2 columns; the first line names 3",
		"1,k,2,3":       "4 columns; the first line names 3",
		"1,,2":          "the key is empty",
		"1,k,-1":        `size "-1" is not a number of bytes from 0 to 10485760`,
		"1,k,10485761":  `size "10485761" is not a number of bytes from 0 to 10485760`,
		"1,k,1.5":       `size "1.5" is not a number`,
		"yesterday,k,1": `time "yesterday" is neither as in RFC 3339 nor a number`,
		",k,1":          `time "" is neither`,
		`1,"k,1`:        "column 7: extraneous or missing",
		`1,k"k,1`:       "column 4: bare",
	}
	for line, reason := range reasons {
		r := newReader(t, "time,key,size\n"+line)
		assert.Empty(t, readAll(t, r))
		require.Len(t, r.Rejections(), 1, line)
		assert.Contains(t, r.Rejections()[0].Reason, reason, line)
		assert.Equal(t, 2, r.Rejections()[0].Line)
	}
}
