package bench

import (
	"errors"
	"maps"
	"slices"

	"github.com/weirstream/weir"
)

// A Count is how often things happened on the producers' side.
type Count struct {
	// Records and Bytes were acknowledged; bytes are data and partition keys.
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Calls is the calls that put them, and those that failed.
	Calls int64 `json:"calls"`
	// Throttled is how often a limit refused a record, Retried how often one was put
	// again for that, and GivenUp the records that were refused to the last.
	Throttled int64 `json:"throttled"`
	Retried   int64 `json:"retried"`
	GivenUp   int64 `json:"given_up"`
	// Errors is the records that were not put for another reason.
	Errors int64 `json:"errors"`
}

// minus returns what was counted since.
func (c Count) minus(since Count) Count {
	return Count{
		Records: c.Records - since.Records, Bytes: c.Bytes - since.Bytes, Calls: c.Calls - since.Calls,
		Throttled: c.Throttled - since.Throttled, Retried: c.Retried - since.Retried,
		GivenUp: c.GivenUp - since.GivenUp, Errors: c.Errors - since.Errors,
	}
}

// plus returns what was counted by both.
func (c Count) plus(o Count) Count {
	return c.minus(Count{}.minus(o))
}

// A shardCount is what one shard took.
type shardCount struct{ records, bytes, throttled int64 }

func (c *shardCount) add(o shardCount) {
	c.records += o.records
	c.bytes += o.bytes
	c.throttled += o.throttled
}

// put counts one record of so many bytes.
func (c *shardCount) put(bytes int) {
	c.records++
	c.bytes += int64(bytes)
}

func (c shardCount) minus(o shardCount) shardCount {
	return shardCount{c.records - o.records, c.bytes - o.bytes, c.throttled - o.throttled}
}

// shardCounts are the counts by shard. Those of small ids are found by index, since
// this is done for each record.
type shardCounts struct {
	few  []shardCount
	rest map[weir.ShardID]*shardCount
}

const fewShards = 2048

// of returns the count of a shard, to be changed.
func (c *shardCounts) of(id weir.ShardID) *shardCount {
	if uint(id) < uint(len(c.few)) {
		return &c.few[id]
	}
	return c.grow(id)
}

func (c *shardCounts) grow(id weir.ShardID) *shardCount {
	if id >= 0 && id < fewShards {
		c.few = append(c.few, make([]shardCount, int(id)+1-len(c.few))...)
		return &c.few[id]
	}
	if c.rest == nil {
		c.rest = make(map[weir.ShardID]*shardCount)
	}
	if c.rest[id] == nil {
		c.rest[id] = new(shardCount)
	}
	return c.rest[id]
}

// move adds all counts to another, and sets them to zero.
func (c *shardCounts) move(to *shardCounts) {
	for i, n := range c.few {
		if n != (shardCount{}) {
			to.of(weir.ShardID(i)).add(n)
		}
	}
	clear(c.few)
	for id, n := range c.rest {
		to.of(id).add(*n)
	}
	clear(c.rest)
}

// ids returns the shards that have counts, in order.
func (c *shardCounts) ids() []weir.ShardID {
	var list []weir.ShardID
	for i, n := range c.few {
		if n != (shardCount{}) {
			list = append(list, weir.ShardID(i))
		}
	}
	return append(list, slices.Sorted(maps.Keys(c.rest))...)
}

// A tally is what one producer has counted since it told the meter.
type tally struct {
	Count
	shards shardCounts
}

// stored counts a record.
func (t *tally) stored(shard weir.ShardID, bytes int) {
	t.shards.of(shard).put(bytes)
	t.Records++
	t.Bytes += int64(bytes)
}

// refuse counts a record that was not stored, and reports whether a limit of
// throughput refused it, so that it may be put again.
func (r *run) refuse(t *tally, err error) bool {
	if !errors.Is(err, weir.ErrThroughputExceeded) {
		t.Errors++
		r.meter.failed(err)
		return false
	}
	t.Throttled++
	if limit := (*weir.LimitError)(nil); errors.As(err, &limit) {
		t.shards.of(limit.Shard).throttled++
	}
	return true
}
