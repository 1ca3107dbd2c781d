package demo

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// Windows counts events by the minute in which they happened, whenever they
// arrive: none is too late. Use it from one goroutine at a time.
type Windows struct {
	minutes map[int64]map[int]int64 // by Unix minute and status
	pages   map[string]int64
}

// A Minute is the events of one minute.
type Minute struct {
	Start    time.Time     `json:"start"`
	Events   int64         `json:"events"`
	Statuses map[int]int64 `json:"statuses"` // by status; 0 is none
}

// A PageCount is how often a page was asked for.
type PageCount struct {
	Page   string `json:"page"`
	Events int64  `json:"events"`
}

// NewWindows returns windows without events.
func NewWindows() *Windows {
	return &Windows{minutes: make(map[int64]map[int]int64), pages: make(map[string]int64)}
}

const secondsPerMinute = 60

// Count counts one event.
func (w *Windows) Count(e input.Event) {
	at := e.Time.Unix()
	start := at - (at%secondsPerMinute+secondsPerMinute)%secondsPerMinute
	statuses := w.minutes[start]
	if statuses == nil {
		statuses = make(map[int]int64)
		w.minutes[start] = statuses
	}
	statuses[e.Status]++
	if e.Page == "" {
		return
	}
	if _, ok := w.pages[e.Page]; !ok {
		e.Page = strings.Clone(e.Page) // it may be a part of the whole line
	}
	w.pages[e.Page]++
}

// Add adds what another has counted.
func (w *Windows) Add(o *Windows) {
	for start, statuses := range o.minutes {
		if w.minutes[start] == nil {
			w.minutes[start] = make(map[int]int64)
		}
		for status, n := range statuses {
			w.minutes[start][status] += n
		}
	}
	for page, n := range o.pages {
		w.pages[page] += n
	}
}

// Minutes returns the minutes that have events, in order.
func (w *Windows) Minutes() []Minute {
	list := make([]Minute, 0, len(w.minutes))
	for _, start := range slices.Sorted(maps.Keys(w.minutes)) {
		m := Minute{Start: time.Unix(start, 0).UTC(), Statuses: w.minutes[start]}
		for _, n := range m.Statuses {
			m.Events += n
		}
		list = append(list, m)
	}
	return list
}

// TopPages returns the n pages asked for most.
func (w *Windows) TopPages(n int) []PageCount {
	list := make([]PageCount, 0, len(w.pages))
	for page, events := range w.pages {
		list = append(list, PageCount{page, events})
	}
	slices.SortFunc(list, func(a, b PageCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Page, b.Page))
	})
	return list[:min(n, len(list))]
}
