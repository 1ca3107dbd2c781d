package cost

import "github.com/weirstream/weir/simulate"

// Use returns what was offered in a second as parts of what one shard takes: to all
// shards together, and to the busiest of them. Both are zero if there is no limit.
func Use(s *simulate.Second) (all, busiest float64) {
	records, bytes := oneShard(s)
	for i := range s.Shards {
		busiest = max(busiest, use(&s.Shards[i].Writes, records, bytes))
	}
	return use(&s.Writes, records, bytes), busiest
}

// ShardUse returns what was offered in a second to one of its shards as a part of what
// a shard takes, zero if there is no limit.
func ShardUse(s *simulate.Second, sh *simulate.ShardSecond) float64 {
	records, bytes := oneShard(s)
	return use(&sh.Writes, records, bytes)
}

// oneShard returns what one shard takes in a second; below zero there is no limit.
func oneShard(s *simulate.Second) (records, bytes float64) {
	return float64(s.CapacityRecords) / float64(s.OpenShards), float64(s.CapacityBytes) / float64(s.OpenShards)
}

// use returns what was offered as a part of limits, of which those below zero are none.
func use(w *simulate.Writes, records, bytes float64) (most float64) {
	if records > 0 {
		most = float64(w.OfferedRecords) / records
	}
	if bytes > 0 {
		most = max(most, float64(w.OfferedBytes)/bytes)
	}
	return most
}

// A load is the most that was offered in any second, in shards.
type load struct {
	all     float64 // to all shards together
	busiest float64 // to the busiest shard: a part of its limits
	need    float64 // the same, times the shards that were open then
}

func (l *load) add(s *simulate.Second) {
	all, busiest := Use(s)
	l.all, l.busiest = max(l.all, all), max(l.busiest, busiest)
	l.need = max(l.need, busiest*float64(s.OpenShards))
}
