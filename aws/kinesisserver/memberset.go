package kinesisserver

// A memberSet is the members of a structure that were read already.
type memberSet uint16

// The members of the operations that carry records.
const (
	memberStreamName memberSet = 1 << iota
	memberStreamARN
	memberRecords
	memberData
	memberPartitionKey
	memberExplicitHashKey
	memberOrdering
	memberShardIterator
	memberLimit
)

// once reports whether m was not there yet, and adds it: members that come
// twice are out of the ordinary.
func (ms *memberSet) once(m memberSet) bool {
	if *ms&m != 0 {
		return false
	}
	*ms |= m
	return true
}

// complete reports whether the members make a record. Whether it needs a
// partition key too, only its stream knows.
func (ms memberSet) complete() bool { return ms&memberData != 0 }
