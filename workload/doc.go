// Package workload says what happens to a stream: what is put and when, who reads
// it, what is resharded meanwhile. It also generates it, the same records from the
// same seed.
//
// A [Workload] is a plain value that reads and writes as JSON. A [Generator] gives
// its records one after the other with the time of each; the simulator and the load
// generator put them. `weir bench`, `weir simulate` and `weir cost` share this
// language.
//
//	w, err := workload.Parse([]byte(`{
//		"duration": "1d",
//		"stream":  {"shards": 4},
//		"traffic": [{
//			"rate":  {"wave": {"low": "200/s", "high": "2k/s", "peak_at": "14h"}},
//			"keys":  {"count": 50000, "zipf": 1},
//			"sizes": {"median": 300, "spread": 2}
//		}],
//		"consumers": [{"name": "billing", "per_record": "2ms"}]
//	}`))
//
// # Zero
//
// A field that is not given means what its comment says; [Workload.WithDefaults]
// fills all of that in. What is needed is at least one [Traffic] with a rate, and a
// duration or a number of records; a trace needs neither. [Workload.Validate] and
// [Parse] say which field is out of bounds, what it is and what it may be:
// "traffic[1].rate.wave.low: 10/s is above high, 5/s".
//
// # Quantities
//
// Durations are text with a unit: "250ms", "90s", "2h30m", "1.5d". Sizes are numbers
// of bytes, or text: "100B", "25KB" (25,000 bytes), "1.5KiB" (1,536 bytes). Rates are
// numbers a second, or text: "1500/s", "90000/min", "1M/h". See [ParseDuration],
// [ParseSize] and [ParsePerSecond].
//
// Where a shape is simple it can be written without its object: a rate as "1500/s" or
// "max", keys as their number, a size as "1KiB".
//
// # Rates
//
// A [Rate] is constant, a [Ramp], a [Wave], a [Burst], [Step]s, or as fast as it goes.
// It has an exact integral, and everything follows from that: the n-th record comes
// when n are expected, so that [Even] arrivals in any interval are as many as the
// integral over it, to one record, in the first minute as in the tenth year. [Poisson]
// arrivals are spaced by a random number whose mean is one expected record.
//
// # Keys and sizes
//
// [Keys] are a finite set, by weight, or unique. A Zipf exponent may be any from 0 to
// 10; drawing takes constant time for each. Hot keys take their share before all
// others. [Sizes] are fixed, uniform, log-normal or weighted.
//
// # Traces
//
// A [Trace] plays recorded records. The package opens no file: who generates passes
// an [Open] for traces, and replaces key files by their keys with
// [Workload.ReadKeys]. A trace need not be in order: records are sorted within
// [TraceWindow]; those that come later still are not lost, but take the time of the
// one before them, and are counted.
//
// # Record by record, or in lots
//
// [Generator.Next] gives each record; it takes some 20 to 40 ns and allocates
// nothing, unless each record has a key of its own. [Generator.NextLots] gives how
// many records arrive in a step, by hash key range, without making each: a second of
// a million records takes as long as one of ten. Both follow the same distributions.
// [Workload.Volume] gives the sum of all, without generating the records of rates.
//
// # Chance
//
// The same workload gives the same records, but that the last digit of a time or size
// may differ between kinds of processors, which round differently. [Workload.Seed]
// makes another run of the same kind. Times, keys and sizes of each traffic are drawn from
// random numbers of their own: to change one leaves the others as they were, and so
// does to add another traffic behind.
//
// # Bounds
//
// Memory does not grow with a run: a generator holds the keys, at most [MaxKeys], and
// of each trace at most [TraceWindowRecords] records. A run lasts at most
// [MaxDuration].
package workload
