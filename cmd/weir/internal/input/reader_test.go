package input_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// logLine is a line that is an event.
const logLine = `192.0.2.1 - - [02/Mar/2026:09:00:05 +0000] "GET /a HTTP/1.1" 200 512 "-" "Agent/1.0"`

// readAll reads to the end and returns the lines of the events.
func readAll(t *testing.T, r *input.Reader) (lines []string) {
	t.Helper()
	for {
		e, err := r.Next()
		if err == io.EOF {
			return lines
		}
		require.NoError(t, err)
		lines = append(lines, string(e.Raw))
	}
}

func newReader(t *testing.T, text string) *input.Reader {
	t.Helper()
	r, err := input.NewReader(strings.NewReader(text), input.Fields{})
	require.NoError(t, err)
	return r
}

func TestReader_countsBadLinesByTheirNumber(t *testing.T) {
	r := newReader(t, "\n"+logLine+"\r\nbad\n\n"+strings.Repeat("x", 100)+"\n"+logLine) // no end of line
	assert.Equal(t, []string{logLine, logLine}, readAll(t, r))
	assert.Equal(t, 2, r.Events())
	assert.Equal(t, 2, r.Rejected())
	assert.Equal(t, []input.Rejection{
		{Line: 3, Reason: "nothing follows the client", Text: "bad"},
		{Line: 5, Reason: "nothing follows the client", Text: strings.Repeat("x", 60) + "…"},
	}, r.Rejections())
}

func TestReader_keepsTheFirstRejections(t *testing.T) {
	r := newReader(t, strings.Repeat("bad\n", 20))
	assert.Empty(t, readAll(t, r))
	assert.Equal(t, 20, r.Rejected())
	assert.Len(t, r.Rejections(), input.KeptRejections)
}

func TestReader_format(t *testing.T) {
	tests := []struct {
		text string
		want input.Format
	}{
		{"", input.Unknown},
		{"\n \r\n", input.Unknown},
		{logLine, input.Combined},
		{"nonsense", input.Combined},
		{"key,time\n", input.Table},
		{"time, other,key ,size", input.Table},
		{"key,when", input.Combined},
		{"\n  {\"client\":1}", input.JSONLines},
		{"\uFEFF{\"client\":1}", input.JSONLines},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, newReader(t, tt.text).Format(), "%q", tt.text)
	}
}

func TestReader_fieldsAreForJSONLines(t *testing.T) {
	_, err := input.NewReader(strings.NewReader(logLine), input.Fields{Key: "x"})
	assert.ErrorContains(t, err, "JSON lines and tables only")
	_, err = input.NewReader(strings.NewReader(`{}`), input.Fields{Key: "x"})
	assert.NoError(t, err)
	_, err = input.NewReader(strings.NewReader(""), input.Fields{Key: "x"})
	assert.NoError(t, err)
}

func TestReader_lineLength(t *testing.T) {
	fill := func(n int) string { // a line of n bytes, its end included
		return logLine[:len(logLine)-1] + strings.Repeat("x", n-len(logLine)-1) + "\"\n"
	}
	tests := []struct {
		name     string
		text     string
		events   int
		rejected int
	}{
		{"one less than the limit", fill(input.MaxLineBytes - 1), 1, 0},
		{"at the limit", fill(input.MaxLineBytes), 1, 0},
		{"one more", fill(input.MaxLineBytes + 1), 0, 1},
		{"much more, and one after it", strings.Repeat("x", 10*input.MaxLineBytes) + "\n" + logLine, 1, 1},
		{"much more without an end", logLine + "\n" + strings.Repeat("x", 10*input.MaxLineBytes), 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newReader(t, tt.text)
			assert.Len(t, readAll(t, r), tt.events)
			assert.Equal(t, tt.rejected, r.Rejected())
		})
	}
}

func TestReader_garbage(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	r, err := input.NewReader(io.LimitReader(random, 1<<20), input.Fields{})
	require.NoError(t, err)
	assert.Empty(t, readAll(t, r))
	assert.Positive(t, r.Rejected())
}

func TestReader_errorOfTheInput(t *testing.T) {
	broken := errors.New("disk gone")
	r, err := input.NewReader(io.MultiReader(strings.NewReader(logLine+"\n"), iotest.ErrReader(broken)), input.Fields{})
	require.NoError(t, err)
	_, err = r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	assert.ErrorIs(t, err, broken)

	_, err = input.NewReader(iotest.ErrReader(broken), input.Fields{})
	assert.ErrorIs(t, err, broken)
}
