package weir

import (
	"context"
	"sort"
	"time"
)

// A ShardQuery says which shards [Stream.ListShards] returns. The zero value
// means all that have not vanished.
type ShardQuery struct {
	Filter ShardFilter
	// ShardID is what [ShardsAfterID] compares with.
	ShardID ShardID
	// Time is what [ShardsAtTime] and [ShardsFromTime] compare with.
	Time time.Time
	// From leaves out shards with a smaller id: with Limit it pages through a
	// long list, each page beginning one after the last id of the page before.
	From ShardID
	// Limit is how many shards to return at most. Zero means all.
	Limit int
}

// A ShardFilter is one of the service's six ways to choose shards. A shard that
// has vanished is chosen by none.
type ShardFilter int

const (
	// ShardsFromTrimHorizon is every shard that can hold readable records, open or
	// closed. The service's name is FROM_TRIM_HORIZON.
	ShardsFromTrimHorizon ShardFilter = iota
	// ShardsAtTrimHorizon is the shards that were open at the trim horizon:
	// AT_TRIM_HORIZON.
	ShardsAtTrimHorizon
	// ShardsAtLatest is the shards that are open now: AT_LATEST.
	ShardsAtLatest
	// ShardsAtTime is the shards that were open at a time, both ends included:
	// AT_TIMESTAMP. In the future that is the shards open now.
	ShardsAtTime
	// ShardsFromTime is the shards that were open at a time or later:
	// FROM_TIMESTAMP.
	ShardsFromTime
	// ShardsAfterID is the shards with a greater id: AFTER_SHARD_ID.
	ShardsAfterID
	numShardFilters
)

// Shards returns the shards that have not vanished, open and closed, by id.
func (s *Stream) Shards() []Shard {
	shards, _ := s.ListShards(context.Background(), ShardQuery{})
	return shards
}

// ListShards returns the shards that a query chooses, by id. The error matches
// [ErrInvalidArgument] when the query names no filter or a negative limit.
func (s *Stream) ListShards(ctx context.Context, q ShardQuery) ([]Shard, error) {
	if err := checkContext(ctx); err != nil {
		return nil, err
	}
	if q.Filter < 0 || q.Filter >= numShardFilters {
		return nil, invalidf("shard filter", "%d is unknown", q.Filter)
	}
	if q.Limit < 0 {
		return nil, invalidf("limit", "%d is negative", q.Limit)
	}
	s.reshard.Lock() // not between the two halves of a reshard
	defer s.reshard.Unlock()
	now := s.now()
	s.catchUpLocked(now)
	all, horizon := s.routes.Load().all, s.horizonMs(now)
	from := sort.Search(len(all), func(i int) bool { return all[i].shard >= q.From })
	var list []Shard
	for _, sh := range all[from:] {
		if q.Limit > 0 && len(list) == q.Limit {
			break
		}
		if sh.chosen(q, horizon, s.created.ms()) {
			list = append(list, sh.describe())
		}
	}
	return list, nil
}

// chosen reports whether a query chooses the shard when what arrived at
// horizonMs or before has expired. The stream was created at createdMs.
func (sh *shard) chosen(q ShardQuery, horizonMs, createdMs int64) bool {
	if sh.expired(horizonMs) {
		return false
	}
	switch q.Filter {
	case ShardsAtTrimHorizon:
		return sh.openAt(max(horizonMs, createdMs))
	case ShardsAtLatest:
		return sh.ending.Load() == nil
	case ShardsAtTime:
		return sh.openAt(q.Time.UnixMilli())
	case ShardsFromTime:
		return sh.openSince(q.Time.UnixMilli())
	case ShardsAfterID:
		return sh.shard > q.ShardID
	default:
		return true
	}
}

// openSince reports whether the shard was open at ms or later.
func (sh *shard) openSince(ms int64) bool {
	e := sh.ending.Load()
	return e == nil || e.closedMs >= ms
}

func (sh *shard) openAt(ms int64) bool { return sh.opened <= ms && sh.openSince(ms) }
