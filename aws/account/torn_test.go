package account_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

const cutOff = "a crash cut off the last write: it was never acknowledged, and is gone"

// A last write of an account's own journal that is torn at any byte is cut off:
// the account is as it was before that operation, and the opening says so, once.
// Zeros that were written ahead of it are neither torn nor told.
func TestOpen_accountTornAtEveryByte(t *testing.T) {
	for _, room := range []int64{0, 300} {
		r := newRig(t)
		r.disk.RoomFrom = room
		f := r.mustOpen()
		f.create("S", 1)
		tag := func(value string) {
			_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"team": value}})
			require.NoError(t, err)
		}
		tag("before")
		was, size := everything(f), written(r)
		tag("after")
		done, whole := everything(f), r.disk.Files()[journalName]
		end := written(r)
		require.Greater(t, end, size+20)
		for at := size; at <= end; at++ {
			for zeros := range 2 {
				if zeros > 0 && room == 0 {
					continue
				}
				torn := append(bytes.Clone(whole[:at]), make([]byte, zeros*(len(whole)-at))...)
				r.disk.Crash(rand.New(rand.NewPCG(1, 0)))
				r.disk.Set(map[string][]byte{journalName: torn})
				what := fmt.Sprintf("cut at %d of %d to %d, %d zeros", at, size, end, zeros*(len(whole)-at))
				var log bytes.Buffer
				f, err := r.openTelling(&log)
				require.NoError(t, err, what)
				re := f.Storage().Recovery
				assert.False(t, re.Closed, what)
				if at == end {
					require.Equal(t, done, everything(f), what)
				} else {
					require.Equal(t, was, everything(f), what)
				}
				if at == size || at == end {
					require.Zero(t, re.Torn, what)
					require.Empty(t, log.String(), what)
					continue
				}
				require.Equal(t, journalName, re.TornFile, what)
				if zeros == 0 {
					require.EqualValues(t, at-size, re.Torn, what)
				} else {
					require.Positive(t, re.Torn, what)
				}
				require.Equal(t, fmt.Sprintf("level=WARN msg=%q account=%s region=us-east-1 dir=memory bytes=%d file=%s\n", cutOff, id, re.Torn, journalName),
					log.String(), what)
				log.Reset()
				require.NoError(t, f.Close())
				f, err = r.openTelling(&log)
				require.NoError(t, err, what)
				re = f.Storage().Recovery
				require.True(t, re.Closed, what)
				require.Zero(t, re.Torn, "%s: it was told", what)
				require.Empty(t, log.String(), what)
				require.Equal(t, was, everything(f), what)
			}
		}
	}
}

// written returns how many bytes were written to an account's journal, without
// zeros ahead: its last byte is none, but the end of an object of JSON.
func written(r *rig) int { return len(bytes.TrimRight(r.disk.Files()[journalName], "\x00")) }

// openTelling opens the account, and has it tell log.
func (r *rig) openTelling(log *bytes.Buffer) (*fixture, error) {
	r.Helper()
	c := account.Instant()
	c.ID, c.Now = id, r.clock.Now
	c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	a, err := account.OpenIn(r.disk, r.engines, c)
	return &fixture{T: r.T, Account: a, ctx: r.Context(), clock: r.clock}, err
}

// What opening has cut off of an account's queue is told too.
func TestOpen_tellsOfItsQueues(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	for _, s := range steps() {
		require.NoError(t, s.run(f), s.name)
		if s.name == "CreateQueue" {
			break
		}
	}
	queue := (*f.queueARN())[strings.LastIndex(*f.queueARN(), "/")+1:]
	require.NoError(t, f.Close())
	files, err := filepath.Glob(filepath.Join(dir, "streams", "*", "queue-"+queue, journalName))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(files[0], info.Size()-3))
	var log bytes.Buffer
	c := account.Instant()
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f = openAt(t, dir, c, f.clock)
	assert.Zero(t, f.Storage().Recovery.Torn)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), "a crash cut off the last write of a queue")
	assert.Contains(t, log.String(), queue)
}

// Storage tells what is on disk, and why no more can be noted.
func TestAccount_storage(t *testing.T) {
	assert.Nil(t, newAccount(t, account.Config{}).Storage(), "in memory")
	r := newRig(t)
	f := r.mustOpen()
	assert.Equal(t, &weir.Storage{Dir: "memory"}, f.Storage(), "there is nothing yet")
	f.create("S", 1)
	before := f.Storage()
	assert.Equal(t, 1, before.Files)
	assert.Positive(t, before.Syncs)
	assert.Positive(t, before.WrittenBytes)
	assert.Less(t, before.WrittenBytes, int64(written(r)), "the head is none of the account's notes")
	assert.NoError(t, before.Refused)
	r.disk.FailWith(func(op journaltest.Op) error {
		if op.Kind == "sync" {
			return syscall.EIO
		}
		return nil
	})
	_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"a": ""}})
	require.Error(t, err)
	r.disk.FailWith(nil)
	require.ErrorIs(t, f.Storage().Refused, syscall.EIO)
	require.Error(t, f.Close())
	require.ErrorContains(t, f.Storage().Refused, "closed")
	f = r.mustOpen()
	re := f.Storage().Recovery
	assert.Equal(t, 1, re.Files)
	assert.Positive(t, re.Bytes)
	require.NoError(t, f.Close())
	assert.True(t, r.mustOpen().Storage().Recovery.Closed)
}
