package kinesistest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A ThrottledSecond is what was throttled in one second.
type ThrottledSecond struct {
	At    time.Time
	Shard weir.ShardID // -1 for calls about more than one
	// Writes and Reads are calls that were throttled as a whole, Records
	// records of PutRecords that were.
	Writes, Reads, Records int
}

// String returns the second in a line.
func (s ThrottledSecond) String() string {
	return fmt.Sprintf("%s shard %d: %d writes, %d reads, %d records of batches throttled",
		s.At.UTC().Format("15:04:05"), s.Shard, s.Writes, s.Reads, s.Records)
}

// Throttles returns the seconds in which calls on a stream were throttled, by
// the stream's limits or by faults, in order.
func (k *Fake) Throttles(stream string) []ThrottledSecond {
	type slot struct {
		at    time.Time
		shard weir.ShardID
	}
	var list []ThrottledSecond
	index := make(map[slot]int)
	for _, c := range k.Calls() {
		writes, reads, records := c.throttles()
		if c.Stream != stream || writes+reads+records == 0 {
			continue
		}
		key := slot{c.At.Truncate(time.Second), c.Shard}
		i, ok := index[key]
		if !ok {
			i = len(list)
			index[key] = i
			list = append(list, ThrottledSecond{At: key.at, Shard: key.shard})
		}
		list[i].Writes += writes
		list[i].Reads += reads
		list[i].Records += records
	}
	return list
}

// throttles returns what of a call was throttled.
func (c *Call) throttles() (writes, reads, records int) {
	if e, ok := c.Err.(*CallError); ok {
		switch Code(e.Code) {
		case ThroughputExceeded, LimitExceeded, Throttling, KMSThrottling:
			if c.Op == "PutRecord" || c.Op == "PutRecords" {
				return 1, 0, 0
			}
			return 0, 1, 0
		}
	}
	if c.Op == "PutRecords" && c.Err == nil {
		return 0, 0, bytes.Count(c.response.body, []byte(ThroughputExceeded))
	}
	return 0, 0, 0
}
