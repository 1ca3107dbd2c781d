package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir"
)

// A sketch counts which keys are the heaviest, in bounded space: the Space-Saving
// algorithm of Metwally, Agrawal and El Abbadi. A key that has more than the
// total's part of 1/size is certainly in it, and a count is too high by at most
// that part. What it holds fades, so that it tells of late.
type sketch struct {
	counts map[string]*counted
	total  float64
	part   float64 // of a full weight that samples come to so far, 0 to 1
}

type counted struct {
	key          string
	weight, over float64 // over is how much of weight may be other keys'
}

const sketchSize = 256

// add adds a weight to a key.
func (k *sketch) add(key string, weight float64) {
	k.total += weight
	if c := k.counts[key]; c != nil {
		c.weight += weight
		return
	}
	if k.counts == nil {
		k.counts = make(map[string]*counted, sketchSize)
	}
	if len(k.counts) < sketchSize {
		key := clip(key, 1024)
		k.counts[key] = &counted{key, weight, 0}
		return
	}
	least := k.least()
	delete(k.counts, least.key)
	k.counts[key] = &counted{key, least.weight + weight, least.weight}
}

// least returns the lightest key.
func (k *sketch) least() *counted {
	var least *counted
	for _, c := range k.counts {
		if least == nil || c.weight < least.weight {
			least = c
		}
	}
	return least
}

// fade makes all weights smaller by a factor, before a further sample whose
// weights are multiplied by 1 - by.
func (k *sketch) fade(by float64) {
	k.total *= by
	k.part = k.part*by + 1 - by
	for key, c := range k.counts {
		c.weight, c.over = c.weight*by, c.over*by
		if c.weight < forgotten {
			delete(k.counts, key)
		}
	}
}

const forgotten = 1e-3

// heaviest returns the n heaviest keys.
func (k *sketch) heaviest(n int) []counted {
	list := make([]counted, 0, len(k.counts))
	for _, c := range k.counts {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b counted) int { return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.key, b.key)) })
	return list[:min(n, len(list))]
}

// A keyLook is what is known of the hot keys of a stream that somebody looks at.
type keyLook struct {
	mu      sync.Mutex
	sketch  sketch
	at      time.Time // of the last sample
	sampled int64     // records of the last sample
	of      float64   // records that arrived in its second
}

// looks are those of late. The zero value is none.
type looks struct {
	mu   sync.Mutex
	held map[*weir.Stream]*keyLook
	used []*weir.Stream // the last one used is the last
}

const mostLooks = 16

// of returns the look into a stream; the one used longest ago gives way.
func (l *looks) of(s *weir.Stream) *keyLook {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[*weir.Stream]*keyLook)
	}
	l.used = append(slices.DeleteFunc(l.used, func(o *weir.Stream) bool { return o == s }), s)
	if len(l.used) > mostLooks {
		delete(l.held, l.used[0])
		l.used = slices.Delete(l.used, 0, 1)
	}
	if l.held[s] == nil {
		l.held[s] = new(keyLook)
	}
	return l.held[s]
}

const (
	// A look takes a sample at most so often, of so many records in all, a part of
	// them from each of so many shards at most.
	sampleEvery   = 700 * time.Millisecond
	sampleRecords = 4000
	sampleShards  = 100
	samplePart    = time.Second // the arrivals that a sample is taken of
	// fadeAfter is how much of a weight is left after each sample, so that what a
	// page shows is of the last ten samples about.
	fadeAfter  = 0.85
	forgetting = 30 * time.Second // without a look all is forgotten
)

// sample reads some of what arrived in the last second, from each shard in
// proportion, and weighs it as all that arrived there.
func (k *keyLook) sample(ctx context.Context, s *weir.Stream, now time.Time) {
	if since := now.Sub(k.at); since >= 0 && since < sampleEvery {
		return
	} else if since > forgetting || since < 0 {
		k.sketch = sketch{}
	}
	k.at, k.sampled, k.of = now, 0, 0
	k.sketch.fade(fadeAfter)
	var open []weir.ShardID
	for _, sh := range s.Shards() {
		if sh.IsOpen() {
			open = append(open, sh.ID)
		}
	}
	if len(open) == 0 {
		return
	}
	// Of more shards each sample has others.
	begin := int(now.UnixNano()/int64(sampleEvery)*sampleShards) % len(open)
	n := min(len(open), sampleShards)
	for i := range n {
		k.sampleShard(ctx, s, open[(begin+i)%len(open)], now, max(1, sampleRecords/n), float64(len(open))/float64(n))
	}
}

// sampleShard adds up to so many records of a shard's last second. stands says for
// how many shards it stands.
func (k *keyLook) sampleShard(ctx context.Context, s *weir.Stream, id weir.ShardID, now time.Time, most int, stands float64) {
	from := now.Add(-samplePart)
	all := k.read(ctx, s, id, from, 0, 0)
	if all == 0 {
		return
	}
	k.of += float64(all) * stands
	n := min(int64(most), all)
	weight := float64(all) / float64(n) * stands * (1 - fadeAfter) / samplePart.Seconds()
	if n == all {
		k.read(ctx, s, id, from, n, weight)
		return
	}
	// What comes in bursts is not of one kind: a few at several times say more.
	for i := range sampleTimes {
		k.read(ctx, s, id, from.Add(samplePart*time.Duration(i)/sampleTimes), n/sampleTimes, weight)
	}
}

// sampleTimes is at how many times of a second a busy shard is looked into.
const sampleTimes = 5

// read adds n records of a shard from a time on, and returns how many there are.
func (k *keyLook) read(ctx context.Context, s *weir.Stream, id weir.ShardID, from time.Time, n int64, weight float64) int64 {
	r, err := s.NewReader("console", weir.AtTime(from).In(id).ToTip())
	if err != nil {
		return 0 // it was closed and has vanished
	}
	defer r.Close()
	all, _ := r.Behind()
	for n > 0 {
		b, err := r.NextBatch(ctx, int(n), 0)
		if err != nil {
			break // the tip, or nobody waits for the answer any more
		}
		for _, rec := range b.Records {
			k.sketch.add(rec.PartitionKey, weight)
		}
		n -= int64(len(b.Records))
		k.sampled += int64(len(b.Records))
	}
	return all
}

// keysData is the page of a stream's hot keys.
type keysData struct {
	frame
	Rows    []keyRow
	Sampled int64
	Of      float64
	Total   float64
	Limit   float64
	Auto    bool
	Others  float64 // what none of the further keys brings in more of, about
}

type keyRow struct {
	Key     string
	Rate    float64
	Rough   bool    // a good part of Rate may be other keys'
	Share   float64 // of the stream
	OfShard float64 // of the limit on records of its shard
	Shard   string
	Link    string
	Width   float64
}

const keysShown = 25

func (c *Console) keysPage(r *http.Request) answer {
	f, s, err := c.engineFrame(r, "keys")
	if err != nil {
		return answer{err: err}
	}
	d := keysData{frame: f, Limit: limitsOf(s).Records, Auto: s.Settings().Distribution == weir.DistributeAuto}
	look := c.looks.of(s)
	look.mu.Lock()
	defer look.mu.Unlock()
	look.sample(r.Context(), s, c.config.Now())
	d.Sampled, d.Of, d.Total = look.sampled, look.of, look.sketch.total/look.sketch.part
	for _, k := range look.sketch.heaviest(keysShown) {
		k.weight, k.over = k.weight/look.sketch.part, k.over/look.sketch.part
		if k.over > k.weight/2 { // most of it may be others': it does not stand out
			d.Others = k.weight
			break
		}
		row := keyRow{Key: k.key, Rate: k.weight, Rough: k.over > k.weight/10, Share: k.weight / max(d.Total, forgotten), Link: f.Link("records", "key", k.key, "from", "time", "pos", "1m")}
		if !d.Auto {
			row.Shard = s.ShardOf(k.key).String()
		}
		if d.Limit > 0 {
			row.OfShard = k.weight / d.Limit
		}
		row.Width = 100 * min(1, row.Share)
		d.Rows = append(d.Rows, row)
	}
	return answer{template: "keys", data: d}
}

// Level returns the colour of the key's part of its shard's limit, or of the
// stream where there is none.
func (k keyRow) Level() int { return levelOf(max(k.OfShard, k.Share)) }
