package model

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const second = int64(time.Second)

func config() Config {
	return Config{
		Shards: 2, Retention: time.Hour, RecordBytes: 1 << 20, BatchRecords: 500, BatchBytes: 10 << 20,
		PageRecords: 10000, PageBytes: 10 << 20, IteratorLifetime: 5 * time.Minute, MinRetention: 1, MaxRetention: 1 << 62,
	}
}

func data(records []Record) (list []string) {
	for _, r := range records {
		list = append(list, r.Data)
	}
	return list
}

// The last three numbers of the reference's table.
func TestNumber_ofTheService(t *testing.T) {
	assert.Equal(t, "49668462440323373902484263141124684096996614643352862722", Number(1761726814, 0, 0, 1761726814))
	assert.Equal(t, "49668462440323373902493149870846639176529702673790795778", Number(1761726814, 0, 7350930535, 1761727375))
	n := Number(1427748985, 4, 0, 1427748985)
	assert.Equal(t, "49549295168948777979169149491056351269437634281436348482", n)
	p, ok := parse(n)
	assert.True(t, ok)
	assert.Equal(t, parts{created: 1427748985, shard: 4, second: 1427748985}, p)
	for _, bad := range []string{"0", "5", n + "0", n[:55] + "1"} {
		_, ok := parse(bad)
		assert.False(t, ok, bad)
	}
}

func TestStream_routesAndReads(t *testing.T) {
	s := New(config(), 0)
	assert.Equal(t, 0, s.Put(Entry{Key: "a", Data: "1"}, second).Shard)
	assert.Equal(t, 1, s.Put(Entry{Key: "user-1", Data: "2"}, second).Shard)
	assert.Equal(t, 0, s.Put(Entry{Key: "é", Data: "3"}, 2*second).Shard)
	it, f := s.Iterator(0, Position{}, 2*second)
	require.Equal(t, OK, f)
	p, _, f := s.GetRecords(it, 1, 3*second)
	require.Equal(t, OK, f)
	assert.Equal(t, []string{"1"}, data(p.Records))
	assert.EqualValues(t, 2000, p.Behind)
	p, _, _ = s.GetRecords(*p.Next, 0, 3*second)
	assert.Equal(t, []string{"3"}, data(p.Records))
	assert.Zero(t, p.Behind)
	_, f = s.Iterator(0, Position{Kind: AtTime, Ms: 3001}, 3*second)
	assert.Equal(t, BadArgument, f)
	_, _, f = s.GetRecords(it, 0, 302*second+1)
	assert.Equal(t, IteratorExpired, f)
}

func TestStream_expires(t *testing.T) {
	s := New(config(), 0)
	s.Put(Entry{Key: "a", Data: "1"}, second)
	assert.Len(t, s.Readable(0, 3601*second-1), 1)
	assert.Empty(t, s.Readable(0, 3601*second))
	children, f := s.Split(0, plus(s.Shard(0).Start, 2), 2*second)
	require.Equal(t, OK, f)
	assert.Equal(t, []int{2, 3}, children)
	assert.EqualValues(t, 3, s.Shard(2).Created)
	assert.Len(t, s.Shards(3602*second-1), 4)
	assert.Len(t, s.Shards(3602*second), 3)
}

func TestBucket_isExact(t *testing.T) {
	b := newBucket(1000, 1000)
	assert.Zero(t, b.wait(1000, 0))
	b.take(1000, 0)
	assert.Equal(t, time.Millisecond, b.wait(1, 0))
	assert.EqualValues(t, 1000, b.wait(1, int64(time.Millisecond)-1000))
	assert.Zero(t, b.wait(1, int64(time.Millisecond)))
	assert.Zero(t, b.wait(5000, 1<<60), "what cannot fit passes when the bucket is full")
	b.take(5000, 1<<60)
	assert.Equal(t, time.Second, b.wait(1000, 1<<60))
}

func TestStream_largeReadIsPaidFor(t *testing.T) {
	c := config()
	c.ReadBytes, c.ReadCalls = 100, 5
	s := New(c, 0)
	s.Put(Entry{Key: "a", Data: "0123456789"}, 0)
	it, _ := s.Iterator(0, Position{}, 0)
	for range 4 {
		_, _, f := s.GetRecords(it, 0, 0)
		require.Equal(t, OK, f)
	}
	s.shards[0].readBytes.level = 0
	_, _, f := s.GetRecords(it, 0, 0)
	require.Equal(t, OK, f)
	_, limits, f := s.GetRecords(it, 0, 0)
	assert.Equal(t, Throttled, f)
	assert.Equal(t, []Limit{{ReadBytes, 110 * time.Millisecond}}, limits)
}

func TestStream_dropsOldest(t *testing.T) {
	c := config()
	c.MaxBytes, c.DropOldest = 30, true
	s := New(c, 0)
	for i, key := range []string{"a", "user-1", "a", "a"} {
		require.Equal(t, OK, s.Put(Entry{Key: key}, int64(i)*second).Fault)
	}
	records, bytes := s.Held(4 * second)
	assert.EqualValues(t, 2, records)
	assert.EqualValues(t, 2, bytes)
	assert.EqualValues(t, 2, s.Counts.Dropped)
	assert.Equal(t, MemoryFull, s.Put(Entry{Key: "a", Data: "0123456789012345678901"}, 4*second).Fault)
}

func TestStream_copiesAndTrimming(t *testing.T) {
	c := config()
	c.Shards, c.WriteRecords, c.Hollow = 1, 3, true
	s := New(c, 0)
	stored, refused := s.PutCopies(Entry{Key: "é", Data: "data"}, 5, second)
	assert.Equal(t, 3, stored)
	assert.Equal(t, Throttled, refused.Fault)
	assert.EqualValues(t, 2, s.Counts.Throttled)
	_, refused = s.PutCopies(Entry{Key: "a"}, 0, second)
	assert.Equal(t, BadArgument, refused.Fault)
	records := s.Readable(0, second)
	assert.Equal(t, []string{"\x00\x00\x00\x00", "\x00\x00\x00\x00", "\x00\x00\x00\x00"}, data(records))

	it, _ := s.Iterator(0, Position{}, second)
	age, f := s.IteratorAge(it, 1000*second)
	assert.Equal(t, OK, f)
	assert.EqualValues(t, 999_000, age)
	require.Equal(t, OK, s.TrimTo(records[1].Number, 1000*second))
	assert.Equal(t, records[2:], s.Readable(0, 1000*second))
	require.Equal(t, OK, s.TrimTo(Number(0, 0, 1<<62, 0), 1000*second))
	assert.Equal(t, BadSequenceNumber, s.TrimTo(Number(0, 0, 1<<63-1, 0), 1000*second), "it has not ended")
	assert.Empty(t, s.Readable(0, 1000*second))
	age, _ = s.IteratorAge(it, 1000*second)
	assert.Zero(t, age)
	assert.Equal(t, ShardNotFound, s.TrimTo(Number(0, 1, 1, 0), 0))
	assert.Equal(t, BadSequenceNumber, s.TrimTo(Number(1, 0, 1, 0), 0))
}
