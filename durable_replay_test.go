package weir_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/internal/notes"
)

const onlyFile = "0000000000000001.journal"

// journalFrame returns a frame of a journal, with a checksum that is right.
func journalFrame(number uint64, kind byte, content []byte) []byte {
	b := append([]byte("WEIR"), make([]byte, 16)...)
	b = append(append(b, kind), content...)
	binary.LittleEndian.PutUint32(b, 0x52494557)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(content)+1))
	binary.LittleEndian.PutUint64(b[8:], number)
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(b[16:], crc32.Update(crc32.Checksum(b[4:16], table), table, b[20:]))
	return b
}

// crafted returns a disk with a journal of a state, notes and the mark of a
// repair, unless these are empty.
func crafted(state, noted, mark []byte) *journaltest.FS {
	head := append([]byte{1, 0, 0}, state...) // of file 1, none before it, sync always
	b := append([]byte("weir journal 1\n\n"), journalFrame(0, 'h', head)...)
	b = append(b, journalFrame(1, 'o', []byte{0})...)
	number := uint64(2)
	if len(noted) > 0 {
		b = append(b, journalFrame(number, 'g', noted)...)
		number++
	}
	if len(mark) > 0 {
		b = append(b, journalFrame(number, 'r', mark)...)
	}
	return journalOf(map[string][]byte{onlyFile: b})
}

// written returns the state that a stream's only file begins with, and the
// notes of all its groups.
func written(t testing.TB, disk *journaltest.FS) (state, noted []byte) {
	b := disk.Files()[onlyFile][16:]
	for len(b) > 0 {
		end := 20 + int(binary.LittleEndian.Uint32(b[4:]))
		content := b[21:end]
		switch b[20] {
		case 'h':
			require.Equal(t, []byte{1, 0, 0}, content[:3])
			state = content[3:]
		case 'g':
			noted = append(noted, content...)
		}
		b = b[end:]
	}
	return state, noted
}

// aWrittenStream returns state and notes of a stream that has a bit of
// everything.
func aWrittenStream(t testing.TB, c weir.Config) (state, noted []byte) {
	disk, clock := journaltest.New(), newClock()
	c.Now = clock.Now
	s, err := weir.OpenIn(disk, "test", c)
	require.NoError(t, err)
	mustPut(t, s, "a", "1")
	_, err = s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "a", Data: []byte("2")}, {PartitionKey: "b", Data: []byte("3")}})
	require.NoError(t, err)
	p, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "c", Data: []byte("4")}, 3)
	require.NoError(t, err)
	require.Equal(t, 3, p)
	if c.Mode == weir.Provisioned {
		_, err = s.SplitShard(t.Context(), 0, s.Shards()[0].HashKeyRange.Middle())
		require.NoError(t, err)
	}
	clock.Advance(3 * time.Hour)
	last := mustPut(t, s, "f", "7")
	_, err = s.RegisterConsumer(t.Context(), "audit")
	require.NoError(t, err)
	require.NoError(t, s.TrimTo(last.SequenceNumber))
	mustPut(t, s, "f", "8")
	state, noted = written(t, disk)
	require.NoError(t, s.Close())
	return state, noted
}

// judge opens a journal, checks it and repairs it. Open and the check are of
// one mind, and what is opened is sound.
func judge(t testing.TB, disk *journaltest.FS) {
	files := disk.Files()
	config := weir.Config{Limits: weir.Unlimited(), Now: newClock().Now}
	c, err := weir.CheckInAt(disk, config.Now)
	require.NoError(t, err)
	require.Equal(t, files, disk.Files(), "a check changes nothing")
	s, err := weir.OpenIn(disk, "test", config)
	if c.Damage != nil {
		require.ErrorIs(t, err, weir.ErrDamaged)
		require.ErrorContains(t, err, c.Damage.String())
		require.Equal(t, files, disk.Files(), "what is damaged stays as it is")
		if !c.Repairable {
			return
		}
		_, err = c.Repair(false)
		require.NoError(t, err)
		s, err = weir.OpenIn(disk, "test", config)
		if err != nil { // what is kept does not go together, as the head said
			require.ErrorIs(t, err, weir.ErrDamaged)
			return
		}
	}
	require.NoError(t, err)
	require.NoError(t, weir.CheckInvariants(s))
	records := len(allRecords(t, s))
	if _, err = s.PutRecord(t.Context(), "k", nil); err == nil {
		records++
	} else {
		require.ErrorIs(t, err, weir.ErrClosed, "writes have ended")
	}
	require.Len(t, allRecords(t, s), records)
	require.NoError(t, s.Close())
	s, err = weir.OpenIn(disk, "test", config)
	require.NoError(t, err)
	require.Len(t, allRecords(t, s), records)
	require.NoError(t, s.Close())
}

// FuzzReplay opens journals whose checksums are right, whatever stands in them.
func FuzzReplay(f *testing.F) {
	for _, c := range []weir.Config{
		{Shards: 2, Limits: weir.Unlimited()},
		{Settings: weir.Settings{Mode: weir.OnDemand, Distribution: weir.DistributeAuto}, Limits: weir.Unlimited()},
	} {
		state, noted := aWrittenStream(f, c)
		f.Add(state, noted, []byte(nil))
		f.Add(state, noted[:len(noted)/2], []byte(`{"Next":{"0":9},"Second":1700000000}`))
		f.Add(state, notes.AppendTrim(noted, 0, 1<<62), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, state, noted, mark []byte) {
		if copies(noted) > 1<<20 {
			t.Skip("a stream of so many records takes too long")
		}
		judge(t, crafted(state, noted, mark))
	})
}

// copies returns how many bytes copies stand for.
func copies(noted []byte) (n int64) {
	for in := notes.NewReader(noted); ; {
		note, err := in.Next()
		if err != nil {
			return n
		}
		follow := note.Count
		if note.Kind == notes.KindCopies {
			follow = 1
		}
		for range follow {
			key, data, err := in.Record()
			if err != nil {
				return n
			}
			if note.Kind == notes.KindCopies {
				n += int64(note.Count) * int64(8+len(key)+len(data))
			}
		}
	}
}

// What is written as it should be and cannot be is damage, with a reason.
func TestOpen_impossibleNotes(t *testing.T) {
	state, noted := aWrittenStream(t, weir.Config{Limits: weir.Unlimited()})
	judge(t, crafted(state, noted, nil))
	demanded, onDemand := aWrittenStream(t, weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Unlimited()})
	judge(t, crafted(demanded, onDemand, nil))
	at := newClock().Now().UnixMilli()
	run := func(k notes.Kind, r notes.Run) []byte {
		return notes.AppendRecord(notes.AppendRun(nil, k, r), "k", nil)
	}
	change := func(text string) []byte { return notes.AppendChange(nil, []byte(text)) }
	// edited returns the state with all that was replaced.
	edited := func(state []byte, pairs ...string) []byte {
		text := string(state)
		for i := 0; i < len(pairs); i += 2 {
			require.Contains(t, text, pairs[i], "an edit that edits nothing")
			text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
		}
		return []byte(text)
	}
	var all struct {
		Stream, Shards json.RawMessage
	}
	require.NoError(t, json.Unmarshal(state, &all))
	withShards := func(shards string) []byte { return fmt.Appendf(nil, `{"Stream":%s,"Shards":%s}`, all.Stream, shards) }
	one := strings.Trim(string(all.Shards), "[]")
	for name, j := range map[string]*journaltest.FS{
		"no JSON":               crafted([]byte("{"), nil, nil),
		"null":                  crafted([]byte("null"), nil, nil),
		"nothing":               crafted([]byte("{}"), nil, nil),
		"an array":              crafted([]byte("[1]"), nil, nil),
		"another type":          crafted([]byte(`{"Stream":"x","Shards":{}}`), nil, nil),
		"no shard":              crafted(withShards("[]"), nil, nil),
		"a shard twice":         crafted(withShards("["+one+","+strings.Replace(one, `"ID":0`, `"ID":1`, 1)+"]"), nil, nil),
		"shards that overlap":   crafted(withShards("["+one+","+strings.NewReplacer(`"ID":0`, `"ID":1`, `"ID":"shardId-000000000000"`, `"ID":"shardId-000000000001"`).Replace(one)+"]"), nil, nil),
		"an id that is not yet": crafted(edited(state, `"ID":0`, `"ID":5`, `"ID":"shardId-000000000000"`, `"ID":"shardId-000000000005"`), nil, nil),
		"a negative id":         crafted(edited(state, `"ID":0`, `"ID":-1`), nil, nil),
		"an id beyond an int":   crafted(edited(state, `"ID":0`, `"ID":99999999999999999999`), nil, nil),
		"ends before it begins": crafted(edited(state, `"End":1,`, `"End":0,`), nil, nil),
		"an end beyond all":     crafted(edited(state, `"End":1,`, `"End":9223372036854775808,`), nil, nil),
		"negative sizes":        crafted(edited(state, `"Bytes":0`, `"Bytes":-1`), nil, nil),
		"gaps that overlap":     crafted(edited(state, `"Bytes":0`, `"Bytes":0,"Gaps":[{"From":1,"To":9},{"From":5,"To":20}]`), nil, nil),
		"a gap beyond all":      crafted(edited(state, `"Bytes":0`, `"Bytes":0,"Gaps":[{"From":1,"To":18446744073709551615}]`), nil, nil),
		"a gap that goes back":  crafted(edited(state, `"Bytes":0`, `"Bytes":0,"Gaps":[{"From":1,"To":1}]`), nil, nil),
		"negative retention":    crafted(edited(state, `"Retention":86400000000000`, `"Retention":-9223372036854775808`), nil, nil),
		"a mode that is none":   crafted(edited(state, `"Mode":0`, `"Mode":77`), nil, nil),
		"no record fits":        crafted(edited(state, `"RecordBytes":10485760`, `"RecordBytes":0`), nil, nil),
		"created before 1970":   crafted(edited(state, `"Name":"test","Created":`, `"Name":"test","Created":-`), nil, nil),
		"a name that is none":   crafted(edited(state, `"Name":"test"`, `"Name":"../../etc"`), nil, nil),
		"a consumer's name":     crafted(edited(state, `"Next":"shardId-000000000001"`, `"Next":"shardId-000000000001","Consumers":[{"Name":"a/b"}]`), nil, nil),
		"a consumer twice":      crafted(edited(state, `"Next":"shardId-000000000001"`, `"Next":"shardId-000000000001","Consumers":[{"Name":"a"},{"Name":"a"}]`), nil, nil),
		"parents that are it":   crafted(edited(state, `"Opened":`, `"Parents":["shardId-000000000000"],"Opened":`), nil, nil),
		"a second beyond all":   crafted(edited(state, `"Next":"shardId-000000000001"`, `"Next":"shardId-000000000001","OpensAfter":9223372036854775807`), nil, nil),
		"opened beyond all":     crafted(edited(state, fmt.Sprintf(`"LastMs":%d`, at), `"LastMs":9223372036854775807`), nil, nil),
		"ended and open":        crafted(edited(state, `"Next":"shardId-000000000001"`, `"Next":"shardId-000000000001","Ended":true`), nil, nil),

		"records of no shard":        crafted(state, run('r', notes.Run{Shard: 9, Index: 1, First: 1, Ms: at, Count: 1}), nil),
		"records of a closed shard":  crafted(state, append(slices.Clone(noted), run('r', notes.Run{Index: 7, First: 1, Ms: at, Count: 1})...), nil),
		"records from later on":      crafted(state, run('r', notes.Run{Index: 2, First: 1, Ms: at, Count: 1}), nil),
		"a record twice":             crafted(state, append(run('r', notes.Run{Index: 1, First: 1, Ms: at, Count: 1}), run('r', notes.Run{Index: 1, First: 1, Ms: at, Count: 1})...), nil),
		"a record from before":       crafted(state, run('r', notes.Run{Index: 1, First: 1, Ms: at - 1, Count: 1}), nil),
		"a record from beyond time":  crafted(state, run('r', notes.Run{Index: 1, First: 1, Ms: 1 << 61, Count: 1}), nil),
		"fewer records than said":    crafted(state, run('r', notes.Run{Index: 1, First: 1, Ms: at, Count: 2}), nil),
		"no record":                  crafted(state, run('r', notes.Run{Index: 1, First: 1, Ms: at, Count: 0}), nil),
		"an endless key":             crafted(state, append(notes.AppendRun(nil, 'r', notes.Run{Index: 1, First: 1, Ms: at, Count: 1}), 0xff, 0xff, 0xff, 0xff, 0x0f, 0), nil),
		"copies without end":         crafted(state, run('c', notes.Run{Index: 1, First: 1, Ms: at, Count: math.MaxInt32}), nil),
		"a change that is none":      crafted(state, change(`{"Stream":7}`), nil),
		"a change without a stream":  crafted(state, change(`{}`), nil),
		"a change to another end":    crafted(state, change(string(edited(state, `"End":1,`, `"End":5,`))), nil),
		"a change of another's name": crafted(state, change(string(edited(state, `"About":{"ID":"shardId-000000000000"`, `"About":{"ID":"shardId-000000000001"`))), nil),
		"a gap in the past":          crafted(state, append(run('r', notes.Run{Index: 1, First: 1, Ms: at, Count: 1}), change(string(edited(state, `"End":1,`, `"End":2,`, `"Bytes":0`, `"Bytes":1,"Gaps":[{"From":1,"To":2}]`)))...), nil),
		"all shards gone":            crafted(state, notes.AppendGone(nil, 0), nil),
		"an unknown note":            crafted(state, []byte("q"), nil),
		"a mark that is none":        crafted(state, nil, []byte("7")),

		"a machine without shards": crafted(edited(demanded, `"Open":[`, `"Open":[],"Close":[`), nil, nil),
		"a machine of later":       crafted(edited(demanded, `"Until":`, `"Until":9`), nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := weir.CheckIn(j)
			require.NoError(t, err)
			assert.NotNil(t, c.Damage, "it cannot be")
			judge(t, j)
		})
	}

	opened := change(string(edited(state, `"End":1,`, `"End":7,`, `"Bytes":0`, `"Bytes":12`)))
	c, err := weir.CheckIn(crafted(state, append(slices.Clone(noted), opened...), nil))
	require.NoError(t, err)
	require.NotNil(t, c.Damage)
	assert.Equal(t, "shardId-000000000000 is open, after it was closed", c.Damage.Reason, "at once, and not when all is read")
}

// What a check needs does not depend on how many records there are.
func TestCheckStorage_copiesTakeNoMemory(t *testing.T) {
	state, _ := aWrittenStream(t, weir.Config{Limits: weir.Unlimited()})
	at := newClock().Now().UnixMilli()
	var noted []byte
	for i := range uint64(20) {
		noted = notes.AppendRun(noted, 'c', notes.Run{Index: 1 + i<<20, First: 1, Ms: at, Count: 1 << 20})
		noted = notes.AppendRecord(noted, "k", bytes.Repeat([]byte("x"), 100))
	}
	disk := crafted(state, noted, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := weir.CheckIn(disk)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	assert.Nil(t, c.Damage)
	assert.EqualValues(t, 20<<20, c.Files[0].Records)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30), "2 GiB of records")
}
