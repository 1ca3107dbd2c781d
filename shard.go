package weir

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/internal/shardlog"
	"github.com/weirstream/weir/internal/wait"
)

// A shard is one ordered log of records with the hash key range that it takes
// writes for. Writers take its mutex once for a put, or once for its part of a
// batch. Readers take no lock: they follow what writers publish through the
// atomic fields.
//
// Invariant: arrival times never fall.
type shard struct {
	logID  // immutable
	stream *Stream
	keys   HashKeyRange // immutable
	// parents are the shards that were closed to open this one: none, one after a
	// split, two after a merge, the lower first. Immutable.
	parents []ShardID
	opened  int64 // immutable; Unix milliseconds

	mu     sync.Mutex // guards what follows; taken after Stream.reshard, never two shards' at once
	closed bool       // takes no more puts
	quota  writeQuota
	lastMs int64       // arrival of the newest record; the next one's is not earlier
	clock  steadyClock // for quota
	marks  markHistory
	markMs int64        // when the next second begins for marks
	log    shardlog.Log // what writes to it; readers take no lock

	load *shardLoad // guarded by Stream.reshard instead; nil unless open and on-demand

	_ [64]byte // keeps what readers load off the writers' cache lines

	ending  atomic.Pointer[shardEnding] // nil while the shard is open
	waiting wait.List
	counts  history
	// What PutRecords put so far; the rest came from PutRecord.
	batchRecords, batchBytes atomic.Int64

	readMu sync.Mutex // guards reads
	reads  readQuota
}

// shardEnding is what is known of a shard once it is closed.
type shardEnding struct {
	index    uint64 // index after the last record
	closedMs int64
	second   uint64 // second of closing, as the ending sequence number has it
	children []*shard
}

func newShard(s *Stream, id logID, keys HashKeyRange, parents []ShardID, nowMs int64) *shard {
	sh := &shard{logID: id, stream: s, keys: keys, parents: parents, opened: nowMs}
	sh.quota = newWriteQuota(s.limits)
	if s.recordBytes.Load() > DefaultRecordBytes {
		sh.quota.admitLarge()
	}
	sh.counts.begin(s.counts.window, numShardCounts)
	sh.reads = newReadQuota(s.limits)
	sh.lastMs = nowMs
	sh.log.Init(s.logOptions())
	return sh
}

// startingNumber returns the number before the shard's first record.
func (sh *shard) startingNumber() SequenceNumber {
	return newSequenceNumber(sh.created, sh.shard, 0, sh.created)
}

// endingNumber returns the number after the shard's last record, or the zero
// number while the shard is open.
func (sh *shard) endingNumber() SequenceNumber {
	e := sh.ending.Load()
	if e == nil {
		return SequenceNumber{}
	}
	return newSequenceNumber(sh.created, sh.shard, closedShardIndex, e.second)
}

// describe returns the shard as callers see it.
func (sh *shard) describe() Shard {
	d := Shard{
		ID: sh.shard, HashKeyRange: sh.keys, Parents: slices.Clone(sh.parents),
		StartingSequenceNumber: sh.startingNumber(), EndingSequenceNumber: sh.endingNumber(),
		OpenedAt: timeOfMs(sh.opened),
	}
	if e := sh.ending.Load(); e != nil {
		d.ClosedAt = timeOfMs(e.closedMs)
		for _, child := range e.children {
			d.Children = append(d.Children, child.shard)
		}
	}
	return d
}

// stampLocked returns the arrival of what is put at ms: never earlier than what
// the shard holds already. It reports whether this is the first put of a second
// on the stream, in which case the caller calls tidy when it has let go of mu.
func (sh *shard) stampLocked(ms int64) (arrival int64, tidy bool) {
	if ms > sh.lastMs {
		sh.lastMs = ms
	}
	if sh.lastMs >= sh.markMs {
		tidy = sh.markLocked()
	}
	return sh.lastMs, tidy
}

// read appends to dst at most maxRecords records from c on, of at most maxBytes
// together, but one at least if there is one, and moves c behind them. It also
// returns how many bytes they have.
func (sh *shard) read(dst []Record, c *shardlog.Cursor, horizonMs int64, maxRecords, maxBytes int) ([]Record, int) {
	sh.log.SkipTo(c, horizonMs)
	size, before, most := 0, len(dst), len(dst)+min(maxRecords, math.MaxInt-len(dst))
	for len(dst) < most {
		n, bytes := sh.log.Take(c, most-len(dst), maxBytes-size, len(dst) == before)
		if n == 0 {
			break
		}
		if cap(dst)-len(dst) < n {
			dst = slices.Grow(dst, sh.expect(c, n, bytes, most-len(dst), maxBytes-size))
		}
		dst = appendViews(dst, c, n, sh.logID)
		size += bytes
		c.Next += uint64(n)
	}
	return dst, size
}

// expect returns how many records to make room for when the next n have so many
// bytes: as many as a budget will hold if the others are of the same size.
func (sh *shard) expect(c *shardlog.Cursor, n, bytes, maxRecords, maxBytes int) int {
	there := min(uint64(maxRecords), sh.log.End()-c.Next)
	fitting := uint64(maxBytes)/uint64(max(1, bytes/n)) + 1
	return max(n, int(min(there, fitting)))
}

// finished reports whether c has passed the last record of a closed shard.
func (sh *shard) finished(c *shardlog.Cursor) bool {
	e := sh.ending.Load()
	return e != nil && c.Next >= e.index
}

// expired reports whether the shard is closed and its last record cannot be read
// any more.
func (sh *shard) expired(horizonMs int64) bool {
	e := sh.ending.Load()
	return e != nil && e.closedMs <= horizonMs
}

// horizonMs returns the arrival, in Unix milliseconds, at or before which
// records have expired at now.
func horizonMs(now instant, retention time.Duration) int64 {
	return floorMs(int64(now) - int64(retention))
}

// floorMs converts Unix nanoseconds to milliseconds, rounding down.
func floorMs(ns int64) int64 {
	ms := ns / int64(time.Millisecond)
	if ns%int64(time.Millisecond) < 0 {
		ms--
	}
	return ms
}
