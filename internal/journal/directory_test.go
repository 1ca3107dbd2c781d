package journal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/internal/journal"
	"github.com/weirstream/weir/internal/journal/journaltest"
)

// A state that is larger than a file does not make a file of each note.
func TestJournal_largeState(t *testing.T) {
	dir := journaltest.New()
	for range 2 { // begun, and gone on with
		d, err := journal.Claim(dir)
		require.NoError(t, err)
		o := journal.Options[int]{
			FileBytes: 100, TwiceHead: true, State: func() []byte { return make([]byte, 1000) }, Settled: func([]int, journal.Spot, error) {},
		}
		var j *journal.Journal[int]
		if d.IsEmpty() {
			j, err = journal.Create(d, o)
		} else {
			found, bad := d.Replay(anything{}, false)
			require.NoError(t, bad)
			j, err = journal.Continue(d, found, o)
		}
		require.NoError(t, err)
		for range 20 {
			g, err := j.Begin()
			require.NoError(t, err)
			g.SetNotes(append(g.Notes(), make([]byte, 100)...))
			j.End()
			require.NoError(t, j.Commit(g))
		}
		assert.Less(t, j.Stats().CurrentNumber, uint64(7))
		require.NoError(t, j.Close())
	}
}

// What a write leaves that failed is gone when the next file is begun: it would
// be damage in the one before.
func TestJournal_failedWriteLeavesNothing(t *testing.T) {
	for _, p := range []journal.Policy{journal.Always, journal.Never} {
		dir := journaltest.New()
		b, err := openBook(dir, p, 300)
		require.NoError(t, err)
		dir.FailWith(func(op journaltest.Op) error {
			if op.Kind == "write" { // the half of it is written
				return errFull
			}
			return nil
		})
		require.ErrorIs(t, b.putMany(1000), errFull)
		dir.FailWith(nil)
		for b.j.Stats().CurrentNumber < 2 {
			require.NoError(t, b.put())
		}
		noted := int(b.noted)
		b.j.Abandon()
		b, err = openBook(dir, p, 300)
		require.NoError(t, err)
		assert.Equal(t, upTo(noted), b.read)
		b.j.Abandon()
	}
}

// anything is a visitor to whom all is right.
type anything struct{}

func (anything) Head(uint64, []byte) error     { return nil }
func (anything) Group(uint64, []byte) error    { return nil }
func (anything) Repaired(uint64, []byte) error { return nil }
