package account_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/internal/handclock"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// hasAll carries out the steps that leave something behind for good.
func hasAll(f *fixture) {
	f.Helper()
	for _, s := range steps() {
		if s.name == "DeregisterStreamConsumer" || s.name == "RegisterStreamConsumer again" || strings.HasPrefix(s.name, "Delete") || s.name == "CreateStream again" {
			continue
		}
		require.NoError(f, s.run(f), s.name)
	}
}

// headEnd returns where the head of a file of a journal ends.
func headEnd(file []byte) int { return 16 + 20 + int(binary.LittleEndian.Uint32(file[20:])) }

// A broken is an account on disk that is damaged again and again.
type broken struct {
	*testing.T
	from  string // where it is whole
	name  string // of its journal's only file
	file  []byte // what is in that
	clock *handclock.Clock
}

// breakable closes an account, which is to have one file.
func breakable(f *fixture, dir string) *broken {
	f.Helper()
	require.NoError(f, f.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	require.NoError(f, err)
	require.Len(f, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(f, err)
	return &broken{f.T, dir, filepath.Base(files[0]), content, f.clock}
}

// with returns a copy of the account whose journal is another.
func (b *broken) with(called string, file []byte) (dir string) {
	b.Helper()
	dir = filepath.Join(b.TempDir(), called)
	require.NoError(b, os.CopyFS(dir, os.DirFS(b.from)))
	require.NoError(b, os.WriteFile(filepath.Join(dir, b.name), file, 0o600))
	return dir
}

// flippedAt returns the journal with a bit of a byte turned over.
func (b *broken) flippedAt(i int) []byte {
	file := slices.Clone(b.file)
	file[i] ^= 1 << (i % 8)
	return file
}

// open opens the account.
func (b *broken) open(dir string) *fixture {
	b.Helper()
	return openAt(b.T, dir, account.Instant(), b.clock)
}

// repairedOver repairs the account with another journal, but for the directories
// that are to be put aside, and returns the journal that this makes.
func (b *broken) repairedOver(dir string, file []byte, what any) (made []byte, c *account.StorageCheck) {
	b.Helper()
	disk := journaltest.New()
	disk.Set(map[string][]byte{b.name: file})
	c, err := account.CheckOver(disk, dir, stays{})
	require.NoError(b, err, what)
	require.True(b, c.Rebuilds && c.Repairable, what)
	require.Equal(b, file, disk.Files()[b.name], what)
	list := c.Repairs()
	require.Len(b, list, 1, what)
	kept, err := list[0].Do(false)
	require.NoError(b, err, what)
	require.Equal(b, filepath.Join(dir, b.name+".damaged"), kept[len(kept)-1], what)
	require.Equal(b, file, disk.Files()[b.name+".damaged"], "%v: all that was there is kept", what)
	return disk.Files()[b.name], c
}

// stays puts nothing aside.
type stays struct{}

func (stays) Rename(string, string) error { return nil }
func (stays) SyncDir(string) error        { return nil }

// Of an account whose journal is in its first file nothing is lost with the head,
// whatever bit of it flips: all that it knew stands behind it.
func TestStorageRepair_firstHead(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	f.create("D", 1)
	_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"a": "b"}})
	require.NoError(t, err)
	f.register("reader")
	f.putNth("S", 0)
	f.putNth("D", 0)
	want := everything(f)
	b := breakable(f, dir)
	named := b.with(id+"-us-east-1", b.file)
	made := make(map[string]bool)
	for i := range headEnd(b.file) {
		for _, dir := range []string{named, dir}[:2-min(1, i%4)] {
			journal, c := b.repairedOver(dir, b.flippedAt(i), i)
			require.Len(t, c.Streams, 2, i)
			if dir == named || i < 16 { // the head itself is sound
				require.Equal(t, []string{"nothing: all that the account knew stands behind the damage"}, c.Loses, i)
				require.Equal(t, []string{id, "us-east-1"}, []string{c.ID, c.Region}, i)
			} else {
				require.Equal(t, []string{"the account's ID and region: they are those of whoever opens it next"}, c.Loses, i)
			}
			made[string(journal)] = true
		}
	}
	require.Len(t, made, 2, "with the ID and without")
	for file := range made {
		dir := b.with("account", []byte(file))
		after := b.open(dir)
		require.Equal(t, want, everything(after))
		require.NoError(t, after.Close())
		_, err := account.Open(dir, account.Config{ID: "999999999999", Now: f.clock.Now})
		require.ErrorContains(t, err, "the directory holds account 123456789012 in us-east-1", "it is known now")
		require.Equal(t, want, everything(b.open(dir)))
		require.NoError(t, os.RemoveAll(dir))
	}
	// In earnest, and without anything left behind the head.
	dir = b.with("account", b.file[:headEnd(b.file)-1])
	_, err = account.Open(dir, account.Config{ID: id, Now: f.clock.Now})
	require.ErrorIs(t, err, weir.ErrDamaged)
	repaired(t, dir)
	require.Equal(t, []string{"D", "S"}, streamNames(b.open(dir)))
}

// rotated returns an account whose journal is in a later file: its head alone
// says what has not changed since.
// more is done to it after that head.
func rotated(t *testing.T, more func(f *fixture)) (f *fixture, b *broken) {
	defer account.SetDiskFileBytes(1)()
	f, dir := newOnDisk(t, account.Instant())
	hasAll(f)
	f.putNth("S", 0)
	f.create("known", 2)
	number := 0
	for i := range 100 { // until a file is begun
		was := number
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: ptr("known"), Tags: map[string]string{"n": fmt.Sprint(i)}})
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
		require.NoError(t, err)
		_, err = fmt.Sscanf(filepath.Base(files[0]), "%d", &number)
		require.NoError(t, err)
		if number > was && was > 0 {
			break
		}
	}
	f.putNth("known", 0)
	_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: ptr("known"), Tags: map[string]string{"n": "last"}})
	require.NoError(t, err)
	more(f)
	return f, breakable(f, dir)
}

// Of an account whose journal is in a later file streams are made anew from what
// they know themselves, whatever bit of the head flips; what changed since the
// head is as it was; and what is lost is told.
func TestStorageRepair_laterHead(t *testing.T) {
	f, b := rotated(t, func(*fixture) {})
	require.NotEqual(t, journalName, b.name)
	want := everything(b.open(b.from))
	queue := (*f.queueARN())[strings.LastIndex(*f.queueARN(), "/")+1:]
	const rest = "its tags, policy, encryption, enhanced monitoring, and what was under way; the rest is as its directory says"
	loses := []string{
		"what is not known from behind the damage: channels, and which numbers streams had that were deleted; " +
			"the account's own settings, such as On-demand Advantage",
		"stream D: " + rest,
		"stream D: queue/" + queue + ": its directory is put aside; the records stay in the stream",
		"stream S: consumer c: its tags and policy, and its ARN may be another",
		"stream S: " + rest,
	}
	dir, made := b.with(id+"-us-east-1", b.file), make(map[string]bool)
	step := 1 + headEnd(b.file)/50
	for i := 0; i < headEnd(b.file); i += step {
		journal, c := b.repairedOver(dir, b.flippedAt(i), i)
		if i < 16 {
			require.Equal(t, []string{"nothing: all that the account knew stands behind the damage"}, c.Loses, i)
			continue
		}
		require.Equal(t, loses, c.Loses, i)
		require.Positive(t, c.LostBytes, i)
		made[string(journal)] = true
	}
	require.Len(t, made, 1, "it is the same whatever bit it was")

	require.NoError(t, os.WriteFile(filepath.Join(dir, b.name), b.flippedAt(headEnd(b.file)-1), 0o600))
	said, kept := repaired(t, dir)
	require.Regexp(t, `^account 123456789012 in us-east-1: [0-9]+ bytes, in which: `, said[0])
	require.Equal(t, loses, withoutAccount(said[1:]))
	require.Len(t, kept, 2)
	require.DirExists(t, kept[0], "the queue's")
	after := b.open(dir)
	got := everything(after)
	require.Equal(t, []string{"D", "S", "known"}, streamNames(after))
	for key, was := range want {
		name, what, _ := strings.Cut(key, ": ")
		if records, ok := was.(*account.GetRecordsOutput); ok {
			require.Equal(t, records.Records, got[key].(*account.GetRecordsOutput).Records, key)
		} else if name == "known" || what == "settings" || what == "engine's consumers" {
			require.Equal(t, was, got[key], key)
		}
	}
	for _, name := range []string{"D", "S"} {
		was, is := want[name+": describe"].(account.StreamDescription), got[name+": describe"].(account.StreamDescription)
		require.Equal(t, was.Shards, is.Shards)
		require.Equal(t, was.RetentionPeriodHours, is.RetentionPeriodHours)
		require.Equal(t, was.StreamModeDetails, is.StreamModeDetails)
		require.Equal(t, account.StatusActive, is.StreamStatus)
		require.Equal(t, was.StreamCreationTimestamp, is.StreamCreationTimestamp)
	}
	was, is := want["S: consumers"].(*account.ListStreamConsumersOutput), got["S: consumers"].(*account.ListStreamConsumersOutput)
	require.Equal(t, was, is)
	after.create("new", 1)
	require.NoError(t, after.Close())
}

// What stands behind the damaged head is kept in part too: a consumer or a queue
// that has changed since, of a stream that has not; and a stream that has
// changed, whose consumer has not.
func TestStorageRepair_partsBehindTheHead(t *testing.T) {
	_, b := rotated(t, func(f *fixture) {
		for _, arn := range []*string{f.consumerARN(), f.queueARN()} {
			_, err := f.TagResource(f.ctx, &account.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"late": "r"}})
			require.NoError(t, err)
		}
		f.create("gone", 1)
		_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: ptr("gone")})
		require.NoError(t, err)
	})
	want := everything(b.open(b.from))
	dir := b.with("account", b.flippedAt(headEnd(b.file)-1))
	said, kept := repaired(t, dir)
	require.Len(t, kept, 1, "the queue is known")
	text := strings.Join(said, "\n")
	require.NotContains(t, text, "consumer c")
	require.NotContains(t, text, "queue/")
	require.NotContains(t, text, "gone")
	after := b.open(dir)
	got := everything(after)
	require.Equal(t, []string{"D", "S", "known"}, streamNames(after))
	for key, was := range want {
		if strings.HasPrefix(key, "queue") || strings.HasPrefix(key, "tags of") && !strings.Contains(key, "channel") ||
			strings.HasPrefix(key, "S: consumers") || strings.Contains(key, "consumer/") || strings.HasPrefix(key, "policy of") {
			require.Equal(t, was, got[key], key)
		}
	}
	require.NotEmpty(t, want["queues"].(*account.ListQueuesOutput).QueueSummaries)

	f, b := rotated(t, func(f *fixture) {
		_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"late": "r"}})
		require.NoError(t, err)
		_, err = f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: ptr("D"), Tags: map[string]string{"late": "r"}})
		require.NoError(t, err)
	})
	want = everything(b.open(b.from))
	queue := (*f.queueARN())[strings.LastIndex(*f.queueARN(), "/")+1:]
	channel := (*f.channelARN())[strings.LastIndex(*f.channelARN(), "/")+1:]
	dir = b.with("account", b.flippedAt(headEnd(b.file)-1))
	said, kept = repaired(t, dir)
	require.Len(t, kept, 2)
	require.Equal(t, []string{
		"stream D: channel/" + channel,
		"stream D: queue/" + queue + ": its directory is put aside; the records stay in the stream",
		"stream S: consumer c: its tags and policy, and its ARN may be another",
	}, withoutAccount(said[3:]))
	got = everything(b.open(dir))
	for _, key := range []string{"S: tags", "S: policy", "S: describe", "S: consumers", "D: tags", "D: describe"} {
		require.Equal(t, want[key], got[key], key)
	}
}

// withoutAccount leaves out of what repairs said what they are of.
func withoutAccount(said []string) (list []string) {
	for _, line := range said {
		_, line, _ = strings.Cut(line, ": ")
		list = append(list, line)
	}
	return list
}

// A second damage behind the head leaves a gap: what stands behind that is taken
// for the latest, and what is missing is told as it is for a later head.
func TestStorageRepair_headAndMore(t *testing.T) {
	f, dir := newOnDisk(t, account.Instant())
	f.create("S", 1)
	f.create("T", 1)
	_, err := f.AddTagsToStream(f.ctx, &account.AddTagsToStreamInput{StreamName: S(), Tags: map[string]string{"a": "LATEST"}})
	require.NoError(t, err)
	f.putNth("S", 0)
	f.putNth("T", 0)
	b := breakable(f, dir)
	damaged := b.flippedAt(40)
	at := strings.Index(string(damaged), `"name":"T"`)
	damaged[at] ^= 1
	at += strings.Index(string(damaged[at:]), `"name":"T"`)
	damaged[at] ^= 1
	dir = b.with("account", damaged)
	said, _ := repaired(t, dir)
	require.Len(t, said, 4)
	require.Contains(t, said[3], "stream T: its tags, policy, encryption")
	after := b.open(dir)
	require.Equal(t, []string{"S", "T"}, streamNames(after))
	tags, err := after.ListTagsForStream(after.ctx, &account.ListTagsForStreamInput{StreamName: S()})
	require.NoError(t, err)
	require.Equal(t, "LATEST", tags.Tags[0].Value)
	after.readNth("S", 1, func() {})
	after.readNth("T", 1, func() {})
}

// Streams that are damaged too are repaired first, since they are to say what
// the account knew; of those that nothing can be kept of, or that are not what
// they should be, the directories are put aside.
func TestStorageRepair_headAndStreams(t *testing.T) {
	_, b := rotated(t, func(f *fixture) {
		f.putNth("S", 1)
		f.putNth("S", 2)
	})
	dir := b.with("account", b.flippedAt(headEnd(b.file)-1))
	flipped(t, filepath.Join(streamPath(dir, "0000000000000001-S"), journalName), "S/1 ")
	flipped(t, filepath.Join(streamPath(dir, "0000000000000002-D"), journalName), `"Created"`)
	head, err := os.ReadFile(filepath.Join(streamPath(dir, "0000000000000002-D"), journalName))
	require.NoError(t, err)
	head[50] ^= 1
	require.NoError(t, os.WriteFile(filepath.Join(streamPath(dir, "0000000000000002-D"), journalName), head, 0o600))
	older := streamPath(dir, "0000000000000000-known")
	require.NoError(t, os.CopyFS(older, os.DirFS(streamPath(dir, "0000000000000003-known"))))
	renamed := streamPath(dir, "0000000000000009-renamed")
	require.NoError(t, os.CopyFS(renamed, os.DirFS(streamPath(dir, "0000000000000003-known"))))

	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	list := c.Repairs()
	require.Len(t, list, 1)
	require.Equal(t, "stream S", list[0].What)
	said, kept := repaired(t, dir)
	require.Regexp(t, `^stream S: [0-9]+ bytes, in which 1 records can be read$`, said[0])
	require.Equal(t, []string{
		"stream D: it is damaged, and nothing of it can be kept; its directory is put aside",
		"stream S: consumer c: its tags and policy, and its ARN may be another",
		"stream S: its tags, policy, encryption, enhanced monitoring, and what was under way; the rest is as its directory says",
		"stream known of number 0: there is a newer one of that name; its directory is put aside",
		"stream renamed: it is called known, and not as its directory, which is put aside",
	}, withoutAccount(said[4:]))
	require.Len(t, kept, 5)
	require.ElementsMatch(t, []string{older + ".damaged", streamPath(dir, "0000000000000002-D") + ".damaged", renamed + ".damaged"}, kept[1:4])
	after := b.open(dir)
	require.Equal(t, []string{"S", "known"}, streamNames(after))
	after.create("new", 1)
	require.DirExists(t, streamPath(dir, "0000000000000010-new"), "a number that no directory has had")
}

// What is to be done is told before: if a stream has come or gone since, nothing is.
func TestStorageRepair_headAndAStreamThatWent(t *testing.T) {
	_, b := rotated(t, func(*fixture) {})
	dir := b.with("account", b.flippedAt(headEnd(b.file)-1))
	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(streamPath(dir, "0000000000000001-S")))
	before := filesIn(t, dir)
	_, err = c.Repairs()[0].Do(false)
	require.ErrorContains(t, err, "has changed since it was checked")
	require.Equal(t, before, filesIn(t, dir))
}

// With discard the damaged journal is removed, and no stream or queue is.
func TestStorageRepair_headDiscarded(t *testing.T) {
	_, b := rotated(t, func(*fixture) {})
	dir := b.with("account", b.file[:40])
	c, err := account.CheckStorage(dir)
	require.NoError(t, err)
	kept, err := c.Repairs()[0].Do(true)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, kept[0], "lost-queue-")
	require.Equal(t, []string{"D", "S", "known"}, streamNames(b.open(dir)))
}
