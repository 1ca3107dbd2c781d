package workfile_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/input"
	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workload"
)

const logLine = `192.0.2.1 - - [02/Mar/2026:09:00:05 +0000] "GET /a HTTP/1.1" 200 512 "-" "Agent/1.0"`

func newOpener(t *testing.T, stdin string) *workfile.Opener {
	t.Helper()
	o := workfile.NewOpener(t.Context(), input.Fields{}, strings.NewReader(stdin))
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	return o
}

// records returns all of a trace.
func records(t *testing.T, o *workfile.Opener, name string) (list []workload.Traced, err error) {
	t.Helper()
	sequence, err := o.Open(name)
	require.NoError(t, err)
	for r, err := range sequence {
		if err != nil {
			return list, err
		}
		list = append(list, r)
	}
	return list, nil
}

func TestOpener_formats(t *testing.T) {
	nine := time.Date(2026, time.March, 2, 9, 0, 5, 0, time.UTC)
	object := `{"client":"192.0.2.1","time":"2026-03-02T09:00:05Z"}`
	for text, want := range map[string]workload.Traced{
		logLine + "\n": {At: nine, Key: "192.0.2.1", Bytes: len(logLine)},
		object:         {At: nine, Key: "192.0.2.1", Bytes: len(object)},
		"time,key,size\n2026-03-02T09:00:05Z,192.0.2.1,77": {At: nine, Key: "192.0.2.1", Bytes: 77},
	} {
		name := filepath.Join(t.TempDir(), "trace")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		got, err := records(t, newOpener(t, ""), name)
		require.NoError(t, err)
		assert.Equal(t, []workload.Traced{want}, got)
	}
}

func TestOpener_standardInputCanBeReadAgain(t *testing.T) {
	o := newOpener(t, strings.Repeat(logLine+"\n", 1000))
	var all sync.WaitGroup
	for range 4 { // at the same time, as a sweep does
		all.Go(func() {
			sequence, err := o.Open(workfile.Stdin)
			if !assert.NoError(t, err) {
				return
			}
			n := 0
			for _, err := range sequence {
				assert.NoError(t, err)
				n++
			}
			assert.Equal(t, 1000, n)
		})
	}
	all.Wait()
}

func TestOpener_closeRemovesTheCopy(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	o := workfile.NewOpener(t.Context(), input.Fields{}, strings.NewReader(logLine))
	_, err := records(t, o, workfile.Stdin)
	require.NoError(t, err)
	files, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
	require.NoError(t, o.Close())
	files, err = os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	assert.Empty(t, files)
}

func TestOpener_standardInputThatNeverEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stdin, feed := io.Pipe()
	defer feed.Close()
	o := workfile.NewOpener(ctx, input.Fields{}, stdin)
	go func() {
		_, _ = io.WriteString(feed, logLine+"\n")
		cancel()
	}()
	_, err := o.Open(workfile.Stdin)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, o.Close())
}

func TestOpener_countsBadLines(t *testing.T) {
	o := newOpener(t, logLine+"\nbad\n"+logLine+strings.Repeat("\nworse", 6))
	got, err := records(t, o, workfile.Stdin)
	require.NoError(t, err)
	assert.Len(t, got, 2)
	require.Len(t, o.Traces(), 1)
	trace := o.Traces()[0]
	assert.Equal(t, []any{"standard input", input.Combined, 2, 7}, []any{trace.Name, trace.Format, trace.Records, trace.Rejected})
	assert.Equal(t, input.Rejection{Line: 2, Reason: "nothing follows the client", Text: "bad"}, trace.Rejections[0])
	assert.Contains(t, o.Rejections(), "rejected 7 lines of standard input:\n  line 2: nothing follows the client: \"bad\"\n")
	assert.Contains(t, o.Rejections(), "  and 2 more\n")

	sequence, err := o.Open(workfile.Stdin)
	require.NoError(t, err)
	for range sequence {
		break
	}
	assert.Equal(t, 7, o.Traces()[0].Rejected, "a reading that ends early does not count")
}

func TestOpener_errors(t *testing.T) {
	o := newOpener(t, "a,b\n1,2\n")
	_, err := o.Open("/no/such/file")
	assert.EqualError(t, err, "no such file or directory", "the caller adds the name")
	_, err = o.Open(t.TempDir())
	assert.EqualError(t, err, "is a directory")
	got, err := records(t, o, workfile.Stdin)
	assert.Empty(t, got)
	assert.ErrorContains(t, err, "unreadable format: none of its 2 lines is an Apache combined log line, a JSON object with a key and a time, "+
		"or below a first line with columns key and time; line 1: nothing follows the client")
	_, err = workfile.NewOpener(t.Context(), input.Fields{Key: "x"}, strings.NewReader(logLine)).Open(workfile.Stdin)
	assert.ErrorContains(t, err, "fields can be chosen in JSON lines and tables only")
}
