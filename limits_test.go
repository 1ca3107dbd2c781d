package weir_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestStream_partitionKeyBounds(t *testing.T) {
	for _, c := range []struct{ name, key, reason string }{
		{"one character", "a", ""},
		{"255 characters", text(255), ""},
		{"256 characters", text(256), ""},
		{"256 characters of two bytes", strings.Repeat("é", 256), ""},
		{"256 characters of four bytes", strings.Repeat("🌊", 256), ""},
		{"a zero byte", "\x00", ""},
		{"no characters", "", "is empty; it must have 1 to 256 characters"},
		{"257 characters", text(257), "has 257 characters; at most 256 are allowed"},
		{"257 characters of four bytes", strings.Repeat("🌊", 257), "has 257 characters; at most 256 are allowed"},
		{"a lone byte above ASCII", "\xff", `"\xff" is not UTF-8`},
		{"a character cut off", "a\xc3", `"a\xc3" is not UTF-8`},
		{"a surrogate", "\xed\xa0\x80", `"\xed\xa0\x80" is not UTF-8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := clocked(t, weir.Config{Shards: 3})
			_, single := s.PutRecord(t.Context(), c.key, nil)
			_, batch := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: c.key}})
			if c.reason == "" {
				assert.NoError(t, single)
				assert.NoError(t, batch)
				return
			}
			assert.Equal(t, &weir.ArgumentError{Field: "partition key", Reason: c.reason}, single)
			assert.ErrorIs(t, batch, weir.ErrInvalidArgument)
			assert.EqualError(t, batch, "records[0]: partition key: "+c.reason)
		})
	}
}

func TestStream_partitionKeyComesBackVerbatim(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	keys := []string{"\x00", "é", strings.Repeat("🌊", 256), " a\n"}
	for _, key := range keys {
		mustPut(t, s, key, "")
	}
	var got []string
	for _, r := range mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0).Records {
		got = append(got, r.PartitionKey)
	}
	assert.Equal(t, keys, got)
}

func TestStream_recordBytes(t *testing.T) {
	for _, c := range []struct {
		name       string
		limit, set int // limit of the Config, then SetRecordBytes unless zero
		size       int // data and key
		ok         bool
	}{
		{"1 MiB - 1", 0, 0, mib - 1, true},
		{"1 MiB", 0, 0, mib, true},
		{"1 MiB + 1", 0, 0, mib + 1, false},
		{"10 MiB configured", 10 * mib, 0, 10 * mib, true},
		{"10 MiB + 1 configured", 10 * mib, 0, 10*mib + 1, false},
		{"10 MiB for no limit", -1, 0, 10 * mib, true},
		{"10 MiB + 1 for no limit", -1, 0, 10*mib + 1, false},
		{"10 MiB set later", 0, 10 * mib, 10 * mib, true},
		{"10 MiB + 1 set later", 0, 10 * mib, 10*mib + 1, false},
		{"2 MiB, then back to 1 MiB", 2 * mib, mib, mib + 1, false},
		{"100 bytes configured", 100, 0, 100, true},
		{"101 bytes of 100", 100, 0, 101, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := clocked(t, weir.Config{Limits: weir.Limits{RecordBytes: c.limit}})
			if c.set != 0 {
				require.NoError(t, setRecordBytes(s, c.set))
			}
			data := make([]byte, c.size-len("key"))
			_, single := s.PutRecord(t.Context(), "key", data)
			_, batch := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "key", Data: data}})
			if c.ok {
				assert.NoError(t, single)
				assert.NotErrorIs(t, batch, weir.ErrInvalidArgument)
				return
			}
			assert.ErrorIs(t, single, weir.ErrInvalidArgument)
			assert.ErrorIs(t, batch, weir.ErrInvalidArgument)
		})
	}
}

func TestStream_setRecordBytesBounds(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	for _, n := range []int{mib - 1, 10*mib + 1, 0, -1, math.MinInt, math.MaxInt} {
		assert.ErrorIs(t, setRecordBytes(s, n), weir.ErrInvalidArgument, "%d", n)
	}
	assert.Equal(t, mib, s.Settings().RecordBytes)
	for _, n := range []int{10 * mib, mib, 2 * mib} {
		assert.NoError(t, setRecordBytes(s, n))
		assert.Equal(t, n, s.Settings().RecordBytes)
	}
}

func TestStream_batchBounds(t *testing.T) {
	entries := func(n, size int) []weir.Entry {
		list := make([]weir.Entry, n)
		for i := range list {
			list[i] = weir.Entry{PartitionKey: "k", Data: make([]byte, size-1)}
		}
		return list
	}
	for _, c := range []struct {
		name    string
		entries []weir.Entry
		ok      bool
	}{
		{"none", nil, false},
		{"one", entries(1, 1), true},
		{"500", entries(500, 10), true},
		{"501", entries(501, 10), false},
		{"10 MiB - 1", append(entries(9, mib), entries(1, mib-1)...), true},
		{"10 MiB", entries(10, mib), true},
		{"10 MiB + 1", append(entries(10, mib), entries(1, 1)...), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := clocked(t, weir.Config{})
			results, err := s.PutRecords(t.Context(), c.entries)
			if c.ok {
				require.NoError(t, err)
				assert.Len(t, results, len(c.entries))
				return
			}
			assert.ErrorIs(t, err, weir.ErrInvalidArgument)
			assert.Zero(t, s.Snapshot().Total, "a refused call leaves a trace")
		})
	}
}

func TestStream_badEntryRefusesWholeBatch(t *testing.T) {
	s, _ := clocked(t, weir.Config{})
	_, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "good"}, {PartitionKey: ""}})
	assert.EqualError(t, err, "records[1]: partition key: is empty; it must have 1 to 256 characters")
	assert.Empty(t, readable(t, s, shard0))
}

func TestStream_readLimitBounds(t *testing.T) {
	s, clock := clocked(t, weir.Config{})
	small, _ := clocked(t, weir.Config{Limits: weir.Limits{ReadRecords: 5}})
	for _, c := range []struct {
		s     *weir.Stream
		limit int
		ok    bool
	}{
		{s, -1, false}, {s, 0, true}, {s, 1, true}, {s, 9999, true}, {s, 10000, true}, {s, 10001, false},
		{s, math.MaxInt, false}, {s, math.MinInt, false}, {small, 0, true}, {small, 5, true}, {small, 6, false},
	} {
		clock.Advance(time.Second)
		_, err := c.s.GetRecords(t.Context(), mustIterator(t, c.s, shard0, weir.TrimHorizon()), c.limit)
		assert.Equal(t, !c.ok, err != nil, "%d", c.limit)
		if !c.ok {
			assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		}
	}
}

func TestStream_readReturnsNoMoreThanItsLimits(t *testing.T) {
	s, _ := clocked(t, weir.Config{Limits: weir.Unlimited()})
	for range 10_001 {
		mustPut(t, s, "k", "")
	}
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	assert.Len(t, mustGet(t, s, it, 0).Records, 10_000, "zero means 10,000")
	assert.Len(t, mustGet(t, s, it, 10_001).Records, 10_001)
	assert.Len(t, mustGet(t, s, it, math.MaxInt).Records, 10_001)
	next := mustGet(t, s, it, 3).Next
	assert.Len(t, mustGet(t, s, next, math.MaxInt).Records, 9_998)
	b, err := s.AppendRecords(t.Context(), make([]weir.Record, 2, 4), next, math.MaxInt)
	require.NoError(t, err)
	assert.Len(t, b.Records, 10_000, "appended to the two there were")
}

func TestStream_readPageBytes(t *testing.T) {
	for _, c := range []struct {
		name  string
		page  int
		sizes []int
		want  int
	}{
		{"one byte too many", 99, []int{50, 50}, 1},
		{"exactly", 100, []int{50, 50}, 2},
		{"one byte to spare", 101, []int{50, 50, 50}, 2},
		{"a first record larger than the page", 10, []int{50, 50}, 1},
		{"a later record larger than the page", 60, []int{50, 100}, 1},
		{"over several blocks", 9000, []int{3000, 3000, 3000, 3000}, 3},
		{"10 MiB", 10 * mib, []int{5 * mib, 5 * mib, 1}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := weir.Unlimited()
			limits.ReadBytes = c.page
			s, _ := clocked(t, weir.Config{Limits: limits})
			for _, size := range c.sizes {
				mustPut(t, s, "k", text(size-1))
			}
			b := mustGet(t, s, mustIterator(t, s, shard0, weir.TrimHorizon()), 0)
			assert.Len(t, b.Records, c.want)
			assert.Len(t, mustGet(t, s, b.Next, 0).Records, min(len(c.sizes)-c.want, c.want), "the next page")
		})
	}
}

func TestStream_retentionBounds(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits weir.Limits
		d      time.Duration
		ok     bool
	}{
		{"24 h - 1 ns", weir.Limits{}, 24*time.Hour - 1, false},
		{"24 h", weir.Limits{}, 24 * time.Hour, true},
		{"24 h + 1 ns", weir.Limits{}, 24*time.Hour + 1, true},
		{"365 days", weir.Limits{}, 8760 * time.Hour, true},
		{"365 days + 1 ns", weir.Limits{}, 8760*time.Hour + 1, false},
		{"negative", weir.Limits{}, -time.Hour, false},
		{"1 ns when lifted", weir.Limits{MinRetention: -1}, 1, true},
		{"negative when lifted", weir.Limits{MinRetention: -1}, -1, false},
		{"the longest when lifted", weir.Limits{MaxRetention: -1}, math.MaxInt64, true},
		{"own bounds", weir.Limits{MinRetention: time.Minute, MaxRetention: time.Hour}, time.Minute - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, created := weir.NewStream("test", weir.Config{Settings: weir.Settings{Retention: c.d}, Limits: c.limits})
			limits := c.limits
			if limits.MaxRetention == time.Hour {
				return
			}
			s, _ := clocked(t, weir.Config{Limits: limits})
			set := setRetention(s, c.d)
			if c.ok {
				require.NoError(t, created)
				require.NoError(t, set)
				assert.Equal(t, c.d, s.Settings().Retention)
				return
			}
			assert.ErrorIs(t, created, weir.ErrInvalidArgument)
			assert.ErrorIs(t, set, weir.ErrInvalidArgument)
			assert.Equal(t, 24*time.Hour, s.Settings().Retention)
		})
	}
}

func TestStream_iteratorLifetimeBounds(t *testing.T) {
	s, clock := clocked(t, weir.Config{Limits: weir.Limits{ReadCallsPerSecond: -1}})
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	token := s.Token(it)
	clock.Advance(300 * time.Second)
	mustGet(t, s, it, 0)
	clock.Advance(1)
	_, err := s.GetRecords(t.Context(), it, 0)
	var expired *weir.IteratorExpiredError
	require.ErrorAs(t, err, &expired)
	assert.Equal(t, &weir.IteratorExpiredError{
		Issued: epoch, Used: epoch.Add(300*time.Second + 1), Lifetime: 300 * time.Second}, expired)
	parsed, err := s.ParseToken(token)
	require.NoError(t, err, "a token is read whether it has expired or not")
	_, err = s.GetRecords(t.Context(), parsed, 0)
	assert.ErrorIs(t, err, weir.ErrIteratorExpired)

	clock.Advance(-time.Hour)
	mustGet(t, s, it, 0)
}
