package bench

import (
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

const (
	// A ring has up to ringRecords records, and all rings together up to ringBytes
	// of data of their own. Records above sharedBytes share theirs.
	ringRecords = 8192
	ringBytes   = 64 << 20
	sharedBytes = 1 << 10
)

// A ring is records that were made before the run and are put over and over, so that
// making them takes no time from putting them.
type ring struct {
	chunks []*chunk
	at     int
}

// A chunk is the records of one call, or those from one measured put to the next.
type chunk struct {
	entries []weir.Entry
	sizes   []int32 // of the entries, close together
}

// newRing takes records for a ring from a generator, in chunks of up to most.
func newRing(records *workload.Generator, mark mark, most, budget int) *ring {
	r := &ring{}
	var shared []byte
	var arrival workload.Arrival
	n, own := 0, 0
	for n < ringRecords && own < budget || len(r.chunks) == 0 {
		c, bytes := new(chunk), 0
		for len(c.entries) < most && records.Next(&arrival) {
			if bytes+arrival.Bytes+len(arrival.Key.Text) > weir.ServiceLimits().BatchBytes && len(c.entries) > 0 {
				break // this record is left out
			}
			data := arrival.Bytes
			bytes += data + len(arrival.Key.Text)
			if len(c.entries) > 0 && data > sharedBytes {
				if len(shared) < data {
					shared = filler(data)
					mark.seal(shared, stamp{})
				}
				c.add(arrival.Key.Text, shared[:data:data])
				continue
			}
			own += data
			c.add(arrival.Key.Text, filler(data))
			mark.seal(c.entries[len(c.entries)-1].Data, stamp{})
		}
		if len(c.entries) == 0 {
			break
		}
		n += len(c.entries)
		r.chunks = append(r.chunks, c)
	}
	return r
}

func (c *chunk) add(key string, data []byte) {
	c.entries = append(c.entries, weir.Entry{PartitionKey: key, Data: data})
	c.sizes = append(c.sizes, int32(len(key)+len(data)))
}

// first returns the first n records of the chunk.
func (c *chunk) first(n int) *chunk {
	if n >= len(c.entries) {
		return c
	}
	part := new(chunk)
	for _, e := range c.entries[:n] {
		part.add(e.PartitionKey, e.Data)
	}
	return part
}

// next returns the next chunk.
func (r *ring) next() *chunk {
	c := r.chunks[r.at]
	if r.at++; r.at == len(r.chunks) {
		r.at = 0
	}
	return c
}
