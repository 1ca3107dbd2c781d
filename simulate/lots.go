package simulate

import (
	"context"
	"math"
	"math/bits"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

// A lot is records that are put together: those that arrived in one step for one
// range of hash keys, or those of them that were throttled and are tried again.
type lot struct {
	keys   weir.HashKeyRange
	copies int64
	bytes  int64  // of all of them, data and keys
	tries  int    // so far
	single bool   // a record that is put by itself; keys starts with its hash key
	key    string // of a single record
}

// A dealer makes of a step's lots one put for each shard.
type dealer struct {
	parts   []weir.HashKeyRange // of the open shards, the hottest key apart
	shards  []int               // of each part, its place among the open ones
	partsOf int                 // the generation of shards that parts belong to

	again  []lot   // throttled records that have fallen due
	groups [][]lot // by place of the shard
	carry  int64   // bytes that did not divide evenly among the records of a put
}

// lotKey is the partition key of records that are put together. Its byte is one of
// theirs.
const lotKey = "k"

// ranges returns the hash key ranges of the open shards, with the hottest key in
// one of its own.
func (p *producer) ranges() []weir.HashKeyRange {
	d, set := &p.dealer, &p.sim.shards
	if d.partsOf == set.generation {
		return d.parts
	}
	d.parts, d.shards, d.partsOf = d.parts[:0], d.shards[:0], set.generation
	hot := p.sim.hot.key.Hash
	for i, sh := range set.open {
		r := sh.keys
		if !r.Contains(hot) {
			d.add(i, r)
			continue
		}
		if r.Start != hot {
			d.add(i, weir.HashKeyRange{Start: r.Start, End: hot.Sub(1)})
		}
		d.add(i, weir.HashKeyRange{Start: hot, End: hot})
		if r.End != hot {
			d.add(i, weir.HashKeyRange{Start: hot.Add(1), End: r.End})
		}
	}
	for len(d.groups) < len(set.open) {
		d.groups = append(d.groups, nil)
	}
	return d.parts
}

func (d *dealer) add(shard int, r weir.HashKeyRange) {
	d.parts, d.shards = append(d.parts, r), append(d.shards, shard)
}

// putLots puts what arrived in a step, together with what is to be tried again. The
// ranges of the lots are those that ranges returned last.
func (p *producer) putLots(lots []workload.Lot) {
	d := &p.dealer
	p.ranges()
	for i := range lots {
		p.deal(&lots[i])
	}
	again := d.again
	d.again = d.again[:0]
	for i := range again {
		p.pending -= again[i].copies
		p.divide(again[i])
	}
	for i, sh := range p.sim.shards.open {
		if len(d.groups[i]) > 0 {
			p.putGroup(sh, d.groups[i])
			d.groups[i] = d.groups[i][:0]
		}
	}
}

// deal adds a lot of the workload to the group of its shard. Where the stream deals
// records out itself they are put one by one, to learn which shard took each.
func (p *producer) deal(l *workload.Lot) {
	d := &p.dealer
	p.generated += l.Records
	keys, shard := d.parts[l.Range], d.shards[l.Range]
	if keys.Start == keys.End && keys.Start == p.sim.hot.key.Hash {
		p.sim.hot.count(l.Records, l.Bytes)
	} else if p.sim.only {
		p.skip(l.Records)
		return
	}
	if !p.sim.auto {
		d.groups[shard] = append(d.groups[shard], lot{keys: keys, copies: l.Records, bytes: l.Bytes})
		return
	}
	for i := int64(0); i < l.Records && !p.sim.over; i++ {
		size := l.Bytes*(i+1)/l.Records - l.Bytes*i/l.Records
		p.fresh = attempt{key: lotKey, hash: keys.Start, size: int(max(1, size))}
		p.try(&p.fresh)
	}
}

// divide adds records that are tried again to the groups. If the shards have changed
// since they were put, each gets its part of their hash keys.
func (p *producer) divide(l lot) {
	d, set := &p.dealer, &p.sim.shards
	whole, share := l, l.keys.Share()
	for i, sh := range set.open {
		common, ok := overlap(whole.keys, sh.keys)
		if !ok || l.copies == 0 {
			continue
		}
		part := l
		if width := common.Share(); width < share {
			part.copies = int64(math.Round(float64(l.copies) * width / share))
			part.bytes = portion(l.bytes, part.copies, l.copies)
			share -= width
		}
		l.copies -= part.copies
		l.bytes -= part.bytes
		part.keys = common
		if part.copies > 0 {
			d.groups[i] = append(d.groups[i], part)
		}
	}
}

func overlap(a, b weir.HashKeyRange) (weir.HashKeyRange, bool) {
	if a.Start.Compare(b.Start) < 0 {
		a.Start = b.Start
	}
	if a.End.Compare(b.End) > 0 {
		a.End = b.End
	}
	return a, a.Start.Compare(a.End) <= 0
}

// putGroup puts the lots of one shard as so many copies of one record, their average,
// and shares out among them what was stored: records that come at the same moment
// have the same chance, whether they are new or tried again.
func (p *producer) putGroup(sh *shard, group []lot) {
	var n, bytes int64
	for i := range group {
		n += group[i].copies
		bytes += group[i].bytes
		countOffered(&sh.second.Writes, &group[i])
	}
	size := p.dealer.average(n, bytes)
	stored, err := p.sendCopies(sh, n, size)
	sh.busy = true
	if stored > 0 {
		sh.accept(p.sim, stored, stored*size)
	}
	if stored == n {
		return
	}
	var before int64
	for i := range group {
		l := &group[i]
		passed := portion(stored, before+l.copies, n) - portion(stored, before, n)
		before += l.copies
		if left := l.copies - passed; left > 0 {
			p.again(sh, l, left, left*size, err)
		}
	}
}

// average returns the size of each of n records that have so many bytes together,
// rounded up or down so that on the whole no bytes come or go.
func (d *dealer) average(n, bytes int64) int64 {
	size := bytes / n
	d.carry += bytes - size*n
	if d.carry >= (n+1)/2 && size*n < bytes {
		size++
		d.carry -= n
	}
	return max(1, size)
}

func countOffered(w *Writes, l *lot) {
	if l.tries == 0 {
		w.OfferedRecords += l.copies
		w.OfferedBytes += l.bytes
	} else {
		w.RetriedRecords += l.copies
	}
}

// sendCopies puts copies of a record to a shard and returns how many were stored, and
// why not more.
func (p *producer) sendCopies(sh *shard, n, size int64) (int64, error) {
	if size > int64(p.most) {
		return 0, errTooLarge
	}
	e := weir.Entry{PartitionKey: lotKey, Data: zeros[:size-int64(len(lotKey))], ExplicitHashKey: &sh.keys.Start}
	stored, err := p.sim.stream.PutCopies(context.Background(), e, int(n))
	return int64(stored), err
}

// again accounts for what is left of a lot, and has it tried again.
func (p *producer) again(sh *shard, l *lot, copies, bytes int64, err error) {
	w := &sh.second.Writes
	if p.refused(w, copies, bytes, err) && p.mayRetry(l.tries, copies, bytes, w) {
		p.tryLater(lot{keys: l.keys, copies: copies, bytes: bytes, tries: l.tries + 1})
	}
}

// portion returns n*part/whole, rounded down. part is at most whole.
func portion(n, part, whole int64) int64 {
	hi, lo := bits.Mul64(uint64(n), uint64(part))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}
