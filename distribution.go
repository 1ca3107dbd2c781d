package weir

import "fmt"

// A Distribution says what decides a record's shard.
type Distribution int32

const (
	// ByPartitionKey is the hash key range that holds the partition key's MD5, or
	// the explicit hash key.
	ByPartitionKey Distribution = iota
	// DistributeAuto is the stream's own turn: one record to each open shard after
	// the other, so that shards differ by one record at most since the last reshard
	// or change of distribution. It is for on-demand streams. The partition key may
	// be empty; if given it is stored, but decides nothing, and the records of a key
	// have no order. An explicit hash key is ignored, a sequence number for ordering
	// refused. Each shard has its limits as ever.
	DistributeAuto
)

// String returns "by partition key" or "automatic".
func (d Distribution) String() string {
	switch d {
	case ByPartitionKey:
		return "by partition key"
	case DistributeAuto:
		return "automatic"
	default:
		return fmt.Sprintf("Distribution(%d)", int32(d))
	}
}

// MarshalText returns what [Distribution.String] does.
func (d Distribution) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [Distribution.String] returns for those there are.
func (d *Distribution) UnmarshalText(text []byte) error {
	for _, known := range []Distribution{ByPartitionKey, DistributeAuto} {
		if string(text) == known.String() {
			*d = known
			return nil
		}
	}
	return invalidf("distribution", "%q is neither %q nor %q", text, ByPartitionKey, DistributeAuto)
}

func (d Distribution) valid() bool { return d == ByPartitionKey || d == DistributeAuto }

// Distribution returns what decides a record's shard now.
func (s *Stream) Distribution() Distribution {
	return Distribution(s.scaling.distribution.Load())
}

// SetDistribution changes what decides a record's shard, at once. Records already
// stored stay where they are; producers without a partition key fail as soon as
// it is [ByPartitionKey] again. [DistributeAuto] gives [ErrProvisioned] on a
// provisioned stream.
func (s *Stream) SetDistribution(d Distribution) error {
	if !d.valid() {
		return invalidf("distribution", "%v is unknown", d)
	}
	s.reshard.Lock()
	defer s.reshard.Unlock()
	if d == DistributeAuto && s.Mode() != OnDemand {
		return fmt.Errorf("automatic distribution of stream %s: %w", s.name, ErrProvisioned)
	}
	s.scaling.distribution.Store(int32(d))
	s.scaling.turn.Store(0)
	s.attendLocked()
	return nil
}

// nextTurn returns a hash key of the shard whose turn it is.
func (s *Stream) nextTurn() *HashKey {
	starts := s.routes.Load().starts
	return &starts[(s.scaling.turn.Add(1)-1)%uint64(len(starts))]
}

// spread gives each item a hash key of the shard whose turn it is.
func (b *batch) spread(routes *routing) {
	b.hashed = true
	n := uint64(len(b.items))
	turn := b.stream.scaling.turn.Add(n) - n
	for i := range b.items {
		b.items[i].hash = routes.starts[(turn+uint64(i))%uint64(len(routes.starts))]
	}
}

// mayLackKey reports whether records need no partition key.
func (s *Stream) mayLackKey() bool { return s.Distribution() == DistributeAuto }
