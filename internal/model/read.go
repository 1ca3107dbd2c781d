package model

import "sort"

// A Kind is the type of a position.
type Kind int

const (
	TrimHorizon Kind = iota
	Latest
	AtTime
	AtSequence
	AfterSequence
)

// A Position says where to begin reading.
type Position struct {
	Kind   Kind
	Number string // for AtSequence and AfterSequence
	Ms     int64  // for AtTime, Unix milliseconds
}

// An Iterator is a place in a shard.
type Iterator struct {
	Shard  int
	next   uint64 // index of the record to be read next, from 0
	issued int64
}

// Beyond reports whether an iterator waits for a record beyond the one that is
// put next, in a shard that is open.
func (s *Stream) Beyond(it Iterator) bool {
	sh := s.shards[it.Shard]
	return !sh.Closed && it.next > uint64(len(sh.records))
}

// shard returns a shard that has not vanished at now, or nil.
func (s *Stream) shard(id int, now int64) *Shard {
	if id < 0 || id >= len(s.shards) || s.vanished(s.shards[id], now) {
		return nil
	}
	return s.shards[id]
}

// vanished: a closed shard lives as long after its closing as a record after
// its arrival.
func (s *Stream) vanished(sh *Shard, now int64) bool {
	return sh.gone || sh.Closed && s.expired(sh.ClosedAt, now)
}

// expired reports whether what happened at a millisecond is older than the
// retention.
func (s *Stream) expired(ms, now int64) bool {
	return ms <= floorDiv(now-int64(s.config.Retention), 1e6)
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

// first returns the index of the oldest record that can be read.
func (s *Stream) first(sh *Shard, now int64) uint64 {
	i := sh.trimmed
	for i < len(sh.records) && s.expired(sh.records[i].Arrival, now) {
		i++
	}
	return uint64(i)
}

// Iterator issues an iterator.
func (s *Stream) Iterator(shard int, p Position, now int64) (Iterator, Fault) {
	sh := s.shard(shard, now)
	if sh == nil {
		return Iterator{}, ShardNotFound
	}
	it := Iterator{Shard: shard, issued: now}
	switch p.Kind {
	case Latest:
		it.next = uint64(len(sh.records))
	case AtTime:
		if p.Ms > floorDiv(now, 1e6) {
			return Iterator{}, BadArgument
		}
		it.next = uint64(sort.Search(len(sh.records), func(i int) bool { return sh.records[i].Arrival >= p.Ms }))
	case AtSequence, AfterSequence:
		number, ok := parse(p.Number)
		if !ok || number.shard != sh.ID || number.created != sh.Created {
			return Iterator{}, BadSequenceNumber
		}
		if it.next, ok = sh.locate(number); !ok {
			return Iterator{}, BadSequenceNumber
		}
		// Of a later second than its record, it lies behind it.
		if n := int(min(it.next, endingIndex)); p.Kind == AtSequence && n > 0 &&
			(n > len(sh.records) || number.second <= sh.records[n-1].Arrival/1000) {
			it.next--
		}
	}
	return it, OK
}

// IteratorAge returns how old, in milliseconds, the oldest record is that an
// iterator, expired or not, has not given out.
func (s *Stream) IteratorAge(it Iterator, now int64) (int64, Fault) {
	sh := s.shard(it.Shard, now)
	if sh == nil {
		return 0, ShardNotFound
	}
	i := max(it.next, s.first(sh, now))
	if i >= uint64(len(sh.records)) {
		return 0, OK
	}
	return max(0, floorDiv(now, 1e6)-sh.records[i].Arrival), OK
}

// A Page is what one GetRecords returns.
type Page struct {
	Records  []Record
	Next     *Iterator // nil at the end of a closed shard
	Behind   int64
	Children []int
}

// GetRecords reads a page. limits says what throttled it.
func (s *Stream) GetRecords(it Iterator, limit int, now int64) (p Page, limits []Limit, f Fault) {
	if now-it.issued > int64(s.config.IteratorLifetime) {
		return p, nil, IteratorExpired
	}
	if limit < 0 || limit > s.config.PageRecords {
		return p, nil, BadArgument
	}
	sh := s.shard(it.Shard, now)
	if sh == nil {
		return p, nil, ShardNotFound
	}
	if limits := sh.takeRead(now); limits != nil {
		s.Counts.ReadThrottled++
		return p, limits, Throttled
	}
	if limit == 0 {
		limit = min(defaultPage, s.config.PageRecords)
	}
	it.next = max(it.next, s.first(sh, now))
	p.Records = s.page(sh, it.next, limit, s.config.PageBytes)
	it.next += uint64(len(p.Records))
	size := 0
	for _, r := range p.Records {
		size += r.size()
	}
	sh.chargeRead(size, now)
	s.Counts.Reads++
	s.Counts.ReadRecords += int64(len(p.Records))
	s.Counts.ReadBytes += int64(size)
	if n := len(p.Records); n > 0 && it.next < uint64(len(sh.records)) {
		p.Behind = max(0, floorDiv(now, 1e6)-p.Records[n-1].Arrival)
	}
	if sh.Closed && it.next >= uint64(len(sh.records)) {
		p.Children = sh.Children
		return p, nil, OK
	}
	it.issued = now
	p.Next = &it
	return p, nil, OK
}

// page returns at most so many records from an index on, and more than one only
// if they have no more bytes together than that.
func (s *Stream) page(sh *Shard, from uint64, records, bytes int) (page []Record) {
	size := 0
	for i := from; i < uint64(len(sh.records)) && len(page) < records; i++ {
		size += sh.records[i].size()
		if len(page) > 0 && size > bytes {
			break
		}
		page = append(page, sh.records[i])
	}
	return page
}

// Readable returns the records of a shard that can be read at now.
func (s *Stream) Readable(shard int, now int64) []Record {
	sh := s.shards[shard]
	return sh.records[s.first(sh, now):]
}
