package account_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
)

// flipped flips a bit in a file where a text stands for the last time.
func flipped(t *testing.T, file, text string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at := strings.LastIndex(string(content), text)
	require.Positive(t, at, text)
	content[at] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))
}

// repaired carries out all repairs that are possible, and returns what they said
// that they give up, and what was kept.
func repaired(t *testing.T, dir string) (said, kept []string) {
	t.Helper()
	for range 10 {
		c, err := account.CheckStorage(dir)
		require.NoError(t, err)
		list := c.Repairs()
		require.Equal(t, c.IsSound(), len(list) == 0)
		if len(list) == 0 {
			return said, kept
		}
		for i := range list {
			for _, lost := range list[i].Loses {
				said = append(said, list[i].What+": "+lost)
			}
			more, err := list[i].Do(false)
			require.NoError(t, err)
			kept = append(kept, more...)
		}
	}
	t.Fatal("there is always more")
	return nil, nil
}

const journalName = "0000000000000001.journal"

func streamPath(dir, name string) string { return filepath.Join(dir, "streams", name+".stream") }

func TestCheckStorage_sound(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 2)
	f.put("k", "data")
	_, err := account.CheckStorage(dir)
	require.ErrorIs(t, err, weir.ErrInUse)
	require.NoError(t, f.Close())
	before := filesIn(t, dir)
	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	assert.True(t, c.IsSound())
	assert.Empty(t, c.Repairs())
	assert.Equal(t, []string{id, "us-east-1", "S"}, []string{c.ID, c.Region, c.Streams[0].Name})
	assert.EqualValues(t, 1, c.Streams[0].Check.Files[0].Records)
	assert.Equal(t, before, filesIn(t, dir))
	assert.True(t, account.IsStorage(dir))
	assert.False(t, account.IsStorage(c.Streams[0].Dir))
	assert.False(t, account.IsStorage(t.TempDir()))
	_, err = account.CheckStorage(c.Streams[0].Dir)
	assert.ErrorContains(t, err, "the directory holds no account")
	_, err = account.CheckStorage(t.TempDir())
	assert.Error(t, err)
}

// filesIn returns what the files below a directory hold.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

// What an account loses when its journal is cut is told in its terms, and its
// records are all kept: a stream that it does not know any more is put aside.
func TestStorageCheck_accountIsCut(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	f.create("deleted", 1)
	tag := func(value string) {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"team": value}})
		require.NoError(t, err)
	}
	tag("before")
	tag("DAMAGED") // the note that is damaged
	tag("after")
	f.register("reader")
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: ptr("deleted")})
	require.NoError(t, err)
	f.create("later", 1)
	f.putNth("later", 0)
	f.putNth("S", 0)
	require.NoError(t, f.Close())
	flipped(t, filepath.Join(dir, journalName), "DAMAGED")

	_, err = account.Open(dir, account.Config{ID: id, Now: f.clock.Now})
	require.ErrorIs(t, err, weir.ErrDamaged)
	before := filesIn(t, dir)
	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	require.NotNil(t, c.Damage)
	assert.True(t, c.Damage.Follows)
	assert.Equal(t, before, filesIn(t, dir))
	said, kept := repaired(t, dir)
	assert.Regexp(t, `^account 123456789012 in us-east-1: [0-9]+ bytes, in which: `, said[0])
	assert.Equal(t, []string{
		"account 123456789012 in us-east-1: stream deleted: it is forgotten which numbers it had when it was deleted",
		"account 123456789012 in us-east-1: stream S: as they were before: tags",
		"account 123456789012 in us-east-1: stream S: consumer reader was created later, and is not known any more",
		"account 123456789012 in us-east-1: stream deleted: it was deleted, and comes back, if its directory is there",
		"account 123456789012 in us-east-1: stream later: it was created later, and is not known any more; its directory is kept aside",
		"stream deleted: the stream: the account gives it up, with its tags, policies, consumers, channels and queues",
	}, said[1:])
	require.Len(t, kept, 2)
	assert.Equal(t, streamPath(dir, "0000000000000003-later")+".damaged", kept[0])
	assert.Regexp(t, `0000000000000001.journal.from-[0-9]+.damaged$`, kept[1])

	f = openAt(t, dir, account.Instant(), f.clock)
	assert.Equal(t, []string{"S"}, streamNames(f))
	tags, err := f.ListTagsForStream(f.ctx, &account.ListTagsForStreamInput{StreamName: S()})
	require.NoError(t, err)
	assert.Equal(t, "before", tags.Tags[0].Value)
	f.readNth("S", 1, func() {})
	f.create("new", 1)
	require.NoError(t, f.Close())
	openAt(t, dir, account.Instant(), f.clock)
	s, err := weir.Open(kept[0], weir.Config{Now: f.clock.Now})
	require.NoError(t, err, "nothing of it was lost")
	assert.EqualValues(t, 1, s.Snapshot().RecordsHeld)
	require.NoError(t, s.Close())
}

// streamNames returns the names of the streams.
func streamNames(f *fixture) []string {
	f.Helper()
	out, err := f.ListStreams(f.ctx, &account.ListStreamsInput{})
	require.NoError(f, err)
	return out.StreamNames
}

// Streams and queues of an account are repaired each for itself, and those that
// are missing are given up.
func TestStorageCheck_streamsAndQueues(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.createOnDemand("S", "")
	f.create("missing", 1)
	queues := make(map[string]string)
	for _, name := range []string{"damaged", "gone"} {
		out, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{QueueName: ptr(name), StreamConfigurationList: []account.QueueStreamConfiguration{
			{StreamARN: ptr(arnS), StartingPosition: &account.QueueStartingPosition{Type: ptr(account.IteratorTrimHorizon)}}}})
		require.NoError(t, err)
		arn := out.QueueDescription.QueueARN
		queues[name] = arn[strings.LastIndex(arn, "/")+1:]
	}
	for i := range 5 {
		f.clock.Advance(time.Millisecond)
		f.putNth("S", i)
	}
	require.NoError(t, f.Close())
	path := streamPath(dir, "0000000000000001-S")
	flipped(t, filepath.Join(path, journalName), "S/3 ")
	require.NoError(t, os.RemoveAll(filepath.Join(path, "queue-"+queues["gone"])))
	require.NoError(t, os.RemoveAll(streamPath(dir, "0000000000000002-missing")))
	file := filepath.Join(path, "queue-"+queues["damaged"], journalName)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[len(content)-1] ^= 1 // the end that says that it was closed
	content[strings.LastIndex(string(content[:len(content)-1]), "WEIR")+20] ^= 1
	require.NoError(t, os.WriteFile(file, content, 0o600))

	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	require.Len(t, c.Streams, 2)
	assert.Equal(t, []string{queues["gone"]}, c.Streams[0].MissingQueues)
	assert.True(t, c.Streams[1].Missing)
	said, _ := repaired(t, dir)
	text := strings.Join(said, "\n")
	assert.Regexp(t, `stream S: [0-9]+ bytes, in which 1 records can be read`, text)
	assert.Contains(t, text, "stream S: queue "+queues["gone"]+": the queue: the account gives it up")
	assert.Contains(t, text, "stream missing: the stream: the account gives it up")

	f = openAt(t, dir, account.Instant(), f.clock)
	assert.Equal(t, []string{"S"}, streamNames(f))
	f.readNth("S", 3, func() {})
	list, err := f.ListQueues(f.ctx, &account.ListQueuesInput{})
	require.NoError(t, err)
	require.Len(t, list.QueueSummaries, 1)
	assert.Equal(t, "damaged", list.QueueSummaries[0].QueueName)
}

// What was told is what is done, or nothing.
func TestStorageRepair_changedSinceItWasChecked(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	for _, value := range []string{"one", "two", "three"} {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"x": value}})
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	flipped(t, filepath.Join(dir, journalName), `"three"`)
	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	flipped(t, filepath.Join(dir, journalName), `"two"`)
	before := filesIn(t, dir)
	_, err = c.Repairs()[0].Do(false)
	assert.ErrorContains(t, err, "has changed since it was checked")
	assert.False(t, errors.Is(err, weir.ErrDamaged))
	assert.Equal(t, before, filesIn(t, dir))
}
