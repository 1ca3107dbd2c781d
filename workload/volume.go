package workload

import (
	"fmt"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// A Volume is how much a workload puts.
type Volume struct {
	Records         float64 // expected, where the number is up to chance
	Bytes           float64 // of data and keys
	PutUnits        float64 // payload units of [PutUnitBytes], as provisioned streams are charged
	KiBRoundedBytes float64 // bytes with each record rounded up to 1 KiB, as on-demand streams are charged
}

const (
	// PutUnitBytes is what one payload unit holds of a record, data and key together.
	// The service writes 25 KB; where it charges by "1 KB" it explains that as 1,024
	// bytes, so a KB is taken as that here too. A record takes one unit at least.
	PutUnitBytes = 25 * 1024
	// RoundedBytes is what on-demand streams round a record up to.
	RoundedBytes = 1024
)

// Volume returns how much w puts in all, whose defaults need not be filled in. Traces
// are counted record by record; for rates it is what is to be expected, and takes the
// same time for a day as for a year. If [Workload.Records] ends a run that has rates
// first, all traffic is taken to have given up the same part. open may be nil if w has
// no trace.
func (w Workload) Volume(open Open) (Volume, error) {
	if err := w.Validate(); err != nil {
		return Volume{}, err
	}
	w = w.WithDefaults()
	traces, rates := w, w
	traces.Traffic, rates.Traffic = nil, nil
	for _, t := range w.Traffic {
		if t.Trace != nil {
			traces.Traffic = append(traces.Traffic, t)
		} else {
			rates.Traffic = append(rates.Traffic, t)
		}
	}
	if len(rates.Traffic) > 0 {
		traces.Records = 0
	}
	v, err := traces.volumeOfTraces(open)
	if err != nil {
		return Volume{}, err
	}
	for i, t := range rates.Traffic {
		expected, err := w.volumeOfRate(t, i)
		if err != nil {
			return Volume{}, err
		}
		v = v.plus(expected)
	}
	if most := float64(w.Records); w.Records > 0 && v.Records > most {
		v = v.times(most / v.Records)
	}
	return v, nil
}

func (v Volume) plus(o Volume) Volume {
	return Volume{v.Records + o.Records, v.Bytes + o.Bytes, v.PutUnits + o.PutUnits, v.KiBRoundedBytes + o.KiBRoundedBytes}
}

func (v Volume) times(factor float64) Volume {
	return Volume{v.Records * factor, v.Bytes * factor, v.PutUnits * factor, v.KiBRoundedBytes * factor}
}

// volumeOfTraces counts the records of a workload that has traces only, or nothing.
func (w Workload) volumeOfTraces(open Open) (v Volume, err error) {
	if len(w.Traffic) == 0 {
		return Volume{}, nil
	}
	g, err := NewGenerator(w, open)
	if err != nil {
		return Volume{}, err
	}
	defer g.Close()
	for a := (Arrival{}); g.Next(&a); {
		v = v.plus(volumeOfRecord(len(a.Key.Text) + a.Bytes))
	}
	return v, g.Err()
}

// volumeOfRecord returns what one record of so many bytes, data and key, takes.
func volumeOfRecord(size int) Volume {
	return Volume{1, float64(size), roundUp(size, PutUnitBytes) / PutUnitBytes, roundUp(size, RoundedBytes)}
}

// roundUp returns the multiple of unit that is not below size.
func roundUp(size, unit int) float64 { return float64((size + unit - 1) / unit * unit) }

// volumeOfRate returns what is to be expected of a traffic with a rate.
func (w Workload) volumeOfRate(t Traffic, i int) (Volume, error) {
	if t.Rate.Max && w.Records == 0 {
		return Volume{}, fieldError("records", "is missing: how much rate.max puts is not known before")
	}
	s, err := newSource(w, t, i, nil)
	if err != nil {
		return Volume{}, fmt.Errorf("traffic[%d]: %w", i, err)
	}
	records := s.expected
	if s.gaps == nil {
		records = float64(s.total)
	}
	return s.meanRecord().times(records), nil
}

// meanRecord returns what is to be expected of one record.
func (s *source) meanRecord() (v Volume) {
	const longest = weir.MaxPartitionKeyLength * utf8.UTFMax
	var lengths [longest + 1]float64 // shares of keys by their bytes
	unique := s.keys.eachShare(func(k *Key, share float64) { lengths[len(k.Text)] += share })
	lengths[uniqueKeyBytes] += unique
	for keyBytes, share := range lengths {
		if share > 0 {
			v = v.plus(s.sizes.meanRecord(keyBytes).times(share))
		}
	}
	return v
}

// meanRecord returns what is to be expected of one record with a key of so many
// bytes.
func (s *sizer) meanRecord(keyBytes int) (v Volume) {
	if s.choices > 0 {
		first, last := s.min+keyBytes, s.min+keyBytes+s.choices-1
		n := float64(s.choices)
		return Volume{
			Records:         1,
			Bytes:           float64(first+last) / 2,
			PutUnits:        (unitsUpTo(last, PutUnitBytes) - unitsUpTo(first-1, PutUnitBytes)) / n,
			KiBRoundedBytes: (unitsUpTo(last, RoundedBytes) - unitsUpTo(first-1, RoundedBytes)) / n * RoundedBytes,
		}
	}
	s.eachShare(func(data int, share float64) {
		v = v.plus(volumeOfRecord(data + keyBytes).times(share))
	})
	return v
}

// unitsUpTo returns how many units records of 1, 2 and so on to size bytes take, one
// record of each.
func unitsUpTo(size, unit int) float64 {
	full, rest := float64(size/unit), float64(size%unit)
	return float64(unit)*full*(full+1)/2 + rest*(full+1)
}
