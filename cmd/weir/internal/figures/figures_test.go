package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/figures"
)

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.00123: "0.0012", 0.012: "0.01", 1: "1", 1.234: "1.23", 9.999: "10", 12.34: "12.3", 12: "12",
		123.6: "124", 1234567.8: "1,234,568", -5.5: "-5.5",
	} {
		assert.Equal(t, want, figures.Number(v), "%v", v)
	}
}

// Digits are rounded and not cut off: a card said 38.9 M of 38,971,444.
func TestShort(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1 k", 1949: "1.9 k", 1951: "2 k", 2_696_872: "2.7 M", 38_971_444: "39 M",
		999_949: "999.9 k", 999_951: "1 M", -1500: "-1.5 k", math.MaxInt64: "9.2 E",
	} {
		assert.Equal(t, want, figures.Short(n), "%d", n)
	}
}

// Next to nothing is not shown as nothing, nor next to all as all.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{
		0: "0.0 %", 1e-9: "< 0.0001 %", 0.000042: "0.0042 %", 0.000333: "0.033 %", 0.0005: "0.1 %", 0.1234: "12.3 %",
		0.9994: "99.9 %", 0.99999: "> 99.9 %", 1: "100.0 %", 2.126: "212.6 %",
	} {
		assert.Equal(t, want, figures.Percent(share), "%v", share)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 15 * time.Nanosecond: "15ns", 1234 * time.Nanosecond: "1.23µs", 1234567 * time.Nanosecond: "1.23ms",
		1256 * time.Millisecond: "1.26s", 200*time.Second + 400*time.Millisecond: "3m20s",
		26*time.Hour + 10*time.Minute + 20*time.Second: "26h10m", -time.Second: "-1s",
	} {
		assert.Equal(t, want, figures.Duration(d), "%v", int64(d))
	}
}

func TestCount(t *testing.T) {
	assert.Equal(t, "1 shard", figures.Count(1, "shard"))
	assert.Equal(t, "1,024 shards", figures.Count(1024, "shard"))
	assert.Equal(t, "0 shards", figures.Count(0, "shard"))
	assert.Equal(t, "12.3 %", figures.Percent(0.1234))
	assert.Equal(t, "1.5 MiB", figures.Bytes(1.5*1024*1024))
}

func TestShare_ofNothingIsNothing(t *testing.T) {
	assert.Equal(t, 0.25, figures.Share(1, 4))
	assert.Zero(t, figures.Share[int64](0, 0))
	assert.Zero(t, figures.Ratio(3, 0))
}

func TestSeconds(t *testing.T) {
	assert.Equal(t, "9.88s", figures.Seconds(9.876))
	assert.Equal(t, "0s", figures.Seconds(0))
	assert.Equal(t, 1.5, figures.Millis(1500*time.Microsecond))
}
