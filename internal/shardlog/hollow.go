package shardlog

import "encoding/binary"

// hollowArenaBytes returns how large an arena of headers to ask for when the
// one before was filled with so many bytes, and the records before and the next
// one have so many bytes together: no larger than such records can fill before
// the ends of their data do not fit into a header any more.
func hollowArenaBytes(filled, records, bytes int) int {
	n := min(max(firstArenaBytes, 4*filled), fullArenaBytes)
	most := maxBlockBytes / max(1, bytes/records)
	return min(n, headerBytes*(most+1))
}

// hollowRoom returns how many records of size bytes have room after the first
// n.
func (b *Block) hollowRoom(n, size int) int {
	headers := len(b.arena)/headerBytes - n
	return min(headers, (maxBlockBytes-1-b.used)/max(1, size))
}

// writeHollow fills in the headers of k records of size bytes from n on.
func (b *Block) writeHollow(n, k, keyLen, size int, ms int64) {
	h := newHeader(keyLen, b.used+size, ms-b.baseMs)
	end := len(b.arena) - headerBytes*n
	// From the end backwards, one header after the other: each record's data ends
	// size bytes after that of the one before.
	for headers := b.arena[end-headerBytes*k : end]; len(headers) >= headerBytes; {
		last := len(headers) - headerBytes
		binary.LittleEndian.PutUint64(headers[last:], uint64(h))
		headers = headers[:last]
		h += Header(size) << keyBits
	}
	b.used += k * size
}
