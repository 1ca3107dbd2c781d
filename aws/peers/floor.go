package main

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirstream/weir/internal/md5lanes"
)

// wayFloor does what whoever packs records for a shard must do, and nothing
// else: the MD5 of each key, which says for which shard it is, one copy into the
// aggregate of that shard, one into the body of a call, the MD5 of the aggregate
// there, the SHA-256 of the body, which a signature needs, and a write to a socket.
// MD5 is side by side, for keys and aggregates, as fast as anybody knows here. It
// holds no record to try it again, tells nobody of an outcome, and reads of the
// answer that it is 200.
const wayFloor = "what packing needs at least"

const (
	packBytes   = 51_200 // of an aggregate, as the others have it
	packsACall  = 8
	packsQueued = 64
)

// A pack is an aggregate in the making: the table of its keys, and its records.
type pack struct {
	table, records []byte
	users          int
}

func (p *pack) add(key string, data []byte) {
	const keyTable, records, keyIndex, dataField = 0x0a, 0x1a, 0x08, 0x1a
	p.table = append(append(p.table, keyTable, byte(len(key))), key...) // up to 127 bytes
	var head [16]byte
	h := binary.AppendUvarint(append(head[:0], keyIndex), uint64(p.users))
	h = binary.AppendUvarint(append(h, dataField), uint64(len(data)))
	p.records = binary.AppendUvarint(append(p.records, records), uint64(len(h)+len(data)))
	p.records = append(append(p.records, h...), data...)
	p.users++
}

// putFloor puts with as many connections as the raw puts.
func putFloor(addr, stream string, d time.Duration) (int, time.Duration, error) {
	packs, empty := make(chan *pack, packsQueued), make(chan *pack, 2*packsQueued)
	errs := make([]error, connections)
	var wait sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		wait.Go(func() {
			if errs[i] = sendPacks(addr, stream, packs, empty); errs[i] != nil {
				for range packs { // so that nobody waits
				}
			}
		})
	}
	records := makePacks(packs, empty, begin, d)
	close(packs)
	wait.Wait()
	return records, time.Since(begin), errors.Join(errs...)
}

// makePacks packs records by shard for some time, and returns how many.
func makePacks(packs chan<- *pack, empty <-chan *pack, begin time.Time, d time.Duration) (records int) {
	var open [shards]*pack
	var sums [32][md5.Size]byte
	for time.Since(begin) < d {
		some := keys[records%len(keys):]
		some = some[:min(len(sums), len(some))]
		md5lanes.Sums(sums[:], some)
		for i, key := range some {
			shard := int(sums[i][0]) * shards / 256
			p := open[shard]
			if p == nil {
				select {
				case p = <-empty:
					*p = pack{table: p.table[:0], records: p.records[:0]}
				default:
					p = new(pack)
				}
				open[shard] = p
			}
			p.add(key, payload)
			if len(p.table)+len(p.records)+dataSize+2*len(key) > packBytes {
				packs <- p
				open[shard] = nil
			}
		}
		records += len(some)
	}
	for _, p := range open {
		if p != nil {
			packs <- p
		}
	}
	return records
}

// sendPacks puts aggregates over a connection until there are no more.
func sendPacks(addr, stream string, packs <-chan *pack, empty chan<- *pack) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var entries, sent []byte
	for first := range packs {
		entries = entries[:0]
		n := 0
		var ends [packsACall]int // of the entries, and how long their messages are
		var sizes [packsACall]int
		for p, more := first, true; more; {
			entries = p.appendEntry(entries)
			ends[n], sizes[n] = len(entries), len(p.table)+len(p.records)
			select {
			case empty <- p:
			default:
			}
			if n++; n == packsACall {
				break
			}
			select {
			case p, more = <-packs:
			default:
				more = false
			}
		}
		sumAll(entries, ends[:n], sizes[:n])
		sent = appendCall(sent[:0], addr, stream, n, entries)
		if err := c.ok(sent); err != nil {
			return err
		}
	}
	return nil
}

// appendCall appends a PutRecords of so many entries.
func appendCall(b []byte, addr, stream string, n int, entries []byte) []byte {
	head := append([]byte("\xa2\x6aStreamName\x78"), byte(len(stream)))
	head = append(append(head, stream...), "\x67Records"...)
	head = append(head, 0x80|byte(n))
	sum := sha256.New()
	sum.Write(head)
	sum.Write(entries)
	b = fmt.Appendf(b, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-amz-cbor-1.1\r\n"+
		"X-Amz-Target: Kinesis_20131202.PutRecords\r\nX-Amz-Content-Sha256: %x\r\n%s\r\nContent-Length: %d\r\n\r\n",
		addr, sum.Sum(nil), authorization, len(head)+len(entries))
	return append(append(b, head...), entries...)
}

// appendEntry appends the aggregate as a record of a call, in CBOR, with the hash
// key of its first record as its own key has it, and without its checksum.
func (p *pack) appendEntry(b []byte) []byte {
	const magic, magicBytes = "\xf3\x89\x9a\xc2", 4
	first := string(p.table[2 : 2+int(p.table[1])])
	b = append(append(b, "\xa2\x6cPartitionKey\x78"...), byte(len(first)))
	b = append(append(b, first...), "\x64Data\x5a"...)
	b = binary.BigEndian.AppendUint32(b, uint32(magicBytes+len(p.table)+len(p.records)+md5.Size))
	b = append(append(append(b, magic...), p.table...), p.records...)
	return append(b, make([]byte, md5.Size)...)
}

// sumAll makes the checksums of aggregates, of which each ends an entry.
func sumAll(entries []byte, ends, sizes []int) {
	var messages [packsACall][]byte
	var sums [packsACall][md5.Size]byte
	for i, end := range ends {
		messages[i] = entries[end-md5.Size-sizes[i] : end-md5.Size]
	}
	md5lanes.SumsLong(sums[:], messages[:len(ends)])
	for i, end := range ends {
		copy(entries[end-md5.Size:], sums[i][:])
	}
}
