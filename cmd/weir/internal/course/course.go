// Package course keeps the course of a run, however long it is, in bounded
// memory: what a chart of it shows.
package course

import (
	"slices"
	"time"
)

// A Course is the points of a run in their order, at most one for each width of
// time. When there are too many of them the width doubles, and points that are
// of one width then are joined: nothing is dropped. A run of a year takes no
// more memory than one of an hour, and a chart of either has points enough.
// [New] makes one. Use it from one goroutine at a time.
type Course[P any] struct {
	width  time.Duration
	most   int
	join   func(earlier, later P) P
	slots  []int64 // invariant: they rise; slots[i] widths came before that of points[i]
	points []P
}

// New returns a course without points. There will be at most so many, at first
// one for each width of time. join makes one point of two.
func New[P any](width time.Duration, most int, join func(earlier, later P) P) *Course[P] {
	return &Course[P]{width: width, most: most, join: join}
}

// Add adds a point of a time since the run began, or joins it to the last one
// if that is of the same width. Points come in order; an earlier one is joined
// to the last, too.
func (c *Course[P]) Add(at time.Duration, p P) {
	for {
		slot, last := int64(at/c.width), len(c.points)-1
		if last >= 0 && slot <= c.slots[last] {
			c.points[last] = c.join(c.points[last], p)
			return
		}
		if len(c.points) < c.most {
			c.slots, c.points = append(c.slots, slot), append(c.points, p)
			return
		}
		// Where points are far apart, doubling once may join none of them.
		c.double()
	}
}

// double doubles the width and joins what is of one width then.
func (c *Course[P]) double() {
	c.width *= 2
	kept := 0
	for i, p := range c.points {
		slot := c.slots[i] / 2
		if kept > 0 && c.slots[kept-1] == slot {
			c.points[kept-1] = c.join(c.points[kept-1], p)
			continue
		}
		c.slots[kept], c.points[kept] = slot, p
		kept++
	}
	clear(c.points[kept:]) // what a joined point refers to is not to be kept alive
	c.slots, c.points = c.slots[:kept], c.points[:kept]
}

// Width returns how much time a point stands for.
func (c *Course[P]) Width() time.Duration { return c.width }

// Points returns the points. They are the course's own until the next Add.
func (c *Course[P]) Points() []P { return c.points }

// Left returns how long it is from a time since the run began until the next
// width begins. It is above zero.
func (c *Course[P]) Left(now time.Duration) time.Duration { return c.width - now%c.width }

// Between returns how much of a course of counts falls between two times, as if
// the count of each width were spread evenly.
func Between(c *Course[int64], from, to time.Duration) float64 {
	sum := 0.0
	first, _ := slices.BinarySearch(c.slots, int64(from/c.width))
	for i := first; i < len(c.slots); i++ {
		begin := time.Duration(c.slots[i]) * c.width
		if begin >= to {
			break
		}
		part := min(to, begin+c.width) - max(from, begin)
		sum += float64(c.points[i]) * float64(part) / float64(c.width)
	}
	return sum
}

// Watch calls look at the end of each wait, until stop is closed, and then once
// more.
func Watch(stop <-chan struct{}, wait func() time.Duration, look func()) {
	for {
		timer := time.NewTimer(wait())
		select {
		case <-timer.C:
			look()
		case <-stop:
			timer.Stop()
			look()
			return
		}
	}
}
