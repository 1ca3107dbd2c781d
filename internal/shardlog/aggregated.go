package shardlog

// AggregateMagic is what an aggregate of the Kinesis Producer Library begins
// with.
const AggregateMagic = "\xf3\x89\x9a\xc2"

// MayAggregate reports whether data begins as an aggregate does. A log looks at
// that while it has the data at hand: afterwards each record would have to be
// fetched from memory for it, which takes longer than all else that reading
// does.
func MayAggregate(data []byte) bool {
	return len(data) > len(AggregateMagic) && string(data[:len(AggregateMagic)]) == AggregateMagic
}
