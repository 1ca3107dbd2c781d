package weir

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/weirstream/weir/internal/journal"
)

// WithChecksums makes the checksums of a saved stream's frames right, as far as
// there are frames.
func WithChecksums(b []byte) []byte {
	b = slices.Clone(b)
	for at := len(savedMagic); at+9 <= len(b); {
		end := at + 5 + int(binary.LittleEndian.Uint32(b[at+1:]))
		if end < at || end+4 > len(b) {
			break
		}
		binary.LittleEndian.PutUint32(b[end:], crc32.ChecksumIEEE(b[at:end]))
		at = end + 4
	}
	return b
}

// ZeroToken returns the token that the zero iterator would have as one of s.
func ZeroToken(s *Stream) string { return s.Token(Iterator{stream: s}) }

// ArenaBytes returns the memory of all blocks that a stream holds on to,
// those of closed shards included.
func ArenaBytes(s *Stream) int64 {
	var n int64
	for _, sh := range s.routes.Load().all {
		n += sh.log.MemoryBytes()
	}
	return n
}

// DealWhenEnded deals records to the shards of a stream without open ones.
func DealWhenEnded(s *Stream) {
	b := s.takeBatch()
	b.items = append(b.items[:0], batchItem{})
	b.deal(new(dealer), newRouting(nil, nil, 0, retired{}))
	b.items = b.items[:0]
	s.giveBatch(b)
}

// OpenShards returns how many open shards a stream has, without carrying out
// what has fallen due in on-demand mode.
func OpenShards(s *Stream) int { return len(s.routes.Load().open) }

// CheckOldest compares what the heap of oldest records says with a look at all
// shards.
func CheckOldest(s *Stream) error {
	m := &s.full
	m.dropping.Lock()
	defer m.dropping.Unlock()
	var want *shard
	oldest, next := int64(math.MaxInt64), int64(math.MaxInt64)
	for _, sh := range s.routes.Load().all { // in the order of their ids
		ms, ok := sh.log.Oldest()
		switch {
		case ok && ms < oldest:
			want, oldest, next = sh, ms, oldest
		case ok:
			next = min(next, ms)
		}
	}
	first, second := m.oldest.settle()
	switch {
	case first == nil && want == nil:
		return nil
	case first == nil || want == nil || first.sh != want || first.ms != oldest || second != next:
		return fmt.Errorf("the oldest record is said to be in %+v, the next at %d, but it is in %+v at %d, the next at %d",
			first, second, want, oldest, next)
	default:
		return nil
	}
}

// OpenIn is Open for any directory.
var OpenIn = openIn

// SetFileBytes says how large files of streams grow that are opened from now
// on, until it is taken back.
func SetFileBytes(n int64) (undo func()) {
	was := fileBytes
	fileBytes = n
	return func() { fileBytes = was }
}

// CheckIn is CheckStorage for any directory.
func CheckIn(fs journal.FS) (*StorageCheck, error) { return checkIn(fs, nil) }

// CheckInAt is CheckIn at a time that a clock tells.
var CheckInAt = checkIn
