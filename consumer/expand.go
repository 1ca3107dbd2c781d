package consumer

import (
	"fmt"
	"runtime/debug"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// An unpacking takes the aggregates of one shard apart. The zero value is ready.
type unpacking struct {
	decoder aggregate.Decoder
	records []weir.Record
	subs    []uint64
}

// keptRecords is how many user records an unpacking keeps room for.
const keptRecords = 10_000

// expand returns the user records in some records, and what was discarded.
func (u *unpacking) expand(within weir.HashKeyRange, records []weir.Record) ([]weir.Record, []uint64, aggregate.Discarded) {
	u.decoder.Within = &within
	u.decoder.Discarded = aggregate.Discarded{}
	list, subs := u.records[:0], u.subs[:0]
	for _, r := range records {
		for user := range u.decoder.Records(r) {
			list, subs = append(list, user.Record), append(subs, uint64(user.Sub))
		}
	}
	if cap(list) <= keptRecords {
		u.records, u.subs = list, subs
	}
	return list, subs, u.decoder.Discarded
}

// within returns the range of the shard as its lease has it; all there is if it
// has none.
func (sh *shard) within() weir.HashKeyRange {
	row := sh.current()
	first, err := weir.ParseHashKey(row.FirstHashKey)
	last, err2 := weir.ParseHashKey(row.LastHashKey)
	if err != nil || err2 != nil {
		return weir.EvenRanges(1)[0]
	}
	return weir.HashKeyRange{Start: first, End: last}
}

// expand returns the records that are in those of a span. An error is one of the
// handler: the shard waits, and it is tried again.
func (sh *shard) expand(s span) (span, error) {
	if sh.g.config.Expand == nil {
		return sh.takeApart(s), nil
	}
	within := sh.within()
	for failed := 0; ; failed++ {
		records, subs, err := sh.callExpand(within, s.records)
		if err == nil {
			return span{records, subs, s.last}, nil
		}
		sh.failed(s, failed+1, err)
		if err := sh.pause(failed); err != nil {
			return s, err
		}
	}
}

// callExpand calls Expand. A panic is an error.
func (sh *shard) callExpand(within weir.HashKeyRange, list []weir.Record) (records []weir.Record, subs []uint64, err error) {
	defer func() {
		if v := recover(); v != nil {
			sh.g.counts.panics.Add(1)
			err = &PanicError{v, debug.Stack()}
		}
	}()
	records, subs, err = sh.g.config.Expand(within, list)
	if err == nil && subs != nil && len(subs) != len(records) {
		err = fmt.Errorf("Config.Expand returned %d records and %d indices: %w", len(records), len(subs), weir.ErrInvalidArgument)
	}
	return records, subs, err
}

// A sighted reader knows whether what it has returned may hold an aggregate,
// because that was looked at when it was put. Looking at each record again is
// most of what a group would cost: it fetches data from memory that the handler
// may not want.
type sighted interface{ MayAggregate() bool }

// takeApart returns the user records in those of a span.
func (sh *shard) takeApart(s span) span {
	if sh.sighted != nil && !sh.sighted.MayAggregate() {
		return s
	}
	aggregated := false
	for i := range s.records {
		aggregated = aggregated || aggregate.May(s.records[i].Data)
	}
	if !aggregated {
		return s
	}
	if sh.unpacking == nil {
		sh.unpacking = new(unpacking)
	}
	records, subs, discarded := sh.unpacking.expand(sh.within(), s.records)
	if n := discarded.Misplaced + discarded.Unreadable; n > 0 {
		sh.g.counts.discarded.Add(int64(n))
		sh.log.Warn("user records of aggregates discarded", "of another shard", discarded.Misplaced, "unreadable", discarded.Unreadable)
	}
	return span{records, subs, s.last}
}
