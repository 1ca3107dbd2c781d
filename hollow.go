package weir

import (
	"encoding/binary"
	"time"
	"unsafe"
)

// zeros is the key and the data of every record that a hollow stream gives out.
// It is never written, so no two streams share anything that changes; and being
// all zero it takes no memory but that of the pages somebody reads.
var zeros [MaxRecordBytes]byte

// hollowArenaBytes returns how large a block of headers to ask for when the one
// before was filled with so many bytes, and the records before and the next one
// have so many bytes together: no larger than such records can fill before the
// ends of their data do not fit into a header any more.
func hollowArenaBytes(filled, records, bytes int) int {
	n := min(max(firstSegmentBytes, 4*filled), fullSegmentBytes)
	most := maxSegmentBytes / max(1, bytes/records)
	return min(n, headerBytes*(most+1))
}

// hollowRoom returns how many records of size bytes have room after the first n.
func (g *segment) hollowRoom(n, size int) int {
	headers := len(g.arena)/headerBytes - n
	return min(headers, (maxSegmentBytes-1-g.used)/max(1, size))
}

// writeHollow fills in the headers of k records of size bytes from n on.
func (g *segment) writeHollow(n, k, keyLen, size int, ms int64) {
	h := newHeader(keyLen, g.used+size, ms-g.baseMs)
	end := len(g.arena) - headerBytes*n
	for headers := g.arena[end-headerBytes*k : end]; len(headers) >= headerBytes; {
		last := len(headers) - headerBytes
		binary.LittleEndian.PutUint64(headers[last:], uint64(h))
		headers = headers[:last]
		h += header(size) << keyBits
	}
	g.used += k * size
}

// appendHollow is appendViews for a segment that holds headers only.
func (g *segment) appendHollow(dst []Record, i, j int, id logID) []Record {
	at, n := g.start(i), len(dst)
	dst = dst[:n+j-i]
	var (
		ms      = int64(-1) // arrival of the record before
		arrival time.Time   // the same
		zeroth  SequenceNumber
	)
	for ; i < j; i++ {
		h := g.header(i)
		if now := g.baseMs + h.delta(); now != ms {
			ms = now
			arrival, zeroth = timeOfMs(ms), id.number(0, ms)
		}
		key, data := h.keyLen(), h.end()-at-h.keyLen()
		r := &dst[n]
		r.SequenceNumber = zeroth.atIndex(g.base + uint64(i))
		r.PartitionKey = unsafe.String(&zeros[0], key)
		r.Data = zeros[:data:data]
		r.ArrivalTime = arrival
		at, n = h.end(), n+1
	}
	return dst
}
