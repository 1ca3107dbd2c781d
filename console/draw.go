package console

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/metrics"
)

// A chart is one measure by the second, as bars beside a limit. Its paths are in
// a box of Width by chartHeight, which the page stretches.
type chart struct {
	Title, Unit string
	Width       int
	Bars, Over  string // paths: what passed, and on top what was refused
	Limit       float64
	LimitY      float64 // of the limit's line; negative if that is above the picture
	Top         string  // what the upper end stands for
	LimitText   string
	Peak        string // in words, beside the limit
	PeakShare   float64
	From, To    time.Time
	Hidden      string // the same for those who do not see it
}

const chartHeight = 100

// measure says what a chart shows of a second: what passed, and what was refused.
type measure struct {
	title, unit string
	limit       float64
	of          func(metrics.Counts) (passed, refused float64)
	text        func(float64) string
}

// chartOf draws the seconds of a period. limit is zero if there is none.
func chartOf(list []metrics.Second, to time.Time, m measure) chart {
	n := int(shown / time.Second)
	c := chart{Title: m.title, Unit: m.unit, Width: n, Limit: m.limit, LimitY: -1, From: to.Add(-shown), To: to}
	var most, peak float64
	for _, s := range list {
		passed, refused := m.of(s.Counts)
		if !s.At.Before(c.From) && s.At.Before(to) { // the second that is not over has no bar
			most, peak = max(most, passed+refused), max(peak, passed)
		}
	}
	top := max(most*1.1, 1)
	if m.limit > 0 && most > m.limit/8 {
		top = max(top, m.limit*1.15)
	}
	var bars, over strings.Builder
	for _, s := range list {
		x := int(s.At.Sub(c.From) / time.Second)
		if x < 0 || x >= n {
			continue
		}
		passed, refused := m.of(s.Counts)
		h := passed / top * chartHeight
		bar(&bars, x, chartHeight, h)
		bar(&over, x, chartHeight-h, refused/top*chartHeight)
	}
	c.Bars, c.Over, c.Top = bars.String(), over.String(), m.text(top)
	c.Peak = m.text(peak)
	if m.limit > 0 {
		c.PeakShare, c.LimitText = peak/m.limit, m.text(m.limit)
		if y := chartHeight - m.limit/top*chartHeight; y >= 0 {
			c.LimitY = y
		}
	}
	c.Hidden = fmt.Sprintf("%s by the second over %s: the busiest second had %s %s", m.title, spanText(shown), c.Peak, m.unit)
	if m.limit > 0 {
		c.Hidden += fmt.Sprintf(", %s of the limit", percentText(c.PeakShare))
	}
	return c
}

// bar adds a bar that ends below at y to a path.
func bar(path *strings.Builder, x int, y, h float64) {
	if h <= 0 {
		return
	}
	h = max(h, 0.6) // to be seen at all
	fmt.Fprintf(path, "M%d.08 %sv%sh.84v%sz", x, short(y), short(-h), short(h))
}

func short(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

// A spark is a small chart without anything around it.
func spark(list []metrics.Second, to time.Time) string {
	const n = 60
	most := 1.0 // seconds in which only readers were at work have nothing
	for _, s := range list {
		most = max(most, float64(s.IncomingRecords))
	}
	var path strings.Builder
	for _, s := range list {
		if x := int(s.At.Sub(to.Add(-minute)) / time.Second); x >= 0 && x < n {
			bar(&path, x, 20, float64(s.IncomingRecords)/most*20)
		}
	}
	return path.String()
}

// placeOf returns where a hash key lies, 0 to 1.
func placeOf(k weir.HashKey) float64 { return weir.HashKeyRange{End: k}.Share() }

// keyAt returns the hash key at a place from 0 to below 1, to a millionth of a
// range and within it.
func keyAt(r weir.HashKeyRange, part float64) weir.HashKey {
	start, _ := new(big.Int).SetString(r.Start.String(), 10)
	end, _ := new(big.Int).SetString(r.End.String(), 10)
	width := end.Sub(end, start)
	width.Add(width, big.NewInt(1))
	width.Mul(width, big.NewInt(int64(min(max(part, 0), 0.999999)*1e6)))
	width.Div(width, big.NewInt(1e6))
	k, err := weir.ParseHashKey(start.Add(start, width).String())
	if err != nil {
		return r.Start // not reached: the sum is below the end
	}
	return k
}

// A box is a shard, or several neighbours, in a picture.
type box struct {
	X, Y, W, H float64 // to a thousandth
	Level      int
	Opacity    float64
	Title      string
	Start, End string // of its range, for the script that splits by a click; else empty
	Link       string
}

func thousandth(n float64) float64 { return math.Round(n*1000) / 1000 }

// mostBoxes are drawn of a map; neighbours share a box where there are more
// shards, and it shows the busiest of them.
const mostBoxes = 1000

const mapWidth = 1000

// mapOf draws open shards as parts of the hash keys. A click leads to the shard's
// page, or to where it can be split.
func mapOf(f frame, list []shardView, split bool) []box {
	together := (len(list) + mostBoxes - 1) / mostBoxes
	var boxes []box
	for len(list) > 0 {
		part := list[:min(together, len(list))]
		list = list[len(part):]
		first, last := part[0], part[len(part)-1]
		x, end := placeOf(first.HashKeyRange.Start), placeOf(last.HashKeyRange.End)
		b := box{X: thousandth(x * mapWidth), W: thousandth((end - x) * mapWidth)}
		busiest := first
		for _, v := range part {
			if v.Level > busiest.Level || v.Level == busiest.Level && v.Load > busiest.Load {
				busiest = v
			}
		}
		b.Level = busiest.Level
		b.Title = fmt.Sprintf("%s: %s, %s records/s, %s/s, %s of the hash keys", busiest.ID, loadWords(busiest),
			rateText(busiest.Now.Records), bytesText(busiest.Now.Bytes), percentText(first.HashKeyRange.Share()))
		if len(part) > 1 {
			b.Title = fmt.Sprintf("%d shards from %s on, the busiest %s", len(part), first.ID, b.Title)
		}
		b.Link = f.Link("stream", "shard", busiest.ID)
		if split && len(part) == 1 {
			b.Link = f.Link(changePage, "do", "split", "shard", first.ID)
			b.Start, b.End = first.HashKeyRange.Start.String(), first.HashKeyRange.End.String()
		}
		boxes = append(boxes, b)
	}
	return withWarmLast(boxes)
}

// withWarmLast has the busiest drawn last, and so large that they are seen among
// a thousand others in a narrow window.
func withWarmLast(boxes []box) []box {
	slices.SortStableFunc(boxes, func(a, b box) int { return cmp.Compare(max(a.Level, warmLevel-1), max(b.Level, warmLevel-1)) })
	for i := range boxes {
		if b := &boxes[i]; b.Level >= warmLevel {
			b.W, b.H = max(b.W, seenWidth), max(b.H, seenHeight)
		}
	}
	return boxes
}

const (
	warmLevel  = 6
	seenWidth  = 3.5 // of a map's or a lineage's width
	seenHeight = 1.5
)

func loadWords(v shardView) string {
	if v.Relative {
		return percentText(v.Load) + " of the busiest"
	}
	return percentText(v.Load) + " of its limit"
}

// A heat is the load of shards by the second: a row for each shard, and a path
// for each colour.
type heat struct {
	Rows   []heatRow
	Paths  []heatPath
	Width  int
	Height int
}

type heatRow struct {
	Shard, Link string
	Peak        string
}

type heatPath struct {
	Level int
	D     string
}

const heatSeconds = 180

// heatOf draws the seconds of some shards. Where there is no limit, colours are
// of the busiest second.
func heatOf(f frame, s *weir.Stream, list []shardView, now time.Time) heat {
	l, from := limitsOf(s), now.Truncate(time.Second).Add(-heatSeconds*time.Second)
	h := heat{Width: heatSeconds, Height: len(list)}
	rows := make([][]metrics.Second, len(list))
	most := 1.0 // there may be seconds in which only readers were at work
	for i, v := range list {
		rows[i], _ = s.Seconds(from, v.Shard) // one that has vanished has none
		for _, second := range rows[i] {
			most = max(most, float64(second.IncomingRecords))
		}
	}
	paths := make([]strings.Builder, levels+2)
	for y, row := range rows {
		var peak float64
		for _, second := range row {
			x := int(second.At.Sub(from) / time.Second)
			if x < 0 || x >= heatSeconds {
				continue
			}
			load := l.share(float64(second.IncomingRecords), float64(second.IncomingBytes))
			if l.None() {
				load = float64(second.IncomingRecords) / most
			}
			peak = max(peak, load)
			level := levelOf(load)
			if second.WriteThrottled > 0 {
				level = levels + 1
			}
			fmt.Fprintf(&paths[level], "M%d %dh1v1h-1z", x, y)
		}
		h.Rows = append(h.Rows, heatRow{Shard: list[y].ID, Link: f.Link("stream", "shard", list[y].ID), Peak: percentText(peak)})
	}
	for level := 1; level < len(paths); level++ {
		if d := paths[level].String(); d != "" {
			h.Paths = append(h.Paths, heatPath{level, d})
		}
	}
	return h
}

// A lineage is shards over time: each a box as wide as it was open and as high as
// its range, so that splits and merges are where boxes meet.
type lineage struct {
	Boxes []box
	Ticks []tick
	Left  int // shards that were too many to draw
}

type tick struct {
	X    float64 // in percent
	Text string
}

const (
	lineageWidth, lineageHeight = 1000, 260

	mostLineage = 2000
	nearTime    = 5 * time.Second // what the axis resolves at its end
)

// lineageOf draws shards. Time goes from left to right by its logarithm, so that
// what has just happened is seen beside what happened days ago.
func lineageOf(shards []weir.Shard, loads []shardView, retention time.Duration, now time.Time) lineage {
	level := make(map[weir.ShardID]int, len(loads))
	for _, v := range loads {
		level[v.Shard] = v.Level
	}
	var l lineage
	if n := len(shards) - mostLineage; n > 0 {
		l.Left, shards = n, shards[n:]
	}
	oldest := time.Second
	for _, sh := range shards {
		oldest = max(oldest, now.Sub(sh.OpenedAt))
	}
	at := func(t time.Time) float64 { return timePlace(now.Sub(t), oldest) * lineageWidth }
	for _, sh := range shards {
		end, opacity := now, 1.0
		if !sh.IsOpen() {
			end = sh.ClosedAt
			opacity = 0.12 + 0.5*min(max(1-float64(now.Sub(end))/float64(max(retention, 1)), 0), 1) // clocks step back
		}
		y, bottom := placeOf(sh.HashKeyRange.Start), placeOf(sh.HashKeyRange.End)
		b := box{X: thousandth(at(sh.OpenedAt)), Y: thousandth(y * lineageHeight), H: thousandth((bottom - y) * lineageHeight),
			Level: level[sh.ID], Opacity: math.Round(opacity*100) / 100, Title: shardStory(sh, retention, now)}
		b.W = thousandth(max(1, at(end)-b.X))
		l.Boxes = append(l.Boxes, b)
	}
	l.Boxes = withWarmLast(l.Boxes)
	edge := 1 - nearEdge
	for _, t := range ages {
		place := timePlace(t.age, oldest)
		if t.age < oldest && place > nearEdge/2 && place < edge {
			l.Ticks = append(l.Ticks, tick{100 * place, t.text})
			edge = place - nearEdge
		}
	}
	return l
}

// nearEdge is the part of the width nearer than which two texts have no room.
const nearEdge = 0.1

// ages are where the axis of a lineage has a text.
var ages = []struct {
	age  time.Duration
	text string
}{
	{5 * time.Second, "5 s"}, {30 * time.Second, "30 s"}, {5 * time.Minute, "5 min"}, {time.Hour, "1 h"}, {12 * time.Hour, "12 h"},
	{24 * time.Hour, "1 day"}, {7 * 24 * time.Hour, "7 days"}, {30 * 24 * time.Hour, "30 days"},
}

// timePlace returns where an age lies between the oldest, 0, and now, 1.
func timePlace(age, oldest time.Duration) float64 {
	log := func(d time.Duration) float64 { return math.Log1p(float64(max(d, 0)) / float64(nearTime)) }
	return 1 - log(age)/log(oldest)
}

// shardStory says in words where a shard comes from and what became of it.
func shardStory(sh weir.Shard, retention time.Duration, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s of the hash keys, opened %s ago", sh.ID, percentText(sh.HashKeyRange.Share()), spanText(now.Sub(sh.OpenedAt)))
	switch len(sh.Parents) {
	case 1:
		fmt.Fprintf(&b, " by a split of %s", sh.Parents[0])
	case 2:
		fmt.Fprintf(&b, " by a merge of %s and %s", sh.Parents[0], sh.Parents[1])
	}
	if !sh.IsOpen() {
		fmt.Fprintf(&b, "; closed %s ago", spanText(now.Sub(sh.ClosedAt)))
		for i, child := range sh.Children {
			fmt.Fprintf(&b, "%s%s", []string{" for ", " and "}[min(i, 1)], child)
		}
		fmt.Fprintf(&b, "; readable for another %s", spanText(retention-now.Sub(sh.ClosedAt)))
	}
	return b.String()
}
