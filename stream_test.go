package weir_test

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/weirstream/weir"
)

func TestConfig_defaults(t *testing.T) {
	service := weir.Limits{
		WriteBytesPerSecond: 1 << 20, WriteRecordsPerSecond: 1000,
		ReadBytesPerSecond: 2 << 20, ReadCallsPerSecond: 5,
		RecordBytes: 1 << 20, BatchRecords: 500, BatchBytes: 10 << 20, ReadRecords: 10_000, ReadBytes: 10 << 20,
		IteratorLifetime: 5 * time.Minute, MinRetention: 24 * time.Hour, MaxRetention: 365 * 24 * time.Hour,
	}
	unlimited := weir.Limits{
		WriteBytesPerSecond: rate.Inf, WriteRecordsPerSecond: rate.Inf,
		ReadBytesPerSecond: rate.Inf, ReadCallsPerSecond: rate.Inf,
		RecordBytes: 10 << 20, BatchRecords: math.MaxInt, BatchBytes: math.MaxInt,
		ReadRecords: math.MaxInt, ReadBytes: math.MaxInt,
		IteratorLifetime: math.MaxInt64, MinRetention: 1, MaxRetention: math.MaxInt64,
	}
	partly := service
	partly.WriteBytesPerSecond, partly.ReadRecords, partly.MinRetention = 0.5, 7, time.Second
	for _, c := range []struct {
		name   string
		config weir.Config
		want   weir.Config
	}{
		{"zero", weir.Config{},
			weir.Config{Shards: 1, Settings: weir.Settings{Retention: 24 * time.Hour, RecordBytes: 1 << 20}, MetricsWindow: 5 * time.Minute, Limits: service}},
		{"unlimited", weir.Config{Shards: 3, Settings: weir.Settings{Retention: time.Hour}, Limits: weir.Unlimited()},
			weir.Config{Shards: 3, Settings: weir.Settings{Retention: time.Hour, RecordBytes: 10 << 20}, MetricsWindow: 5 * time.Minute, Limits: unlimited}},
		{"some limits of one's own", weir.Config{
			Settings: weir.Settings{Retention: time.Minute}, MaxBytes: 9, WhenFull: weir.DropOldest, MetricsWindow: time.Hour,
			Limits: weir.Limits{WriteBytesPerSecond: 0.5, ReadRecords: 7, MinRetention: time.Second}},
			weir.Config{Shards: 1, Settings: weir.Settings{Retention: time.Minute, RecordBytes: 1 << 20}, MaxBytes: 9, WhenFull: weir.DropOldest,
				MetricsWindow: time.Hour, Limits: partly}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newStream(t, c.config).Config()
			assert.NotNil(t, got.Now)
			got.Now = nil
			// What belongs to resharding and consumers is tested with them.
			got.Limits = weir.Limits{
				WriteBytesPerSecond: got.Limits.WriteBytesPerSecond, WriteRecordsPerSecond: got.Limits.WriteRecordsPerSecond,
				ReadBytesPerSecond: got.Limits.ReadBytesPerSecond, ReadCallsPerSecond: got.Limits.ReadCallsPerSecond,
				RecordBytes: got.Limits.RecordBytes, BatchRecords: got.Limits.BatchRecords, BatchBytes: got.Limits.BatchBytes,
				ReadRecords: got.Limits.ReadRecords, ReadBytes: got.Limits.ReadBytes,
				IteratorLifetime: got.Limits.IteratorLifetime,
				MinRetention:     got.Limits.MinRetention, MaxRetention: got.Limits.MaxRetention,
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// A refusal names the field, the value and the limit.
func TestConfig_refusals(t *testing.T) {
	for _, c := range []struct {
		config weir.Config
		err    string
	}{
		{weir.Config{Shards: -1}, "Config.Shards: -1 is less than 1"},
		{weir.Config{MaxBytes: -1}, "Config.MaxBytes: -1 is negative"},
		{weir.Config{WhenFull: 4}, "Config.WhenFull: 4 is none of Refuse, DropOldest, Wait and Spill"},
		{weir.Config{WhenFull: weir.Spill}, "Config.WhenFull: Spill is for streams on disk, which Open opens"},
		{weir.Config{WhenFull: -1}, "Config.WhenFull: -1 is none of Refuse, DropOldest, Wait and Spill"},
		{weir.Config{MetricsWindow: time.Second - 1}, "Config.MetricsWindow: 999.999999ms is outside 1s to 24h0m0s"},
		{weir.Config{MetricsWindow: 24*time.Hour + 1}, "Config.MetricsWindow: 24h0m0.000000001s is outside 1s to 24h0m0s"},
		{weir.Config{Settings: weir.Settings{Retention: time.Hour}}, "Config.Retention: 1h0m0s is outside 24h0m0s to 8760h0m0s"},
		{weir.Config{Settings: weir.Settings{Retention: -1}}, "Config.Retention: -1ns is outside 24h0m0s to 8760h0m0s"},
		{weir.Config{Limits: weir.Limits{RecordBytes: 10<<20 + 1}}, "Limits.RecordBytes: 10485761 is above 10485760"},
		{weir.Config{Limits: weir.Limits{MinRetention: 2 * time.Hour, MaxRetention: time.Hour}},
			"Limits.MinRetention: 2h0m0s is above MaxRetention, 1h0m0s"},
		{weir.Config{Limits: weir.Limits{ReadCallsPerSecond: rate.Limit(math.NaN())}},
			"Limits.ReadCallsPerSecond: is not a number"},
		// What Shards means when it is zero follows from these, and was named.
		{weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{WriteBytesPerSecond: rate.Limit(math.NaN())}},
			"Limits.WriteBytesPerSecond: is not a number"},
		{weir.Config{Settings: weir.Settings{Mode: weir.OnDemand}, Limits: weir.Limits{OnDemandWriteBytesPerSecond: rate.Limit(math.NaN())}},
			"Limits.OnDemandWriteBytesPerSecond: is not a number"},
	} {
		_, err := weir.NewStream("test", c.config)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument, c.err)
		assert.EqualError(t, err, "stream test: "+c.err)
	}
}

func TestConfig_tooManyShards(t *testing.T) {
	_, err := weir.NewStream("test", weir.Config{Shards: 100_001})
	require.ErrorIs(t, err, weir.ErrLimitExceeded)
	assert.EqualError(t, err, "stream test: 100000 shards are the most")
}

// Of several fields that are out of bounds it is always the first one that is
// named.
func TestConfig_namesTheSameFieldEachTime(t *testing.T) {
	nan := rate.Limit(math.NaN())
	for range 20 {
		_, err := weir.Config{Limits: weir.Limits{
			WriteBytesPerSecond: nan, ReadCallsPerSecond: nan, SubscriptionBytesPerSecond: nan,
		}}.Resolved()
		require.EqualError(t, err, "Limits.WriteBytesPerSecond: is not a number")
	}
}

func TestConfig_atTheBounds(t *testing.T) {
	for _, c := range []weir.Config{
		{MetricsWindow: time.Second}, {MetricsWindow: 24 * time.Hour}, {Shards: 1000}, {MaxBytes: 1},
		{Limits: weir.Limits{RecordBytes: 10 << 20}}, {Limits: weir.Limits{WriteBytesPerSecond: rate.Limit(math.Inf(1))}},
		{Limits: weir.Limits{WriteBytesPerSecond: rate.Limit(math.Inf(-1))}},
	} {
		newStream(t, c)
	}
}

func TestNewStream_names(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "A-z_0.9": true, strings.Repeat("n", 127): true, strings.Repeat("n", 128): true,
		"": false, strings.Repeat("n", 129): false, "a b": false, "ä": false, "a/b": false, "a:b": false, "a\x00": false,
		"a\n": false, "@": false, "[": false, "`": false, "{": false, ",": false,
	} {
		s, err := weir.NewStream(name, weir.Config{})
		assert.Equal(t, ok, err == nil, "%q", name)
		if ok {
			assert.Equal(t, name, s.Name())
		} else {
			assert.ErrorIs(t, err, weir.ErrInvalidArgument, "%q", name)
		}
	}
}

func TestStream_clocksOutOfRange(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), time.Unix(1<<40, 0), time.Unix(math.MaxInt64, 0)} {
		s := newStream(t, weir.Config{Shards: 2, Now: func() time.Time { return at }})
		mustPut(t, s, "k", "data")
		assert.Equal(t, []string{"data"}, readable(t, s, s.ShardOf("k")), "%v", at)
		_, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Lo: 2})
		require.NoError(t, err)
		mustPut(t, s, "k", "data")
		s.Trim()
		s.Snapshot()
	}
}

// Reading the clock more than once would let one call see two times: what has
// expired for one part of it would not for another.
func TestStream_putsAndReadsReadTheClockOnce(t *testing.T) {
	readings := 0
	s := newStream(t, weir.Config{Now: func() time.Time { readings++; return epoch }})
	mustPut(t, s, "k", "v")
	r, err := s.NewReader("", weir.TrimHorizon())
	require.NoError(t, err)
	read := r.Positions()
	for name, call := range map[string]func() error{
		"PutRecord":        func() error { _, err := s.PutRecord(t.Context(), "k", nil); return err },
		"PutRecords":       func() error { _, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "k"}}); return err },
		"Set":              func() error { return setRetention(s, 25*time.Hour) },
		"Iterator":         func() error { _, err := s.Iterator(t.Context(), shard0, weir.AtTime(epoch)); return err },
		"Trim":             func() error { s.Trim(); return nil },
		"Snapshot":         func() error { s.Snapshot(); return nil },
		"PutRecordWait":    func() error { _, err := s.PutRecordWait(t.Context(), "k", nil); return err },
		"PutRecordsWait":   func() error { _, err := s.PutRecordsWait(t.Context(), []weir.Entry{{PartitionKey: "k"}}); return err },
		"Put":              func() error { _, err := s.Put(t.Context(), weir.Entry{PartitionKey: "k"}); return err },
		"PutCopies":        func() error { _, err := s.PutCopies(t.Context(), weir.Entry{PartitionKey: "k"}, 2); return err },
		"NewReader":        func() error { _, err := s.NewReader("", weir.AtTime(epoch)); return err },
		"NewReader, shard": func() error { _, err := s.NewReader("", weir.AtTime(epoch).In(shard0)); return err },
		"resuming":         func() error { _, err := s.NewReader("", weir.Resume(read, weir.TrimHorizon())); return err },
		"resuming a shard": func() error { _, err := s.NewReader("", weir.Resume(read, weir.TrimHorizon()).In(shard0)); return err },
		"NewReader, tip":   func() error { _, err := s.NewReader("", weir.TrimHorizon().ToTip()); return err },
		"TryNext":          func() error { _, err := r.TryNext(); return err },
		"Lost":             func() error { r.Lost(); return nil },
		"Behind":           func() error { r.Behind(); return nil },
		"Lags":             func() error { r.Lags(); return nil },
		"Age":              func() error { r.Age(); return nil },
		"TrimTo":           func() error { return s.TrimTo(read[0]) },
		"TrimToPositions":  func() error { return s.TrimToPositions(read, read) },
		"ListShards":       func() error { _, err := s.ListShards(t.Context(), weir.ShardQuery{}); return err },
		"Save":             func() error { return s.Save(io.Discard) },
		"RegisterConsumer": func() error { _, err := s.RegisterConsumer(t.Context(), "c"); return err },
		"SplitShard":       func() error { _, err := s.SplitShard(t.Context(), shard0, weir.HashKey{Hi: 1 << 63}); return err },
		"Resize":           func() error { _, err := s.Resize(t.Context(), 1); return err },
	} {
		readings = 0
		require.NoError(t, call(), name)
		assert.Equal(t, 1, readings, name)
	}
	it := mustIterator(t, s, shard0, weir.TrimHorizon())
	readings = 0
	mustGet(t, s, it, 0)
	assert.Equal(t, 1, readings, "GetRecords")
}
