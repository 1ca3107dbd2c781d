package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	engine "github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// tear cuts off the end of a stream's file, as a crash may do.
func tear(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()-3))
}

const cutOff = "a crash cut off the last write: it was never acknowledged, and is gone"

// What opening a directory has cut off is told by who opens it, once: the next
// one finds nothing of it.
func TestCommands_tellWhatOpeningHasCutOff(t *testing.T) {
	for name, args := range map[string]func(dir string) []string{
		"tail": func(dir string) []string { return []string{"tail", dir, "--raw"} },
		"put":  func(dir string) []string { return []string{"put", dir} },
		"top":  func(dir string) []string { return []string{"top", dir} },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := storedStream(t)
			tear(t, file)
			status, _, errs := weir(t, "", args(dir)...)
			require.Zero(t, status, errs)
			assert.Equal(t, 1, strings.Count(errs, cutOff), errs)
			assert.Regexp(t, `level=WARN msg="`+cutOff+`" stream=orders dir=\S*orders bytes=\d+ file=0000000000000001\.journal\n`, errs)
			_, _, errs = weir(t, "", args(dir)...)
			assert.NotContains(t, errs, cutOff, "it was told")
		})
	}
}

// An alarm cancels a command when it has written what is waited for.
type alarm struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (a *alarm) Write(p []byte) (int, error) {
	defer func() {
		if strings.Contains(a.String(), cutOff) {
			a.cancel()
		}
	}()
	return a.Buffer.Write(p)
}

// Those that go on until they are told to end tell it at their beginning.
func TestCommands_thatGoOnTellWhatOpeningHasCutOff(t *testing.T) {
	for name, args := range map[string]func(dir string) []string{
		"mirror": func(dir string) []string { return []string{"mirror", dir, dir + "-copy"} },
		"consume": func(dir string) []string {
			return []string{"consume", dir, "--group", "g", "--per-batch", "--", "true"}
		},
		"deliver": func(dir string) []string { return []string{"deliver", dir, "--to", dir + "-lake"} },
		"trigger": func(dir string) []string { return []string{"trigger", dir, "--url", "http://127.0.0.1:1"} },
		"console": func(dir string) []string { return []string{"console", dir, "--listen", "127.0.0.1:0"} },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := storedStream(t)
			tear(t, file)
			t.Chdir(filepath.Dir(dir)) // where groups are kept
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			errs := alarm{cancel: cancel}
			var out bytes.Buffer
			cli.Run(ctx, args(dir), noEnv, strings.NewReader(""), &out, &errs)
			assert.Contains(t, errs.String(), cutOff)
			assert.ErrorIs(t, ctx.Err(), context.Canceled)
		})
	}
}

func TestTail_tellsThatRecordsMayBeLost(t *testing.T) {
	open, dir := filepath.Join(t.TempDir(), "orders"), filepath.Join(t.TempDir(), "orders")
	s, err := engine.Open(open, engine.Config{Sync: time.Hour})
	require.NoError(t, err)
	_, err = s.PutRecord(t.Context(), "k", []byte("x"))
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(open)))
	require.NoError(t, s.Close())
	_, _, errs := weir(t, "", "tail", dir)
	assert.Contains(t, errs, `level=WARN msg="records may be lost that were acknowledged before they were on disk; their numbers are left out" stream=orders dir=`+dir)
	_, _, errs = weir(t, "", "tail", dir)
	assert.NotContains(t, errs, "records may be lost")
}

func TestServe_tellsWhatOpeningItsStateHasCutOff(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, nil, "--state", dir, "--stream", "orders,clicks", "--delay", "0s")
	s.put("aGVsbG8=")
	status, errs := s.stop()
	require.Zero(t, status, errs)
	files, err := filepath.Glob(filepath.Join(dir, "*", "streams", "*-orders.stream", "*.journal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	for _, format := range [][]string{nil, {"--log", "json"}} {
		tear(t, files[0])
		args := append([]string{"--state", dir}, format...)
		_, errs = startServe(t, nil, args...).stop()
		assert.Equal(t, 1, strings.Count(errs, cutOff), errs)
		assert.Contains(t, errs, "orders.stream")
		assert.NotContains(t, errs, "clicks")
		_, errs = startServe(t, nil, args...).stop()
		assert.NotContains(t, errs, cutOff)
	}
}

// What an account itself knows has a journal too, whose last write a crash may
// have cut off.
func TestServe_tellsWhatOpeningAnAccountHasCutOff(t *testing.T) {
	dir := t.TempDir()
	status, errs := startServe(t, nil, "--state", dir, "--stream", "orders", "--delay", "0s").stop()
	require.Zero(t, status, errs)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.journal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	for _, log := range [][]string{nil, {"--log", "json"}} {
		tear(t, files[0])
		args := append([]string{"--state", dir}, log...)
		_, errs = startServe(t, nil, args...).stop()
		assert.Equal(t, 1, strings.Count(errs, cutOff), errs)
		assert.Contains(t, errs, filepath.Base(filepath.Dir(files[0])))
		if log == nil {
			assert.Regexp(t, `level=WARN msg="`+cutOff+`" account=000000000000 region=us-east-1 dir=\S+ bytes=\d+ file=0000000000000001\.journal\n`, errs)
		}
		_, errs = startServe(t, nil, args...).stop()
		assert.NotContains(t, errs, cutOff)
	}
}
