package console

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
)

// places are positions that pages were given to go on from, by a word: the
// positions of a stream of many shards are too long for an address. The zero
// value is none; the oldest give way.
type places struct {
	mu   sync.Mutex
	ids  []string
	held map[string]weir.Positions
}

const mostPlaces = 256

func (p *places) add(at weir.Positions) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[string]weir.Positions)
	}
	if len(p.ids) == mostPlaces {
		delete(p.held, p.ids[0])
		p.ids = slices.Delete(p.ids, 0, 1)
	}
	id := rand.Text()
	p.ids, p.held[id] = append(p.ids, id), at
	return id
}

func (p *places) take(id string) (weir.Positions, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.held[id]
	return at, ok
}

// followed is how many of the last records a page shows that follows the tip, and
// followFrom how far back it begins to look: it asks once a second.
const (
	followed   = 50
	followFrom = time.Minute
)

// follow fills in the newest records that the query wants. It remembers nothing
// between two looks: it reads what arrived of late, at the tip of each shard.
func (c *Console) follow(ctx context.Context, d *recordsData, s *weir.Stream) {
	ranges, until := rangesOf(s), time.Now().Add(scanFor)
	for _, sh := range s.Shards() {
		if d.Query.Shard != "" && sh.ID.String() != d.Query.Shard {
			continue
		}
		if time.Now().After(until) {
			d.Skipped = true
			break
		}
		if err := d.tail(ctx, s, sh, ranges, c.config.Now(), until); err != nil {
			d.Why = err.Error()
		}
	}
	slices.Reverse(d.Rows) // of the same millisecond the last one is first, too
	slices.SortStableFunc(d.Rows, func(a, b recordRow) int { return b.Arrived.Compare(a.Arrived) })
	d.Rows, d.Done = d.Rows[:min(len(d.Rows), followed)], true
}

// tail adds the last records of a shard that the query wants, the newest of them
// if there is no time for all: large ones take long to be taken apart or matched.
func (d *recordsData) tail(
	ctx context.Context, s *weir.Stream, sh weir.Shard, within func(weir.ShardID) *weir.HashKeyRange, now, until time.Time,
) error {
	list, err := lastOf(ctx, s, sh, now, until)
	if err != nil {
		return err
	}
	unpack := aggregate.Decoder{Within: within(sh.ID), Anyway: true}
	var groups [][]recordRow // of a record each, the newest first
	for n := 0; n < followed && len(list) > 0; list = list[:len(list)-1] {
		if len(groups) > 0 && time.Now().After(until) {
			d.Skipped = true
			break
		}
		one := recordsData{frame: d.frame, Query: d.Query}
		one.add(list[len(list)-1], &unpack)
		groups, n, d.Scanned = append(groups, one.Rows), n+len(one.Rows), d.Scanned+1
	}
	slices.Reverse(groups)
	rows := slices.Concat(groups...)
	d.Rows = append(d.Rows, rows[max(0, len(rows)-followed):]...)
	return nil
}

// lastOf returns the last records of a shard, the oldest first: of about as many
// as are looked at, or that there was time for, those that may be held.
func lastOf(ctx context.Context, s *weir.Stream, sh weir.Shard, now, until time.Time) (list []weir.Record, err error) {
	if !sh.IsOpen() && now.Sub(sh.ClosedAt) > followFrom {
		return nil, nil
	}
	reader, err := s.NewReader("console", tailPosition(s, sh, now).In(sh.ID).ToTip())
	if errors.Is(err, weir.ErrShardNotFound) {
		return nil, nil // it has vanished meanwhile
	}
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	if err := skipToTail(ctx, reader, until); err != nil {
		return nil, err
	}
	var held int
	for read := 0; read < tailScan && (read == 0 || time.Now().Before(until)); {
		b, err := reader.NextBatch(ctx, tailBatch, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		read, list = read+len(b.Records), append(list, b.Records...)
		for i := range b.Records {
			held += len(b.Records[i].Data)
		}
		over := 0
		for ; held > tailBytes && over < len(list)-1; over++ {
			held -= len(list[over].Data)
		}
		list = slices.Delete(list, 0, over)
	}
	return list, nil
}

const (
	tailBatch = 200
	tailScan  = 1000     // records of a shard that are looked at; there may be more
	tailBytes = 64 << 20 // of their data that are held, though they be read from disk
	tailSkip  = 10_000
)

// errTooMuch says that what is shown would not be the newest.
var errTooMuch = errors.New("more arrived in an instant than can be passed over to come to the newest; look from a time on")

// skipToTail passes over what is more than is looked at: of those that came in one
// instant no time tells which are the last.
func skipToTail(ctx context.Context, reader *weir.Reader, until time.Time) error {
	for {
		left, _ := reader.Behind()
		switch {
		case left <= tailScan:
			return nil
		case time.Now().After(until):
			return errTooMuch
		}
		if _, err := reader.NextBatch(ctx, int(min(left-tailScan, tailSkip)), 0); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// tailPosition returns from when on a shard has about as many records as are
// looked at: a minute, or less where it is busy.
func tailPosition(s *weir.Stream, sh weir.Shard, now time.Time) weir.Position {
	from := now.Add(-followFrom)
	list, err := s.Seconds(from, sh.ID)
	if err != nil {
		return weir.AtTime(from)
	}
	var n int64
	for i := len(list) - 1; i >= 0; i-- {
		n += list[i].IncomingRecords
		if n > tailScan {
			// Within its oldest second records are taken to be even.
			over := float64(n-tailScan) / float64(list[i].IncomingRecords)
			end := list[i].At.Add(time.Second)
			if end.After(now) {
				end = now
			}
			return weir.AtTime(list[i].At.Add(time.Duration(over * float64(end.Sub(list[i].At)))))
		}
	}
	return weir.AtTime(from)
}
