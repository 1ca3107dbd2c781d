package delivery

// A Partitioner says which partition a record belongs to, by named keys that
// prefixes refer to: !{partitionKeyFromQuery:name}. It is called by several
// goroutines at a time, and must decide by the record alone: after a crash it is
// asked again, and a record that it puts elsewhere then may be delivered twice,
// or never, if an object of that partition was delivered that begins before and
// ends behind it, and its own was not.
type Partitioner interface {
	// Keys returns the record's keys. An error sends the record to the error
	// output, as does a key that is missing or empty where the prefix refers to
	// it. The record's Data is what the transform made of it. Keys of its map
	// that no prefix refers to mean nothing.
	Keys(r *Record) (map[string]string, error)
	// Names are the keys that it gives, so that a prefix that refers to another
	// one is refused before anything is read. Nil means that they are not known.
	Names() []string
}

// A PartitionFunc is a function that is a [Partitioner], whose names are not
// known.
type PartitionFunc func(r *Record) (map[string]string, error)

// Keys calls the function.
func (f PartitionFunc) Keys(r *Record) (map[string]string, error) { return f(r) }

// Names returns nil.
func (f PartitionFunc) Names() []string { return nil }
