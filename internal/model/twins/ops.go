package twins

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/model"
)

// step does one operation on both and compares the answers.
func (w *twins) step() {
	switch op := w.src.below(68); {
	case op < 12:
		w.put()
	case op < 16 && w.batches:
		w.putBatch()
	case op < 20:
		w.issue()
	case op < 27:
		w.get()
	case op < 32:
		w.advance()
	case op == 32:
		w.stepBack()
	case op == 33:
		w.setRetention()
	case op < 42:
		w.changeShards()
	case op < 50:
		w.traverse()
	case op < 56:
		w.fanOut()
	case op < 59:
		w.changeMode()
	case op == 59:
		w.readAll()
	case op == 60:
		w.compareShards()
		w.compareMetrics()
	case op == 61 && w.disk.Open != nil:
		w.reopen()
	case op == 61:
		w.saveAndLoad()
	case op < 64:
		w.rarely()
	case op < 66:
		w.putCopies()
	case op == 66:
		w.trimTo()
	default:
		w.age()
	}
}

// entry makes a record to be put, a bad one now and then.
func (w *twins) entry() (model.Entry, weir.Entry) {
	w.puts++
	e := model.Entry{Key: fmt.Sprintf("key-%d", w.src.below(20))}
	if w.hot && !w.src.oneIn(4) {
		e.Key = "hot"
	} else if w.src.oneIn(16) {
		e.Key = pick(w.src, "", "é", strings.Repeat("é", 256), strings.Repeat("世", 257), strings.Repeat("x", 257), "\xff", "a\xc3")
	}
	size := pick(w.src, w.sizes...)
	e.Data = fmt.Sprintf("%-*d", size, w.puts)
	if size < 10 {
		e.Data = e.Data[:size]
	}
	entry := weir.Entry{PartitionKey: e.Key, Data: []byte(e.Data)}
	if e.Key != "hot" && w.src.oneIn(4) {
		k := w.hash()
		e.Hash, entry.ExplicitHashKey = bigKey(k), &k
	}
	return e, entry
}

// hash picks a hash key near the boundary of a shard.
func (w *twins) hash() weir.HashKey {
	shards := w.want.Shards(w.now)
	sh := shards[w.src.byte()%len(shards)]
	at := pick(w.src, sh.Start, sh.End, new(big.Int).Rsh(new(big.Int).Add(sh.Start, sh.End), 1))
	return keyOfBig(at).Add(uint64(w.src.below(4))).Sub(uint64(w.src.below(4)))
}

func (w *twins) put() {
	e, entry := w.entry()
	w.op = fmt.Sprintf("put %.20q, %d bytes, to %v", e.Key, len(e.Data), e.Hash)
	if w.src.oneIn(16) {
		w.putForOrdering(e, entry)
		return
	}
	var r weir.Placed
	var err error
	if entry.ExplicitHashKey == nil {
		r, err = w.got.PutRecord(w.t.Context(), entry.PartitionKey, entry.Data)
	} else {
		r, err = w.got.Put(w.t.Context(), entry)
	}
	w.samePut(w.want.Put(e, w.now), entry, r, err)
}

func (w *twins) samePut(o model.Outcome, entry weir.Entry, r weir.Placed, err error) {
	w.t.Helper()
	shard := weir.ShardID(o.Shard)
	if !w.sameFault(o.Fault, o.Limits, shard, err) {
		return
	}
	w.equal(shard, r.ShardID)
	w.equal(o.Number, r.SequenceNumber.String())
	w.numbers = append(w.numbers, o.Number)
	if entry.ExplicitHashKey != nil {
		shard = w.got.ShardOfHashKey(*entry.ExplicitHashKey)
	} else {
		shard = w.got.ShardOf(entry.PartitionKey)
	}
	if !w.want.Auto() {
		w.equal(shard, r.ShardID)
	}
}

// putForOrdering gives a number for ordering: one that a put returned is always
// accepted, one that no put can have returned never; none while the stream
// distributes records itself.
func (w *twins) putForOrdering(e model.Entry, entry weir.Entry) {
	future := model.Number(epoch.Unix(), 0, 7, epoch.Unix()+1e9)
	number := pick(w.src, future, future[:55]+"9", "5")
	good := len(w.numbers) > 0 && w.src.oneIn(2)
	if good {
		number = w.numbers[w.src.byte()%len(w.numbers)]
	}
	w.op += " after " + number
	n, err := weir.ParseSequenceNumber(number)
	require.NoError(w.t, err)
	entry.SequenceNumberForOrdering = n
	r, err := w.got.Put(w.t.Context(), entry)
	if w.want.Auto() {
		w.equal(model.BadArgument, faultOf(err))
	} else if good {
		w.samePut(w.want.Put(e, w.now), entry, r, err)
	} else if f := faultOf(err); f != model.BadArgument {
		w.equal(model.BadSequenceNumber, f)
	}
}

// putCopies puts one record many times.
func (w *twins) putCopies() {
	e, entry := w.entry()
	n := pick(w.src, 1, 2, 3, 4, 7, 11, 12, 60, 0, -1)
	if len(e.Data) > 1000 { // or comparing what is read would take long
		n = min(n, 4)
	}
	w.op = fmt.Sprintf("put %d times %.20q, %d bytes, to %v", n, e.Key, len(e.Data), e.Hash)
	got, err := w.got.PutCopies(w.t.Context(), entry, n)
	want, refused := w.want.PutCopies(e, n, w.now)
	w.equal(want, got)
	w.sameFault(refused.Fault, refused.Limits, weir.ShardID(refused.Shard), err)
}

func (w *twins) putBatch() {
	n := w.src.below(9)
	if w.src.oneIn(32) {
		n = 500 + w.src.below(2)
	}
	var list []model.Entry
	var entries []weir.Entry
	for range n {
		e, entry := w.entry()
		if w.src.oneIn(2) || n >= 500 { // or every second batch would be refused
			e.Key, entry.PartitionKey = "good", "good"
		}
		list, entries = append(list, e), append(entries, entry)
	}
	w.op = fmt.Sprintf("put %d records", n)
	results, err := w.got.PutRecords(w.t.Context(), entries)
	outcomes, fault := w.want.PutBatch(list, w.now)
	if !w.sameFault(fault, nil, 0, err) {
		return
	}
	require.Len(w.t, results, n)
	for i, r := range results {
		w.samePut(outcomes[i], entries[i], r.Placed, r.Err)
	}
}

// position makes a position, the same for both.
func (w *twins) position() (model.Position, weir.Position) {
	kind := model.Kind(w.src.below(5))
	p := model.Position{Kind: kind}
	switch kind {
	case model.Latest:
		return p, weir.Latest()
	case model.AtTime:
		at := w.clock().Add(pick(w.src, 0, -time.Millisecond, -time.Second, -time.Hour, -9000*time.Hour, time.Millisecond, time.Hour))
		p.Ms = at.UnixMilli()
		return p, weir.AtTime(at)
	case model.AtSequence, model.AfterSequence:
		p.Number = w.number()
		n, err := weir.ParseSequenceNumber(p.Number)
		require.NoError(w.t, err)
		if kind == model.AtSequence {
			return p, weir.AtSequence(n)
		}
		return p, weir.AfterSequence(n)
	default:
		return p, weir.TrimHorizon()
	}
}

// number picks a sequence number: of a record, of a shard's ends, of nothing.
func (w *twins) number() string {
	if len(w.numbers) > 0 && !w.src.oneIn(3) {
		return w.numbers[w.src.byte()%len(w.numbers)]
	}
	shards := w.want.Shards(w.now)
	sh := shards[w.src.byte()%len(shards)]
	return pick(w.src,
		model.Number(sh.Created, sh.ID, 0, sh.Created),
		model.Number(sh.Created, sh.ID, 1<<63-1, cmp.Or(sh.EndSecond, w.now/1e9)),
		model.Number(sh.Created, sh.ID, uint64(w.src.byte()), 0),
		model.Number(sh.Created, sh.ID+1, 1, sh.Created),
		model.Number(sh.Created-1, sh.ID, 1, sh.Created),
		"0", "5", strings.Repeat("9", 57), "49546986683135544286507457936321625675700192471156785154")
}

// shardID picks a shard, one that does not exist now and then.
func (w *twins) shardID() int {
	shards := w.want.Shards(w.now)
	if w.src.oneIn(12) {
		return pick(w.src, -1, 0, 1, 2, 100)
	}
	return shards[w.src.byte()%len(shards)].ID
}

func (w *twins) issue() {
	id := w.shardID()
	p, position := w.position()
	w.op = fmt.Sprintf("iterator of shard %d, %v", id, position)
	got, err := w.got.Iterator(w.t.Context(), weir.ShardID(id), position)
	want, fault := w.want.Iterator(id, p, w.now)
	if w.sameFault(fault, nil, 0, err) {
		w.hold(heldIterator{got, want})
	}
}

// hold keeps an iterator, in place of an older one if there are many.
func (w *twins) hold(it heldIterator) {
	const most = 12
	if len(w.iterators) < most {
		w.iterators = append(w.iterators, it)
	} else {
		w.iterators[w.src.below(most)] = it
	}
}

func (w *twins) get() {
	if len(w.iterators) == 0 {
		w.issue()
		return
	}
	it := w.iterators[w.src.byte()%len(w.iterators)]
	limit := pick(w.src, 0, 1, 2, 3, 10, 10000, 10001, -1, math.MaxInt)
	w.op = fmt.Sprintf("get %d records of shard %d", limit, it.want.Shard)
	if w.src.oneIn(2) && !w.viaToken(&it) {
		return
	}
	b, err := w.got.GetRecords(w.t.Context(), it.got, limit)
	page, limits, fault := w.want.GetRecords(it.want, limit, w.now)
	if !w.sameFault(fault, limits, weir.ShardID(it.want.Shard), err) {
		w.equal(weir.Page{}, b)
		return
	}
	w.samePage(page, b)
	if page.Next != nil {
		w.hold(heldIterator{b.Next, *page.Next})
	}
}

// viaToken takes an iterator through its text. It reports whether there is
// still its shard.
func (w *twins) viaToken(it *heldIterator) bool {
	parsed, err := w.got.ParseToken(w.got.Token(it.got))
	if err != nil {
		require.ErrorIs(w.t, err, weir.ErrShardNotFound, w.op)
		_, fault := w.want.Iterator(it.want.Shard, model.Position{}, w.now)
		w.equal(model.ShardNotFound, fault)
		return false
	}
	w.equal(it.got.IssuedAt(), parsed.IssuedAt())
	it.got = parsed
	return true
}

func (w *twins) samePage(page model.Page, b weir.Page) {
	w.t.Helper()
	w.sameRecords(page.Records, b.Records)
	w.equal(page.Behind, b.Behind.Milliseconds())
	w.equal(page.Next == nil, b.Next.IsZero())
	w.sameChildren(page.Children, b.Children)
}

func (w *twins) sameChildren(want []int, got []weir.Shard) {
	w.t.Helper()
	var children []*model.Shard
	for _, id := range want {
		children = append(children, w.want.Shard(id))
	}
	w.sameShards(children, got)
}

// trimTo gives up the records of a shard up to one of them, or tries to.
func (w *twins) trimTo() {
	number := w.number()
	if len(number) < 10 { // of an older form, which may be taken for one of a shard that vanished
		return
	}
	w.op = "trim to " + number
	w.sameFault(w.want.TrimTo(number, w.now), nil, 0, w.got.TrimTo(w.mustNumber(number)))
	w.compareMetrics()
}

// age compares how far behind an iterator is, expired or not.
func (w *twins) age() {
	if len(w.iterators) == 0 {
		return
	}
	it := w.iterators[w.src.byte()%len(w.iterators)]
	w.op = fmt.Sprintf("age of an iterator of shard %d", it.want.Shard)
	got, err := it.got.Age()
	want, fault := w.want.IteratorAge(it.want, w.now)
	w.sameFault(fault, nil, 0, err)
	w.equal(time.Duration(want)*time.Millisecond, got)
}

func (w *twins) advance() {
	d := pick(w.src, time.Microsecond, time.Millisecond, 2*time.Millisecond, 3*time.Millisecond, 50*time.Millisecond,
		100*time.Millisecond, 200*time.Millisecond, 999*time.Millisecond, time.Second, 5*time.Second, 59*time.Second,
		299*time.Second, 300*time.Second, 300*time.Second+time.Microsecond, time.Hour, 23*time.Hour, 24*time.Hour,
		w.retry.Truncate(time.Microsecond), w.retry.Truncate(time.Microsecond)+time.Microsecond)
	if w.want.OnDemand() && (w.hot || w.src.oneIn(2)) {
		d = w.scalingTime()
	}
	w.now += int64(d)
	w.op = fmt.Sprintf("advance by %v", d)
}

// scalingTime picks a time in which an on-demand stream changes.
func (w *twins) scalingTime() time.Duration {
	if w.src.oneIn(64) {
		return pick(w.src, 30*24*time.Hour, 31*24*time.Hour, 40*24*time.Hour)
	}
	return pick(w.src, 10*time.Second, time.Minute, 2*time.Minute, 5*time.Minute, 9*time.Minute, 10*time.Minute,
		11*time.Minute, 20*time.Minute, time.Hour, 3*time.Hour)
}

// stepBack moves the clock back. What has expired by then is trimmed first, and
// what has fallen due in on-demand mode is carried out: whether the two can be
// undone while they are not is not promised.
func (w *twins) stepBack() {
	w.back = true
	w.compareCapacity()
	w.got.Trim()
	w.want.Trim(w.now)
	d := pick(w.src, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour)
	w.now -= int64(d)
	w.op = fmt.Sprintf("step back by %v", d)
}

func (w *twins) setRetention() {
	d := pick(w.src, time.Millisecond, 3*time.Millisecond, time.Second, time.Minute, time.Hour, 24*time.Hour, 25*time.Hour,
		0, -time.Hour, 24*time.Hour-1, 8760*time.Hour, 8760*time.Hour+1, time.Duration(math.MaxInt64))
	w.op = fmt.Sprintf("set retention to %v", d)
	w.sameFault(w.want.SetRetention(d, w.now), nil, 0, w.set(func(c *weir.Settings) { c.Retention = d }))
}

func (w *twins) rarely() {
	switch w.src.below(3) {
	case 0:
		w.op = "trim"
		w.got.Trim()
		w.want.Trim(w.now)
	case 1:
		n := pick(w.src, 1<<20, 10<<20, 1<<20-1, 10<<20+1, 0, -1)
		w.op = fmt.Sprintf("set record bytes to %d", n)
		w.sameFault(w.want.SetRecordBytes(n, w.now), nil, 0, w.set(func(c *weir.Settings) { c.RecordBytes = n }))
	default:
		w.compareMetrics()
	}
}
