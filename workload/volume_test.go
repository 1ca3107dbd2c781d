package workload_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/workload"
)

func TestVolume_ofRates(t *testing.T) {
	const kib = 1024
	key := workload.Keys{Weighted: []workload.WeightedKey{{Key: "0123456789"}}}
	for name, test := range map[string]struct {
		traffic workload.Traffic
		want    workload.Volume
	}{
		"fixed": { // 3,600 records of 1,034 bytes: 1 unit, 2 KiB
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Sizes: workload.Sizes{Fixed: kib}, Keys: key},
			workload.Volume{Records: 3600, Bytes: 3600 * 1034, PutUnits: 3600, KiBRoundedBytes: 3600 * 2 * kib},
		},
		"a unit to the byte": {
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Sizes: workload.Sizes{Fixed: 25*kib - 10}, Keys: key},
			workload.Volume{Records: 3600, Bytes: 3600 * 25 * kib, PutUnits: 3600, KiBRoundedBytes: 3600 * 25 * kib},
		},
		"a byte more": {
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Sizes: workload.Sizes{Fixed: 25*kib - 9}, Keys: key},
			workload.Volume{Records: 3600, Bytes: 3600 * (25*kib + 1), PutUnits: 7200, KiBRoundedBytes: 3600 * 26 * kib},
		},
		"weighted": { // a quarter of 100 KiB and 10 bytes: 5 units, 101 KiB; the others 1 and 1
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: key, Sizes: workload.Sizes{
				Weighted: []workload.WeightedSize{{Bytes: 90, Weight: 3}, {Bytes: 100 * kib}},
			}},
			workload.Volume{
				Records: 3600, Bytes: 2700*100 + 900*(100*kib+10), PutUnits: 2700 + 900*5, KiBRoundedBytes: (2700 + 900*101) * kib,
			},
		},
		"uniform": { // 1,015 … 1,024 bytes in all take 1 KiB, as many more take 2
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: key, Sizes: workload.Sizes{Min: 1005, Max: 1024}},
			workload.Volume{Records: 3600, Bytes: 3600 * 1024.5, PutUnits: 3600, KiBRoundedBytes: 1800*kib + 1800*2*kib},
		},
		"keys of two lengths": { // 10 keys of 5 bytes, 10 of 6: half of 1,024 bytes, half of 1,025
			workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{Count: 20}, Sizes: workload.Sizes{Fixed: 1019}},
			workload.Volume{Records: 3600, Bytes: 3600 * 1024.5, PutUnits: 3600, KiBRoundedBytes: 1800*kib + 1800*2*kib},
		},
		"unique keys and a hot one": { // 16 bytes and 10
			workload.Traffic{
				Rate: workload.Rate{Constant: 1}, Sizes: workload.Sizes{Fixed: 84},
				Keys: workload.Keys{Unique: true, Hot: []workload.HotKey{{Key: "0123456789", Share: 0.5}}},
			},
			workload.Volume{Records: 3600, Bytes: 3600 * 97, PutUnits: 3600, KiBRoundedBytes: 3600 * kib},
		},
		"ramp": { // 5 a second on average
			workload.Traffic{Rate: workload.Rate{Ramp: &workload.Ramp{To: 10}}, Sizes: workload.Sizes{Fixed: 90}, Keys: key},
			workload.Volume{Records: 18000, Bytes: 18000 * 100, PutUnits: 18000, KiBRoundedBytes: 18000 * kib},
		},
	} {
		got, err := run(time.Hour, test.traffic).Volume(nil)
		require.NoError(t, err, name)
		assertVolume(t, test.want, got, name)
	}
}

func assertVolume(t *testing.T, want, got workload.Volume, name string) {
	t.Helper()
	assert.InEpsilon(t, want.Records, got.Records, 1e-9, name)
	assert.InEpsilon(t, want.Bytes, got.Bytes, 1e-9, name)
	assert.InEpsilon(t, want.PutUnits, got.PutUnits, 1e-9, name)
	assert.InEpsilon(t, want.KiBRoundedBytes, got.KiBRoundedBytes, 1e-9, name)
}

// What is expected is what comes.
func TestVolume_agreesWithNext(t *testing.T) {
	w := run(time.Minute, workload.Traffic{
		Rate: workload.Rate{Constant: 2000}, Arrivals: workload.Poisson,
		Keys: workload.Keys{Zipf: 1}, Sizes: workload.Sizes{Median: 20_000, Spread: 1.5},
	})
	v, err := w.Volume(nil)
	require.NoError(t, err)
	var got workload.Volume
	for _, a := range arrivals(t, w) {
		size := float64(len(a.Key.Text) + a.Bytes)
		got.Records++
		got.Bytes += size
		got.PutUnits += math.Ceil(size / 25_600)
		got.KiBRoundedBytes += math.Ceil(size/1024) * 1024
	}
	const deviation = 4 * 0.01
	assert.InEpsilon(t, v.Records, got.Records, deviation)
	assert.InEpsilon(t, v.Bytes, got.Bytes, deviation)
	assert.InEpsilon(t, v.PutUnits, got.PutUnits, deviation)
	assert.InEpsilon(t, v.KiBRoundedBytes, got.KiBRoundedBytes, deviation)
}

func TestVolume_ofTraces(t *testing.T) {
	records := []workload.Traced{traced(0, "a"), traced(1, strings.Repeat("b", 200)), {At: noon.Add(2 * time.Second), Key: "c", Bytes: 25_600}}
	v, err := traceOf(1).Volume(opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, workload.Volume{Records: 3, Bytes: 101 + 300 + 25_601, PutUnits: 1 + 1 + 2, KiBRoundedBytes: 1024 + 1024 + 26*1024}, v)

	w := traceOf(1)
	w.Records = 2
	v, err = w.Volume(opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, workload.Volume{Records: 2, Bytes: 401, PutUnits: 2, KiBRoundedBytes: 2048}, v, "the first two")

	w = traceOf(1)
	w.Duration = workload.Duration(9 * time.Second)
	w.Traffic = append(w.Traffic, workload.Traffic{Rate: workload.Rate{Constant: 1}, Keys: workload.Keys{Count: 1}, Sizes: workload.Sizes{Fixed: 95}})
	v, err = w.Volume(opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, workload.Volume{Records: 12, Bytes: 26_002 + 900, PutUnits: 4 + 9, KiBRoundedBytes: 28*1024 + 9*1024}, v)

	w.Records = 6
	v, err = w.Volume(opening(records, nil))
	require.NoError(t, err)
	assert.Equal(t, workload.Volume{Records: 6, Bytes: 13_451, PutUnits: 6.5, KiBRoundedBytes: 18.5 * 1024}, v, "half of all")

	_, err = traceOf(1).Volume(opening(records, assert.AnError))
	assert.ErrorIs(t, err, assert.AnError)
}

func TestVolume_ofMax(t *testing.T) {
	w := workload.Workload{Records: 10, Traffic: []workload.Traffic{{
		Rate: workload.Rate{Max: true}, Keys: workload.Keys{Count: 1}, Sizes: workload.Sizes{Fixed: 95},
	}}}
	v, err := w.Volume(nil)
	require.NoError(t, err)
	assertVolume(t, workload.Volume{Records: 10, Bytes: 1000, PutUnits: 10, KiBRoundedBytes: 10_240}, v, "")
	w.Records, w.Duration = 0, workload.Duration(time.Second)
	_, err = w.Volume(nil)
	assert.EqualError(t, err, "records: is missing: how much rate.max puts is not known before")
}
