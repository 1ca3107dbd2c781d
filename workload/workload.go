package workload

// A Workload is traffic on one stream, and all that happens to the stream
// meanwhile. Times in it count from the beginning of the run.
type Workload struct {
	// Name and About tell people which one it is; neither is needed.
	Name  string `json:"name,omitempty"`
	About string `json:"about,omitempty"`
	// Duration is how long the run lasts, at most [MaxDuration]. Zero means as long as
	// the traces last; a workload that has other traffic needs it, or Records.
	Duration Duration `json:"duration,omitzero"`
	// Records ends the run after so many records, of all traffic together. Zero means
	// no such end.
	Records int64 `json:"records,omitempty"`
	// WarmUp is how much of the beginning is left out of what is measured. Zero
	// means nothing. It is part of Duration.
	WarmUp Duration `json:"warm_up,omitzero"`
	// Seed makes the run another one of the same kind. Zero is a seed as any.
	Seed int64 `json:"seed,omitempty"`

	Stream    Stream     `json:"stream,omitzero"`
	Traffic   []Traffic  `json:"traffic,omitempty"`
	Producers Producers  `json:"producers,omitzero"`
	Consumers []Consumer `json:"consumers,omitempty"`
	Queues    []Queue    `json:"queues,omitempty"`
	Reshards  []Reshard  `json:"reshards,omitempty"`
}

// A Traffic is records of one kind. A workload's are put side by side.
type Traffic struct {
	// Name tells it from others in reports; not needed.
	Name string `json:"name,omitempty"`
	// From is when it begins, and For how long it lasts. Zero For means to the end.
	From Duration `json:"from,omitzero"`
	For  Duration `json:"for,omitzero"`
	// Rate is how many records come in a second, and when. Either Rate or Trace is
	// given.
	Rate Rate `json:"rate,omitzero"`
	// Arrivals says how the records of a rate are spaced. Empty means [Even].
	Arrivals Arrivals `json:"arrivals,omitempty"`
	// Keys are the partition keys, Sizes the sizes of the data. Zero Keys means
	// [DefaultKeys] keys, all alike; zero Sizes means [DefaultSize] bytes.
	Keys  Keys  `json:"keys,omitzero"`
	Sizes Sizes `json:"sizes,omitzero"`
	// Trace takes times, keys and sizes from a file instead; its first record comes at
	// From.
	Trace *Trace `json:"trace,omitempty"`
}

// Arrivals says how records are spaced.
type Arrivals string

const (
	// Even spaces records evenly: at 1,000 a second one each millisecond.
	Even Arrivals = "even"
	// Poisson spaces them at random, as those of many independent producers are.
	Poisson Arrivals = "poisson"
)

// A Trace is recorded traffic: the time, key and size of each record.
type Trace struct {
	// File is where it is; who runs the workload opens it.
	File string `json:"file"`
	// Speed is how many times faster than recorded it is played. Zero means 1.
	Speed float64 `json:"speed,omitempty"`
}

// A Stream is what the traffic goes to. Zero fields mean the service's defaults.
type Stream struct {
	Name string `json:"name,omitempty"`
	// Shards is how many there are at first. Zero means 1, or what the mode begins with.
	Shards int `json:"shards,omitempty"`
	// Mode is "provisioned", which empty means too, or "on-demand".
	Mode string `json:"mode,omitempty"`
	// WarmThroughput is what an on-demand stream holds ready, in MiB a second.
	WarmThroughput int `json:"warm_throughput,omitempty"`
	// Distribution is "by-partition-key", which empty means too, or "auto".
	Distribution string   `json:"distribution,omitempty"`
	Retention    Duration `json:"retention,omitzero"`
	// RecordBytes is how large a record may be, data and key together. Zero means
	// 1 MiB, or 10 MiB without limits.
	RecordBytes Size   `json:"record_bytes,omitzero"`
	Limits      Limits `json:"limits,omitzero"`
}

// Limits are the quotas of one shard. Zero means the service's own.
type Limits struct {
	// None lifts all limits of the stream, and goes with none of the others.
	None         bool    `json:"none,omitempty"`
	WriteRecords float64 `json:"write_records,omitempty" per:"second"` // a second
	WriteBytes   Size    `json:"write_bytes,omitzero"`                 // a second
	ReadCalls    float64 `json:"read_calls,omitempty" per:"second"`    // a second
	ReadBytes    Size    `json:"read_bytes,omitzero"`                  // a second
}

// Producers are those who put.
type Producers struct {
	// Count is how many put at the same time. Zero means 1. A simulation knows no
	// difference.
	Count int `json:"count,omitempty"`
	// Batch is how many records one call carries at most. Zero means 500; 1 means
	// one call of PutRecord for each.
	Batch int `json:"batch,omitempty"`
	// Linger is how long a record may wait for others to fill its batch. Zero
	// means that a call carries what is due.
	Linger Duration `json:"linger,omitzero"`
	// Retries is how often a throttled record is tried again before it is given
	// up. Zero means not at all.
	Retries int `json:"retries,omitempty"`
	// Backoff is how long before it is tried again the first time; each time after
	// that takes twice as long. Zero means 100 ms.
	Backoff Duration `json:"backoff,omitzero"`
}

// A Consumer reads the whole stream.
type Consumer struct {
	Name string `json:"name,omitempty"`
	// Count is how many there are of it, each of which reads everything. Zero means 1.
	Count int `json:"count,omitempty"`
	// FanOut gives it its own throughput by enhanced fan-out; otherwise it shares
	// that of its shards with others.
	FanOut bool `json:"fan_out,omitempty"`
	// From is "latest" or "trim-horizon", which empty means too, at Start. Start
	// is when it begins.
	From  string   `json:"from,omitempty"`
	Start Duration `json:"start,omitzero"`
	// Poll is the time from the beginning of one call of GetRecords on a shard to
	// that of the next, if processing takes no longer. Zero means 1 s.
	Poll Duration `json:"poll,omitzero"`
	// Limit is how many records one call asks for. Zero means 10,000.
	Limit int `json:"limit,omitempty"`
	// PerRecord and PerBatch are how long processing takes.
	PerRecord Duration `json:"per_record,omitzero"`
	PerBatch  Duration `json:"per_batch,omitzero"`
	// Workers is how many shards it processes at a time. Zero means all.
	Workers int `json:"workers,omitempty"`
	// Outages are when it does nothing, in order.
	Outages []Outage `json:"outages,omitempty"`
}

// An Outage is a time in which a consumer does nothing.
type Outage struct {
	At  Duration `json:"at"`
	For Duration `json:"for"`
}

// A Queue is a work queue over the whole stream: each of its records goes to one
// of its workers at a time, and comes back unless it is acknowledged.
type Queue struct {
	Name string `json:"name,omitempty"`
	// Workers is how many receive, each a batch at a time. Zero means 1.
	Workers int `json:"workers,omitempty"`
	// Batch is how many records one receive asks for. Zero means 10, which is the
	// most.
	Batch int `json:"batch,omitempty"`
	// PerRecord and PerBatch are how long processing takes. A batch is acknowledged
	// when all of it is processed.
	PerRecord Duration `json:"per_record,omitzero"`
	PerBatch  Duration `json:"per_batch,omitzero"`
	// Visibility is how long a record is hidden once it is received. Zero means
	// 30 s; at most 12 hours.
	Visibility Duration `json:"visibility,omitzero"`
	// MaxReceives is how often a record is received in vain until it is dead. Zero
	// means 6.
	MaxReceives int `json:"max_receives,omitempty"`
	// Failures is the part of receives, from 0 to 1, after which a record is not
	// acknowledged.
	Failures float64 `json:"failures,omitempty"`
}

// A Reshard changes the shards of the stream at a time. One of Shards, Split and
// Merge is given.
type Reshard struct {
	At Duration `json:"at"`
	// Shards is how many shards to resize to.
	Shards int `json:"shards,omitempty"`
	// Split is a shard to be split in the middle, or "busiest".
	Split string `json:"split,omitempty"`
	// Merge are two neighbours to be merged, or "coldest" alone.
	Merge []string `json:"merge,omitempty"`
}
