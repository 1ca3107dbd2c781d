package simulate

import (
	"time"

	"github.com/weirstream/weir"
)

// A Result is what came of a run. It is the same for the same [Config], to the
// byte. Times count from the beginning of the run.
//
// Lists are bounded, so that a run of a year takes no more memory than one of a
// day: each has at most [MaxListed] entries, the first ones, and where there were
// more a number says how many were left out.
type Result struct {
	Name string `json:"name,omitempty"`
	Seed int64  `json:"seed"`
	// Start is when virtual time began.
	Start time.Time `json:"start"`
	// Duration is how much virtual time has passed, in whole seconds; WarmUp is how
	// much of its beginning all numbers leave out.
	Duration time.Duration `json:"duration_ns"`
	WarmUp   time.Duration `json:"warm_up_ns"`
	// Interrupted says that the context ended before the workload did.
	Interrupted bool `json:"interrupted"`
	// Step is how records were put together; zero if each was put by itself.
	Step time.Duration `json:"step_ns"`

	// Writes and Reads are the totals.
	Writes
	Reads
	// PendingRecords were waiting to be tried again at the end. What was offered is
	// what was accepted, lost, refused or pending.
	PendingRecords int64 `json:"pending_records"`
	// PeakRecords and PeakBytes are the most that a second offered.
	PeakRecords Peak `json:"peak_records"`
	PeakBytes   Peak `json:"peak_bytes"`

	// Worst are the seconds with the most throttled records, at most [MaxWorst],
	// the worst first.
	Worst []WorstSecond `json:"worst,omitempty"`
	// Episodes are the times in which records were throttled.
	Episodes        []Episode `json:"episodes,omitempty"`
	EpisodesOmitted int       `json:"episodes_omitted,omitempty"`

	// FirstShards, LastShards and MostShards are how many were open.
	FirstShards int `json:"first_shards"`
	LastShards  int `json:"last_shards"`
	MostShards  int `json:"most_shards"`
	// ShardHours is what the open shards add up to, as provisioned streams are
	// charged.
	ShardHours     float64          `json:"shard_hours"`
	Changes        []CapacityChange `json:"changes,omitempty"`
	ChangesOmitted int              `json:"changes_omitted,omitempty"`
	// RefusedReshards are those of the workload that the stream did not carry out.
	RefusedReshards []RefusedReshard `json:"refused_reshards,omitempty"`

	// HottestKey is the partition key with the most records.
	HottestKey HotKey `json:"hottest_key"`
	// Shards are what each shard took, by id.
	Shards        []ShardTotal `json:"shards"`
	ShardsOmitted int          `json:"shards_omitted,omitempty"`

	Consumers []ConsumerResult `json:"consumers,omitempty"`
	Queues    []QueueResult    `json:"queues,omitempty"`
	Storage   Storage          `json:"storage"`
	// OnDemand is there for on-demand streams.
	OnDemand *OnDemand `json:"on_demand,omitempty"`
}

const (
	// MaxListed is how long the lists of a [Result] get.
	MaxListed = 1000
	// MaxWorst is how many of the worst seconds are kept.
	MaxWorst = 10
	// EpisodeGap is how long nothing must be throttled for an [Episode] to be over.
	EpisodeGap = 10 * time.Second
)

// A Peak is the most that a second had, and which second that was.
type Peak struct {
	N  int64         `json:"n"`
	At time.Duration `json:"at_ns"`
}

// A WorstSecond is a second in which records were throttled.
type WorstSecond struct {
	At         time.Duration `json:"at_ns"`
	OpenShards int           `json:"open_shards"`
	Writes
}

// An Episode is a time in which records were throttled, with no pause of
// [EpisodeGap] or longer. Both ends are whole seconds: From begins the first second
// with a throttled record, and To ends the last one.
type Episode struct {
	From             time.Duration `json:"from_ns"`
	To               time.Duration `json:"to_ns"`
	ThrottledRecords int64         `json:"throttled_records"`
	ThrottledBytes   int64         `json:"throttled_bytes"`
}

// A CapacityChange is a change of the set of open shards.
type CapacityChange struct {
	At     time.Duration `json:"at_ns"`
	Before int           `json:"before"` // open shards
	After  int           `json:"after"`
	// Why is "resize", "split" or "merge" for a reshard of the workload, and
	// "on-demand" for one that the stream decided on.
	Why string `json:"why"`
}

// A RefusedReshard is a reshard that the stream did not carry out.
type RefusedReshard struct {
	At   time.Duration `json:"at_ns"`
	What string        `json:"what"` // such as "resize to 64 shards"
	Why  string        `json:"why"`  // what the stream said
}

// A HotKey is a partition key that has more records than any other. It is chosen
// from a sample: some ten thousands of records from all of the time or, where there is
// a trace, the first million. Then its records are counted.
type HotKey struct {
	Key     string `json:"key"`
	Records int64  `json:"records"` // offered
	Bytes   int64  `json:"bytes"`
	// Share is its part of all records.
	Share float64 `json:"share"`
	// RecordsPerSecond and BytesPerSecond are averages of its busiest minute, or of
	// the whole run if that is shorter.
	RecordsPerSecond float64 `json:"records_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	// Shards is how many shards' write limits that amounts to. Above 1 no number of
	// shards is enough: a key's records all go to one.
	Shards float64 `json:"shards"`
}

// A ShardTotal is what one shard took.
type ShardTotal struct {
	Shard weir.ShardID `json:"shard"`
	// Open says that it takes writes at the end of the run. Opened and Closed are when
	// it began and ceased to; Closed is zero if it is open.
	Open   bool          `json:"open"`
	Opened time.Duration `json:"opened_ns"`
	Closed time.Duration `json:"closed_ns,omitempty"`
	// KeyShare is its part of the hash keys, Share its part of the offered records.
	KeyShare float64 `json:"key_share"`
	Share    float64 `json:"share"`
	Writes
	Reads
}

// A ConsumerResult is how a consumer fared.
type ConsumerResult struct {
	Name             string `json:"name"`
	FanOut           bool   `json:"fan_out"`
	ReadRecords      int64  `json:"read_records"`
	ReadBytes        int64  `json:"read_bytes"`
	ProcessedRecords int64  `json:"processed_records"`
	Throttled        int64  `json:"throttled"`
	// LagRecords is how many records it was not given at the end.
	LagRecords int64 `json:"lag_records"`
	// The ages are those at the end of each second since it began: how old the
	// oldest record was that it was not given yet. P99Age is exact to 2 %.
	MaxAge   time.Duration `json:"max_age_ns"`
	MaxAgeAt time.Duration `json:"max_age_at_ns"`
	MeanAge  time.Duration `json:"mean_age_ns"`
	P99Age   time.Duration `json:"p99_age_ns"`
	// MaxBehindLatest is the greatest MillisBehindLatest of its reads.
	MaxBehindLatest time.Duration `json:"max_behind_latest_ns"`
	// Busy is how long its workers processed, all together, and Utilisation that as
	// part of the time that they had, 1 being all.
	Busy        time.Duration `json:"busy_ns"`
	Utilisation float64       `json:"utilisation"`
	// LostRecords expired before it was given them. FirstLost is when that was first
	// so, exact to a second; it is zero when none were lost.
	LostRecords int64         `json:"lost_records"`
	FirstLost   time.Duration `json:"first_lost_ns,omitempty"`
	Outages     []Outage      `json:"outages,omitempty"`
}

// An Outage is how a consumer came back from one.
type Outage struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	// Backlog is how many records waited for it at the end of the outage.
	Backlog int64 `json:"backlog"`
	// CaughtUp says that it has read all that was there, and CatchUp how long after
	// the end of the outage that was: when each shard had once been read to its tip.
	CaughtUp bool          `json:"caught_up"`
	CatchUp  time.Duration `json:"catch_up_ns"`
	// LostRecords expired before they were read, from the beginning of the outage to
	// that of the next one.
	LostRecords int64 `json:"lost_records"`
}

// Storage is what the stream held. It counts what the service would hold: all
// records until their retention is over, whether they were read or not, exact to
// an 86,400th of the retention.
type Storage struct {
	Retention   time.Duration `json:"retention_ns"`
	PeakRecords int64         `json:"peak_records"`
	PeakBytes   int64         `json:"peak_bytes"`
	// ByteHours is the bytes held, added up over time, as they are charged.
	ByteHours float64 `json:"byte_hours"`
	// LongByteHours is the part of ByteHours held longer than 24 hours, and
	// ArchiveByteHours that held longer than 7 days, which is not part of the former.
	LongByteHours    float64 `json:"long_byte_hours"`
	ArchiveByteHours float64 `json:"archive_byte_hours"`
}

// OnDemand is how an on-demand stream followed its traffic.
type OnDemand struct {
	// Throttled says that it ever refused a record; then FirstThrottled is when it
	// began to, and Recovered when it had ceased for good, both exact to a second.
	// HasRecovered says that nothing was throttled in the last [EpisodeGap].
	Throttled      bool          `json:"throttled"`
	FirstThrottled time.Duration `json:"first_throttled_ns,omitempty"`
	HasRecovered   bool          `json:"has_recovered"`
	Recovered      time.Duration `json:"recovered_ns,omitempty"`
	// PeakBytesPerSecond and PeakRecordsPerSecond are the busiest minute's averages of
	// what it took, which its capacity follows.
	PeakBytesPerSecond   int64 `json:"peak_bytes_per_second"`
	PeakRecordsPerSecond int64 `json:"peak_records_per_second"`
}
