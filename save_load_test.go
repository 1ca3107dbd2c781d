package weir_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// putMany puts records prefix0, prefix1 and so on, and returns their numbers.
func putMany(t testing.TB, s *weir.Stream, prefix string, n int) (numbers []weir.SequenceNumber) {
	t.Helper()
	for i := range n {
		numbers = append(numbers, mustPut(t, s, "k", fmt.Sprint(prefix, i)).SequenceNumber)
	}
	return numbers
}

// A heldPositions is a position in shard 0 in every form that a stream gives
// out.
type heldPositions struct {
	number weir.SequenceNumber // of the last record that was read
	token  string
	reader weir.Positions
	event  weir.SequenceNumber // what a subscription continues after
}

// holdPositions reads shard 0 from its beginning and returns where it stands
// then.
func holdPositions(t testing.TB, s *weir.Stream, number weir.SequenceNumber) heldPositions {
	t.Helper()
	held := heldPositions{number: number}
	b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
	held.token = s.Token(b.Next)
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	_, err = r.TryNext()
	require.NoError(t, err)
	held.reader = r.Positions()
	name := fmt.Sprint("consumer-", len(s.Consumers()))
	_, err = s.RegisterConsumer(t.Context(), name)
	require.NoError(t, err)
	sub, err := s.Subscribe(t.Context(), name, shard0, weir.TrimHorizon())
	require.NoError(t, err)
	defer sub.Close()
	ev, ok, err := sub.TryNext()
	require.NoError(t, err)
	require.True(t, ok)
	held.event = ev.Continue.Number()
	return held
}

// resumed returns what is read from a position in each of its forms up to the
// tip, and the error of each form that is refused. Of an AT the first record is
// left out.
func (p heldPositions) resumed(t testing.TB, s *weir.Stream) (data map[string][]string, errs map[string]error) {
	t.Helper()
	data, errs = make(map[string][]string), make(map[string]error)
	iterate := func(form string, it weir.Iterator, err error) {
		if err != nil {
			errs[form] = err
			return
		}
		data[form] = dataOf(mustGet(t, s, it, 0).Records)
	}
	it, err := s.Iterator(t.Context(), shard0, weir.AfterSequence(p.number))
	iterate("after", it, err)
	it, err = s.Iterator(t.Context(), shard0, weir.AtSequence(p.number))
	iterate("at", it, err)
	if len(data["at"]) > 0 {
		data["at"] = data["at"][1:]
	}
	it, err = s.Iterator(t.Context(), shard0, weir.AfterSequence(p.event))
	iterate("event", it, err)
	it, err = s.ParseToken(p.token)
	iterate("token", it, err)
	if r, err := s.NewReader("", weir.Resume(p.reader, weir.TrimHorizon())); err != nil {
		errs["reader"] = err
	} else {
		defer r.Close()
		b, err := r.TryNext()
		require.NoError(t, err)
		data["reader"] = dataOf(b.Records)
	}
	return data, errs
}

// requireResumes checks that a position continues with these records in each of
// its forms.
func (p heldPositions) requireResumes(t testing.TB, s *weir.Stream, want []string) {
	t.Helper()
	data, errs := p.resumed(t, s)
	require.Empty(t, errs)
	for form, got := range data {
		assert.Equal(t, want, got, form)
	}
	assert.Len(t, data, 5)
}

// requireLost checks that a position is refused in each of its forms, in words
// that say why.
func (p heldPositions) requireLost(t testing.TB, s *weir.Stream) {
	t.Helper()
	data, errs := p.resumed(t, s)
	assert.Empty(t, data, "read from a position that is lost")
	assert.Len(t, errs, 5)
	for form, err := range errs {
		if form == "token" {
			assert.ErrorIs(t, err, weir.ErrInvalidIterator)
		}
		assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber, form)
		assert.ErrorContains(t, err, "was given out after the stream was saved that was loaded since", form)
	}
	assert.ErrorIs(t, s.TrimTo(p.number), weir.ErrInvalidSequenceNumber)
}

// A stream that was saved after 5 of 15 records, and lost, went on with the
// sixth index when it was loaded: a position from after the save named another
// record then, and who resumed there never got the new records up to it,
// without an error.
func TestLoadStream_refusesPositionsFromAfterTheSave(t *testing.T) {
	for _, later := range []time.Duration{0, time.Millisecond, time.Minute, 10 * time.Hour} {
		t.Run(later.String(), func(t *testing.T) {
			clock := newClock()
			c := weir.Config{Now: clock.Now, Limits: weir.Unlimited()}
			s := newStream(t, c)
			numbers := putMany(t, s, "kept-", 5)
			early := holdPositions(t, s, numbers[4])
			b := saved(t, s)
			lost := putMany(t, s, "lost-", 10)
			late := holdPositions(t, s, lost[9])
			clock.Advance(later)

			l := loaded(t, b, c)
			late.requireLost(t, l) // before anything is put
			early.requireResumes(t, l, []string{})
			numbers = append(numbers, putMany(t, l, "new-", 10)...)
			early.requireResumes(t, l, dataOf(allRecords(t, l))[5:])
			for _, n := range lost {
				late.number = n
				late.requireLost(t, l)
			}
			for i := 1; i < len(numbers); i++ {
				assert.Positive(t, numbers[i].Compare(numbers[i-1]))
			}
		})
	}
}

// The same file may be loaded twice: a program that dies soon after it was
// loaded, before it saved again, begins with it once more. What the first of
// the two runs gave out is lost like what came before it, so the second leaves
// more out.
func TestLoadStream_twiceFromOneSave(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now, Limits: weir.Unlimited()}
	s := newStream(t, c)
	putMany(t, s, "kept-", 5)
	b := saved(t, s)
	var lost []heldPositions
	for range 4 {
		clock.Advance(time.Millisecond)
		l := loaded(t, b, c)
		for _, p := range lost {
			p.requireLost(t, l)
		}
		numbers := putMany(t, l, "lost-", 10)
		lost = append(lost, holdPositions(t, l, numbers[9]))
		for _, p := range lost[:len(lost)-1] {
			p.requireLost(t, l)
		}
	}
}

// Put, saved, loaded and put again within a second, a stream gave out the same
// number twice.
func TestLoadStream_noNumberTwiceWithinASecond(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now, Limits: weir.Unlimited()}
	s := newStream(t, c)
	given := make(map[string]string)
	put := func(s *weir.Stream, data string) {
		n := mustPut(t, s, "k", data).SequenceNumber.String()
		require.Empty(t, given[n], "the number of %s is also that of %s", given[n], data)
		given[n] = data
	}
	for i := range 5 {
		put(s, fmt.Sprint("kept-", i))
		b := saved(t, s)
		put(s, fmt.Sprint("lost-", i))
		s = loaded(t, b, c)
	}
	put(s, "last")
	assert.Equal(t, []string{"kept-0", "kept-1", "kept-2", "kept-3", "kept-4", "last"}, dataOf(allRecords(t, s)))
}

// A split that is lost and another one after the load, all in one second, made
// shards of the same id and creation second: numbers of lost children were
// those of new ones. And the parent's ending number was the same, so that a
// reader which had read it to its end never got what was put into it after the
// load.
func TestLoadStream_refusesNumbersOfLostShards(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now, Limits: weir.Unlimited()}
	s := newStream(t, c)
	for round := range 3 { // the later ones begin with a stream that was loaded already
		mustPut(t, s, "k", "kept")
		parent := openShards(t, s)[0]
		b := saved(t, s)
		children, err := s.SplitShard(t.Context(), parent.ID, parent.HashKeyRange.Middle())
		require.NoError(t, err)
		lost := weir.Positions{shardOf(t, s, parent.ID).EndingSequenceNumber}
		for _, id := range children {
			lost = append(lost, shardOf(t, s, id).StartingSequenceNumber)
		}

		token := s.Token(mustIterator(t, s, children[0], weir.TrimHorizon()))

		l := loaded(t, b, c)
		mustPut(t, l, "k", "new, into the parent")
		for _, again := range []bool{false, true} {
			if again {
				same, err := l.SplitShard(t.Context(), parent.ID, parent.HashKeyRange.Middle())
				require.NoError(t, err)
				require.Equal(t, children, same)
			}
			_, err = l.ParseToken(token)
			if again {
				assert.ErrorIs(t, err, weir.ErrInvalidIterator)
				assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
			} else {
				assert.ErrorIs(t, err, weir.ErrShardNotFound)
			}
			for _, n := range lost {
				want := weir.ErrInvalidSequenceNumber
				if !again && n.Shard() != parent.ID {
					want = weir.ErrShardNotFound
				}
				_, err = l.Iterator(t.Context(), n.Shard(), weir.AfterSequence(n))
				assert.ErrorIs(t, err, want, "round %d, split again: %v", round, again)
				_, err = l.NewReader("", weir.Resume(weir.Positions{n}, weir.TrimHorizon()))
				assert.ErrorIs(t, err, want, "round %d, split again: %v", round, again)
			}
		}
		for i, id := range children {
			assert.NotEqual(t, lost[1+i], shardOf(t, l, id).StartingSequenceNumber)
		}
		s = l
	}
}

// shardOf returns the description of a shard.
func shardOf(t testing.TB, s *weir.Stream, id weir.ShardID) weir.Shard {
	t.Helper()
	list := s.Shards()
	i := slices.IndexFunc(list, func(sh weir.Shard) bool { return sh.ID == id })
	require.NotEqual(t, -1, i)
	return list[i]
}

// Positions that a loaded stream gives out before anything is put lie at the
// edge of what it left out. Saved and loaded again it leaves out more, but they
// name nothing that is lost.
func TestLoadStream_positionsAtTheEdgeOfTheGap(t *testing.T) {
	for _, n := range []int{0, 5} {
		t.Run(fmt.Sprint("records=", n), func(t *testing.T) {
			clock := newClock()
			c := weir.Config{Now: clock.Now, Limits: weir.Unlimited()}
			s := newStream(t, c)
			last := s.Shards()[0].StartingSequenceNumber
			for _, number := range putMany(t, s, "kept-", n) {
				last = number
			}
			s = loaded(t, saved(t, s), c)
			edge := holdPositions(t, s, last)
			latest := s.Token(mustIterator(t, s, shard0, weir.Latest()))
			for range 3 {
				clock.Advance(time.Second)
				s = loaded(t, saved(t, s), c)
				it, err := s.ParseToken(latest)
				require.NoError(t, err)
				assert.Empty(t, mustGet(t, s, it, 0).Records)
			}
			putMany(t, s, "new-", 2)
			data, errs := edge.resumed(t, s)
			require.Empty(t, errs)
			if n == 0 {
				delete(data, "at") // there is no record to be AT
			}
			for form, got := range data {
				assert.Equal(t, []string{"new-0", "new-1"}, got, form)
			}
		})
	}
}

// What a load left out is no records: a read makes no room for them. Where the
// limits are lifted it would be room for 2^40.
func TestLoadStream_readMakesNoRoomForTheGap(t *testing.T) {
	c := weir.Config{Limits: weir.Unlimited()}
	s := newStream(t, c)
	mustPut(t, s, "k", "")
	s = loaded(t, saved(t, s), c)
	mustPut(t, s, "k", "")
	const most = 1 << 16
	p := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), most)
	assert.Len(t, p.Records, 2)
	assert.Less(t, cap(p.Records), 10)
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	defer r.Close()
	b, err := r.NextBatch(t.Context(), most, 0)
	require.NoError(t, err)
	assert.Len(t, b.Records, 2)
	assert.Less(t, cap(b.Records), 10)
}

// Version 1 of the format knows neither gaps nor when it was saved. The files
// are what that version wrote: three records, a split, four more, a second
// apart.
func TestLoadStream_version1(t *testing.T) {
	want := []struct{ number, key, data, at string }{
		{"49679840025759951078397235895684552672312941885163307010", "key-0", "before-0", "2026-11-02T10:00:00Z"},
		{"49679840025759951078397235895685761598132556583057489922", "key-1", "before-1", "2026-11-02T10:00:01Z"},
		{"49679840025759951078397235895686970523952171280951672834", "key-2", "before-2", "2026-11-02T10:00:02Z"},
		{"49679840027209499516301726399884374360035085657929941010", "key-1", "after-1", "2026-11-02T10:00:04Z"},
		{"49679840027209499516301726399885583285854700424543600658", "key-3", "after-3", "2026-11-02T10:00:06Z"},
		{"49679840027231800261500257023025910078307733950716444706", "key-0", "after-0", "2026-11-02T10:00:03Z"},
		{"49679840027231800261500257023027119004127348717330104354", "key-2", "after-2", "2026-11-02T10:00:05Z"},
	}
	zero := func(s string) string { return strings.Repeat("\x00", len(s)) }
	for _, kind := range []string{"plain", "hollow"} {
		t.Run(kind, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata", "saved", "v1-"+kind+".weir"))
			require.NoError(t, err)
			clock := newClock()
			clock.Advance(time.Hour)
			s := loaded(t, b, weir.Config{Now: clock.Now})
			assert.Equal(t, kind == "hollow", s.Config().Hollow)
			got := allRecords(t, s)
			require.Len(t, got, len(want))
			for i, r := range got {
				key, data := want[i].key, want[i].data
				if kind == "hollow" {
					key, data = zero(key), zero(data)
				}
				assert.Equal(t, want[i].number, r.SequenceNumber.String())
				assert.Equal(t, key, r.PartitionKey)
				assert.Equal(t, data, string(r.Data))
				assert.Equal(t, want[i].at, r.ArrivalTime.Format(time.RFC3339))
			}
			next := mustPut(t, s, "key-1", "new")
			assert.Positive(t, next.SequenceNumber.Compare(got[4].SequenceNumber))
			assert.Greater(t, next.SequenceNumber.Index(), uint64(1<<40))
			again := loaded(t, saved(t, s), weir.Config{Now: clock.Now})
			assert.Equal(t, allRecords(t, s), allRecords(t, again))
		})
	}
}

// A stream that takes the name of another one over gives out none of its
// numbers, though both are made within a second; they would have been the same.
func TestConfig_after(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now}
	s := newStream(t, c)
	for range 3 {
		old := mustPut(t, s, "k", "old").SequenceNumber
		token := s.Token(mustIterator(t, s, shard0, weir.Latest()))
		c.After = old
		s = newStream(t, c)
		n := mustPut(t, s, "k", "new").SequenceNumber
		assert.Positive(t, n.Compare(old))
		_, err := s.Iterator(t.Context(), shard0, weir.AfterSequence(old))
		assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
		assert.ErrorContains(t, err, "did not come from this stream")
		_, err = s.ParseToken(token)
		assert.ErrorIs(t, err, weir.ErrInvalidIterator)
		_, err = s.NewReader("", weir.Resume(weir.Positions{old}, weir.TrimHorizon()))
		assert.ErrorIs(t, err, weir.ErrInvalidSequenceNumber)
	}
}

func TestConfig_afterIsANumber(t *testing.T) {
	for _, text := range []string{"5", strings.Repeat("9", 56), "49546986683135544286507457936321625675700192471156785155"} {
		n, err := weir.ParseSequenceNumber(text)
		require.NoError(t, err)
		_, err = weir.NewStream("s", weir.Config{After: n})
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, text)
		assert.ErrorContains(t, err, "Config.After: "+text)
	}
}

// changedFrame returns a saved stream with the first frame of a kind changed.
func changedFrame(t testing.TB, b []byte, kind byte, change func(map[string]any)) []byte {
	t.Helper()
	out := append([]byte{}, b[:magicBytes]...)
	for _, f := range framesOf(t, b) {
		if f.kind == kind && change != nil {
			var members map[string]any
			d := json.NewDecoder(strings.NewReader(string(f.content)))
			d.UseNumber()
			require.NoError(t, d.Decode(&members))
			change(members)
			change = nil
			var err error
			f.content, err = json.Marshal(members)
			require.NoError(t, err)
		}
		out = append(out, f.kind)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(f.content)))
		out = append(append(out, f.content...), 0, 0, 0, 0)
	}
	return weir.WithChecksums(out)
}

// Gaps that cannot be are damage, whatever the checksum says: they overlap, go
// backwards, are empty, begin at 0, have no record between them, lie where
// records are, or end beyond all numbers.
func TestLoadStream_refusesImpossibleGaps(t *testing.T) {
	clock := newClock()
	c := weir.Config{Now: clock.Now}
	s := newStream(t, c)
	putMany(t, s, "a", 3)
	s = loaded(t, saved(t, s), c)
	putMany(t, s, "b", 3)
	b := saved(t, s)
	const from, to = 4, 4 + 1<<40
	type gap struct{ From, To uint64 }
	for name, gaps := range map[string][]gap{
		"none where there is one": nil,
		"at 0":                    {{0, 1}, {from, to}},
		"empty":                   {{2, 2}, {from, to}},
		"backwards":               {{from, from - 1}},
		"among records":           {{2, 3}, {from, to}},
		"later":                   {{from + 1, to}},
		"shorter":                 {{from, to - 1}},
		"longer":                  {{from, to + 1}},
		"twice":                   {{from, to}, {from, to}},
		"in two parts":            {{from, from + 5}, {from + 5, to}},
		"overlapping":             {{from, to - 1}, {to - 2, to}},
		"out of order":            {{to + 3, to + 9}, {from, to}},
		"behind the end":          {{from, to}, {to + 4, to + 9}},
		"too large":               {{from, to}, {to + 3, 1 << 63}},
		"the largest":             {{from, 1<<64 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := changedFrame(t, b, 'h', func(m map[string]any) { m["Gaps"] = gaps })
			_, err := weir.LoadStream(strings.NewReader(string(damaged)), c)
			assert.ErrorIs(t, err, weir.ErrDamaged)
		})
	}
	for member, bad := range map[string]any{"Saved": -1, "OpensAfter": uint64(1) << 62} {
		t.Run(member, func(t *testing.T) {
			damaged := changedFrame(t, b, 's', func(m map[string]any) { m[member] = bad })
			_, err := weir.LoadStream(strings.NewReader(string(damaged)), c)
			assert.ErrorIs(t, err, weir.ErrDamaged)
		})
	}
	loaded(t, changedFrame(t, b, 'h', func(map[string]any) {}), c) // what is not changed is none
}

const magicBytes = len("weir stream 2\n")

// A frame is a part of a saved stream.
type frame struct {
	kind    byte
	content []byte
}

func framesOf(t testing.TB, b []byte) (frames []frame) {
	t.Helper()
	for b = b[magicBytes:]; len(b) > 0; {
		end := 5 + int(binary.LittleEndian.Uint32(b[1:]))
		frames = append(frames, frame{b[0], b[5:end]})
		b = b[end+4:]
	}
	return frames
}

// requireSavedAlike checks that a stream which was loaded is saved like the one
// that it was saved of, but for what it left out.
func requireSavedAlike(t testing.TB, s, l *weir.Stream) {
	t.Helper()
	want, got := framesOf(t, saved(t, s)), framesOf(t, saved(t, l))
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].kind, got[i].kind)
		if want[i].kind != 's' && want[i].kind != 'h' {
			require.Equal(t, want[i].content, got[i].content)
			continue
		}
		var x, y map[string]any
		require.NoError(t, json.Unmarshal(want[i].content, &x))
		require.NoError(t, json.Unmarshal(got[i].content, &y))
		leftOut := func(member string, _ any) bool { return member == "Gaps" || member == "OpensAfter" }
		maps.DeleteFunc(x, leftOut)
		maps.DeleteFunc(y, leftOut)
		require.Equal(t, x, y)
	}
}

// requireContinuesBeyond checks what a put gave that went to a saved stream and
// to the one that was loaded: the same shard, and a number that the saved one
// cannot have given out.
func requireContinuesBeyond(t testing.TB, s, l weir.Placed) {
	t.Helper()
	require.Equal(t, s.ShardID, l.ShardID)
	require.Equal(t, s.SequenceNumber.ShardCreated(), l.SequenceNumber.ShardCreated())
	require.Greater(t, l.SequenceNumber.Index(), s.SequenceNumber.Index()+1<<39)
}
