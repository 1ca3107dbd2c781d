package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

func (f *fixture) remove(name string) {
	f.Helper()
	_, err := f.DeleteStream(f.ctx, &account.DeleteStreamInput{StreamName: &name})
	require.NoError(f, err)
	f.clock.Advance(max(0, f.Config().Delays.Delete))
}

// requireForeign checks that a number, an iterator and a token of an earlier
// stream S are refused.
func (f *fixture) requireForeign(number, iterator string) {
	f.Helper()
	for _, kind := range []string{account.IteratorAfterSequenceNumber, account.IteratorAtSequenceNumber} {
		_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{
			StreamName: S(), ShardId: ptr(shardID(0)), ShardIteratorType: &kind, StartingSequenceNumber: &number})
		f.fails(err, account.CodeInvalidArgument, "StartingSequenceNumber "+number+" used in GetShardIterator on shard "+
			shardID(0)+" in stream S under account "+id+" is invalid because it did not come from this stream.")
	}
	_, err := f.GetRecords(f.ctx, &account.GetRecordsInput{ShardIterator: &iterator})
	// Without delays the two streams are created at the same instant of the
	// test's clock; so the iterator may as well be one of a lost run.
	if f.Config().Delays.Create > 0 {
		f.failsAs(err, account.CodeResourceNotFound)
	} else {
		f.failsAs(err, account.CodeInvalidArgument)
	}
}

// A stream that was deleted and made again under its name within a second had
// shards of the same id and creation second: numbers of the old stream named
// records of the new one. It is so as well where it takes a while to be
// deleted, and its newest shards count as created later than now.
func TestAccount_streamDeletedAndMadeAgain(t *testing.T) {
	deleteSlowly := account.Instant()
	deleteSlowly.Delays = account.Delays{Create: 300 * time.Millisecond, Delete: 200 * time.Millisecond}
	for name, config := range map[string]account.Config{"at once": account.Instant(), "with delays": deleteSlowly} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart=%v", name, restart), func(t *testing.T) {
				f := newAccount(t, config)
				f.create("S", 1)
				var numbers, iterators []string
				for range 4 {
					numbers = append(numbers, f.put("k", "old").SequenceNumber)
					iterators = append(iterators, f.iterator(0, account.IteratorLatest))
					if restart {
						f = f.restart(config)
					}
					f.remove("S")
					if restart {
						f = f.restart(config)
					}
					f.create("S", 1)
					f.put("k", "new")
					for i := range numbers {
						f.requireForeign(numbers[i], iterators[i])
					}
					assert.Equal(t, []string{"new"}, data(f.read(f.iterator(0, account.IteratorTrimHorizon))))
				}
			})
		}
	}
}

// Shards that a stream opened soon after it was loaded count as created up to
// some time later, and so do those of the stream that takes its name.
func TestAccount_streamMadeAgainAfterALoadAndASplit(t *testing.T) {
	f := newAccount(t, account.Instant())
	f.create("S", 1)
	f = f.restart(account.Instant())
	f.split(0, "12345")
	old := f.put("k", "old")
	f.remove("S")
	f.clock.Advance(61 * time.Second) // to where the split counts as of
	f.create("S", 3)
	f.put("k", "new")
	_, err := f.GetShardIterator(f.ctx, &account.GetShardIteratorInput{StreamName: S(), ShardId: &old.ShardId,
		ShardIteratorType: ptr(account.IteratorAfterSequenceNumber), StartingSequenceNumber: &old.SequenceNumber})
	f.failsAs(err, account.CodeInvalidArgument)
}

// What is remembered of deleted names is bounded by how many there are in a
// minute.
func TestAccount_forgetsDeletedNames(t *testing.T) {
	f := newAccount(t, account.Instant())
	for i := range 1000 {
		name := fmt.Sprint("s-", i)
		f.create(name, 1)
		f.remove(name)
		f.clock.Advance(time.Second)
		assert.LessOrEqual(t, account.RememberedNames(f.Account), 130)
	}
	f.clock.Advance(time.Hour)
	settings, _, err := f.Save()
	require.NoError(t, err)
	assert.NotContains(t, string(settings), "s-999")
	assert.Zero(t, account.RememberedNames(f.Account))
}
