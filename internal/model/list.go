package model

import (
	"math/big"
	"sort"
)

// A Filter is one of the six ways to choose shards.
type Filter int

const (
	FromTrimHorizon Filter = iota
	AtTrimHorizon
	AtLatest
	AtTimestamp
	FromTimestamp
	AfterShardID
)

// A Query chooses shards.
type Query struct {
	Filter      Filter
	ID          int   // for AfterShardID
	Ms          int64 // for AtTimestamp and FromTimestamp
	From, Limit int   // the page: the least id, and how many; zero is all
}

// ListShards returns the shards that a query chooses.
func (s *Stream) ListShards(q Query, now int64) ([]*Shard, Fault) {
	if q.Filter < FromTrimHorizon || q.Filter > AfterShardID || q.Limit < 0 {
		return nil, BadArgument
	}
	s.CatchUp(now)
	var list []*Shard
	for _, sh := range s.Shards(now) {
		full := q.Limit > 0 && len(list) == q.Limit
		if sh.ID >= q.From && !full && s.chosen(sh, q, now) {
			list = append(list, sh)
		}
	}
	return list, OK
}

func (s *Stream) chosen(sh *Shard, q Query, now int64) bool {
	openSince := func(ms int64) bool { return !sh.Closed || sh.ClosedAt >= ms }
	switch q.Filter {
	case AtTrimHorizon:
		horizon := max(s.created, floorDiv(now-int64(s.config.Retention), 1e6))
		return sh.Opened <= horizon && openSince(horizon)
	case AtLatest:
		return !sh.Closed
	case AtTimestamp:
		return sh.Opened <= q.Ms && openSince(q.Ms)
	case FromTimestamp:
		return openSince(q.Ms)
	case AfterShardID:
		return sh.ID > q.ID
	default:
		return true
	}
}

// Open returns the open shards by hash key.
func (s *Stream) Open() []*Shard {
	var open []*Shard
	for _, sh := range s.shards {
		if !sh.Closed {
			open = append(open, sh)
		}
	}
	sort.Slice(open, func(i, j int) bool { return open[i].Start.Cmp(open[j].Start) < 0 })
	return open
}

// starts returns where the open shards begin.
func (s *Stream) starts() (starts []*big.Int) {
	for _, sh := range s.Open() {
		starts = append(starts, sh.Start)
	}
	return starts
}
