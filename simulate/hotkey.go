package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// hotKey counts the records of one key.
type hotKey struct {
	key   workload.Key
	known bool
	this  tally // of the second
	sum   tally // of the seconds that are measured

	minute  tally // so far
	seconds int64 // of it
	busiest tally // per minute
}

type tally struct{ records, bytes float64 }

func (t tally) plus(o tally) tally { return tally{t.records + o.records, t.bytes + o.bytes} }
func (t tally) max(o tally) tally {
	return tally{max(t.records, o.records), max(t.bytes, o.bytes)}
}

// count counts records of the key that are offered.
func (h *hotKey) count(records, bytes int64) {
	h.this.records += float64(records)
	h.this.bytes += float64(bytes)
}

// endSecond ends a second of the run.
func (h *hotKey) endSecond(measured bool) {
	this := h.this
	h.this = tally{}
	if !measured {
		return
	}
	h.sum = h.sum.plus(this)
	h.minute = h.minute.plus(this)
	if h.seconds++; h.seconds == minuteSeconds {
		h.busiest = h.busiest.max(h.minute)
		h.minute, h.seconds = tally{}, 0
	}
}

const minuteSeconds = 60

// result returns what was counted, of so many records offered in so many seconds.
func (h *hotKey) result(l weir.Limits, auto bool, offered, seconds int64) HotKey {
	rate, per := h.busiest, float64(minuteSeconds)
	if seconds < minuteSeconds {
		rate, per = h.sum, float64(max(1, seconds))
	}
	r := HotKey{
		Key: h.key.Text, Records: int64(h.sum.records), Bytes: int64(h.sum.bytes),
		Share:            h.sum.records / float64(max(1, offered)),
		RecordsPerSecond: rate.records / per, BytesPerSecond: rate.bytes / per,
	}
	if !auto {
		r.Shards = max(part(r.RecordsPerSecond, l.WriteRecordsPerSecond), part(r.BytesPerSecond, l.WriteBytesPerSecond))
	}
	return r
}

const (
	// sampleRecords is about how many records of rates the hottest key is looked for
	// in, and sampleTraced how many where there is a trace.
	sampleRecords = 50_000
	sampleTraced  = 1_000_000
	// sampleKeys is how many keys are counted at a time.
	sampleKeys = 20_000
)

// hottestKey looks for the key with the most records. Of a rate it generates about
// as many records as a sample has, over all the time of the workload; of traces,
// the first ones.
func hottestKey(w workload.Workload, open workload.Open) (hotKey, error) {
	w, most, err := thinned(w, open)
	if err != nil {
		return hotKey{}, err
	}
	g, err := workload.NewGenerator(w, open)
	if err != nil {
		return hotKey{}, err
	}
	defer g.Close()
	var sample sample
	var a workload.Arrival
	for n := 0; n < most && g.Next(&a); n++ {
		sample.count(a.Key)
	}
	return hotKey{key: sample.mostFrequent(), known: true}, g.Err()
}

// A sample counts keys, but only so many: what makes up a larger part of all records
// than one in sampleKeys is not missed.
type sample struct {
	places map[weir.HashKey]int
	keys   []sampled
}

type sampled struct {
	key workload.Key
	n   int64
}

func (s *sample) count(k *workload.Key) {
	if i, ok := s.places[k.Hash]; ok {
		s.keys[i].n++
		return
	}
	if len(s.keys) >= sampleKeys {
		s.forgetRare()
		return
	}
	if s.places == nil {
		s.places = make(map[weir.HashKey]int)
	}
	s.places[k.Hash] = len(s.keys)
	s.keys = append(s.keys, sampled{*k, 1})
}

// forgetRare takes one record from each key and forgets those that have no more.
func (s *sample) forgetRare() {
	kept := s.keys[:0]
	clear(s.places)
	for _, k := range s.keys {
		if k.n--; k.n > 0 {
			s.places[k.key.Hash] = len(kept)
			kept = append(kept, k)
		}
	}
	s.keys = kept
}

// mostFrequent returns the key with the highest count, of equals the first one.
func (s *sample) mostFrequent() workload.Key {
	var best sampled
	for _, k := range s.keys {
		if k.n > best.n {
			best = k
		}
	}
	return best.key
}

// thinned returns w with its rates so low that it has about as many records as a
// sample, and how many of them to take at most.
func thinned(w workload.Workload, open workload.Open) (workload.Workload, int, error) {
	rates := w
	rates.Traffic = slices.DeleteFunc(slices.Clone(w.Traffic), func(t workload.Traffic) bool { return t.Trace != nil })
	most := sampleTraced
	if len(rates.Traffic) == len(w.Traffic) {
		most = 2 * sampleRecords // bursts are not made smaller than a record
	}
	if len(rates.Traffic) == 0 {
		return w, most, nil
	}
	g, err := workload.NewGenerator(rates, open)
	if err != nil {
		return w, 0, err
	}
	end := time.Duration(w.Duration)
	if end == 0 {
		end = workload.MaxDuration
	}
	lots, _ := g.NextLots(nil, end, weir.EvenRanges(1))
	if len(lots) == 0 || lots[0].Records <= sampleRecords {
		return w, most, g.Err()
	}
	thin := float64(sampleRecords) / float64(lots[0].Records)
	w.Traffic = slices.Clone(w.Traffic)
	for i := range w.Traffic {
		w.Traffic[i].Rate = thinner(w.Traffic[i].Rate, thin)
	}
	w.Records = int64(math.Ceil(float64(w.Records) * thin))
	return w, most, g.Err()
}

// thinner returns a rate that is a part of r.
func thinner(r workload.Rate, part float64) workload.Rate {
	less := func(v workload.PerSecond) workload.PerSecond { return v * workload.PerSecond(part) }
	r.Constant *= part
	if r.Ramp != nil {
		r.Ramp = &workload.Ramp{From: less(r.Ramp.From), To: less(r.Ramp.To)}
	}
	if r.Wave != nil {
		wave := *r.Wave
		wave.Low, wave.High = less(wave.Low), less(wave.High)
		wave.Mean, wave.Peak = less(wave.Mean), less(wave.Peak)
		r.Wave = &wave
	}
	if r.Burst != nil {
		burst := *r.Burst
		burst.Records = max(1, int64(float64(burst.Records)*part))
		r.Burst = &burst
	}
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Rate = less(r.Steps[i].Rate)
	}
	return r
}
