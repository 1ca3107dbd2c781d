package queue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal/journaltest"
	"github.com/weirstream/weir/queue"
)

func putKey(t *testing.T, s *weir.Stream, key, data string) {
	t.Helper()
	_, err := s.PutRecord(t.Context(), key, []byte(data))
	require.NoError(t, err)
}

// In order, a record is delivered when the one before of its key is done, or
// dead, and never before: whatever is acknowledged, comes back, or happens to
// the shards, and over crashes.
func TestQueue_keepsTheOrderOfKeys(t *testing.T) {
	for seed := range seeds() / 6 {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			clock := newClock()
			s := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
			c := queue.Config{InOrder: true, Settings: queue.Settings{MaxReceives: 3, Visibility: queue.MaxVisibility}}
			c.Delay = []time.Duration{0, time.Second}[seed%2]
			if seed%3 == 0 {
				c.Priority = func(r weir.Record) int { return int(r.Data[0]) }
			}
			disk := journaltest.New()
			q, err := queue.OpenIn(s, c, disk)
			require.NoError(t, err)

			const keys, records = 4, 200
			puts, done := [keys]int{}, [keys]int{} // next to be put; next that is not done
			out := make(map[int]bool)              // keys of which a record is in flight
			var hand []queue.Delivery
			for steps := 0; ; steps++ {
				require.Less(t, steps, 100_000, "it gets on")
				switch random.IntN(8) {
				case 0, 1:
					if k := random.IntN(keys); puts[k] < records/keys {
						putKey(t, s, fmt.Sprint("key ", k), fmt.Sprint(k, " ", puts[k]))
						puts[k]++
					}
				case 2, 3, 4:
					list, err := q.TryReceive(t.Context(), 1+random.IntN(6))
					require.NoError(t, err)
					for _, d := range list {
						k, n := parse(t, d)
						require.Equal(t, done[k], n, "key %d", k)
						require.False(t, out[k], "one record of a key is in flight")
						out[k] = true
						hand = append(hand, d)
					}
				case 5:
					if len(hand) == 0 {
						break
					}
					i := random.IntN(len(hand))
					d := hand[i]
					hand = append(hand[:i], hand[i+1:]...)
					k, _ := parse(t, d)
					delete(out, k)
					if random.IntN(2) == 0 {
						_, err := q.Acknowledge(t.Context(), d.Receipt)
						require.NoError(t, err)
						done[k]++
						break
					}
					_, err := q.Extend(t.Context(), queue.Extension{Receipt: d.Receipt})
					require.NoError(t, err)
					if d.Receives == 3 {
						done[k]++ // it is dead
					}
				case 6:
					clock.advance(time.Duration(random.IntN(400)) * time.Millisecond)
					if random.IntN(20) == 0 {
						_, err := s.Resize(t.Context(), 1+random.IntN(2)*2)
						require.NoError(t, err)
					}
				case 7:
					if random.IntN(10) == 0 {
						disk.Crash(random)
						q.Abandon()
						q, err = queue.OpenIn(s, c, disk)
						require.NoError(t, err)
					}
				}
				require.NoError(t, q.CheckInvariants())
				if done == [keys]int{records / keys, records / keys, records / keys, records / keys} {
					break
				}
			}
		})
	}
}

func parse(t *testing.T, d queue.Delivery) (key, n int) {
	_, err := fmt.Sscan(string(d.Data), &key, &n)
	require.NoError(t, err)
	return key, n
}

func TestQueue_delaysRecords(t *testing.T) {
	clock, disk := newClock(), journaltest.New()
	s := newStream(t, weir.Config{Now: clock.Now, Shards: 2})
	c := queue.Config{Delay: 10 * time.Second}
	q, err := queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	put(t, s, 1)
	clock.advance(time.Second)
	put(t, s, 1)
	require.Empty(t, try(t, q, 10))
	counts, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 2, counts.Delayed)
	disk.Crash(rand.New(rand.NewPCG(1, 1)))
	q.Abandon()
	q, err = queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	clock.advance(9*time.Second - 1)
	require.Empty(t, try(t, q, 10))
	clock.advance(1)
	require.Len(t, try(t, q, 10), 1)
	clock.advance(time.Second - 1)
	require.Empty(t, try(t, q, 10))
	clock.advance(1)
	list := try(t, q, 10)
	require.Len(t, list, 1)
	assert.Equal(t, 1, list[0].Receives)
	clock.advance(30 * time.Second)
	require.Len(t, try(t, q, 10), 2, "what comes back is not delayed again")
}

// A record that waited for another of its key is as it was when the queue is
// read again, whether its delay was over by then or not.
func TestNew_goesOnInOrderWithADelay(t *testing.T) {
	clock, dir := newClock(), t.TempDir()
	s := openStream(t, dir, weir.Config{Now: clock.Now, Name: "orders"})
	config := queue.Config{InOrder: true, Delay: time.Second}
	q := newQueue(t, s, config)
	putKey(t, s, "a", "1")
	putKey(t, s, "a", "2")
	clock.advance(900 * time.Millisecond)
	putKey(t, s, "a", "3")
	clock.advance(100 * time.Millisecond)
	list := try(t, q, 10)
	require.Equal(t, []string{"1"}, data(list))
	require.NoError(t, list[0].Ack(t.Context()))
	list = try(t, q, 10)
	require.Equal(t, []string{"2"}, data(list))
	require.NoError(t, q.Close())

	q = newQueue(t, s, config)
	errs, err := q.Acknowledge(t.Context(), list[0].Receipt)
	require.NoError(t, err)
	require.Nil(t, errs)
	require.Empty(t, try(t, q, 10), "its delay is not over")
	require.NoError(t, q.Close())
	q = newQueue(t, s, config)
	require.Empty(t, try(t, q, 10))
	clock.advance(900 * time.Millisecond)
	require.Equal(t, []string{"3"}, data(try(t, q, 10)))
	require.NoError(t, q.Close())
	require.NoError(t, s.Close())
}

func TestQueue_deliversTheMostUrgentFirst(t *testing.T) {
	clock := newClock()
	s := newStream(t, weir.Config{Now: clock.Now})
	q := newQueue(t, s, queue.Config{Priority: func(r weir.Record) int {
		n, _ := strconv.Atoi(r.PartitionKey)
		return n
	}})
	for _, k := range []string{"3", "99", "0", "-5", "3", "9"} {
		putKey(t, s, k, k)
	}
	first := try(t, q, 3)
	require.Equal(t, []string{"99", "9", "3"}, data(first))
	putKey(t, s, "7", "7")
	require.NoError(t, first[2].Return(t.Context()))
	require.Equal(t, []string{"7", "3", "3", "0", "-5"}, data(try(t, q, 10)))
	clock.advance(30 * time.Second)
	require.Equal(t, []string{"99", "9", "7", "3", "3", "0", "-5"}, data(try(t, q, 10)), "when they come back, too")
}

func TestQueue_keepsDuplicatesAway(t *testing.T) {
	clock, disk := newClock(), journaltest.New()
	s := newStream(t, weir.Config{Now: clock.Now})
	c := queue.Config{Duplicate: func(r weir.Record) string { return string(r.Data) }, DuplicateWindow: time.Minute}
	q, err := queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	for _, text := range []string{"a", "b", "a", "", "", "b"} {
		putKey(t, s, "key", text)
	}
	require.Equal(t, []string{"a", "b", "", ""}, data(try(t, q, 10)))
	clock.advance(time.Minute - time.Millisecond)
	disk.Crash(rand.New(rand.NewPCG(1, 1)))
	q.Abandon()
	q, err = queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	require.Len(t, try(t, q, 10), 4, "come back")
	putKey(t, s, "key", "a")
	require.Empty(t, try(t, q, 10), "the window is known after a crash")
	clock.advance(time.Millisecond)
	putKey(t, s, "key", "a")
	require.Equal(t, []string{"a"}, data(try(t, q, 10)))
	counts, err := q.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 3, counts.Duplicates)
}

// Arrivals are in milliseconds: in less than one nothing is like another.
func TestQueue_aDuplicateWindowOfLessThanAMillisecond(t *testing.T) {
	s := newStream(t, weir.Config{})
	q := newQueue(t, s, queue.Config{Duplicate: func(r weir.Record) string { return r.PartitionKey }, DuplicateWindow: time.Microsecond})
	putKey(t, s, "a", "1")
	putKey(t, s, "a", "2")
	require.Equal(t, []string{"1", "2"}, data(try(t, q, 10)))
}

// A function that panics leaves nobody waiting: the queue says so, and what was
// on disk before goes on when it is opened anew.
func TestQueue_aFunctionThatPanics(t *testing.T) {
	clock, disk := newClock(), journaltest.New()
	s := newStream(t, weir.Config{Now: clock.Now})
	c := queue.Config{Priority: func(r weir.Record) int {
		if string(r.Data) == "bad" {
			panic("bad")
		}
		return 0
	}}
	q, err := queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	putKey(t, s, "k", "good")
	list := try(t, q, 10)
	require.Equal(t, []string{"good"}, data(list))
	putKey(t, s, "k", "bad")
	require.Panics(t, func() { _, _ = q.TryReceive(t.Context(), 10) })
	for range 2 {
		_, err = q.TryReceive(t.Context(), 10)
		require.ErrorIs(t, err, weir.ErrClosed)
		require.ErrorContains(t, err, "a function that it was given panicked")
	}
	require.NoError(t, q.Close())

	c.Priority = nil
	q, err = queue.OpenIn(s, c, disk)
	require.NoError(t, err)
	errs, err := q.Acknowledge(t.Context(), list[0].Receipt)
	require.NoError(t, err)
	require.Nil(t, errs)
	require.Equal(t, []string{"bad"}, data(try(t, q, 10)))
	require.NoError(t, q.Close())
}

func TestNew_refusesWhatIsOutOfBounds(t *testing.T) {
	s := newStream(t, weir.Config{})
	for want, c := range map[string]queue.Config{
		"Config.MaxInFlight: -1 is outside 1 to 268435456":                                                        {MaxInFlight: -1},
		"Config.MaxInFlight: 268435457 is outside 1 to 268435456":                                                 {MaxInFlight: queue.MaxInFlight + 1},
		"Config.Visibility: 12h0m0.000000001s is more than 12h0m0s":                                               {Settings: queue.Settings{Visibility: queue.MaxVisibility + 1}},
		"Config.MaxReceives: 1001 is more than 1000":                                                              {Settings: queue.Settings{MaxReceives: 1001}},
		"Config.Delay: -1ns is outside 0 to 12h0m0s":                                                              {Delay: -1},
		"Config.DuplicateWindow: 24h0m0.000000001s is outside 0 to 24h0m0s":                                       {DuplicateWindow: 24*time.Hour + 1},
		`Config.Name: "a/b" has characters other than a-z, A-Z, 0-9, '.', '_' and '-'`:                            {Name: "a/b"},
		"Config.From: TRIM_HORIZON, strict is more than a place in the whole stream":                              {From: weir.TrimHorizon().Strict()},
		"Config.From: LATEST in shardId-000000000000 is more than a place in the whole stream":                    {From: weir.Latest().In(0)},
		"Config.From: AT_SEQUENCE_NUMBER  in shardId-000000000000 is none of the trim horizon, latest and a time": {From: weir.AtSequence(weir.SequenceNumber{}).In(0)},
	} {
		_, err := queue.New(s, c)
		assert.EqualError(t, err, want)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
	_, err := queue.New(nil, queue.Config{})
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	for _, c := range []queue.Config{
		{MaxInFlight: queue.MaxInFlight}, {Settings: queue.Settings{Visibility: queue.MaxVisibility, MaxReceives: 1000}},
		{Settings: queue.Settings{Visibility: -5, MaxReceives: -5}}, {Name: ".."},
	} {
		q, err := queue.New(s, c)
		require.NoError(t, err)
		require.NoError(t, q.Close())
	}
}

func TestQueue_refusesWhatIsOutOfBounds(t *testing.T) {
	s := newStream(t, weir.Config{})
	q := newQueue(t, s, queue.Config{})
	ctx := t.Context()
	receive := func(r queue.Request) error { _, err := q.ReceiveWith(ctx, r); return err }
	_, zero := q.TryReceive(ctx, 0)
	_, many := q.DeadLetters().TryReceive(ctx, queue.MaxRequest+1)
	_, long := q.Extend(ctx, queue.Extension{Visibility: queue.MaxVisibility + 1})
	_, receipts := q.Acknowledge(ctx, make([]queue.Receipt, queue.MaxRequest+1)...)
	for want, err := range map[string]error{
		"max: 0 is outside 1 to 10000":                                 zero,
		"Request.Max: 10001 is outside 1 to 10000":                     many,
		"Request.Max: -1 is outside 1 to 10000":                        receive(queue.Request{Max: -1}),
		"Request.MaxBytes: -1 is negative":                             receive(queue.Request{MaxBytes: -1}),
		"Request.Visibility: 12h0m0.000000001s is more than 12h0m0s":   receive(queue.Request{Visibility: queue.MaxVisibility + 1}),
		"Extension.Visibility: 12h0m0.000000001s is more than 12h0m0s": long,
		"receipts: 10001 are more than 10000":                          receipts,
		"change: is nil":                                               q.Set(ctx, nil),
		"MaxReceives: 1001 is more than 1000":                          q.Set(ctx, func(s *queue.Settings) { s.MaxReceives = 1001 }),
	} {
		assert.EqualError(t, err, want)
	}
	assert.Equal(t, queue.Settings{Visibility: 30 * time.Second, MaxReceives: 6}, q.Settings())
	errs, err := q.Acknowledge(ctx, queue.Receipt{})
	require.NoError(t, err)
	assert.ErrorIs(t, errs[0], queue.ErrInvalidReceipt)
	changed := []byte(q.Text(queue.Receipt{}))
	changed[50] ^= 1 // another character of the checksum
	for _, text := range []string{"", "garbage", string(make([]byte, 56)), string(changed)} {
		_, err := q.ParseReceipt(text)
		assert.ErrorIs(t, err, queue.ErrInvalidReceipt, "%q", text)
	}
	other := newQueue(t, s, queue.Config{Name: "other"})
	put(t, s, 1)
	d := try(t, other, 1)[0]
	_, err = q.ParseReceipt(other.Text(d.Receipt))
	assert.ErrorIs(t, err, queue.ErrInvalidReceipt)
	errs, err = q.Acknowledge(ctx, d.Receipt)
	require.NoError(t, err)
	assert.ErrorIs(t, errs[0], queue.ErrInvalidReceipt)
	assert.EqualError(t, errs[0], "queue queue: invalid receipt: another queue gave it out")
}

// Nothing of no queue, or with no context, panics.
func TestQueue_noneIsNone(t *testing.T) {
	for _, q := range []*queue.Queue{nil, new(queue.Queue)} {
		ctx := t.Context()
		_, err := q.Receive(ctx, 1)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = q.DeadLetters().Restore(ctx, queue.Receipt{})
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = q.Counts()
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = q.Lags()
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = q.Save()
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		_, err = q.ParseReceipt("")
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		assert.Empty(t, q.Text(queue.Receipt{}))
		assert.ErrorIs(t, q.Set(ctx, func(*queue.Settings) {}), weir.ErrInvalidArgument)
		assert.ErrorIs(t, q.Delete(ctx), weir.ErrInvalidArgument)
		assert.ErrorIs(t, q.Process(ctx, 1, func(context.Context, queue.Delivery) error { return nil }), weir.ErrInvalidArgument)
		assert.NoError(t, q.Close())
		assert.Empty(t, q.Name())
		assert.Nil(t, q.Stream())
		assert.Zero(t, q.Settings())
		q.Wake()
	}
	q := newQueue(t, newStream(t, weir.Config{}), queue.Config{})
	_, err := q.Receive(context.Context(nil), 1)
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	var d queue.Delivery
	assert.ErrorIs(t, d.Ack(t.Context()), weir.ErrInvalidArgument)
}
