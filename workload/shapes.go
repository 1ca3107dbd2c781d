package workload

// A Rate is records a second over time, in one of these shapes. Times count from
// the beginning of its traffic. In JSON a constant rate may be a number or text
// such as "1500/s" or "90000/min", and Max the word "max".
type Rate struct {
	// Constant is from 1e-9 to [MaxPerSecond].
	Constant float64 `json:"constant,omitempty" per:"second"`
	Ramp     *Ramp   `json:"ramp,omitempty"`
	Wave     *Wave   `json:"wave,omitempty"`
	Burst    *Burst  `json:"burst,omitempty"`
	// Steps hold each rate until the next one's time; before the first there is
	// nothing.
	Steps []Step `json:"steps,omitempty"`
	// Max puts as fast as it goes. Only a load generator can, and of one traffic only.
	Max bool `json:"max,omitempty"`
}

// A Ramp goes from one rate to another in a straight line over the traffic's time.
type Ramp struct {
	From PerSecond `json:"from"`
	To   PerSecond `json:"to"`
}

// A Wave goes up and down as the days do, as a cosine does: between Low and High, or
// about Mean up to Peak. A wave is as far below its mean as it is above, so that Peak is
// at most twice Mean.
type Wave struct {
	Low  PerSecond `json:"low,omitzero"`
	High PerSecond `json:"high,omitzero"`
	Mean PerSecond `json:"mean,omitzero"`
	Peak PerSecond `json:"peak,omitzero"`
	// Period is the time from peak to peak. Zero means 24 h; at least 1 ms. PeakAt is
	// when the first peak is.
	Period Duration `json:"period,omitzero"`
	PeakAt Duration `json:"peak_at,omitzero"`
}

// A Burst is so many records at once, again and again. With [Poisson] arrivals their
// number is random too, and so many are to be expected.
type Burst struct {
	Records int64 `json:"records"`
	// Every is the time from one to the next; zero means that there is one only.
	Every Duration `json:"every,omitzero"`
	// Within is how long each takes, at most Every. Zero means no time at all.
	Within Duration `json:"within,omitzero"`
}

// A Step is a rate from a time on. Times rise from step to step.
type Step struct {
	At   Duration  `json:"at"`
	Rate PerSecond `json:"rate"`
}

// Keys are partition keys and how often each comes. One of Count with Zipf, Unique,
// File and Weighted is given; Hot goes with all of them. In JSON a number is Count.
type Keys struct {
	// Count is how many there are, "key-0" and so on, or with a seed of 7 "key-7-0".
	// Zero means [DefaultKeys]; all
	// traffic together has at most [MaxKeys].
	Count int `json:"count,omitempty"`
	// Zipf is how uneven they are: the k-th comes in proportion to 1/k^Zipf. Zero
	// means all alike; about 1 is usual for people and pages; at most 10.
	Zipf float64 `json:"zipf,omitempty"`
	// Hot are keys with a share of their own, from the whole. Shares add up to at most
	// 1; the other keys have what is left.
	Hot []HotKey `json:"hot,omitempty"`
	// Unique gives each record a key of its own, of 16 bytes.
	Unique bool `json:"unique,omitempty"`
	// File has a key a line, and after a tab its weight if it is not 1. It is to be
	// read with [Workload.ReadKeys] before records can be generated.
	File string `json:"file,omitempty"`
	// Weighted lists them here instead.
	Weighted []WeightedKey `json:"weighted,omitempty"`
}

// A HotKey takes a share of all records, above 0 and below or equal to 1.
type HotKey struct {
	Key   string  `json:"key"`
	Share float64 `json:"share"`
}

// A WeightedKey comes in proportion to its weight, from 1e-15 to 1e15. Zero means 1.
type WeightedKey struct {
	Key    string  `json:"key"`
	Weight float64 `json:"weight"`
}

// Sizes are bytes of data, at most 10 MiB. One of Fixed, Min with Max, Median or Mean
// with the others, and Weighted is given. In JSON a fixed size may be a number or text such as
// "1.5KiB". Records without data are Weighted with one size of zero, for a Fixed of
// zero means [DefaultSize].
type Sizes struct {
	Fixed Size `json:"fixed,omitzero"`
	// Min and Max alone are uniform, both included. Median makes a log-normal
	// distribution, where Spread is how many times the median the 84th percentile is,
	// from 1 to 1,000; zero means 2. What is below Min or above Max is taken to be Min
	// or Max, so that Median stays the median. Zero Max means 10 MiB then.
	Min    Size `json:"min,omitzero"`
	Max    Size `json:"max,omitzero"`
	Median Size `json:"median,omitzero"`
	// Mean makes the log-normal distribution whose mean that is, after what is below
	// Min or above Max was taken to be Min or Max. It goes with all that goes with
	// Median, but not with Median itself.
	Mean   Size    `json:"mean,omitzero"`
	Spread float64 `json:"spread,omitempty"`
	// Weighted are sizes and how often each comes.
	Weighted []WeightedSize `json:"weighted,omitempty"`
}

// A WeightedSize comes in proportion to its weight, from 1e-15 to 1e15. Zero means 1.
type WeightedSize struct {
	Bytes  Size    `json:"bytes"`
	Weight float64 `json:"weight"`
}
