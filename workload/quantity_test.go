package workload_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/workload"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "0d0s": 0,
		"90s": 90 * time.Second, "2h30m": 150 * time.Minute, "250ms": 250 * time.Millisecond, "1ns": 1,
		"7d": 168 * time.Hour, "1.5d": 36 * time.Hour, "1d12h": 36 * time.Hour, "365d": 8760 * time.Hour,
	} {
		got, err := workload.ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, workload.Duration(want), got, text)
	}
}

func TestParseDuration_errors(t *testing.T) {
	for text, want := range map[string]string{
		"":         `"" is no duration; expected text such as 90s, 2h30m or 7d`,
		"d":        `"d" is no duration; expected text such as 90s, 2h30m or 7d`,
		"60":       `"60" has no unit; expected one of ms, s, m, h and d, such as 60s`,
		"1.5":      `"1.5" has no unit; expected one of ms, s, m, h and d, such as 1.5s`,
		"-1s":      `"-1s" is negative`,
		"1d-1s":    `"1d-1s" is no duration; expected text such as 90s, 2h30m or 7d`,
		"1d5":      `"1d5" is no duration; expected text such as 90s, 2h30m or 7d`,
		"2 hours":  `"2 hours" is no duration; expected text such as 90s, 2h30m or 7d`,
		"200000d":  `"200000d" is no duration; expected text such as 90s, 2h30m or 7d`,
		"infd":     `"infd" is no duration; expected text such as 90s, 2h30m or 7d`,
		"106751d1": `"106751d1" is no duration; expected text such as 90s, 2h30m or 7d`,
	} {
		_, err := workload.ParseDuration(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestDuration_readsWhatItWrites(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "1ns": 1, "250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "2m": 2 * time.Minute,
		"10m": 10 * time.Minute, "20h": 20 * time.Hour, "1h0m5s": time.Hour + 5*time.Second, "2h30m": 150 * time.Minute,
		"7d": 168 * time.Hour, "3d18h": 90 * time.Hour, "1d1ns": 24*time.Hour + 1,
	} {
		assert.Equal(t, want, workload.Duration(d).String())
		back, err := workload.ParseDuration(want)
		require.NoError(t, err, want)
		assert.Equal(t, workload.Duration(d), back)
	}
	longest := workload.Duration(math.MaxInt64)
	back, err := workload.ParseDuration(longest.String())
	require.NoError(t, err)
	assert.Equal(t, longest, back)
	assert.Equal(t, "-1m0s", workload.Duration(-time.Minute).String())
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]workload.Size{
		"0": 0, "0B": 0, "100": 100, "100B": 100, "100 B": 100, "1e3": 1000,
		"25KB": 25_000, "25KiB": 25_600, "1.5KiB": 1536, "1.5kib": 1536, "2MB": 2_000_000, "10MiB": 10 << 20,
		"1GB": 1e9, "1GiB": 1 << 30, "1TB": 1e12, "1024TiB": 1 << 50,
	} {
		got, err := workload.ParseSize(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseSize_errors(t *testing.T) {
	const expected = " is no size; expected a number of bytes, or text such as 100B, 1.5KiB (1,536 bytes) or 25KB (25,000 bytes)"
	for text, want := range map[string]string{
		"":          `""` + expected,
		"KiB":       `"KiB"` + expected,
		"1K":        `"1K"` + expected,
		"1,000":     `"1,000"` + expected,
		"NaN":       `"NaN"` + expected,
		"0x10":      `"0x10"` + expected,
		"-1":        `"-1" is negative`,
		"0.3KiB":    `"0.3KiB" is 307.2 bytes; expected a whole number`,
		"1025TiB":   `"1025TiB" is above 1 PiB`,
		"1e300 TiB": `"1e300 TiB" is above 1 PiB`,
		"1e999":     `"1e999"` + expected,
	} {
		_, err := workload.ParseSize(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestSize_readsWhatItWrites(t *testing.T) {
	for want, z := range map[string]workload.Size{
		"0B": 0, "1B": 1, "1000B": 1000, "1KiB": 1024, "1536B": 1536, "25KiB": 25_600, "10MiB": 10 << 20, "3GiB": 3 << 30,
	} {
		assert.Equal(t, want, z.String())
		back, err := workload.ParseSize(want)
		require.NoError(t, err, want)
		assert.Equal(t, z, back)
	}
}

func TestParsePerSecond(t *testing.T) {
	for text, want := range map[string]workload.PerSecond{
		"0": 0, "1500": 1500, "1500/s": 1500, "0.5/s": 0.5, "1.5k/s": 1500, "2K": 2000, "3M/s": 3e6, "1G/s": 1e9,
		"90000/min": 1500, "1M/h": 1e6 / 3600., "86400/d": 1, "60 / minute": 1, "1e3/sec": 1000,
	} {
		got, err := workload.ParsePerSecond(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParsePerSecond_errors(t *testing.T) {
	const expected = " is no rate; expected a number of records and a time: 1500/s, 90000/min, 1M/h"
	for text, want := range map[string]string{
		"":         `""` + expected,
		"/s":       `"/s"` + expected,
		"k/s":      `"k/s"` + expected,
		"5/":       `"5/"` + expected,
		"5/week":   `"5/week"` + expected,
		"5m/s":     `"5m/s"` + expected,
		"Inf/s":    `"Inf/s"` + expected,
		"1,500/s":  `"1,500/s"` + expected,
		"-5/s":     `"-5/s" is negative`,
		"1e400/s":  `"1e400/s"` + expected,
		"1e308G/s": `"1e308G/s"` + expected,
	} {
		_, err := workload.ParsePerSecond(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestPerSecond_readsWhatItWrites(t *testing.T) {
	for want, r := range map[string]workload.PerSecond{
		"0/s": 0, "1500/s": 1500, "0.016666666666666666/s": 1. / 60, "1000000/s": 1e6,
	} {
		assert.Equal(t, want, r.String())
		back, err := workload.ParsePerSecond(want)
		require.NoError(t, err, want)
		assert.Equal(t, r, back)
	}
}

func TestQuantities_inJSON(t *testing.T) {
	var got struct {
		D workload.Duration
		Z workload.Size
		R workload.PerSecond
	}
	require.NoError(t, json.Unmarshal([]byte(`{"D": "1.5d", "Z": "2KiB", "R": "60/min"}`), &got))
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"D": "1d12h", "Z": "2KiB", "R": "1/s"}`, string(text))
	require.NoError(t, json.Unmarshal([]byte(`{"D": 0, "Z": 100, "R": 2.5}`), &got), "numbers")
	assert.Equal(t, workload.Size(100), got.Z)
	assert.Equal(t, workload.PerSecond(2.5), got.R)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"D": 5}`), &got), `"5" has no unit`)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"Z": true}`), &got), "expected a number or text, found true")
}
