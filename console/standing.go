package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// A standing is what sorts a stream among others: its figures of a look of late.
type standing struct {
	at        time.Time
	in, out   float64 // records a second
	throttled int64   // in the last minute
	age       time.Duration
	held      int64
	shards    int
	cost      float64
}

// standings are those of late. To sort streams by what they do, all have to be
// looked into, and of ten thousand that takes longer than a page may: each look
// goes on where the one before it ended, for so long, and the order is by what
// was seen last. The zero value is none.
type standings struct {
	mu   sync.Mutex
	held map[place]standing
	next place // the one that was not come to
	used time.Time
}

// A place is a stream by name, so that one that was deleted is not kept alive.
type place struct{ at, name string }

func placeIn(s Stream) place { return place{s.At, s.Name} }

const (
	// A look into standings takes so long at most, and looks into none again that
	// was looked into so short a time ago.
	standingsFor  = 100 * time.Millisecond
	standingsKeep = 500 * time.Millisecond
	mostStandings = 20_000
)

// refresh looks into streams, which are in an order that stays, for as long as it
// may. It returns how many were never looked into, and how long ago the oldest
// look was.
func (t *standings) refresh(ctx context.Context, c *Console, all []Stream, within time.Duration) (unseen int, oldest time.Duration) {
	now := c.config.Now()
	if since := now.Sub(t.used); t.held == nil || since > forgetting || since < 0 || len(t.held) > mostStandings+len(all) {
		t.held = make(map[place]standing)
	}
	t.used = now
	begin := max(0, slices.IndexFunc(all, func(s Stream) bool { return placeIn(s) == t.next }))
	started, done := time.Now(), 0
	for ; done < len(all); done++ {
		s := all[(begin+done)%len(all)]
		if done%16 == 0 && (time.Since(started) > within || ctx.Err() != nil) {
			t.next = placeIn(s)
			break
		}
		if since := now.Sub(t.held[placeIn(s)].at); s.Engine == nil || since >= 0 && since < standingsKeep {
			continue
		}
		row := streamRow{Stream: s}
		c.look(&row)
		t.held[placeIn(s)] = standing{
			at: now, in: row.Now.Records, out: row.Now.OutRecords, throttled: row.Last.Throttled, age: row.Age, held: row.Held,
			shards: row.Shards, cost: row.Price.Amount,
		}
	}
	for _, s := range all {
		st, ok := t.held[placeIn(s)]
		if !ok && s.Engine != nil {
			unseen++
		} else if ok {
			oldest = max(oldest, now.Sub(st.at))
		}
	}
	return unseen, oldest
}

// in returns what goes into streams as they were looked into last.
func (t *standings) in(all []Stream) (records float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range all {
		records += t.held[placeIn(s)].in
	}
	return records
}

// A sorting is an order of the list of streams.
type sorting struct {
	Name, Title string
	small       string // below the title of its column
	compare     func(a, b standing) int
}

// sortings are by name, by what is hot, and by the columns in their order.
var sortings = []sorting{
	{Name: "", Title: "name"},
	{"hot", "what is hot", "", func(a, b standing) int {
		return cmp.Or(cmp.Compare(b.throttled, a.throttled), cmp.Compare(b.in, a.in), cmp.Compare(b.out, a.out))
	}},
	{"in", "In, a second", "", func(a, b standing) int { return cmp.Compare(b.in, a.in) }},
	{"out", "Out", "", func(a, b standing) int { return cmp.Compare(b.out, a.out) }},
	{"throttled", "Throttled", "last minute", func(a, b standing) int { return cmp.Compare(b.throttled, a.throttled) }},
	{"age", "Age", "", func(a, b standing) int { return cmp.Compare(b.age, a.age) }},
	{"held", "Held", "", func(a, b standing) int { return cmp.Compare(b.held, a.held) }},
	{"shards", "Shards", "", func(a, b standing) int { return cmp.Compare(b.shards, a.shards) }},
	{"cost", "A month", "at this rate", func(a, b standing) int { return cmp.Compare(b.cost, a.cost) }},
}

// hottestFirst is the place of that order.
const hottestFirst = 1

// sort sorts streams by what they do. Those alike stay in their order.
func (c *Console) sort(ctx context.Context, list []Stream, by sorting, within time.Duration) (sorted []Stream, unseen int, oldest time.Duration) {
	t := &c.standings
	t.mu.Lock()
	defer t.mu.Unlock()
	unseen, oldest = t.refresh(ctx, c, list, within)
	type ranked struct {
		Stream
		standing
	}
	ranks := make([]ranked, len(list))
	for i, s := range list {
		ranks[i] = ranked{s, t.held[placeIn(s)]}
	}
	slices.SortStableFunc(ranks, func(a, b ranked) int { return by.compare(a.standing, b.standing) })
	sorted = make([]Stream, len(list))
	for i, r := range ranks {
		sorted[i] = r.Stream
	}
	return sorted, unseen, oldest
}

// matching returns the streams whose name has a part in it, in any case.
func matching(all []Stream, part string) []Stream {
	if part == "" {
		return all
	}
	part = strings.ToLower(part)
	return slices.DeleteFunc(slices.Clone(all), func(s Stream) bool { return !strings.Contains(strings.ToLower(s.Name), part) })
}
